"""One end of a conversation between terminals: a descriptor in the event loop that is read and written without waiting.

What cannot be written at once is kept, up to LIMIT bytes.  Beyond that, an end
that may lose output forgets its oldest; for one that may not, `is_full` tells
whoever feeds it to `pause` the end that it reads from, and `drained` when to go on.
"""

from __future__ import annotations

import os

from lxc.loop import BROKEN, READABLE, WRITABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.loop import Loop

LIMIT = 65536
_CHUNK = 4096


class End:
    def __init__(self, loop: Loop, fd: int, *, may_lose: bool = False) -> None:
        """`fd` is watched, and set to be non-blocking; the caller closes it, after `leave`."""
        os.set_blocking(fd, False)
        self._loop, self._fd, self._may_lose = loop, fd, may_lose
        self._outgoing = bytearray()
        self._events = -1  # what the loop watches for; -1: it does not yet
        self._is_paused = self._is_gone = False
        self._received: Callable[[bytes], None] = lambda data: None
        self._drained: Callable[[], None] = lambda: None
        self._lost: Callable[[], None] = lambda: None
        self._may_read: Callable[[], bool] = lambda: True

    def join(
        self,
        received: Callable[[bytes], None],
        lost: Callable[[], None],
        drained: Callable[[], None] = lambda: None,
        may_read: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take part in the loop: `received(data)` for what is read, `lost()` once if the other side goes away.

        Before it is read, `may_read()` is asked, which may `pause` it.
        """
        self._received, self._lost, self._drained, self._may_read = received, lost, drained, may_read
        self._watch()

    def leave(self) -> None:
        """Take part no longer.  What is not yet written is dropped."""
        self._is_gone = True
        self._outgoing.clear()
        self._loop.forget(self._fd)

    @property
    def is_full(self) -> bool:
        return len(self._outgoing) >= LIMIT

    @property
    def is_drained(self) -> bool:
        return not self._outgoing

    def send(self, data: bytes) -> None:
        """Write `data`, now or later."""
        if self._is_gone:
            return
        self._outgoing += data
        if self._may_lose and len(self._outgoing) > LIMIT:
            del self._outgoing[: len(self._outgoing) - LIMIT]
        self._write()

    def pause(self) -> None:
        """Read no more until `resume`."""
        self._is_paused = True
        self._watch()

    def resume(self) -> None:
        self._is_paused = False
        self._watch()

    def read_all(self) -> None:
        """Receive what is there now, but little more than a MiB."""
        left = 1 << 20
        while left > 0 and not self._is_gone and (got := self._read()):
            left -= got

    def _watch(self) -> None:
        if not self._is_gone:
            events = READABLE * (not self._is_paused) | WRITABLE * bool(self._outgoing)
            if events != self._events:
                self._loop.watch(self._fd, self._serve, events)
                self._events = events

    def _serve(self, events: int) -> None:
        if events & WRITABLE:
            self._write()
        if events & READABLE and not self._is_paused:
            if self._may_read():
                self._read()
        elif events & BROKEN:
            self._lose()

    def _read(self) -> int:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return 0
        except OSError:  # EIO: the other side has hung up
            data = b""
        if data:
            self._received(data)
        else:
            self._lose()
        return len(data)

    def _write(self) -> None:
        was_full = self.is_full
        try:
            while self._outgoing:
                written = os.write(self._fd, self._outgoing)
                del self._outgoing[:written]
        except BlockingIOError:
            pass
        except OSError:
            self._lose()
            return
        self._watch()
        if was_full and not self.is_full:
            self._drained()

    def _lose(self) -> None:
        if not self._is_gone:
            self.leave()
            self._lost()
