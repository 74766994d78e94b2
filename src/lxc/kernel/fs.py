"""Files by descriptor: openat2(2) below a root that may be hostile, execveat(2), statfs(2), and closing them again."""

from __future__ import annotations

import errno
import fcntl
import os

from lxc.kernel._libc import bind, bind_number
from lxc.kernel.c import (
    Array,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_long,
    c_size_t,
    c_uint,
    c_uint64,
    c_void_p,
    create_string_buffer,
    sizeof,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import NoReturn

RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x01, 0x02, 0x04, 0x08
RESOLVE_IN_ROOT = 0x10
HIGHEST = 0xFFFFFFFF  # no descriptor is higher
_CLOSE_RANGE_CLOEXEC = 4
PROC_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC = 0x9FA0, 0x27E0EB, 0x63677270
BTRFS_SUPER_MAGIC = 0x9123683E
DEVPTS_SUPER_MAGIC, NSFS_MAGIC, NFS_SUPER_MAGIC, PIPEFS_MAGIC = 0x1CD1, 0x6E736673, 0x6969, 0x50495045


class open_how(Structure):
    _fields_ = [("flags", c_uint64), ("mode", c_uint64), ("resolve", c_uint64)]


_openat2 = bind_number(437, c_int, c_char_p, c_void_p, c_size_t)
_close_range = bind_number(436, c_uint, c_uint, c_uint)
_fstatfs = bind("fstatfs", c_int, c_void_p)
_setfsuid, _setfsgid = bind("setfsuid", c_uint), bind("setfsgid", c_uint)
_syncfs = bind("syncfs", c_int)
_execveat = bind("execveat", c_int, c_char_p, c_void_p, c_void_p, c_int)


_MOST_RACES = 100  # that we lose against whoever mounts or renames all the time


def openat2(dirfd: int, path: str, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """openat2(2).  `resolve` is a union of RESOLVE_*; O_CLOEXEC is added.  The caller closes the descriptor.

    The kernel gives up on `..` with EAGAIN whenever somebody mounts or renames meanwhile, anywhere: it is asked again.
    """
    how = open_how(flags | os.O_CLOEXEC, mode, resolve)
    for _ in range(_MOST_RACES):
        try:
            return _openat2(dirfd, os.fsencode(path), byref(how), sizeof(how), path=path)
        except BlockingIOError:  # EAGAIN
            continue
    return _openat2(dirfd, os.fsencode(path), byref(how), sizeof(how), path=path)


def close_range(first: int, last: int, *, on_exec: bool = False) -> None:
    """close_range(2): close the descriptors from `first` to `last`, both included; with `on_exec` only when executing."""
    _close_range(first, last, _CLOSE_RANGE_CLOEXEC if on_exec else 0)


def close(*fds: int) -> None:
    """close(2) those of `fds` that are not -1."""
    for fd in fds:
        if fd >= 0:
            os.close(fd)


def keep_only(kept: Iterable[int], first: int = 3) -> None:
    """Close every descriptor from `first` on, but for those of `kept`; what is lower, or -1, is none of them."""
    for fd in sorted(fd for fd in kept if fd >= first):
        if fd > first:
            close_range(first, fd - 1)
        first = fd + 1
    close_range(first, HIGHEST)


def duplicate(fd: int, lowest: int) -> int:
    """fcntl(2) F_DUPFD_CLOEXEC: a duplicate numbered `lowest` or higher; the caller closes it."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)


def opened() -> list[int]:
    """The descriptors that this process has."""
    return _those_open(map(int, os.listdir("/proc/self/fd")))  # without the one that they were read through


def standard() -> tuple[int, ...]:
    """Those of standard input, output and error that are open."""
    return tuple(_those_open((0, 1, 2)))


def _those_open(descriptors: Iterable[int]) -> list[int]:
    found = []
    for fd in descriptors:
        try:
            os.get_inheritable(fd)
        except OSError:
            continue
        found.append(fd)
    return found


def contents(fd: int) -> bytes:
    """All that is still to be read of it, read(2)."""
    parts = []
    while part := os.read(fd, 1 << 16):
        parts.append(part)
    return b"".join(parts)


def write(fd: int, data: bytes) -> None:
    """All of `data`, write(2): a disk that gets full takes a first part, and says so only when asked to take the rest."""
    while data:
        data = data[os.write(fd, data) :]


def syncfs(fd: int) -> None:
    """syncfs(2): all that was written to the file system that `fd` is on is on its disk; an error is also one since `fd` was opened."""
    _syncfs(fd)


def setfsids(uid: int, gid: int) -> None:
    """setfsuid(2), setfsgid(2): be this user and group to file systems.  They report no errors, so what is so is looked at.

    Raises OSError(EPERM).
    """
    _setfsgid(gid)
    _setfsuid(uid)
    if _setfsgid(gid) != gid or _setfsuid(uid) != uid:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def filesystem_type(fd: int) -> int:
    """fstatfs(2): the magic number (`*_MAGIC`) of the file system that `fd` is on."""
    buffer = create_string_buffer(256)  # struct statfs is 120 bytes on 64-bit machines; f_type is its first long
    _fstatfs(fd, buffer)
    return c_long.from_buffer(buffer).value & 0xFFFFFFFF


def execveat(directory: int, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """execveat(2) of the file `name` in the opened `directory`.  Returns only by raising OSError."""
    _execveat(directory, os.fsencode(name), *vectors(argv, environment), 0)
    raise AssertionError("execveat returned")


def vectors(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Array[c_char_p], Array[c_char_p]]:
    """Both as execve(2) wants them."""
    words = [os.fsencode(word) for word in argv]
    pairs = [os.fsencode(f"{name}={value}") for name, value in environment.items()]
    return (c_char_p * (len(words) + 1))(*words), (c_char_p * (len(pairs) + 1))(*pairs)


class closing:
    """`with closing(fd) as fd:` closes the descriptor, if it is one and not -1, at the end of the block."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __enter__(self) -> int:
        return self.fd

    def __exit__(self, *_: object) -> None:
        close(self.fd)
