"""The console in the monitor: what the container says goes to everyone who listens, what they type goes to it.

                              ┌──▶ log file
    container ──▶ master ─────┼──▶ ring buffer
        ▲                     ├──▶ peer: the starter's terminal, or the one of lxc.console.path
        └──────── master ◀────┴──▶ client: lxc-console, through a pseudo terminal of its own (the proxy)

Nobody can make the monitor wait.  A client, or a terminal that was configured,
which does not take its output loses the oldest of it.  Only who started the
container in the foreground holds it up by not reading, as any terminal does.
In the background of his terminal, and while he is stopped, he sees what is said;
terminal and keys are left to the shell that has them.
"""

from __future__ import annotations

import os
from select import POLLOUT

from lxc import log
from lxc.kernel import polling, tty
from lxc.terminal import ours
from lxc.terminal.end import End
from lxc.terminal.logfile import LogFile
from lxc.terminal.ring import Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lxc.loop import Loop
    from lxc.terminal.plan import Prepared, TerminalPlan

_PATIENCE_MS = 2000  # that a peer may stand still with the container's last words


class Console:
    def __init__(self, plan: TerminalPlan, prepared: Prepared, loop: Loop, master: int, slave: int) -> None:
        """The caller closes `master` and what is prepared, after `close`; but the log file and `slave` are this object's.

        `slave` is the other end of `master`, held so that the console does not hang up when nobody has it open.
        """
        self._loop, self.master, self.slave = loop, master, slave
        self._size = plan.console_size
        self.ring = Ring(plan.console_buffer_size) if plan.console_buffer_size and plan.binds_console else None
        self._log = _log_file(plan, prepared)
        self._peer: _Peer | None = None
        self._proxy: _Proxy | None = None
        self._master = End(loop, master)
        self._master.join(self._said, self._hung_up, self._ready_for_more)
        if prepared.peer >= 0:
            self._take_peer(prepared.peer, may_lose=bool(plan.peer))

    @property
    def is_taken(self) -> bool:
        return bool(self._proxy or (self._peer and self._peer.is_raw))

    @property
    def own(self) -> tuple[int, ...]:
        """That of the log file."""
        return (self._log.fd,) if self._log else ()

    @property
    def is_heard(self) -> bool:
        """Whether somebody wants what it says."""
        return bool(self._log or self.ring or self._peer or self._proxy)

    def connect(self) -> int:
        """Take the console: a descriptor to talk to it with, which stays this object's; `disconnect` ends it."""
        self._proxy = _Proxy(self._loop)
        self._proxy.end.join(self._typed_by_client, self.disconnect)
        return self._proxy.master

    def disconnect(self) -> None:
        proxy, self._proxy = self._proxy, None
        if proxy:
            proxy.close()
            self._ready_for_more()

    def set_window_size(self) -> None:
        """Give the console the size of its peer's window."""
        if self._peer:
            try:
                tty.set_window_size(self.master, tty.window_size(self._peer.fd))
            except OSError as error:
                log.debug(f"cannot copy the window's size: {error.strerror}")

    def continued(self) -> None:
        """Have what is typed at the peer, if its terminal is ours now; the shell may have set it meanwhile."""
        if self._peer:
            self._peer.is_raw = False
            self._take_keys()

    def write_log(self) -> None:
        """Make the newest bytes of the ring buffer all that the log file holds, as many as fit.

        Not without `lxc.console.size`: the file then has everything, and more than the ring.
        """
        if self.ring and self._log and self._size:
            try:
                self._log.replace(self.ring.last(self._size))
            except OSError as error:
                log.warn(f"cannot write the ring buffer to the console's log file: {error.strerror}")

    def drain(self) -> None:
        """Pass on what is still to be read, to a peer that takes it."""
        self._master.read_all()
        while self._peer and not self._peer.end.is_drained and polling.events(self._peer.fd, _PATIENCE_MS, POLLOUT):
            self._loop.turn(0)
            self._master.read_all()

    def close(self) -> None:
        """Take part no longer: write the log, give the peer back as it was."""
        self.write_log()
        self.disconnect()
        self._drop_peer()
        self._master.leave()
        os.close(self.slave)
        if self._log:
            self._log.close()

    def _said(self, data: bytes) -> None:
        if self._log:
            self._log.write(data)
        if self.ring:
            self.ring.write(data)
        if self._proxy:
            self._proxy.end.send(data)
        peer = self._peer
        if peer:
            peer.end.send(data)
            if peer.end.is_full and not peer.may_lose:
                self._master.pause()

    def _typed(self, data: bytes) -> None:
        self._master.send(data)
        if self._master.is_full:
            for speaker in (self._peer, self._proxy):
                if speaker:
                    speaker.end.pause()

    def _typed_by_client(self, data: bytes) -> None:
        if self._proxy:
            self._proxy.pass_window_size(self.master)
        self._typed(data)

    def _ready_for_more(self) -> None:
        if self._peer and self._peer.is_raw:
            self._peer.end.resume()
        if self._proxy:
            self._proxy.end.resume()

    def _hung_up(self) -> None:
        log.debug("the console has hung up")

    def _take_peer(self, fd: int, *, may_lose: bool) -> None:
        try:
            self._peer = _Peer(self._loop, fd, may_lose=may_lose)
        except OSError as error:
            log.warn(f"the console has no peer, it cannot be set up: {error.strerror}")
            return
        self._peer.end.join(self._typed, self._drop_peer, self._master.resume, self._take_keys)
        self._take_keys()
        self.set_window_size()

    def _take_keys(self) -> bool:
        """Read the peer, if nobody else has its terminal; else look for that, as a shell does not tell a job that was not stopped."""
        has_keys = self._peer is not None and self._peer.take()
        self._loop.look = None if has_keys or not self._peer else self._look
        return has_keys

    def _look(self) -> None:
        self._take_keys()

    def _drop_peer(self) -> None:
        peer, self._peer = self._peer, None
        if peer:
            self._loop.look = None
            peer.release()
            self._master.resume()


