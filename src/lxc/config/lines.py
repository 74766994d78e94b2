"""Lines of configuration files: where they end, and what they assign."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def pieces(text: str) -> list[str]:
    """The lines of `text`, each with its end.  A carriage return ends a line, too, as it does for LXC."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    if last:
        lines.append(last)
    return [piece for line in lines for piece in _at_returns(line)] if "\r" in text else lines


def numbered(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Each of `lines` behind the number that an editor gives it."""
    number = 1
    for line in lines:
        yield number, line
        number += line[-1:] != "\r"  # a line that ends so is a part of the line editors show


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


def span(text: str, part: str) -> tuple[int, int]:
    """Where in the line `text` the piece `part` of its key or value is, "" being the value: column from 1, and length."""
    key, equals, value = text.rstrip("\r\n").partition("=")
    name = key.strip(" \t\f")
    if part and name.startswith(part):
        return key.index(name) + 1, len(part)
    if part in value and part:
        return len(key) + 2 + value.index(part), len(part)
    if part and part in name:
        return key.index(part) + 1, len(part)
    wrong = value.strip(" \t\"'")
    if not equals or not wrong:
        return len(key) - len(key.lstrip()) + 1, max(len(name), 1)
    return len(key) + 2 + value.index(wrong), len(wrong)


def not_a_comment(key: str, value: str) -> str:
    """The end of `value` that looks like a comment but is none; "" if there is no such, or a shell reads the value."""
    if key.startswith(("lxc.hook.", "lxc.x-")) or ".script." in key or key == "lxc.apparmor.raw":
        return ""
    if value.startswith("#"):
        return value
    begins = [at + 1 for at in (value.find(" #"), value.find("\t#")) if at >= 0]
    return value[min(begins) :] if begins else ""


def _at_returns(line: str) -> list[str]:
    """`line` split after each carriage return but the one of a CR LF at its end."""
    body, end = (line[:-2], line[-2:]) if line.endswith("\r\n") else (line, "")
    parts = body.split("\r")
    return [*(f"{part}\r" for part in parts[:-1]), *([parts[-1] + end] if parts[-1] + end else [])]
