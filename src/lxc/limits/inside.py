"""Writing the kernel parameters that the container's namespaces own, from init, once it has entered its root."""

from __future__ import annotations

import os

from lxc import beneath, detached
from lxc.kernel import fs, mount
from lxc.kernel.fs import closing
from lxc.limits.plan import KernelParameter

_ATTRIBUTES = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC


def open_proc(parameters: tuple[KernelParameter, ...]) -> int:
    """The kernel's proc, mounted nowhere, for a container that has none; -1 if there is nothing to write, or we may not.

    To be called while the host's is in sight, without which a user namespace gets none.
    """
    if not parameters:
        return -1
    try:
        return detached.filesystem("proc", "proc", _ATTRIBUTES)
    except PermissionError:
        return -1


def perform(step: KernelParameter, proc: int = -1) -> None:
    """Write one parameter, in `proc`, from `open_proc`, if what lies at /proc in the container is not the kernel's.  Raises OSError."""
    with (
        closing(_find_proc(proc)) as own,
        closing(beneath.open(own, step.path.removeprefix("proc/"), os.O_WRONLY)) as file,
    ):
        os.write(file, step.value.encode(errors="surrogateescape"))


def _find_proc(proc: int) -> int:
    """The container's proc, else a copy of `proc`.  Nothing else is opened: what lies there may wait for ever, or be a device."""
    try:
        with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
            found = beneath.open(root, "proc", os.O_PATH | os.O_DIRECTORY)
        if fs.filesystem_type(found) == fs.PROC_SUPER_MAGIC:
            return found
        os.close(found)
    except FileNotFoundError:
        pass
    if proc < 0:
        raise OSError(None, "/proc is not the kernel's proc")
    return os.dup(proc)
