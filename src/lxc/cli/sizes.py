"""Sizes for people, as LXC rounds them."""

from __future__ import annotations

_UNITS = ((30, "GiB", 0), (20, "MiB", 5243), (10, "KiB", 5))  # shift, name, half a hundredth of the unit


def in_units(size: int) -> tuple[int, int, str]:
    """`size` bytes in the largest unit that they exceed: wholes, hundredths, and the unit's name; "" is bytes."""
    for shift, name, half in _UNITS:
        if size > 1 << shift:
            rounded = size + half
            return rounded >> shift, (rounded & (1 << shift) - 1) * 100 >> shift, name
    return size, 0, ""
