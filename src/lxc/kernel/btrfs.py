"""Subvolumes of btrfs, by ioctl: linux/btrfs.h."""

from __future__ import annotations

import fcntl
import os
import sys

from lxc.kernel import fs

_SUBVOL_CREATE, _SNAP_CREATE_V2, _FS_INFO = 0x5000940E, 0x50009417, 0x8400941F
_SUBVOL_SETFLAGS = 0x4008941A
_SUBVOL_RDONLY = 2
TOP = 256  # BTRFS_FIRST_FREE_OBJECTID: the inode number of a subvolume's top directory
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


def set_read_only(subvolume: int, *, be: bool) -> None:
    """BTRFS_IOC_SUBVOL_SETFLAGS."""
    fcntl.ioctl(subvolume, _SUBVOL_SETFLAGS, (_SUBVOL_RDONLY if be else 0).to_bytes(8, sys.byteorder))
