"""A btrfs subvolume as the root: to the start of a container a directory like any other."""

from __future__ import annotations

import os

from lxc.kernel import btrfs
from lxc.kernel.fs import closing
from lxc.storage.dir import attach, mount

__all__ = ["attach", "detects", "mount"]


def detects(path: str) -> bool:
    try:
        with closing(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
            return btrfs.is_subvolume(fd)
    except OSError:
        return False
