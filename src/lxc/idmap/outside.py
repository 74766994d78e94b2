"""Writing the id maps of a new user namespace, from the monitor, before its init goes on: ourselves, or by newuidmap(1) and newgidmap(1)."""

from __future__ import annotations

import errno
import os

from lxc.errors import StepError
from lxc.idmap.plan import CONTAINER
from lxc.idmap.starter import helper
from lxc.kernel import mount, procfs
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.idmap.plan import IdMapPlan, Range


def write(plan: IdMapPlan, pid: int) -> None:
    """Give the user namespace of process `pid`, a child of ours, its ids: users first.  Raises StepError."""
    if not plan.users or not plan.is_new:
        return
    try:
        for file, ranges in (("uid_map", plan.users), ("gid_map", plan.groups)):
            if plan.uses_helpers:
                _have_written(pid, f"new{file.replace('_', '')}", ranges)
                continue
            if file == "gid_map" and os.geteuid() != 0:
                procfs.write(f"{pid}/setgroups", "deny")  # else it could leave a group that keeps it from something
            procfs.write(f"{pid}/{file}", "".join(f"{range_}\n" for range_ in ranges))
    except OSError as error:
        raise StepError(f"map the ids of the container ({file})", error) from error


def map_mount(pid: int, tree: int, users: str, recursive: bool) -> None:
    """Show the files of the detached mount `tree` with the ids of the user namespace of process `pid`, or in the file `users`.

    Only the host's root may, and only with file systems that can do it (mount_setattr(2), MOUNT_ATTR_IDMAP).
    Raises OSError.
    """
    file = f"/proc/{pid}/ns/user" if users == CONTAINER else users
    with closing(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)) as namespace:
        mount.mount_setattr(tree, attr_set=mount.MOUNT_ATTR_IDMAP, userns_fd=namespace, recursive=recursive)


def _have_written(pid: int, name: str, ranges: tuple[Range, ...]) -> None:
    """By newuidmap or newgidmap.  Raises OSError, whose text is what it said."""
    from lxc import programs  # an ordinary user's start needs it, no other

    path = helper(name)
    if not path:
        raise OSError(errno.ENOENT, f"{name} is missing")
    argv = (name, str(pid), *(word for range_ in ranges for word in str(range_).split()))
    status, said = programs.spawn(path, argv, {})
    if status:
        words = " / ".join(said.split("\n")).strip(" /")
        raise OSError(errno.EPERM, words or f"{name} ended with status {status}")
