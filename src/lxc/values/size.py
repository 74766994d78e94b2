"""Sizes in bytes."""

from __future__ import annotations

from lxc.values.plain import UINT_MAX, integer
from lxc.values.words import Misspelt

PAGE = 4096
AUTO = 131072
TMPFS = 500000  # the tmpfs on /dev, unless said otherwise
_MAX = (1 << 63) - 1
_UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_LETTERS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def buffer(value: str) -> int:
    """`auto` (128 KiB) or a number of bytes with an optional KB, MB or GB, rounded up to a power of two of at least a page.

    As in LXC a suffix of a single letter changes nothing: `12K` are twelve bytes.
    """
    return AUTO if value == "auto" else _rounded(_bytes(value))


def tmpfs(value: str) -> int:
    """A number of bytes; as in LXC, text that is no number means 500000."""
    try:
        return integer(value, 0, UINT_MAX >> 1)
    except ValueError:
        return TMPFS


def disk(value: str) -> int:
    """A number of MiB, or of what its last letter says: one of bBkKmMgGtT."""
    unit = _LETTERS.get(value[-1:].lower())
    try:
        size = integer(value[:-1] if unit else value, 1, _MAX) * (unit or _LETTERS["m"])
    except ValueError:
        raise Misspelt(f"expected a size such as 500M or 2G, got {value!r}") from None
    if size > _MAX:
        raise Misspelt(f"expected a size below 8 EiB, got {value!r}")
    return size


def _bytes(value: str) -> int:
    digits = value.rstrip("bkmgBKMG")
    unit = value[len(digits) :].upper()
    if len(unit) > 1 and unit not in _UNITS:
        raise Misspelt(f"expected 'auto' or a size such as 64KB, got {value!r}")
    try:
        size = integer(digits.rstrip(" \t"), 0, _MAX) * _UNITS.get(unit, 1)
    except ValueError:
        raise Misspelt(f"expected 'auto' or a size such as 64KB, got {value!r}") from None
    if size > _MAX:
        raise Misspelt(f"expected a size below 8 EiB, got {value!r}")
    return size


def _rounded(size: int) -> int:
    return max(PAGE, 1 << (size - 1).bit_length() if size else 0)
