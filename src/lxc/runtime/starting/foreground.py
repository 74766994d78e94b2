"""Staying with a monitor that is to be as if it were this process: signals are passed on, and it ends as the monitor does.

The monitor is a child because it is born in its cgroup: moving a process to another unified cgroup costs ten
milliseconds.  It is of our session and process group, so that what is typed reaches it without us, and it is killed if
we are.

this process                                       monitor
clone3() ────────────────────────────────────────▶ is killed when we end
signals that somebody sends ─────────────────────▶
waits                        exit code, failure ◀─ the container has ended, all is cleaned up
"""

from __future__ import annotations

import os
import select

from lxc import borrowed, log
from lxc.errors import LxcError
from lxc.kernel import fs, polling, process, signals, sockets, tty
from lxc.kernel.fs import closing
from lxc.runtime import handshake
from lxc.runtime.interruption import Interrupted
from lxc.terminal import ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lxc.kernel.sockets import socket

PASSED_ON = signals.ALL - {
    signals.SIGBUS, signals.SIGILL, signals.SIGSEGV, signals.SIGKILL, signals.SIGSTOP, signals.SIGCHLD,
}  # fmt: skip
INTERRUPTIONS = frozenset({signals.SIGHUP, signals.SIGINT, signals.SIGTERM})
_LONGEST = 1 << 22
_CODE_SIZE = 4
_TERMINAL = "/dev/tty"


def accompany(monitor: int, channel: socket) -> int:
    """Wait until the monitor, our child, says how its container ended; the exit code.  `PASSED_ON` are blocked.

    Raises LxcError if it could not be started.  Does not return if the monitor was killed: then we are, too.
    """
    before = _terminal_settings()
    fd = signals.signalfd(PASSED_ON)
    waiter = select.poll()
    waiter.register(channel, select.POLLIN)
    waiter.register(fd, select.POLLIN)
    while channel.fileno() not in (ready := dict(waiter.poll())):
        if fd in ready:
            number, is_from_kernel = signals.read_signal(fd)
            if not is_from_kernel:  # the terminal's have gone to it, too
                os.kill(monitor, number)
    os.close(fd)
    said, _ = sockets.receive_exactly(channel, _LONGEST)  # or as much as there is
    status = os.waitpid(monitor, 0)[1]
    if len(said) < _CODE_SIZE:
        _put_back(before)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signals.SIGPIPE:  # by which it has left its cgroup
            signals.die_by(os.WTERMSIG(status))
        raise LxcError("the monitor ended before it said how", hint="it may have been killed; look at dmesg(1)")
    code = int.from_bytes(said[:_CODE_SIZE], "little")
    if len(said) == _CODE_SIZE:
        return code
    log.forget()  # the monitor was born remembering it, too
    failure = handshake.unpack_failure(said[_CODE_SIZE:])
    failure.exit_status = code
    raise failure


def wanted() -> bool:
    """That the container is, which has just begun to run.  Raises Interrupted if a signal came that it was too early for."""
    number = signals.take(INTERRUPTIONS)
    while number and signals.take(INTERRUPTIONS):  # impatience
        pass
    if number:
        raise Interrupted(number)
    return True


def be_accompanied(channel: socket) -> None:
    """In the monitor: be killed when the one who stays with us ends.  Raises LxcError if it has."""
    process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
    if polling.events(channel.fileno(), wanted=0):
        raise LxcError("nobody is left to be told how it ends")
    fs.close(borrowed.connection)
    borrowed.connection = -1


def tell_end(channel: socket, code: int, failure: bytes = b"") -> None:
    """In the monitor: say the last that there is to say, and that it is the last: our memory takes a while to go."""
    try:
        sockets.send(channel, code.to_bytes(_CODE_SIZE, "little") + failure)
        channel.shutdown(1)  # SHUT_WR
    except OSError:
        log.error("nobody is left to be told how it ended")


def _terminal_settings() -> list[Any]:
    """Those of our terminal, which the monitor changes, and cannot put back if it is killed; none if there is none."""
    try:
        with closing(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)) as fd:
            return tty.settings(fd)
    except OSError:
        return []


def _put_back(settings: list[Any]) -> None:
    try:
        with closing(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)) as fd:
            if settings and not ours.is_in_background(fd):
                tty.restore(fd, settings)
    except OSError:
        pass  # it has hung up
