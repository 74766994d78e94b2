"""Asking a proxy on a Unix socket, as LXC asks it.  Runs in the supervisor.

It gets the caller's memory: so it must be root's or the monitor's user's, where
anybody could have taken its address.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import LxcError
from lxc.kernel import procfs, seccomp, sockets
from lxc.kernel.fs import closing
from lxc.security.seccomp import notification as wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.security.seccomp.notification import Notification, Sizes

_PATIENCE = 30  # seconds that it may take to listen, and to answer
_ATTEMPTS = 2


class Proxy:
    def __init__(self, address: str, cookie: str, sizes: Sizes, monitor: int) -> None:
        """`address` is unix:/path or unix:@name.  Raises LxcError, OSError if nobody who may answers there."""
        self._address = address.removeprefix("unix:")
        self._cookie, self._sizes, self._monitor = cookie.encode(errors="surrogateescape"), sizes, monitor
        self._connection: sockets.socket | None = self._connect()

    def decide(self, init: int, listener: int, notification: Notification) -> bytes:
        """Its response to `notification`.  Raises OSError, ValueError."""
        question = wire.question(self._monitor, init, self._sizes, notification, self._cookie)
        with (
            closing(procfs.root()) as proc,
            closing(procfs.openat(proc, str(notification.pid), os.O_RDONLY | os.O_DIRECTORY)) as directory,
            closing(os.open("mem", os.O_RDWR | os.O_CLOEXEC, dir_fd=directory)) as memory,
        ):
            if not seccomp.is_valid(listener, notification.id):
                raise OSError(None, "its caller has gone")
            connection = self._ask(question, (directory, memory, listener))
            try:
                raw = connection.recv(wire.length_of_answer(self._sizes) + 1)
                return wire.answer(raw, self._sizes, notification.id)
            except (OSError, ValueError):
                self._hang_up()  # a late answer must not be taken for that to the next question
                raise

    def _ask(self, question: bytes, descriptors: tuple[int, ...]) -> sockets.socket:
        """Send it, on a new connection if need be.  Return the connection on which the answer will come."""
        for attempt in range(_ATTEMPTS):
            try:
                self._connection = self._connection or self._connect()
                sockets.send(self._connection, question, descriptors)
                return self._connection
            except (OSError, LxcError) as error:
                log.info(f"the proxy {self._address}: {error}")
                self._hang_up()
                if attempt + 1 == _ATTEMPTS:
                    raise OSError(None, f"the proxy {self._address} is not to be reached: {error}") from error
        raise AssertionError

    def _connect(self) -> sockets.socket:
        is_abstract = self._address.startswith("@")
        name = os.fsencode(self._address)
        connection = sockets.connect_packets(b"\0" + name[1:] if is_abstract else name, _PATIENCE)
        _, uid, _ = sockets.peer_credentials(connection)
        if is_abstract and uid not in (0, os.geteuid()):
            connection.close()
            raise LxcError(f"user {uid} listens at {self._address}, to whom the memory of processes is not shown")
        return connection

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None
