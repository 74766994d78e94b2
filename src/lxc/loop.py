"""The event loop of a monitor: descriptors to watch, and what to call when they are ready.

Single-threaded, level-triggered.  A callback may watch and forget any
descriptor, its own too; one forgotten is not called again, even if it was ready
in the same round, nor is what was watched under its number since.
"""

from __future__ import annotations

import time
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, epoll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK = 0.2  # seconds between looks at what nobody tells of
READABLE, WRITABLE, BROKEN, ENDED = EPOLLIN, EPOLLOUT, EPOLLERR | EPOLLHUP, EPOLLRDHUP


class Loop:
    def __init__(self) -> None:
        self._epoll = epoll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._running = False
        self.look: Callable[[], None] | None = None  # is called now and then
        self.given_up: Exception | None = None  # why nobody wants any more what goes on beside serving

    @property
    def descriptor(self) -> int:
        """The one that it waits at."""
        return self._epoll.fileno()

    def watch(self, fd: int, callback: Callable[[int], None], events: int = READABLE) -> None:
        """Call `callback(events)` whenever `fd` is ready for one of `events`, a union of READABLE, WRITABLE and ENDED (no more is to come).

        BROKEN (error or hang-up) is always reported.  Watching a watched descriptor replaces its callback.
        """
        if fd in self._callbacks:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Watch `fd` no more; to be called before it is closed.  Forgetting an unwatched descriptor does nothing."""
        if self._callbacks.pop(fd, None):
            self._epoll.unregister(fd)

    def watches(self, fd: int) -> bool:
        """Whether `fd` is watched."""
        return fd in self._callbacks

    def run(self, idle: Callable[[], None] | None = None, after: float = -1) -> None:
        """Serve until a callback calls `stop`; whenever nothing was to be done for `after` seconds, call `idle` once."""
        self._running, is_idle = True, idle is None
        while self._running:
            if self.turn(-1 if is_idle else after):
                is_idle = idle is None
            elif idle:
                is_idle = True
                idle()

    def turn(self, timeout: float = -1) -> bool:
        """Wait up to `timeout` seconds (-1: forever) and call what is ready.  Return whether anything was."""
        ready = [(fd, events, self._callbacks.get(fd)) for fd, events in self._wait(timeout)]
        for fd, events, callback in ready:
            if callback and self._callbacks.get(fd) is callback:
                callback(events)
        return bool(ready)

    def _wait(self, timeout: float) -> list[tuple[int, int]]:
        """Who is ready within `timeout` seconds, while `look` is called, if there is one."""
        deadline = time.monotonic() + timeout if timeout >= 0 else None
        while self.look:
            self.look()
            left = _LOOK if deadline is None else deadline - time.monotonic()
            ready = self._epoll.poll(max(0, min(left, _LOOK)))
            if ready or left < _LOOK:
                return ready
        return self._epoll.poll(-1 if deadline is None else max(0, deadline - time.monotonic()))

    def until(self, fd: int) -> bool:
        """Serve until `fd` can be read, or is at its end; False if what goes on is given up before."""
        is_ready = False

        def ready(_events: int) -> None:
            nonlocal is_ready
            is_ready = True

        self.watch(fd, ready)
        try:
            while not (is_ready or self.given_up):
                self.turn()
        finally:
            self.forget(fd)
        return is_ready

    def stop(self) -> None:
        """Make `run` return after the present round."""
        self._running = False

    def close(self) -> None:
        self._epoll.close()
        self._callbacks.clear()
