"""Getting rid of connections that strangers have made, who may not be listened to.

He can send descriptors, and who closes the connection closes those that nobody has received, too: a socket that
lingers (SO_LINGER, socket(7)) takes as long for that as he likes, with whatever signals we have blocked.  So another
process has the connections for longer than we, and ends: one that ends waits for no socket.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.kernel import fs, process
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from lxc.kernel.sockets import socket


def let_go(*connections: socket) -> None:
    """Close them; what they have brought holds nobody up."""
    try:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        with closing(reader), closing(writer):
            pid, pidfd = process.clone3(0)
            if pid == 0:
                _have_kept(reader, *(connection.fileno() for connection in connections))
            os.close(pidfd)
            os.waitpid(pid, 0)
            _close(connections)
    except OSError as error:  # too many processes, or descriptors
        log.debug(f"connections of strangers are closed by ourselves: {error.strerror}")
    finally:
        _close(connections)


def _close(connections: Iterable[socket]) -> None:
    for connection in connections:
        connection.close()


def _have_kept(reader: int, *fds: int) -> NoReturn:
    """By a process that is nobody's child, until whoever can write to the pipe has closed it."""
    try:
        if process.clone3(0)[0] == 0:
            fs.keep_only((reader, *fds))
            os.read(reader, 1)
    finally:
        os._exit(0)
