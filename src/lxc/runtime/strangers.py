"""Getting rid of a connection that a stranger has made, who may not be listened to.

He can send descriptors, and who closes the connection closes those that nobody has received, too: a socket that
lingers (SO_LINGER, socket(7)) takes as long for that as he likes, with whatever signals we have blocked.  So another
process is the last to close it, and is ended soon.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.kernel import fs, process, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from lxc.kernel.sockets import socket

_PATIENCE = 0.05  # seconds


def let_go(connection: socket) -> None:
    """Close it; what it has brought holds nobody up."""
    try:
        pid, pidfd = process.clone3(0)
        if pid == 0:
            _have_closed(connection.fileno())
        os.close(pidfd)
        os.waitpid(pid, 0)
    except OSError as error:  # too many processes, or descriptors
        log.debug(f"a stranger's connection is closed by ourselves: {error.strerror}")
    finally:
        connection.close()


def _have_closed(fd: int) -> NoReturn:
    """By a process that is nobody's child."""
    try:
        if process.clone3(0)[0] == 0:
            fs.keep_only((fd,))
            signals.end_after(_PATIENCE)
            os.close(fd)
    finally:
        os._exit(0)
