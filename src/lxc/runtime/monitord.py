"""lxc-monitord: passes on what the monitors of a container path say to whoever listens.  One for each container path.

    monitors ── struct lxc_msg ──▶ RUN/lxc/LXCPATH/monitor-fifo ──▶ lxc-monitord ── the same ──▶ @lxc/HASH/LXCPATH: clients

A monitor that finds nobody reading says nothing.  A client that sends `quit`
ends it; without clients and news it ends by itself after a while.
"""

from __future__ import annotations

import fcntl
import os

from lxc.errors import StateError, UsageError
from lxc.kernel import signals, sockets
from lxc.loop import BROKEN, READABLE, Loop
from lxc.runtime import commands, strangers
from lxc.runtime.place import fnv_1a, monitor_fifo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket

IDLE = 30  # seconds
QUIT = b"quit"
_SUN_PATH_MAX = 106
_CLIENTS_MAX = 100
_ENDING = frozenset({signals.SIGTERM, signals.SIGILL, signals.SIGSEGV, signals.SIGBUS})


def address(lxcpath: str) -> bytes:
    """The abstract address that it listens at, without the leading NUL.  Raises UsageError for a path that is too long."""
    path = os.fsencode(lxcpath.rstrip("/") or "/")
    name = b"lxc/%016x/%s" % (fnv_1a(b"lxc/" + path + b"/monitor-sock"), path)
    if len(name) >= _SUN_PATH_MAX:
        raise UsageError(f"{lxcpath}: the path is too long to be monitored, it may have 84 bytes")
    return name


class Monitord:
    """Whoever has made one calls `serve`.  Raises StateError if there is one already, OSError."""

    def __init__(self, lxcpath: str) -> None:
        self._path = monitor_fifo(lxcpath)
        os.makedirs(os.path.dirname(self._path), 0o755, exist_ok=True)
        self._fifo = self._claim()
        try:
            self._listener = sockets.listen(address(lxcpath))
        except BaseException:
            os.unlink(self._path)
            os.close(self._fifo)
            raise
        self._clients: dict[int, socket] = {}
        self._has_ended = False
        self._loop = Loop()

    def _claim(self) -> int:
        """The pipe, opened and locked."""
        while True:
            try:
                os.mkfifo(self._path, 0o600)
            except FileExistsError:
                pass
            fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(fd), os.stat(self._path, follow_symlinks=False)):
                    return fd
            except (BlockingIOError, PermissionError):
                os.close(fd)
                raise StateError(f"{self._path}: another lxc-monitord reads it") from None
            except FileNotFoundError:
                pass  # the last one has removed it just now
            os.close(fd)

    def serve(self, *, forever: bool) -> None:
        """Pass on messages until told to end; unless `forever`, until there has been nothing to do for a while."""
        signal = signals.signalfd(_ENDING)
        try:
            self._loop.watch(signal, lambda _events: self._end())
            self._loop.watch(self._fifo, self._pass_on)
            self._loop.watch(self._listener.fileno(), self._accept)
            self._serve(forever)
        finally:
            os.close(signal)
            os.unlink(self._path)
            self._listener.close()
            for client in self._clients.values():
                client.close()
            os.close(self._fifo)
            self._loop.close()

    def _serve(self, forever: bool) -> None:
        while not self._has_ended:
            if not self._loop.turn(-1 if forever or self._clients else IDLE):
                return

    def _end(self) -> None:
        self._has_ended = True

    def _accept(self, _events: int) -> None:
        while True:
            try:
                client = sockets.accept(self._listener)
            except OSError:
                return  # nobody is left, or has thought better of it
            self._welcome(client)

    def _welcome(self, client: socket) -> None:
        _, uid, _ = sockets.peer_credentials(client)
        if uid not in (0, os.geteuid()) or len(self._clients) >= _CLIENTS_MAX:
            strangers.let_go(client)
            return
        self._clients[client.fileno()] = client
        self._loop.watch(client.fileno(), lambda events: self._hear(client, events))

    def _hear(self, client: socket, events: int) -> None:
        try:
            said = client.recv(len(QUIT)) if events & READABLE else b""
        except OSError:
            said = b""
        if said == QUIT:
            self._end()
        elif not said or events & BROKEN:
            self._drop(client)

    def _drop(self, client: socket) -> None:
        self._loop.forget(client.fileno())
        del self._clients[client.fileno()]
        client.close()

    def _pass_on(self, _events: int) -> None:
        """To all who were there first.  Monitors write whole messages, shorter than what a pipe takes at once: pipe(7).

        What is left of a read is none's, and would displace all that follow.
        """
        self._accept(READABLE)
        try:
            data = os.read(self._fifo, 64 * commands.MESSAGE)
        except BlockingIOError:
            return
        whole = data[: len(data) - len(data) % commands.MESSAGE]
        for client in tuple(self._clients.values()) if whole else ():
            try:
                if client.send(whole) < len(whole):
                    self._drop(client)  # it does not read
            except OSError:
                self._drop(client)
