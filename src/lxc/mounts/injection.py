"""Mounting into a container that runs, and unmounting there.

The mount is made on the host, detached, where the source is looked up and the
file system is found; then this process becomes one of the container's mount
namespace, and attaches it there below the root, with no link on the way
(lxc.beneath).  What the container mounts on it later is not seen on the host.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc import beneath, detached
from lxc.kernel import mount
from lxc.kernel.fs import closing
from lxc.mounts.plan import NODEV, NOEXEC, NOSUID, RDONLY, Bind, New

_ATIME = 0x70  # one field of mount_setattr(2)
_ATTRIBUTES = {  # MS_* of mount(2) -> MOUNT_ATTR_*
    1: RDONLY, 2: NOSUID, 4: NODEV, 8: NOEXEC, 256: 0x200000, 1024: 0x10, 2048: 0x80, 1 << 21: 0, 1 << 24: 0x20,
}  # fmt: skip
_SILENT = 1 << 15
OF_NAMESPACES = frozenset(("proc", "sysfs", "mqueue", "cgroup", "cgroup2"))  # what is made on the host shows the host's
_UMOUNT_FLAGS = 15  # MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW


def step(source: str, target: str, fstype: str, flags: int, data: str) -> Bind | New:
    """What mount(2) is asked for by these, to be done in a container.  Raises ValueError for what it cannot be."""
    attributes = 0
    for flag, attribute in _ATTRIBUTES.items():
        attributes |= attribute if flags & flag else 0
    left = flags & ~sum(_ATTRIBUTES) & ~_SILENT & ~(mount.MS_BIND | mount.MS_REC)
    if left:
        raise ValueError(f"expected flags that make a mount, got {left:#x}: it is no new one that they change")
    if flags & mount.MS_BIND:
        clear = _ATIME if attributes & _ATIME or flags & 1 << 21 else 0
        return Bind(os.path.abspath(source), target, attributes, clear, recursive=bool(flags & mount.MS_REC))
    if not fstype:
        raise ValueError("expected a file system type, or the flag MS_BIND")
    return New(fstype, source or "none", target, attributes, tuple(filter(None, data.split(","))))


def prepare(wanted: Bind | New) -> int:
    """On the host: the mount, nowhere yet.  The caller closes it.  Raises OSError."""
    if isinstance(wanted, New):
        return detached.filesystem(wanted.fstype, wanted.source, wanted.attr_set, wanted.data)
    set_, clear = wanted.attr_set, wanted.attr_clear
    return detached.copy(
        mount.AT_FDCWD, wanted.source, recursive=wanted.recursive, set_=set_, clear=clear, propagation=mount.MS_SLAVE
    )


def attach(tree: int, target: str) -> None:
    """In the container's mount namespace: attach `tree` at `target`, which is made if it is missing.  Raises OSError."""
    _below_the_root(target)
    with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        try:
            place = beneath.open(root, target, os.O_PATH)
        except FileNotFoundError:
            make = beneath.make_directory if stat.S_ISDIR(os.fstat(tree).st_mode) else beneath.make_file
            make(root, target)
            place = beneath.open(root, target, os.O_PATH)
        with closing(place):
            detached.attach(tree, place, target)


def detach(target: str, flags: int) -> None:
    """In the container's mount namespace: umount2(2) of `target`, no link on the way being followed.  Raises OSError."""
    if flags & ~_UMOUNT_FLAGS:
        raise OSError(errno.EINVAL, "unknown flags", target)
    *above, name = _below_the_root(target)
    with (
        closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root,
        closing(beneath.open(root, "/".join(above), os.O_PATH | os.O_DIRECTORY)) as parent,
    ):
        os.fchdir(parent)
    try:
        mount.umount(name, flags | mount.UMOUNT_NOFOLLOW)
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from None


def _below_the_root(target: str) -> list[str]:
    """The components of `target`.  Raises OSError if it is the root, or has `..` in it."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise OSError(errno.EINVAL, "expected a path below the container's root, without '..'", target)
    return parts
