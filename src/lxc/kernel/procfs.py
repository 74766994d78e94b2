"""The files of a /proc that was seen to be the kernel's (proc(5)): something else may be mounted there, or in it."""

from __future__ import annotations

import os

from lxc.kernel import fs
from lxc.kernel.fs import closing

_ROOT = 1  # inode number of its top directory, always
_RULE = fs.RESOLVE_BENEATH | fs.RESOLVE_NO_SYMLINKS | fs.RESOLVE_NO_MAGICLINKS | fs.RESOLVE_NO_XDEV


def root() -> int:
    """The directory /proc.  The caller closes it.  Raises OSError if it is not the kernel's."""
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if fs.filesystem_type(proc) != fs.PROC_SUPER_MAGIC or os.fstat(proc).st_ino != _ROOT:
        os.close(proc)
        raise OSError(None, "/proc is not the kernel's")
    return proc


def openat(directory: int, path: str, flags: int) -> int:
    """openat2(2) of `path` below `directory`, the root or one in it.  The caller closes the descriptor."""
    return fs.openat2(directory, path, flags, 0, _RULE)


def read(directory: int, path: str) -> str:
    """The whole text of `path` below `directory`.  Raises OSError."""
    with closing(openat(directory, path, os.O_RDONLY)) as file:
        return fs.contents(file).decode(errors="surrogateescape")


def write(path: str, text: str) -> None:
    """Write `text` to `path` below the root, in one write(2).  Raises OSError."""
    with closing(root()) as proc, closing(openat(proc, path, os.O_WRONLY)) as file:
        os.write(file, text.encode(errors="surrogateescape"))
