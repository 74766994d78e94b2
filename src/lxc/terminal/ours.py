"""The terminal that our user sits at, set for what we do there, and put back as it was whatever ends us."""

from __future__ import annotations

import os

from lxc import borrowed
from lxc.kernel import signals, sockets, tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ENDING = (signals.SIGHUP, signals.SIGQUIT, signals.SIGTERM)


class changed:
    """`with changed(fd, change):` the terminal `fd` is as `change(fd)` sets it.

    As long as we are in the background of whoever has it, it is left alone: it is for `is_ours` to find that we have it.
    A signal that ends us still does, after it is put back. When we are continued, it is changed again: the shell has had
    it meanwhile.
    """

    def __init__(self, fd: int, change: Callable[[int], object]) -> None:
        self._fd, self._change = fd, change
        self._before: list[Any] = []
        self._is_changed = False

    def __enter__(self) -> changed:
        self.is_ours()
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
        if self._before and not is_in_background(self._fd):
            try:
                tty.restore(self._fd, self._before)
            except OSError:  # it has hung up
                pass

    def is_ours(self) -> bool:
        """Whether we have the terminal, and may read it: it is changed then."""
        if is_in_background(self._fd):
            self._is_changed = False
        elif not self._is_changed:
            self._is_changed = True
            try:
                self._before = self._before or tty.settings(self._fd)
                self._change(self._fd)
            except OSError:  # it has hung up, as who reads it finds
                pass
        return self._is_changed

    def _end(self, number: int) -> None:
        try:
            self.__exit__()
        finally:
            signals.die_by(number)

    def _continue(self, number: int) -> None:
        self._is_changed = False
        self.is_ours()


def is_in_background(fd: int) -> bool:
    """Whether the terminal `fd` is ours, and another job has it, or we are stopped."""
    try:
        return os.tcgetpgrp(fd) != os.getpgrp()
    except OSError:  # it is not our controlling terminal, or has gone
        return borrowed.terminal >= 0 and borrowed.connection >= 0 and _is_in_clients_background(fd)


def _is_in_clients_background(fd: int) -> bool:
    """The same, of the process in whose stead we are, which stops without us when it gets SIGSTOP (proc(5), stat)."""
    connection = sockets.of(borrowed.connection)
    try:
        pid = sockets.peer_credentials(connection)[0]
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, _, group, _, terminal, foreground = file.read().rpartition(b")")[2].split()[:6]
        return int(terminal) == tty.device(fd) and (state == b"T" or group != foreground)
    except OSError:  # it has gone, as the terminal may have
        return False
    finally:
        connection.detach()
