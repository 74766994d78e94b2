"""Offsets of a time namespace's clocks, time_namespaces(7)."""

from __future__ import annotations

from lxc.record import Record
from lxc.values.plain import integer
from lxc.values.words import Misspelt

_SECONDS = {"h": 3600, "m": 60, "s": 1}
_NANOSECONDS = {"ms": 1_000_000, "us": 1_000, "ns": 1}


class Offset(Record):
    """Seconds or nanoseconds to add to a clock; LXC reads back what it was given as seconds in seconds."""

    seconds: int = 0
    nanoseconds: int = 0

    def __str__(self) -> str:
        return f"{self.seconds}s" if self.seconds else f"{self.nanoseconds}ns"


def parse(value: str) -> Offset:
    """A whole number, which may be negative, and its unit: h, m, s, ms, us or ns."""
    digits = value.rstrip("hmsun")
    unit = value[len(digits) :]
    if unit not in _SECONDS and unit not in _NANOSECONDS:
        raise Misspelt(f"expected a number and a unit (h, m, s, ms, us or ns), got {value!r}")
    number = integer(digits.rstrip(" \t"), -(1 << 63), (1 << 63) - 1)
    if unit in _SECONDS:
        return Offset(seconds=number * _SECONDS[unit])
    return Offset(nanoseconds=number * _NANOSECONDS[unit])
