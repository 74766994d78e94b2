"""Which processes descend from which, as /proc tells it: proc(5)."""

from __future__ import annotations

import os

from lxc.kernel import process


def descendants(pid: int) -> list[int]:
    """All processes that descend from process `pid`, each after its parent; some may be gone or have come meanwhile."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                children.setdefault(int(process.stat(name)[1]), []).append(int(name))
            except (FileNotFoundError, ProcessLookupError):  # it has gone
                pass
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found[1:]
