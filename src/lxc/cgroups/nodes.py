"""The host's devices by their files, for rules that name one so."""

from __future__ import annotations

import os
import stat


def numbers(status: os.stat_result) -> str:
    """`c 10:229`, as rules have it; "" if it is not a device."""
    kind = "b" if stat.S_ISBLK(status.st_mode) else "c" if stat.S_ISCHR(status.st_mode) else ""
    return f"{kind} {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if kind else ""


def at(path: str) -> str:
    """The numbers of the device at `path`; "" if there is none."""
    try:
        return numbers(os.stat(path))
    except OSError:
        return ""
