"""A btrfs subvolume as the root: to the start of a container a directory like any other."""

from __future__ import annotations

import os

from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.storage.dir import attach, detach, mount

__all__ = ["attach", "detach", "detects", "mount"]

_FIRST_FREE_OBJECTID = 256  # the inode number of a subvolume's top directory


def detects(path: str) -> bool:
    try:
        with closing(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
            return fs.filesystem_type(fd) == fs.BTRFS_SUPER_MAGIC and os.fstat(fd).st_ino == _FIRST_FREE_OBJECTID
    except OSError:
        return False
