"""poll(2) of one descriptor, or of several."""

from __future__ import annotations

from select import POLLIN, poll


def events(fd: int, ms: int | None = 0, wanted: int = POLLIN) -> int:
    """What of `wanted` comes within `ms` milliseconds (None: however long that takes), as a mask; 0 if nothing does.

    Hanging up (POLLHUP) and errors (POLLERR) are always told.
    """
    waiter = poll()
    waiter.register(fd, wanted)
    return next((found for _, found in waiter.poll(ms)), 0)


def readable(*fds: int, ms: float | None = None) -> tuple[int, ...]:
    """Which of `fds` can be read, or have come to their end, once one can; () if none does within `ms` milliseconds."""
    waiter = poll()
    for fd in fds:
        waiter.register(fd, POLLIN)
    return tuple(fd for fd, _ in waiter.poll(ms))
