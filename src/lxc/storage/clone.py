"""The root file system of a container's copy: decided first, which is pure and prints itself, then made.

    files      all files are copied, from whatever storage           -> a directory, a btrfs subvolume, an image, a volume
    snapshot   a snapshot of the btrfs subvolume, with those in it   -> a btrfs subvolume
               … of the volume                                       -> a logical volume
    layer      an overlay: the copy's changes on top of the source   -> overlay:SOURCE:NEW/overlay/delta
    image      the file is copied                                    -> loop:NEW/rootdev

Whatever is made, but for volumes, lies in the copy's own directory and is undone with that.
"""

from __future__ import annotations

import errno
import os

from lxc.errors import LxcError, Unsupported
from lxc.kernel import btrfs, fs
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.storage import backend, creation, outside, overlay, subvolumes, tree, volumes
from lxc.storage.creation import Wanted
from lxc.storage.plan import MODULES, RootPlan, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.storage.volumes import Volume

    Find = Callable[[str, int], int]

TARGETS = ("dir", "btrfs", "overlay", "overlayfs", "loop", "lvm")  # what a copy can be stored as
_KEPT = "zfs has commands of its own for that"


class Clone(Record):
    """How the root of a copy comes to be."""

    way: str
    driver: str
    path: str  # lxc.rootfs.path of the copy, without the driver
    source: RootPlan
    directory: str  # the copy's own
    wanted: Wanted = Wanted()  # the file system, if a new one is made

    def __str__(self) -> str:
        source, rootfs = self.source.path, f"{self.directory}/rootfs"
        if self.way == "snapshot" and self.driver == "lvm":
            return f"lvcreate -s -n {self.path.rpartition('/')[2]} -L {self.wanted.size}b {source}"
        if self.way == "snapshot":
            return f"btrfs subvolume snapshot {source} {rootfs} # and each in it"
        if self.way == "image":
            return f"cp --sparse=always {source} {self.path}"
        if self.way == "layer":
            lower, upper, work = layers(self.path)
            make = f"mkdir -p {rootfs} {upper} {work}"
            return f"{make}\ncp -a {layers(source)[1]}/. {upper}" if self.is_of_layers else f"{make} # over {lower[0]}"
        if self.driver in ("loop", "lvm"):
            made = creation.Creation(self.driver, self.path, self.directory, self.wanted)
            make = f"{made}\nmount {self.path} {rootfs}"
        else:
            make = f"{'btrfs subvolume create' if self.driver == 'btrfs' else 'mkdir'} {rootfs}"
        return f"{make}\ncp -a {source}/. {rootfs}"

    @property
    def is_of_layers(self) -> bool:
        """Whether the source is an overlay itself."""
        return MODULES[self.source.driver] == "overlay"

    @property
    def needs(self) -> tuple[str, ...]:
        """The directories that the copy's root goes on using, of whoever they are."""
        return layers(self.path)[0] if self.way == "layer" else ()


def decide(
    source: RootPlan,
    directory: str,
    *,
    as_snapshot: bool,
    driver: str,
    may_copy: bool,
    shared: bool,
    size: int,
    volume: Wanted,
) -> Clone:
    """How to copy the root `source` into the container's directory `directory`.  Pure.  Raises Unsupported.

    With `as_snapshot` nothing is copied that can be shared: over a directory an overlay is made, but with `may_copy` a
    copy.  `driver` is the storage that is wished for, "" leaves it to the source's.  `shared` says whether source and
    copy are on the same btrfs.  `size` is that of a new file system, in bytes; 0 is as the source's image, or the usual.
    `volume` is what the source's volume is, if it is one, and which group a new one would be of.
    """
    kind = MODULES[source.driver]
    if driver and driver not in TARGETS:
        raise Unsupported(
            f"a copy cannot be stored as {driver}", hint=f"there are: {', '.join(TARGETS)}; {_KEPT}", where=source.where
        )
    if kind not in ("dir", "btrfs", "overlay", "loop") and source.driver != "lvm" and not driver:
        raise Unsupported(
            f"a copy cannot be stored as its source is: {source.driver}:{source.path}",
            hint=f"-B dir copies its files into a directory; {_KEPT}",
            where=source.where,
        )
    target, rootfs = driver or source.driver, f"{directory}/rootfs"

    def clone(way: str, driver: str, path: str) -> Clone:
        return Clone(way, driver, path, source, directory, volume.replace(size=size or volume.size))

    if size and target not in ("lvm", "loop"):
        raise Unsupported("only a copy in an image or a volume of its own has a size", hint="-B loop makes an image")
    if target == "lvm" and (source.driver == "lvm" or may_copy or not as_snapshot):
        way = "snapshot" if as_snapshot and source.driver == "lvm" else "files"
        return clone(way, "lvm", creation.volume_path(directory, volume))
    if kind == "btrfs" and shared and driver in ("", "btrfs"):
        return clone("snapshot", "btrfs", rootfs)
    if driver in ("overlay", "overlayfs") or (as_snapshot and not driver and (kind == "overlay" or not may_copy)):
        return _layer(clone, source, directory, as_snapshot=as_snapshot)
    if as_snapshot and not may_copy:
        raise Unsupported(
            f"{driver} has no snapshots of {source.driver}", hint="-B overlay, or no -B at all, makes one"
        )
    if target == "loop":
        return clone("files" if size or kind != "loop" else "image", "loop", f"{directory}/rootdev")
    return clone("files", "btrfs" if driver == "btrfs" else "dir", rootfs)


