"""Where the root file system is."""

from __future__ import annotations

from lxc.record import Record
from lxc.values import plain

DRIVERS = ("dir", "overlay", "overlayfs", "loop", "lvm", "btrfs", "zfs", "rbd", "nbd")


class RootfsPath(Record):
    """A storage driver's name ("" is for whatever fits) and what it calls the root file system ("": none)."""

    driver: str = ""
    path: str = ""

    def __str__(self) -> str:
        return self.path  # without the driver: that is how LXC reads it back


def parse(value: str) -> RootfsPath:
    """A path, with `driver:` before it if it is not a directory: dir overlay loop lvm btrfs zfs rbd nbd."""
    driver, colon, path = value.partition(":")
    return RootfsPath(driver, plain.path(path)) if colon else RootfsPath("", plain.path(value))
