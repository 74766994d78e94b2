"""Attaching as lxc-attach does it: until the command has ended, with a terminal if we have one, and signals passed on."""

from __future__ import annotations

import os
from select import POLLIN, poll

from lxc import log
from lxc.kernel import fs, signals, tty
from lxc.kernel.fs import closing
from lxc.runtime import client
from lxc.runtime.attaching import attach
from lxc.runtime.interruption import deferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.attaching.meet import Attached
    from lxc.runtime.place import Place
    from lxc.runtime.plans.attach import Wish


def run(place: Place, wish: Wish, pty_log: str = "") -> int:
    """Run what `wish` says in the container until it ends.  Return its exit status, 128 + the signal that killed it.

    If one of our standard descriptors is a terminal, the command gets one of the container's instead, and what
    passes is appended to the file `pty_log`.
    """
    with deferred() as held:
        if any(map(os.isatty, wish.stdio)):
            return _run_on_terminal(place, wish, pty_log, held)
        attached = attach.start(place, wish, held=held, is_all=True)
        with closing(attached.pidfd):
            return _wait(attached, held)


def _wait(attached: Attached, held: deferred) -> int:
    """Wait for a command that has no terminal, and pass on the signals that are meant for it."""
    waiter = poll()
    waiter.register(attached.pidfd, POLLIN)
    waiter.register(held.fd, POLLIN)
    while attached.pidfd not in dict(waiter.poll()):
        number, _ = signals.read_signal(held.fd)
        try:
            os.killpg(attached.group, number)
        except ProcessLookupError:
            pass
    return signals.exit_status(os.waitpid(attached.pid, 0)[1])


def _run_on_terminal(place: Place, wish: Wish, pty_log: str, held: deferred) -> int:
    from lxc.terminal import session
    from lxc.terminal.logfile import open_log

    terminals = [fd for fd in (1, 2, 0) if os.isatty(wish.stdio[fd])]
    shown = wish.stdio[terminals[0]]
    master, slave = _open_terminal(place)
    record = open_log(pty_log) if pty_log else -1
    try:
        tty.set_window_size(master, tty.window_size(shown))
        stdio = tuple(slave if fd in terminals else wish.stdio[fd] for fd in (0, 1, 2))
        attached = attach.start(place, wish.replace(stdio=stdio), slave, held, is_all=True)
        source = wish.stdio[0] if 0 in terminals else -1
        with closing(attached.pidfd):
            ended_by = session.accompany(attached.pidfd, master, source, shown, record)
        return signals.KILLED_BY + ended_by if ended_by else signals.exit_status(os.waitpid(attached.pid, 0)[1])
    finally:
        fs.close(master, slave, record)


def _open_terminal(place: Place) -> tuple[int, int]:
    """(master, slave) of a new terminal of the container's devpts, so that it has a name there; else of the host's."""
    devpts = client.devpts_fd(place)
    if devpts is None:
        return tty.open_pair()
    with closing(devpts):
        try:
            if fs.filesystem_type(devpts) != fs.DEVPTS_SUPER_MAGIC:
                return tty.open_pair()
            return tty.open_pair(devpts)
        except OSError as error:  # all of the container's may be taken: whoever repairs it still gets one
            log.info(f"the container has no terminal to give, taking one of the host's: {error.strerror}")
            return tty.open_pair()
