"""The plain kinds: text to value.

Each raises ValueError saying what was expected; the first sentence of its
docstring is what the manual says about the kind.
"""

from __future__ import annotations

from lxc.values.words import Misspelt, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PATH_MAX = 4096
UINT_MAX = 2**32 - 1
INT_MAX = 2**31 - 1
_BASES = {"0x": 16, "0X": 16}


def text(value: str) -> str:
    """Any text."""
    return value


def integer(value: str, low: int, high: int) -> int:
    """A whole number as strtol(3) reads it: decimal, octal after `0`, hexadecimal after `0x`."""
    digits = value.lstrip(" \t")
    negative = digits[:1] == "-"
    digits = digits[1:] if digits[:1] in ("-", "+") else digits
    base = _BASES.get(digits[:2]) or (8 if digits[:1] == "0" else 10)
    try:
        number = int(digits if digits.isascii() and digits.isalnum() else "?", base)
    except ValueError:
        raise Misspelt(f"expected a whole number, got {value!r}") from None
    number = -number if negative else number
    if not low <= number <= high:
        raise Misspelt(f"expected a number from {low} to {high}, got {value!r}")
    return number


def unsigned(value: str) -> int:
    """A whole number, zero or more."""
    return integer(value, 0, UINT_MAX)


def signed(value: str) -> int:
    """A whole number, which may be negative."""
    return integer(value, -INT_MAX - 1, INT_MAX)


def positive(value: str) -> int:
    """A whole number, one or more."""
    return integer(value, 1, INT_MAX)


def flag(value: str) -> bool:
    """0 or 1."""
    if value in ("0", "1"):
        return value == "1"
    try:
        return integer(value, 0, 1) == 1
    except ValueError:
        raise Misspelt(f"expected 0 or 1, got {value!r}") from None


def version(value: str) -> int:
    """0 or 1."""
    return int(flag(value))


def path(value: str) -> str:
    """A path."""
    simple = simplified(value)
    if len(simple) >= PATH_MAX:
        raise Misspelt(f"expected a path of less than {PATH_MAX} bytes, got {len(simple)}")
    return simple


def simplified(value: str) -> str:
    """`value` without doubled slashes, `.` components and a slash at the end; `..` is kept."""
    if not value or ("//" not in value and "/." not in value and value[0] != "." and value[-1] != "/"):
        return value
    parts = [part for part in value.split("/") if part not in ("", ".")]
    return ("/" if value[0] == "/" else "") + "/".join(parts)


def relative_path(value: str) -> str:
    """A path that begins without a slash and has no `..` in it."""
    simple = path(value)
    if simple.startswith("/"):
        raise Misspelt(f"expected a relative path, got {value!r}")
    if ".." in simple.split("/"):
        raise Misspelt(f"expected a path without '..', got {value!r}", "..")
    return simple


def directory_name(value: str) -> str:
    """The name of one directory: no slash, not `.` or `..`."""
    if "/" in value or value in (".", ".."):
        raise Misspelt(f"expected the name of one directory, got {value!r}")
    return value


def shorter_than(limit: int) -> Callable[[str], str]:
    """Text of less than `limit` bytes."""

    def parse(value: str) -> str:
        length = len(value.encode(errors="surrogateescape"))
        if length >= limit:
            raise Misspelt(f"expected at most {limit - 1} bytes, got {length}")
        return value

    parse.__doc__ = f"Text of at most {limit - 1} bytes."
    return parse


def choice(*names: str) -> Callable[[str], str]:
    """One of `names`."""

    def parse(value: str) -> str:
        if value not in names:
            raise unknown(f"one of {', '.join(names)}", value, names)
        return value

    parse.__doc__ = f"One of {', '.join(names)}."
    parse.words = names  # type: ignore[attr-defined]  # for the schema and completion
    return parse


def within(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def parse(value: str) -> int:
        return integer(value, low, high)

    parse.__doc__ = f"A whole number from {low} to {high}."
    return parse


def show_flag(value: bool) -> str:
    return "1" if value else "0"
