"""Subvolumes of btrfs, by ioctl: linux/btrfs.h."""

from __future__ import annotations

import errno
import fcntl
import os
import sys

from lxc.kernel import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SUBVOL_CREATE, _SNAP_CREATE_V2, _FS_INFO = 0x5000940E, 0x50009417, 0x8400941F
_SUBVOL_GETFLAGS, _SUBVOL_SETFLAGS, _INO_LOOKUP = 0x80089419, 0x4008941A, 0xD0009412
_GET_SUBVOL_ROOTREF, _INO_LOOKUP_USER = 0xD000943D, 0xD000943E  # Linux 4.18
_SUBVOL_RDONLY = 2
TOP = 256  # BTRFS_FIRST_FREE_OBJECTID: the inode number of a subvolume's top directory
PLACEHOLDER = 2  # BTRFS_EMPTY_SUBVOL_DIR_OBJECTID: that of what a snapshot has where a subvolume was
_NAME_LENGTH, _NAME_LENGTH_V2 = 4088, 4040  # the structures have 4096 bytes: too many for an immutable argument


def create_subvolume(directory: int, name: str) -> None:
    """BTRFS_IOC_SUBVOL_CREATE: a new subvolume `name` in `directory`.  Raises OSError; ENOTTY if that is no btrfs."""
    fcntl.ioctl(directory, _SUBVOL_CREATE, bytearray(bytes(8) + os.fsencode(name).ljust(_NAME_LENGTH, b"\0")))


def create_snapshot(directory: int, name: str, subvolume: int) -> None:
    """BTRFS_IOC_SNAP_CREATE_V2: a writable snapshot of the opened `subvolume`, as `name` in `directory`."""
    head = subvolume.to_bytes(8, sys.byteorder) + bytes(8 + 8 + 4 * 8)  # transid, flags, unused
    fcntl.ioctl(directory, _SNAP_CREATE_V2, bytearray(head + os.fsencode(name).ljust(_NAME_LENGTH_V2, b"\0")))


def filesystem_id(fd: int) -> bytes:
    """BTRFS_IOC_FS_INFO: the UUID of the file system that `fd` is on; statfs(2) tells one for each subvolume."""
    return fcntl.ioctl(fd, _FS_INFO, bytes(1024))[16:32]  # after max_id and num_devices


def is_subvolume(fd: int) -> bool:
    """Whether `fd` is the top directory of a subvolume."""
    return os.fstat(fd).st_ino == TOP and fs.filesystem_type(fd) == fs.BTRFS_SUPER_MAGIC


def subvolume_id(fd: int) -> int:
    """BTRFS_IOC_INO_LOOKUP: the number of the subvolume that `fd` is in.  They rise, and none comes again."""
    arguments = bytearray((0).to_bytes(8, sys.byteorder) + TOP.to_bytes(8, sys.byteorder) + bytes(4080))
    fcntl.ioctl(fd, _INO_LOOKUP, arguments)
    return int.from_bytes(arguments[:8], sys.byteorder)


def is_read_only(subvolume: int) -> bool:
    """BTRFS_IOC_SUBVOL_GETFLAGS."""
    flags = fcntl.ioctl(subvolume, _SUBVOL_GETFLAGS, bytes(8))
    return bool(int.from_bytes(flags, sys.byteorder) & _SUBVOL_RDONLY)


def set_read_only(subvolume: int, *, be: bool) -> None:
    """BTRFS_IOC_SUBVOL_SETFLAGS."""
    fcntl.ioctl(subvolume, _SUBVOL_SETFLAGS, (_SUBVOL_RDONLY if be else 0).to_bytes(8, sys.byteorder))


def children(subvolume: int) -> Iterator[tuple[int, int]]:
    """BTRFS_IOC_GET_SUBVOL_ROOTREF: the number of each subvolume in this one, and that of the directory it is in there."""
    least, is_complete = 0, False
    while not is_complete:
        arguments = bytearray(least.to_bytes(8, sys.byteorder) + bytes(4088))
        try:
            fcntl.ioctl(subvolume, _GET_SUBVOL_ROOTREF, arguments)
            is_complete = True
        except OSError as error:
            if error.errno != errno.EOVERFLOW:  # there are more
                raise
        numbers = memoryview(arguments).cast("Q")
        least = numbers[0]
        for at in range(1, 1 + 2 * arguments[4088], 2):  # num_items
            yield numbers[at], numbers[at + 1]


def place(subvolume: int, number: int, directory: int) -> str:
    """BTRFS_IOC_INO_LOOKUP_USER: the path, below the opened `subvolume`, of one that `children` told of."""
    head = directory.to_bytes(8, sys.byteorder) + number.to_bytes(8, sys.byteorder)
    arguments = bytearray(head + bytes(4080))
    fcntl.ioctl(subvolume, _INO_LOOKUP_USER, arguments)
    name, path = (bytes(part).partition(b"\0")[0] for part in (arguments[16:272], arguments[272:]))
    return os.fsdecode(path + name)
