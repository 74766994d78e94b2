"""Memory that a command writes to: learned from the first, copied beforehand by the workers that wait for the next.

A forked process copies each page when it first writes to it, and counting references is writing: a start does so a
thousand times, for two microseconds each.  All workers are forked from one process, which does not change, and so all
starts write to nearly the same pages; each lxc-attach, too, but to others.
"""

from __future__ import annotations

from mmap import mmap

from lxc import log
from lxc.kernel import memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LESSONS = 2


class Memory:
    """Of a counter, made before the server forks; workers share what they know."""

    def __init__(self) -> None:
        self._mappings: list[tuple[int, int, int]] = []  # number of the first page, addresses of first byte and end
        pages = 0
        for start, end in memory.writable():
            self._mappings.append((pages, start, end))
            pages += (end - start) // memory.PAGE
        self._known = mmap(-1, pages)  # 1 for each page that is written to
        self._lessons = mmap(-1, 1)

    def learn(self) -> None:
        """What this process has written to, others will."""
        if self._lessons[0] == _LESSONS:
            return
        self._lessons[0] += 1
        try:
            for first, start, end in self._mappings:
                for number in memory.own_pages(start, end):
                    self._known[first + number] = 1
        except OSError as error:
            log.debug(f"cannot look at our pages: {error.strerror}")

    def copy(self) -> None:
        """Have pages of our own where they are known to be needed; where the kernel cannot, they are copied when they are."""
        if not self._lessons[0]:
            return
        try:
            for first, start, end in self._mappings:
                for at, until in _runs(self._known[first : first + (end - start) // memory.PAGE]):
                    memory.populate(start + at * memory.PAGE, (until - at) * memory.PAGE)
        except OSError as error:
            log.debug(f"cannot have our pages copied: {error.strerror}")


def _runs(known: bytes) -> Iterator[tuple[int, int]]:
    """Where 1 follows 1: from, until."""
    at = known.find(1)
    while at >= 0:
        until = known.find(0, at)
        until = len(known) if until < 0 else until
        yield at, until
        at = known.find(1, until)
