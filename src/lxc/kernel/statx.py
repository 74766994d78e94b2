"""statx(2): what os.stat does not tell, a file's birth and its attributes."""

from __future__ import annotations

import os

from lxc.kernel._libc import bind
from lxc.kernel.c import Structure, byref, c_char_p, c_int, c_int64, c_uint, c_uint32, c_uint64, c_void_p

AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH = 0x100, 0x1000
STATX_ATTR_IMMUTABLE, STATX_ATTR_APPEND = 0x10, 0x20
_STATX_BTIME = 0x800


class statx_timestamp(Structure):
    _fields_ = [("tv_sec", c_int64), ("tv_nsec", c_uint32), ("reserved", c_int)]


class statx_buffer(Structure):
    """struct statx as far as it is wanted here; its last field pads it to the size that the kernel writes."""

    _fields_ = [
        ("stx_mask", c_uint32),
        ("stx_blksize", c_uint32),
        ("stx_attributes", c_uint64),
        ("links_to_attributes_mask", c_uint64 * 6),
        ("stx_atime", statx_timestamp),
        ("stx_btime", statx_timestamp),
        ("rest", c_uint64 * 20),
    ]


_statx = bind("statx", c_int, c_char_p, c_int, c_uint, c_void_p)


def attributes(dirfd: int, path: str) -> int:
    """A union of STATX_ATTR_*; a symbolic link is not followed."""
    return int(_read(dirfd, path, AT_SYMLINK_NOFOLLOW, 0).stx_attributes)


def birth_ns(fd: int) -> int:
    """When the file that `fd` is open on was made, in nanoseconds since 1970; 0 if its file system does not keep that."""
    read = _read(fd, "", AT_EMPTY_PATH, _STATX_BTIME)
    if not read.stx_mask & _STATX_BTIME:
        return 0
    return int(read.stx_btime.tv_sec) * 1_000_000_000 + int(read.stx_btime.tv_nsec)


def _read(dirfd: int, path: str, flags: int, mask: int) -> statx_buffer:
    buffer = statx_buffer()
    _statx(dirfd, os.fsencode(path), flags, mask, byref(buffer), path=path)
    return buffer
