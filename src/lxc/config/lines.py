"""Lines of configuration files: where they end, and what they assign."""

from __future__ import annotations


def pieces(text: str) -> list[str]:
    """The lines of `text`, each with its end.  A carriage return ends a line, too, as it does for LXC."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    if last:
        lines.append(last)
    return [piece for line in lines for piece in _at_returns(line)] if "\r" in text else lines


def assignment(text: str) -> tuple[str, str]:
    """The key and the value of a line; ("", "") if it assigns nothing of LXC's."""
    text = text.strip(" \t\r\n")
    if not text.startswith("lxc."):
        return "", ""
    key, equals, value = text.partition("=")
    return (key.rstrip(" \t"), unquoted(value.lstrip(" \t"))) if equals else ("", "")


def unquoted(value: str) -> str:
    """`value` without the pair of quotes that may be around it."""
    return value[1:-1] if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1] else value


def quoted(value: str) -> str:
    """`value` so written that reading it gives it back, blanks at its ends and quotes around it included."""
    bare = value.strip(" \t") == value == unquoted(value)
    return value if bare else f'"{value}"'


def is_hwaddr(key: str) -> bool:
    return key.startswith("lxc.net.") and key.endswith(".hwaddr")


def _at_returns(line: str) -> list[str]:
    """`line` split after each carriage return but the one of a CR LF at its end."""
    body, end = (line[:-2], line[-2:]) if line.endswith("\r\n") else (line, "")
    parts = body.split("\r")
    return [*(f"{part}\r" for part in parts[:-1]), *([parts[-1] + end] if parts[-1] + end else [])]
