"""Writing the id maps of a new user namespace, from the monitor, before its init goes on."""

from __future__ import annotations

import os

from lxc.errors import StepError
from lxc.idmap.plan import CONTAINER
from lxc.kernel import fs, mount
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.idmap.plan import IdMapPlan, Range

_OURS = fs.RESOLVE_BENEATH | fs.RESOLVE_NO_SYMLINKS | fs.RESOLVE_NO_MAGICLINKS | fs.RESOLVE_NO_XDEV


def write(plan: IdMapPlan, pid: int) -> None:
    """Give the user namespace of process `pid`, a child of ours, its ids: users first.  Raises StepError."""
    if not plan.users or not plan.is_new:
        return
    try:
        for file, ranges in (("uid_map", plan.users), ("gid_map", plan.groups)):
            _write(pid, file, ranges)
    except OSError as error:
        raise StepError(f"map the ids of the container ({file})", error.strerror or str(error)) from error


def map_mount(pid: int, tree: int, users: str, recursive: bool) -> None:
    """Show the files of the detached mount `tree` with the ids of the user namespace of process `pid`, or in the file `users`.

    Only the host's root may, and only with file systems that can do it (mount_setattr(2), MOUNT_ATTR_IDMAP).
    Raises OSError.
    """
    file = f"/proc/{pid}/ns/user" if users == CONTAINER else users
    with closing(os.open(file, os.O_RDONLY | os.O_CLOEXEC)) as namespace:
        mount.mount_setattr(tree, attr_set=mount.MOUNT_ATTR_IDMAP, userns_fd=namespace, recursive=recursive)


def _write(pid: int, file: str, ranges: tuple[Range, ...]) -> None:
    """In one write(2), through a /proc that is one."""
    with closing(os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as proc:
        if fs.filesystem_type(proc) != fs.PROC_SUPER_MAGIC:
            raise OSError(None, "/proc is not the kernel's")
        with closing(fs.openat2(proc, f"{pid}/{file}", os.O_WRONLY, 0, _OURS)) as fd:
            os.write(fd, "".join(range_.line for range_ in ranges).encode())
