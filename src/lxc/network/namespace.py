"""Being in another process's network namespace for a moment, to make a socket that belongs there."""

from __future__ import annotations

import os

from lxc.kernel import process


class visiting:
    """`with visiting(fd):` runs the block in that network namespace.  The caller must have one thread.

    `fd` is a pidfd of a process in it, or its open file.
    Raises PermissionError for a caller without CAP_SYS_ADMIN here and there.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> None:
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            process.setns(self._fd, process.CLONE_NEWNET)
        except OSError:
            os.close(self._home)
            raise

    def __exit__(self, *_: object) -> None:
        try:
            process.setns(self._home, process.CLONE_NEWNET)
        finally:
            os.close(self._home)
