"""The terminal that our user sits at, set for what we do there, and put back as it was whatever ends us."""

from __future__ import annotations

import os

from lxc.kernel import signals, tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ENDING = (signals.SIGHUP, signals.SIGQUIT, signals.SIGTERM)


class changed:
    """`with changed(fd, change):` the terminal `fd` is as `change(fd)`, which returns what to restore, sets it.

    A signal that ends us still does, after that.  When we are continued, the terminal is changed again: the shell has
    had it meanwhile, and has it as long as we are in its background.
    """

    def __init__(self, fd: int, change: Callable[[int], list[Any]]) -> None:
        self._fd, self._change = fd, change

    def __enter__(self) -> changed:
        self._before = self._change(self._fd)
        handlers = {**dict.fromkeys(_ENDING, self._end), signals.SIGCONT: self._continue}
        self._caught = [
            number
            for number, handler in handlers.items()
            if signals.is_default(number) and signals.catch(number, handler)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._caught:
            signals.set_default(number)
        if not _is_in_background(self._fd):
            tty.restore(self._fd, self._before)

    def _end(self, number: int) -> None:
        try:
            self.__exit__()
        finally:
            signals.die_by(number)

    def _continue(self, number: int) -> None:
        if not _is_in_background(self._fd):
            self._change(self._fd)


def _is_in_background(fd: int) -> bool:
    try:
        return os.tcgetpgrp(fd) != os.getpgrp()
    except OSError:  # it is not our controlling terminal, or has gone
        return False
