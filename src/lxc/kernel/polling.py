"""poll(2) of one descriptor."""

from __future__ import annotations

from select import POLLIN, poll


def events(fd: int, ms: int | None = 0, wanted: int = POLLIN) -> int:
    """What of `wanted` comes within `ms` milliseconds (None: however long that takes), as a mask; 0 if nothing does.

    Hanging up (POLLHUP) and errors (POLLERR) are always told.
    """
    waiter = poll()
    waiter.register(fd, wanted)
    return next((found for _, found in waiter.poll(ms)), 0)
