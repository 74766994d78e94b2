"""Which processes descend from which, as /proc tells it: proc(5)."""

from __future__ import annotations

import os


def descendants(pid: int) -> list[int]:
    """All processes that descend from process `pid`, each after its parent; some may be gone or have come meanwhile."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            children.setdefault(_parent(name), []).append(int(name))
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found[1:]


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
