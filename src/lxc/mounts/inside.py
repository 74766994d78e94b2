"""Doing, in the container's mount namespace, what lxc.mounts.plan decided; and making the result the root.

Every mount is made the same way: off-stage first, as a detached mount that only
a descriptor refers to, with its attributes set; then attached, in one call, to
a place below the container's root that was itself opened by descriptor, with no
link on the way (lxc.beneath).
"""

from __future__ import annotations

import errno
import os

from lxc import beneath
from lxc.kernel import mount
from lxc.kernel.fs import closing
from lxc.mounts.plan import RDONLY, Bind, BootId, Device, Link, MakeDir, MakeFile, New, RootPlan, Step

_TYPE, _DIRECTORY, _DEVICE = 0o170000, 0o040000, 0o020000  # S_IFMT, S_IFDIR, S_IFCHR
# File systems that exist once for a namespace, or the host: read-only is a mount of them, never the file system itself.
_ONE_FOR_ALL = frozenset(
    ("sysfs", "cgroup", "cgroup2", "mqueue", "securityfs", "debugfs", "tracefs", "configfs", "pstore", "efivarfs",
     "binfmt_misc", "fusectl", "selinuxfs", "rpc_pipefs", "nfsd", "resctrl")
)  # fmt: skip
_CREATE_FILE_MODE = 0  # of mount targets that entries ask for: only ever seen when nothing is mounted there


def take_root(plan: RootPlan) -> int:
    """Mount the root file system where `plan` says, unseen by the host.  Return a descriptor of it; the caller closes it."""
    mount.mount(None, "/", None, mount.MS_REC | mount.MS_SLAVE)
    with closing(mount.open_tree(mount.AT_FDCWD, plan.path, mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)) as tree:
        with closing(os.open(plan.mount, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as target:
            mount.move_mount(tree, target)
        return os.open(plan.mount, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def perform(step: Step, root: int) -> None:
    """Perform `step` below the directory `root`.  Raises OSError, whose text names what was in the way."""
    match step:
        case MakeDir():
            beneath.make_directory(root, step.path)
        case MakeFile():
            beneath.make_file(root, step.path, _CREATE_FILE_MODE)
        case Bind():
            _bind(step, root)
        case New():
            _new(step, root)
        case Device():
            _make_device(step, root)
        case Link():
            _make_link(step, root)
        case BootId():
            _bind_boot_id(step, root)


def enter(root: int) -> None:
    """Make `root` the root directory and drop the old one: pivot_root(2)."""
    with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as old:
        os.fchdir(root)
        mount.pivot_root(".", ".")
        os.fchdir(old)
        mount.mount(None, ".", None, mount.MS_REC | mount.MS_SLAVE)
        mount.umount(".", mount.MNT_DETACH)
        os.fchdir(root)
    mount.mount(None, ".", None, mount.MS_REC | mount.MS_SHARED)
    os.chdir("/")


def _bind(step: Bind, root: int) -> None:
    flags = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE * step.recursive
    if step.in_root:
        with closing(beneath.open(root, step.source, os.O_PATH)) as source:
            tree = mount.open_tree(source, "", flags | mount.AT_EMPTY_PATH)
    else:
        tree = mount.open_tree(mount.AT_FDCWD, step.source, flags)
    with closing(tree):
        mount.mount_setattr(tree, attr_set=step.attr_set, attr_clear=step.attr_clear, recursive=step.recursive)
        _attach(tree, root, step.target)
        _propagate(tree, step)


def _new(step: New, root: int) -> None:
    with closing(mount.fsopen(step.fstype)) as context:
        try:
            _configure(context, step)
        except OSError as error:
            said = _kernel_messages(context)
            if not said:
                raise
            raise OSError(error.errno, f"{error.strerror} ({said})") from error
        with closing(mount.fsmount(context, step.attr_set)) as tree:
            _attach(tree, root, step.target)
            _propagate(tree, step)


def _configure(context: int, step: New) -> None:
    mount.fsconfig(context, mount.FSCONFIG_SET_STRING, "source", step.source)
    is_read_only = step.attr_set & RDONLY and step.fstype not in _ONE_FOR_ALL
    for option in (*step.data, *(("ro",) if is_read_only else ())):
        key, equals, value = option.partition("=")
        if equals:
            mount.fsconfig(context, mount.FSCONFIG_SET_STRING, key, value)
        else:
            mount.fsconfig(context, mount.FSCONFIG_SET_FLAG, key)
    mount.fsconfig(context, mount.FSCONFIG_CMD_CREATE)


def _kernel_messages(context: int) -> str:
    """What the file system said on the descriptor of fsopen(2): lines that begin with "e ", "w " or "i "."""
    said = []
    while True:
        try:
            said.append(os.read(context, 4096).decode(errors="replace").strip()[2:])
        except OSError:
            return "; ".join(said)


def _attach(tree: int, root: int, path: str) -> None:
    with closing(beneath.open(root, path, os.O_PATH)) as target:
        try:
            mount.move_mount(tree, target)
        except OSError as error:
            kinds = _is_directory(tree), _is_directory(target)
            if error.errno != errno.EINVAL or kinds[0] == kinds[1]:
                raise
            what, on = ("a directory", "a file") if kinds[0] else ("a file", "a directory")
            raise OSError(errno.ENOTDIR, f"{what} cannot be mounted on {on}", path) from error


def _is_directory(fd: int) -> bool:
    return os.fstat(fd).st_mode & _TYPE == _DIRECTORY


def _propagate(tree: int, step: Bind | New) -> None:
    """Once attached, as mount(8) does it: what was attached before is not what others see."""
    if step.propagation:
        mount.mount_setattr(tree, propagation=step.propagation, recursive=step.propagation_recursive)


def _make_device(step: Device, root: int) -> None:
    above, _, name = step.path.rpartition("/")
    with closing(beneath.open(root, above, os.O_PATH | os.O_DIRECTORY)) as parent:
        try:
            os.mknod(name, _DEVICE | step.mode, os.makedev(step.major, step.minor), dir_fd=parent)
        except FileExistsError:
            pass


def _make_link(step: Link, root: int) -> None:
    above, _, name = step.path.rpartition("/")
    with closing(beneath.open(root, above, os.O_PATH | os.O_DIRECTORY)) as parent:
        try:
            os.symlink(step.target, name, dir_fd=parent)
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
