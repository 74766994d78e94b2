"""Doing, in the container's mount namespace, what lxc.mounts.plan decided; and making the result the root.

Every mount is made the same way: off-stage first, as a detached mount that only
a descriptor refers to, with its attributes set; then attached, in one call, to
a place below the container's root that was itself opened by descriptor, with no
link on the way (lxc.beneath).
"""

from __future__ import annotations

import os
import stat

from lxc import beneath, detached, propagation
from lxc.kernel import fs, mount
from lxc.kernel.fs import closing
from lxc.mounts.plan import Bind, BootId, Device, Link, MakeDir, MakeFile, MakeLayer, Move, New, OwnCgroup, Step
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_CREATE_FILE_MODE = 0  # of mount targets that entries ask for: only ever seen when nothing is mounted there


class Aid(Record):
    """What in a user namespace only others can do."""

    sources: Mapping[str, int] = {}  # what `find_sources` found, by path
    idmap: Callable[[int, str, bool], None] = detached.nobody_maps  # gives a mount the ids of a user namespace

    def close(self) -> None:
        fs.close(*self.sources.values())


_ALONE = Aid()


def find_sources(steps: Iterable[Step]) -> dict[str, int]:
    """Open what of the host `steps` take, while we still are who may search the directories on the way.

    What cannot be opened is not among them.  The caller closes the descriptors.
    """
    found: dict[str, int] = {}
    for step in steps:
        path = ""
        if isinstance(step, (Bind, Move)) and not step.in_root and step.source.startswith("/"):
            path = step.source
        elif isinstance(step, MakeLayer):
            path = step.container
        if path and path not in found:
            try:
                found[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue  # whether that is a failure shows when it is mounted
    return found


def perform(step: Step, root: int, aid: Aid = _ALONE) -> None:
    """Perform `step` below the directory `root`.  Raises OSError, whose text names what was in the way."""
    match step:
        case MakeDir():
            beneath.make_directory(root, step.path)
        case MakeFile():
            beneath.make_file(root, step.path, _CREATE_FILE_MODE)
        case MakeLayer():
            _make_layer(step, aid)
        case Bind():
            _bind(step, root, aid)
        case Move():
            _move(step, root, aid)
        case OwnCgroup():
            _bind_cgroup(step, root)
        case New():
            _new(step, root)
        case Device() | Link():
            _make(step, root)
        case BootId():
            _bind_boot_id(step, root)


def be_slave(path: str) -> None:
    """In the container's root: what is mounted at `path` gets what happens at its source, and gives nothing back."""
    with (
        closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root,
        closing(beneath.open(root, path, os.O_PATH)) as target,
    ):
        mount.mount_setattr(target, propagation=mount.MS_SLAVE, recursive=True)


def enter(root: int) -> None:
    """Make `root` the root directory and drop the old one: pivot_root(2).

    The old one is the mount namespace's, not what a chroot(2) of the starter's has left of it: whoever joins the
    namespace, also the container's own root, gets there.
    """
    propagation.leave_chroot()
    with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as old:
        os.fchdir(root)
        mount.pivot_root(".", ".")
        os.fchdir(old)
        mount.mount(None, ".", None, mount.MS_REC | mount.MS_SLAVE)
        mount.umount(".", mount.MNT_DETACH)
        os.fchdir(root)
    mount.mount(None, ".", None, mount.MS_REC | mount.MS_SHARED)
    os.chdir("/")


def _bind(step: Bind, root: int, aid: Aid) -> None:
    with closing(_source(step, root, aid)) as source:
        tree = detached.copy(source, "", recursive=step.recursive, set_=step.attr_set, clear=step.attr_clear)
    with closing(tree):
        if step.idmap:
            aid.idmap(tree, step.idmap, step.recursive)
        _attach(tree, root, step.target)
        _propagate(tree, step)


def _move(step: Move, root: int, aid: Aid) -> None:
    with closing(_source(step, root, aid)) as source:
        mount.mount_setattr(source, attr_set=step.attr_set, attr_clear=step.attr_clear)
        _attach(source, root, step.target)
        _propagate(source, step)


def _source(step: Bind | Move, root: int, aid: Aid) -> int:
    """The place of the host or of the container that `step` takes.  Only a host's absolute path may lead through links."""
    if step.in_root:
        return beneath.open(root, step.source, os.O_PATH)
    if step.source.startswith("/"):
        return _host(step.source, aid)
    with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as host:
        return beneath.open(host, step.source, os.O_PATH)


def _new(step: New, root: int) -> None:
    with closing(detached.filesystem(step.fstype, step.source, step.attr_set, step.data)) as tree:
        _attach(tree, root, step.target)
        _propagate(tree, step)


def _bind_cgroup(step: OwnCgroup, root: int) -> None:
    cgroup = f"{step.base}/{step.payload}"
    with closing(detached.copy(mount.AT_FDCWD, cgroup, recursive=False, set_=step.attr_set)) as tree:
        _attach(tree, root, f"{step.target}/{step.payload}")


def _host(path: str, aid: Aid) -> int:
    """The host's `path`; opened before if who we are now may not go there."""
    try:
        return os.open(path, os.O_PATH | os.O_CLOEXEC)
    except PermissionError:
        if path not in aid.sources:
            raise
        return os.dup(aid.sources[path])


def _make_layer(step: MakeLayer, aid: Aid) -> None:
    with closing(_host(step.container, aid)) as container:
        beneath.make_directory(container, step.path)


def _attach(tree: int, root: int, path: str) -> None:
    with closing(beneath.open(root, path, os.O_PATH)) as target:
        detached.attach(tree, target, path)


def _propagate(tree: int, step: Bind | Move | New) -> None:
    """Once attached, as mount(8) does it: what was attached before is not what others see."""
    if step.propagation:
        mount.mount_setattr(tree, propagation=step.propagation, recursive=step.propagation_recursive)


def _make(step: Device | Link, root: int) -> None:
    above, _, name = step.path.rpartition("/")
    with closing(beneath.open(root, above, os.O_PATH | os.O_DIRECTORY)) as parent:
        try:
            if isinstance(step, Link):
                os.symlink(step.target, name, dir_fd=parent)
            else:
                os.mknod(name, stat.S_IFCHR | step.mode, os.makedev(step.major, step.minor), dir_fd=parent)
        except FileExistsError:
            pass


def _bind_boot_id(step: BootId, root: int) -> None:
    digits = os.urandom(16).hex()
    text = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    with closing(beneath.open(root, "dev", os.O_PATH | os.O_DIRECTORY)) as dev:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with closing(os.open(".lxc-boot-id", flags, 0o444, dir_fd=dev)) as file:
            os.write(file, f"{text}\n".encode())
        with closing(mount.open_tree(dev, ".lxc-boot-id", mount.OPEN_TREE_CLONE)) as tree:
            mount.mount_setattr(tree, attr_set=15)
            _attach(tree, root, step.target)
