"""What the monitor of another user tells root: it must be that user's, before anything is done to it.

Whoever owns a container's path or configuration may be its monitor (`claim`), and could name any process or cgroup as
its own: root would signal it, join its namespaces, freeze it.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import NotRunning, Refused
from lxc.kernel import fs, process
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place


def check_init(place: Place, uid: int, pid: int) -> None:
    """The init that the user `uid` tells of: `pid` must be in a user namespace of his.  Raises Refused, NotRunning."""
    try:
        is_his = _is_below_one_of(pid, uid)
    except (FileNotFoundError, ProcessLookupError):
        raise NotRunning(f"{place.name} is not running: its init has ended") from None
    except PermissionError:
        is_his = False
    if not is_his:
        what = f"process {pid}, which user {uid} says is the init of {place.name}, is not his: it is left alone"
        raise Refused(what, hint=f"his is the process that listens at @{place.socket_name.decode(errors='replace')}")


def check_init_of(place: Place, uid: int, pidfd: int) -> None:
    """The same of a pidfd, which is closed if it is refused."""
    try:
        with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as file:
            pids = [int(line[4:]) for line in file if line.startswith("Pid:")]
        check_init(place, uid, pids[0] if pids else 0)
        process.pidfd_send_signal(pidfd, 0)  # it still lives, so that was its namespace
    except BaseException as error:
        os.close(pidfd)
        if isinstance(error, ProcessLookupError):
            raise NotRunning(f"{place.name} is not running: its init has ended") from None
        raise


def has_cgroup(uid: int, controller: str, path: str) -> bool:
    """Whether the cgroup `path` ("": of the unified hierarchy) is the user's, or lies in one that is."""
    from lxc.cgroups import outside as cgroups

    layout, names = cgroups.find(), path.strip("/").split("/")
    hierarchy = (controller and layout.home(controller)) or layout.unified
    if not hierarchy or ".." in names:
        return False
    try:
        with closing(os.open(hierarchy.directory("/".join(names)), os.O_PATH | os.O_CLOEXEC)) as directory:
            return _is_his(uid, directory)
    except OSError:
        return False


def cgroups_of(uid: int, descriptors: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the cgroups' directories that are the user's, or lie in one that is; the others are closed."""
    his = tuple(fd for fd in descriptors if _is_his(uid, fd))
    fs.close(*(fd for fd in descriptors if fd not in his))
    return his


def _is_his(uid: int, directory: int) -> bool:
    """Whether it is a cgroup's directory, and this or one above is the user's.

    By descriptor: its path may be one of a mount namespace of the user's.
    """
    at = os.dup(directory)
    while True:
        with closing(at):
            if fs.filesystem_type(at) not in (fs.CGROUP_SUPER_MAGIC, fs.CGROUP2_SUPER_MAGIC):
                log.warn(f"user {uid} tells of a cgroup that is not his")
                return False
            if os.fstat(at).st_uid == uid:
                return True
            at_above = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
        at = at_above


def _is_below_one_of(pid: int, uid: int) -> bool:
    """Whether the outermost user namespace that the process is in, and we are not, is the user's.  Raises OSError."""
    own = os.stat("/proc/self/ns/user")
    namespace = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    while True:
        with closing(namespace):
            if os.path.samestat(os.fstat(namespace), own):
                return False
            above = process.parent_namespace(namespace)
            if os.path.samestat(os.fstat(above), own):
                os.close(above)
                return process.namespace_owner(namespace) == uid
        namespace = above
