"""The plain kinds: text to value.

Each raises ValueError saying what was expected; the first sentence of its
docstring is what the manual says about the kind.
"""

from __future__ import annotations

from lxc.values.words import Misspelt, unknown

PATH_MAX = 4096
UINT_MAX = 2**32 - 1
INT_MAX = 2**31 - 1
ID_MAX = UINT_MAX - 1  # of users and groups: the next number means none, and setresuid(2) leaves all as it is


def text(value: str) -> str:
    """Any text."""
    return value


def anything(_: list[str]) -> bool:
    """Whether `text` takes all of these."""
    return True


def integer(value: str, low: int, high: int) -> int:
    """A whole number as strtol(3) reads it: decimal, octal after `0`, hexadecimal after `0x`."""
    digits = value.lstrip(" \t")
    negative = digits[:1] == "-"
    digits = digits[1:] if digits[:1] in ("-", "+") else digits
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[:1] == "0" else 10
    if not digits.isascii() or not (digits[2:].isalnum() if base == 16 else digits.isdecimal()):
        raise Misspelt(f"expected a whole number, got {value!r}")
    try:
        number = int(digits, base)
    except ValueError:
        raise Misspelt(f"expected a whole number, got {value!r}") from None
    number = -number if negative else number
    if not low <= number <= high:
        raise Misspelt(f"expected a number from {low} to {high}, got {value!r}")
    return number


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


class Shorter:
    """Text of less than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.__doc__ = f"Text of at most {limit - 1} bytes."

    def __call__(self, value: str) -> str:
        length = len(value.encode(errors="surrogateescape"))
        if length >= self.limit:
            raise Misspelt(f"expected at most {self.limit - 1} bytes, got {length}")
        return value


class Choice:
    """One of `words`."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.__doc__ = f"One of {', '.join(words)}."

    def __call__(self, value: str) -> str:
        if value not in self.words:
            raise unknown(f"one of {', '.join(self.words)}", value, self.words)
        return value


class Range:
    """A whole number from `low` to `high`."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.__doc__ = f"A whole number from {low} to {high}."

    def __call__(self, value: str) -> int:
        return integer(value, self.low, self.high)


unsigned = Range(0, UINT_MAX)
identity = Range(0, ID_MAX)
signed = Range(-INT_MAX - 1, INT_MAX)
positive = Range(1, INT_MAX)
