"""What fork servers have left in their directory that were killed: one that ends by itself removes its sockets and its lock.

A server is known by what it was started for, so the next is found elsewhere if it is for other namespaces, or for
another installation: nobody else would remove them.
"""

from __future__ import annotations

import fcntl
import os
import time

from lxc import log
from lxc.kernel.fs import closing

_LOCK = ".lock"
_FRESH = 60.0  # seconds in which somebody may still be starting one


def remove(directory: str) -> None:
    """Remove from `directory`, this user's own, what is of servers that are no more."""
    try:
        names = os.listdir(directory)
    except OSError as error:
        log.debug(f"cannot look for sockets that are left over: {error}")
        return
    for lock in names:
        if not lock.endswith(_LOCK):
            continue
        server = lock.removesuffix(_LOCK)
        sockets = [name for name in names if name == server or (name.startswith(f"{server}.") and name != lock)]
        try:
            with closing(os.open(f"{directory}/{lock}", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)) as fd:
                if _is_nobodys(fd):
                    for name in (*sockets, lock):  # the lock at last: whoever is killed amid this leaves it to the next
                        os.unlink(f"{directory}/{name}")
        except OSError as error:
            log.debug(f"{error.filename} stays: {error.strerror}")


def _is_nobodys(lock: int) -> bool:
    """Whether no server has it, nor is about to.  If so, it is ours from now on."""
    if 0 <= time.time() - os.fstat(lock).st_mtime < _FRESH:  # one of the future is of before the clock was set back
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