def _layer(clone: Callable[[str, str, str], Clone], source: RootPlan, directory: str, *, as_snapshot: bool) -> Clone:
    if not as_snapshot:
        raise Unsupported("an overlay can only be used for snapshots", hint="add -s, or use -B dir", where=source.where)
    if MODULES[source.driver] not in ("dir", "btrfs", "overlay"):
        raise Unsupported(
            f"there are no overlays over {source.driver}: they are made of directories",
            hint="copy it without -s",
            where=source.where,
        )
    lower = layers(source.path)[0] if MODULES[source.driver] == "overlay" else (source.path,)
    return clone("layer", "overlay", ":".join((*lower, f"{directory}/overlay/delta")))


def is_shared(path: str, directory: str) -> bool:
    """Whether `path` is a btrfs subvolume, and `directory` on the same file system.  Raises OSError."""
    if not backend.of("btrfs").detects(path):
        return False
    with closing(_open(path)) as source, closing(_open(directory)) as target:
        is_btrfs = fs.filesystem_type(target) == fs.BTRFS_SUPER_MAGIC
        return is_btrfs and btrfs.filesystem_id(source) == btrfs.filesystem_id(target)


def make(clone: Clone, directory: int, check: Callable[[], None], find: Find = os.open) -> tuple[str, ...]:
    """Make it, in the copy's opened `directory`.  Return a sentence about each thing that was left out.

    `check` raises to end it.  `find(path, flags)` opens what of the source is a directory or a file.
    What was made until something fails lies in the copy's directory.  Raises LxcError, OSError.
    """
    if clone.driver == "lvm":
        creation.make_directories(directory, ("rootfs",))  # it is mounted on
        return () if clone.way == "snapshot" else _fill(clone, check, find)
    if clone.way == "image":
        _image(clone.source.path, directory, find)
        return ()
    if clone.way == "snapshot":
        with closing(_open(clone.source.path, find)) as source:
            return subvolumes.snapshot(source, directory, "rootfs", clone.source.path, check)
    if clone.way == "layer":
        return _delta(clone, directory, check, find)
    if clone.driver == "loop":
        creation.make_image(directory, clone.path, clone.wanted)
        return _fill(clone, check, find)
    if clone.driver == "btrfs":
        creation.subvolume(directory, clone.directory)
    else:
        creation.make_directories(directory, ("rootfs",))
    with closing(_inner(directory, "rootfs")) as target:
        return _files(clone.source, target, check, find)


def make_volume(clone: Clone) -> Volume:
    """The logical volume of a copy that has one: a snapshot, or an empty one.  Raises StepError, and leaves nothing then."""
    if clone.way == "files":
        return creation.make_volume(clone.path, clone.wanted)
    made = volumes.snapshot(clone.source.path, clone.path.rpartition("/")[2], clone.wanted.size)
    try:
        volumes.be_another(made.path)
    except BaseException:
        volumes.remove(made)
        raise
    return made


