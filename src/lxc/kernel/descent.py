"""Which processes descend from which, as /proc tells it: proc(5)."""

from __future__ import annotations

import os

from lxc.kernel import fs, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set

_MOST = 256  # pidfds; a process has 1024 descriptors, as a rule


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


def held(pid: int, but: Set[int] = frozenset()) -> dict[int, int]:
    """Pidfds of what descends from process `pid`, by their numbers, without those of `but`; as many as can be had at a time.

    The caller closes them.
    """
    opened = {
        each: fd for each in [each for each in descendants(pid) if each not in but][:_MOST] if (fd := hold(each)) >= 0
    }
    still = set(descendants(pid))  # whose numbers were no others' when they were held
    fs.close(*(opened.pop(each) for each in opened.keys() - still))
    return opened


def hold(pid: int) -> int:
    """A pidfd of the process; -1 if there is none."""
    try:
        return process.pidfd_open(pid)
    except ProcessLookupError:
        return -1


def send(pidfd: int, number: int) -> None:
    """Signal the process, if there still is one, and it is not another user's by now."""
    try:
        if pidfd >= 0:
            process.pidfd_send_signal(pidfd, number)
    except (ProcessLookupError, PermissionError):
        return
