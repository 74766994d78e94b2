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
    """Write one parameter.  Raises OSError; also if what lies at /proc in the container is not the kernel's proc.

    `proc` is from `open_proc`.
    """
    with closing(_open(step.path, proc)) as file:
        if fs.filesystem_type(file) != fs.PROC_SUPER_MAGIC:
            raise OSError(None, f"/{step.path} is not of the kernel's proc")
        os.write(file, step.value.encode(errors="surrogateescape"))


def _open(path: str, proc: int) -> int:
    with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        try:
            return beneath.open(root, path, os.O_WRONLY)
        except FileNotFoundError as error:
            if proc < 0:
                raise
            try:
                return beneath.open(proc, path.removeprefix("proc/"), os.O_WRONLY)
            except FileNotFoundError:
                raise error from None
