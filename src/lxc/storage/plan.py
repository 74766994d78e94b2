"""Deciding how the root file system is mounted.  Pure; prints as a script.

`path` is what `lxc.rootfs.path` calls it, without the driver.  A container
without one, path "", shares the root of the host.
"""

from __future__ import annotations

from lxc.errors import Unsupported
from lxc.record import Record
from lxc.values.mount import written

MODULES = {  # driver -> the module of this package that knows it
    "dir": "dir", "btrfs": "btrfs", "overlay": "overlay", "overlayfs": "overlay", "loop": "loop", "zfs": "zfs",
    "nbd": "nbd", "lvm": "block", "rbd": "block", "block": "block",
}  # fmt: skip


class RootPlan(Record):
    """The root: mounted on `mount`, then entered."""

    path: str
    mount: str = ""
    driver: str = "dir"
    attr_set: int = 0
    attr_clear: int = 0
    propagation: int = 0
    propagation_recursive: bool = False
    data: tuple[str, ...] = ()  # options of the file system's own
    makes_mount: bool = False  # if it does not exist
    idmap: str = ""  # whose ids its files get: a user namespace's file, or "container"
    owner: tuple[int, int] = (-1, -1)  # the host's ids of root in the container's user namespace, if it has one
    by_monitor: bool = False  # mounted by it, on nothing, since init may not: it is in a user namespace
    device: str = ""  # the block device that the monitor attached it to, once it has
    opened: tuple[int, int] = (-1, -1)  # of an overlay, the upper directory and the work's, if they are not looked up
    where: str = ""
    where_options: str = ""
    where_mount: str = ""

    @property
    def has_owner(self) -> bool:
        """Whether the container is in a user namespace of its own."""
        return self.owner != (-1, -1)

    @property
    def is_shared(self) -> bool:
        """Whether it is the host's."""
        return not self.path

    @property
    def is_directory(self) -> bool:
        """Whether there is a directory on the host to be mounted, and no file system: options of one mean nothing."""
        return self.driver in ("dir", "btrfs")

    @property
    def is_overlay(self) -> bool:
        return MODULES.get(self.driver) == "overlay"

    @property
    def is_device(self) -> bool:
        """Whether a file system of the host's kernel is mounted from a device."""
        return MODULES.get(self.driver) in ("block", "loop", "nbd", "zfs")

    @property
    def is_read_only(self) -> bool:
        return bool(self.attr_set & 1)

    def __str__(self) -> str:
        return "# the root file system is the host's" if self.is_shared else _SCRIPTS[MODULES[self.driver]](self)

    def words(self, *more: str) -> str:
        """The options, and `more` of the file system's own, as mount(8) is given them."""
        data = (f"idmap={self.idmap}", *more) if self.idmap else more
        return written(self.attr_set, self.attr_clear, self.propagation, data)


def root(path: str, driver: str, mount: str, spare: str, where: str = "") -> RootPlan:
    """The plan for the root file system `path` of `driver`.  Raises Unsupported.

    `mount` is where the configuration wants it mounted; without that ("") it is where it is, if that is a directory,
    else `spare`, which is made if it does not exist.
    """
    if driver not in MODULES:
        raise Unsupported(
            f"there is no storage driver {driver}",
            where=where,
            hint=f"those there are: {' '.join(MODULES)}; a path with a colon in it needs dir: before it",
        )
    plan = RootPlan(path, mount, driver, where=where)
    if MODULES[driver] == "overlay":
        upper = layers(path, where)[1]
        return plan.replace(mount=mount or upper)
    if plan.is_directory:
        return plan.replace(mount=mount or path)
    return plan.replace(mount=mount or spare, makes_mount=not mount)


def layers(path: str, where: str = "") -> tuple[tuple[str, ...], str, str]:
    """LOWER[:LOWER…]:UPPER -> (lower layers, uppermost first; upper; work, which is beside upper).  Raises Unsupported."""
    first, *others = path.split(":/")
    *lower, upper = first, *(f"/{other}" for other in others)
    if not lower:
        raise Unsupported(
            f"an overlay needs two directories, and {path} is one",
            where=where,
            hint="lxc.rootfs.path = overlay:/LOWER:/UPPER",
        )
    return tuple(lower), upper, f"{upper.rstrip('/').rpartition('/')[0]}/work"


def nbd_file(path: str) -> tuple[str, str]:
    """FILE[:PARTITION] -> (file, "" or "pPARTITION")."""
    file, colon, partition = path.rpartition(":")
    return (file, f"p{partition}") if colon and partition in tuple("123456789") else (path, "")


def zfs_options(dataset: str) -> tuple[str, ...]:
    """What mount(8) of ZFS adds by itself."""
    return "zfsutil", f"mntpoint={dataset}"


def _directory(plan: RootPlan) -> str:
    return f"mount --rbind{plan.words()} {plan.path} {plan.mount}"


def _device(plan: RootPlan) -> str:
    return f"mount{plan.words(*plan.data)} {plan.path} {plan.mount}"


def _loop(plan: RootPlan) -> str:
    how = "--read-only " * plan.is_read_only
    return f"losetup --find {how}{plan.path}\nmount{plan.words(*plan.data)} /dev/loopN {plan.mount}"


def _nbd(plan: RootPlan) -> str:
    file, partition = nbd_file(plan.path)
    how = "--read-only " * plan.is_read_only
    return f"qemu-nbd --connect=/dev/nbdN {how}{file}\nmount{plan.words(*plan.data)} /dev/nbdN{partition} {plan.mount}"


def _overlay(plan: RootPlan) -> str:
    lower, upper, work = layers(plan.path)
    words = plan.words(*plan.data, f"lowerdir={':'.join(lower)}", f"upperdir={upper}", f"workdir={work}")
    return f"mkdir -p {upper} {work}\nmount -t overlay{words} overlay {plan.mount}"


def _zfs(plan: RootPlan) -> str:
    return f"mount -t zfs{plan.words(*plan.data, *zfs_options(plan.path))} {plan.path} {plan.mount}"


_SCRIPTS = {
    "dir": _directory, "btrfs": _directory, "block": _device, "loop": _loop, "nbd": _nbd, "overlay": _overlay,
    "zfs": _zfs,
}  # fmt: skip
