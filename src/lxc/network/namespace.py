"""Being in another process's network namespace for a moment, to make a socket that belongs there, or to open it."""

from __future__ import annotations

import os

from lxc import log
from lxc.kernel import process, signals


class visiting:
    """`with visiting(fd):` runs the block in that network namespace; the process's other threads stay where they are.

    `fd` is a pidfd of a process in it, or its open file.
    Raises PermissionError for a caller without CAP_SYS_ADMIN here and there, before it goes.  If it could not come
    back all the same, the process would end: nothing that it does next is meant for where it is.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> None:
        self._home = own()
        try:
            process.setns(self._home, process.CLONE_NEWNET)  # root of a user namespace alone could go, and not return
            process.setns(self._fd, process.CLONE_NEWNET)
        except OSError:
            os.close(self._home)
            raise

    def __exit__(self, *_: object) -> None:
        try:
            process.setns(self._home, process.CLONE_NEWNET)
        except OSError as error:
            log.error(f"cannot return from another network namespace: {error.strerror}; this process ends")
            signals.die_by(signals.SIGKILL)
        os.close(self._home)


def own() -> int:
    """This thread's network namespace, open; the caller closes it."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def of(pidfd: int) -> int:
    """The network namespace of the process `pidfd`, open; the caller closes it.  Raises OSError."""
    with visiting(pidfd):
        return own()