class _Peer:
    """A terminal of the host's that follows the console, in raw mode; in its background it is not changed, nor read."""

    def __init__(self, loop: Loop, fd: int, *, may_lose: bool) -> None:
        self.fd, self.may_lose, self.is_raw = fd, may_lose, False
        tty.settings(fd)  # it is a terminal
        self._settings: list[Any] = []  # those that it had first when it was ours
        self.end = End(loop, fd, may_lose=may_lose)

    def take(self) -> bool:
        """Read it, unless it is in the background, or we are stopped.  Return whether it is read."""
        if ours.is_in_background(self.fd):
            self.is_raw = False
            self.end.pause()
        elif not self.is_raw:
            try:
                found = tty.make_raw(self.fd)
            except OSError:
                return False  # it has hung up, as its end is told
            self._settings = self._settings or found
            self.is_raw = True
            self.end.resume()
        return self.is_raw

    def release(self) -> None:
        self.end.leave()
        if not self.is_raw or ours.is_in_background(self.fd):
            return
        try:
            tty.restore(self.fd, self._settings)
        except OSError as error:
            log.debug(f"cannot restore the console's peer: {error.strerror}")


class _Proxy:
    """The pseudo terminal between the console and a client, who has its master."""

    def __init__(self, loop: Loop) -> None:
        self.master, self._slave = tty.open_pair()
        try:
            tty.make_transparent(self._slave)
            self._window_size = tty.window_size(self._slave)
            self.end = End(loop, self._slave, may_lose=True)
        except OSError:
            os.close(self.master)
            os.close(self._slave)
            raise

    def pass_window_size(self, console: int) -> None:
        """Give the console the size that the client has set since the last time."""
        size = tty.window_size(self._slave)
        if size != self._window_size:
            tty.set_window_size(console, size)
            self._window_size = size

    def close(self) -> None:
        self.end.leave()
        os.close(self._slave)
        os.close(self.master)


def _log_file(plan: TerminalPlan, prepared: Prepared) -> LogFile | None:
    if prepared.log < 0:
        return None
    # a descriptor of its own: rotation replaces it
    return LogFile(os.dup(prepared.log), plan.console_logfile, plan.console_size, rotate=plan.console_rotate)