def _fill(clone: Clone, check: Callable[[], None], find: Find) -> tuple[str, ...]:
    """Copy the files into a new file system, of which only what they are is to be there."""

    def work(target: int) -> tuple[str, ...]:
        try:
            os.rmdir("lost+found", dir_fd=target)
        except FileNotFoundError:
            pass  # not every kind has it
        left = _files(clone.source, target, check, find)
        creation.settle(target, clone.path)
        return left

    try:
        return _seen(RootPlan(clone.path, driver=clone.driver), work)
    except LxcError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC:
            error.hint = f"the copy's file system has {clone.wanted.size >> 20} MiB; -L gives it more"
        raise


def _files(source: RootPlan, target: int, check: Callable[[], None], find: Find) -> tuple[str, ...]:
    """Copy the files of `source`, seen as the container sees them: of an overlay, all layers as one."""

    def copy(root: int) -> tuple[str, ...]:
        return _copy(root, target, source.path, check)

    if source.is_directory:
        with closing(_open(source.path, find)) as root:
            return copy(root)
    if source.is_overlay:
        with closing(_merged(source, find)) as mounted, closing(_inner(mounted, ".")) as root:
            return copy(root)
    read_only = source.replace(attr_set=source.attr_set | 1)
    if MODULES[source.driver] != "loop":
        return _seen(read_only, copy)
    with closing(find(source.path, os.O_RDONLY | os.O_CLOEXEC)) as image:
        return _seen(read_only.replace(path=f"/proc/self/fd/{image}"), copy)


def _merged(source: RootPlan, find: Find) -> int:
    """A descriptor of an overlay's layers as one, mounted nowhere and only to be read.  The caller closes it."""
    lower, upper, _ = layers(source.path)
    opened: list[int] = []
    try:
        for path in (upper, *lower):
            try:
                opened.append(_open(path, find))
            except FileNotFoundError:
                if path != upper:  # nothing was changed so far
                    raise
        if len(opened) == 1:
            return os.dup(opened[0])
        return overlay.merged(source, tuple(f"/proc/self/fd/{fd}" for fd in opened))
    finally:
        fs.close(*opened)


def _seen(root: RootPlan, work: Callable[[int], tuple[str, ...]]) -> tuple[str, ...]:
    """Do `work` with the root mounted, on nothing, and opened."""
    attached = outside.attach(root)
    try:
        mounted = backend.of(root.driver).mount(root.replace(device=attached.device))
        with closing(mounted), closing(_inner(mounted, ".")) as top:
            return work(top)
    finally:
        outside.detach(attached)


def _copy(source: int, target: int, path: str, check: Callable[[], None]) -> tuple[str, ...]:
    left = tree.copy(source, target, path, check)
    return tuple(f"{path}/{mount} is a mount point: what is mounted there was not copied" for mount in left)


def _delta(clone: Clone, directory: int, check: Callable[[], None], find: Find) -> tuple[str, ...]:
    """The upper layer: that of the source with all its changes, or one without any."""
    creation.make_directories(directory, ("rootfs", "overlay", "overlay/delta", "overlay/work"))
    lower, upper, _ = layers(clone.source.path) if clone.is_of_layers else ((), clone.source.path, "")
    for path in lower:
        os.close(_open(path, find))  # they stay what is below, and must be to be found
    with closing(_open(upper, find)) as source, closing(_inner(directory, "overlay/delta")) as target:
        _surround(directory, os.fstat(source))
        if clone.is_of_layers:
            return _copy(source, target, upper, check)
        tree.dress(source, target)  # the upper layer's root is the container's
    return ()


def _surround(directory: int, owner: os.stat_result) -> None:
    """Make what is around the upper layer its owner's, too: a user could not remove it if it were root's."""
    with (
        closing(_inner(directory, "rootfs")) as rootfs,
        closing(_inner(directory, "overlay")) as overlay,
        closing(_inner(overlay, "work")) as work,
    ):
        for fd in (rootfs, overlay, work):
            os.fchown(fd, owner.st_uid, owner.st_gid)


def _inner(directory: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)


def _image(path: str, directory: int, find: Find) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        closing(find(path, os.O_RDONLY | os.O_CLOEXEC)) as source,
        closing(os.open("rootdev", flags, 0o600, dir_fd=directory)) as target,
    ):
        tree.data(source, target)


def _open(path: str, find: Find = os.open) -> int:
    return find(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
