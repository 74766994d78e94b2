"""Mounts that are nowhere yet: made, with their attributes, as descriptors; whoever has one attaches it where it belongs.

Until then nothing on the host and nothing in a container sees them.  The caller
closes what these functions return.  They raise OSError.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc.kernel import fs, mount
from lxc.kernel.fs import closing

_NULL = os.makedev(1, 3)
_LONGEST = 255  # bytes of a value that fsconfig(2) takes
_DIRECTORIES = ("lowerdir", "lowerdir+", "upperdir", "workdir")  # options of an overlay
# File systems that exist once for a namespace, or the host: read-only is a mount of them, never the file system itself.
_ONE_FOR_ALL = frozenset(
    ("sysfs", "cgroup", "cgroup2", "mqueue", "securityfs", "debugfs", "tracefs", "configfs", "pstore", "efivarfs",
     "binfmt_misc", "fusectl", "selinuxfs", "rpc_pipefs", "nfsd", "resctrl")
)  # fmt: skip


def filesystem(fstype: str, source: str, attributes: int = 0, data: tuple[str, ...] = ()) -> int:
    """A new mount of a file system, as mount(8) would make it with the options `data`; `attributes` are MOUNT_ATTR_*.

    What the file system itself says of a failure is added to the error.
    """
    opened: list[int] = []
    if attributes & mount.MOUNT_ATTR_RDONLY and fstype not in _ONE_FOR_ALL:
        data = (*data, "ro")
    try:
        with closing(mount.fsopen(fstype)) as context:
            try:
                _configure(context, source, tuple(_fitting(fstype, option, opened) for option in data))
            except OSError as error:
                said = _kernel_messages(context)
                if not said:
                    raise
                raise OSError(error.errno, f"{error.strerror} ({said})", error.filename) from error
            return mount.fsmount(context, attributes)
    finally:
        fs.close(*opened)


def copy(directory: int, path: str, *, recursive: bool, set_: int = 0, clear: int = 0, propagation: int = 0) -> int:
    """A copy of the mount at `path` ("": `directory` itself), or of the part below it: what a bind mount attaches.

    With `recursive` the mounts below come along, and get the attributes, too.  Of a shared mount the copy is one of those
    that share (mount_namespaces(7)), also in another namespace, unless `propagation` (MS_PRIVATE, MS_SLAVE) is said.
    """
    flags = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE * recursive | (0 if path else mount.AT_EMPTY_PATH)
    tree = mount.open_tree(directory, path, flags)
    try:
        if set_ or clear or propagation:
            mount.mount_setattr(tree, attr_set=set_, attr_clear=clear, propagation=propagation, recursive=recursive)
    except OSError:
        os.close(tree)
        raise
    return tree


def attach(tree: int, target: int, shown: str) -> None:
    """Attach the mount `tree` at the opened `target`, whose path is `shown`."""
    try:
        mount.move_mount(tree, target)
    except OSError as error:
        is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
        if error.errno != errno.EINVAL or is_directory == stat.S_ISDIR(os.fstat(target).st_mode):
            raise
        what, on = ("a directory", "a file") if is_directory else ("a file", "a directory")
        raise OSError(errno.ENOTDIR, f"{what} cannot be mounted on {on}", shown) from error


def nobody_maps(tree: int, users: str, recursive: bool) -> None:
    """Give `tree` other ids, where nobody can."""
    raise PermissionError(errno.EPERM, f"idmap={users}: only the monitor may")


def protected_null(fds: tuple[int, ...]) -> int:
    """If one of `fds` is /dev/null, another descriptor of the host's, through which nobody changes its mode or owner; else -1.

    It is opened on a read-only mount, which is gone then: nobody makes it writable.  The caller closes it.  Who may not
    mount, or open it, has no right to the host's to give away, and gets -1, too.
    """
    if not any(map(is_null, fds)):
        return -1
    try:
        with closing(copy(mount.AT_FDCWD, "/dev/null", recursive=False, set_=mount.MOUNT_ATTR_RDONLY)) as tree:
            return os.open(f"/proc/self/fd/{tree}", os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return -1


def is_null(fd: int) -> bool:
    try:
        status = os.fstat(fd)
    except OSError:
        return False  # it is closed
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL


def _configure(context: int, source: str, data: tuple[str, ...]) -> None:
    mount.fsconfig(context, mount.FSCONFIG_SET_STRING, "source", source)
    for option in data:
        key, equals, value = option.partition("=")
        if equals:
            mount.fsconfig(context, mount.FSCONFIG_SET_STRING, key, value)
        else:
            mount.fsconfig(context, mount.FSCONFIG_SET_FLAG, key)
    mount.fsconfig(context, mount.FSCONFIG_CMD_CREATE)


def _fitting(fstype: str, option: str, opened: list[int]) -> str:
    """`option`; if it is too long, and an overlay's, with names of descriptors for paths, which are added to `opened`."""
    key, _, value = option.partition("=")
    if len(os.fsencode(value)) <= _LONGEST:
        return option
    if fstype.startswith("overlay") and key in _DIRECTORIES:
        from lxc.values.mount import layer_path

        paths = _layers(value) if key == "lowerdir" else (value if key == "lowerdir+" else layer_path(value),)
        value = ":".join(_descriptor(path, opened) if path else "" for path in paths)
    if len(os.fsencode(value)) > _LONGEST:
        raise OSError(errno.ENAMETOOLONG, f"the kernel takes {_LONGEST} bytes", key)
    return f"{key}={value}"


def _layers(text: str) -> tuple[str, ...]:
    """The directories in `text`, between colons; a backslash takes the meaning from what follows."""
    plain = text.replace("\\\\", "\0").replace("\\:", "\1")
    return tuple(path.replace("\1", ":").replace("\0", "\\") for path in plain.split(":"))


def _descriptor(path: str, opened: list[int]) -> str:
    opened.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{opened[-1]}"


def _kernel_messages(context: int) -> str:
    """What the file system said on the descriptor of fsopen(2): lines that begin with "e ", "w " or "i "."""
    said = []
    while True:
        try:
            said.append(os.read(context, 4096).decode(errors="replace").strip()[2:])
        except OSError:
            return "; ".join(said)
