"""Signals that ask us to end, put off until what was begun is finished or undone."""

from __future__ import annotations

import os

from lxc.errors import LxcError
from lxc.kernel import polling, signals

_NAMES = {signals.SIGHUP: "SIGHUP", signals.SIGINT: "SIGINT", signals.SIGQUIT: "SIGQUIT", signals.SIGTERM: "SIGTERM"}


class Interrupted(LxcError):
    """A signal asked us to end; everything begun is undone.  The exit status is a shell's for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {_NAMES.get(number, f'signal {number}')}")
        self.exit_status = signals.KILLED_BY + number


class deferred:
    """`with deferred() as interruption:` SIGHUP, SIGINT, SIGQUIT and SIGTERM have no effect but that `check` raises.

    One that comes after the last `check` takes effect when the block ends.
    """

    def __enter__(self) -> deferred:
        wanted = frozenset(number for number in _NAMES if not signals.is_ignored(number))
        self.mask = signals.block(wanted)
        self.fd = signals.signalfd(wanted)  # readable when there is one
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Interrupted):
            while self._next():  # impatience: the same wish again
                pass
        os.close(self.fd)
        signals.restore(self.mask)

    def check(self) -> None:
        """Raise Interrupted if one of the signals came."""
        number = self._next()
        if number:
            raise Interrupted(number)

    def _next(self) -> int:
        try:
            return signals.read_signal(self.fd)[0]
        except BlockingIOError:
            return 0


def readable(held: deferred | None, *fds: int, ms: float | None = None) -> tuple[int, ...]:
    """As `polling.readable`; raises Interrupted if a signal that is `held` comes before."""
    while True:
        ready = polling.readable(*fds, *((held.fd,) if held else ()), ms=ms)
        found = tuple(fd for fd in ready if fd in fds)
        if found or not ready:
            return found
        if held:
            held.check()
