"""Device nodes of a running container: made and removed in its root, by descriptor, and allowed or denied to it.

The root is hostile: no link in the way is followed (`beneath`), and what looks
into it is a child (`errand`).  In a container with ids of its own a node could
not be opened; there the host's is mounted on a file, in the container's mount
namespace, by a child that is in nothing else of the container.
"""

from __future__ import annotations

import errno
import os

from lxc import beneath, detached
from lxc.cgroups import nodes
from lxc.errors import NotFound, Refused, StepError, Unsupported
from lxc.kernel import mount, process
from lxc.kernel.fs import closing
from lxc.runtime import errand, sealed
from lxc.runtime.attaching import facts as attach_facts
from lxc.runtime.changing import cgroup_files
from lxc.runtime.plans.attach import CGROUP, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.runtime.attaching.facts import Target
    from lxc.runtime.place import Place

_SHARED = "it is the host's own, in a directory that the container shares"


def add(place: Place, source: str, target: str = "") -> None:
    """Give the running container the host's device `source`, at `target` in it ("": the same path).

    A node that is there already is replaced.  Raises NotRunning, NotFound, LxcError.
    """
    _check_privilege()
    status, path = _device(source), target or source
    with _root(place) as (it, root):
        way = _way(it, root)
        try:
            way.make(path, source, status)
        except OSError as error:
            raise StepError(f"make the device {path} in {place.name}", error) from error
        try:
            cgroup_files.write(place, "devices.allow", f"{nodes.numbers(status)} rwm")
        except BaseException:
            way.remove(path)
            raise


def remove(place: Place, source: str, target: str = "") -> None:
    """Take the device at `target` ("": at the path `source`) in the running container away, and deny it.

    Raises NotRunning, NotFound, Refused, LxcError.
    """
    _check_privilege()
    path = target or source
    with _root(place) as (it, root):
        rule = f"{_numbers_in(root, path, place)} rwm"
        try:
            _way(it, root).remove(path)
        except OSError as error:
            raise StepError(f"remove the device {path} of {place.name}", error) from error
        cgroup_files.write(place, "devices.deny", rule)


class _Nodes:
    """Devices of a container that has the host's ids: nodes below `root`."""

    def __init__(self, root: int) -> None:
        self._root = root

    def make(self, path: str, source: str, status: os.stat_result) -> None:
        errand.run(lambda: self._make(path, status), (self._root,))

    def remove(self, path: str) -> None:
        errand.run(lambda: self._unlink(path), (self._root,))

    def _make(self, path: str, status: os.stat_result) -> None:
        above, _, name = path.strip("/").rpartition("/")
        beneath.make_directory(self._root, above)
        os.umask(0)
        with closing(beneath.open(self._root, above, os.O_PATH | os.O_DIRECTORY)) as parent:
            try:
                os.mknod(name, status.st_mode, status.st_rdev, dir_fd=parent)
            except FileExistsError:
                if _is(parent, _of_host(path)):
                    there = os.stat(name, dir_fd=parent, follow_symlinks=False)
                    if nodes.numbers(there) == nodes.numbers(status):
                        return
                    raise OSError(errno.EEXIST, _SHARED) from None
                os.unlink(name, dir_fd=parent)
                os.mknod(name, status.st_mode, status.st_rdev, dir_fd=parent)

    def _unlink(self, path: str) -> None:
        above, _, name = path.strip("/").rpartition("/")
        with closing(beneath.open(self._root, above, os.O_PATH | os.O_DIRECTORY)) as parent:
            if _is(parent, _of_host(path)):
                raise OSError(errno.EPERM, _SHARED)
            os.unlink(name, dir_fd=parent)


class _Mounts:
    """Devices of a container with ids of its own: the host's, mounted on files in its mount namespace."""

    def __init__(self, target: Target) -> None:
        self._target = target
        ranges = (attach_facts.id_ranges(target, file) for file in ("uid_map", "gid_map"))
        self._owner = tuple(attach_facts.outside(each, 0) for each in ranges)

    def make(self, path: str, source: str, status: os.stat_result) -> None:
        with closing(detached.copy(mount.AT_FDCWD, source, recursive=False, propagation=mount.MS_PRIVATE)) as tree:
            self._inside(lambda root: self._attach(root, path, tree), tree)

    def remove(self, path: str) -> None:
        directory = _of_host(path)
        self._inside(lambda root: _unmount(root, path, directory))

    def _attach(self, root: int, path: str, tree: int) -> None:
        uid, gid = self._owner
        os.setegid(gid)  # a file system of the container's knows no files of our root's
        os.seteuid(uid)
        try:
            beneath.make_file(root, path, 0o600)
        finally:
            os.seteuid(0)
            os.setegid(0)
        with closing(beneath.open(root, path, os.O_PATH)) as target:
            mount.move_mount(tree, target)

    def _inside(self, act: Callable[[int], None], tree: int = -1) -> None:
        """Have a child in the container's mount namespace, which has `tree`, do `act` with its root directory.  Raises OSError."""

        def enter() -> None:
            sealed.seal()
            process.setns(namespace, process.CLONE_NEWNS)  # root and working directory are the container's from here on
            with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
                act(root)

        with closing(os.open("ns/mnt", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._target.proc)) as namespace:
            errand.run(enter, (namespace, tree))


def _way(target: Target, root: int) -> _Nodes | _Mounts:
    return _Nodes(root) if target.read("uid_map").split() == ["0", "0", "4294967295"] else _Mounts(target)


def _unmount(root: int, path: str, kept: os.stat_result | None) -> None:
    """Undo `_Mounts._attach`, but for the file if the directory that it is in is to be `kept`: it is the host's."""
    above, _, name = path.strip("/").rpartition("/")
    with closing(beneath.open(root, above, os.O_PATH | os.O_DIRECTORY)) as parent:
        os.fchdir(parent)
        mount.umount(name, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)
        if not _is(parent, kept):
            os.unlink(name)


def _of_host(path: str) -> os.stat_result | None:
    """The status of the host's directory that has `path`, if there is one."""
    try:
        return os.stat(os.path.dirname(f"/{path.strip('/')}"))
    except OSError:
        return None


def _is(directory: int, other: os.stat_result | None) -> bool:
    return other is not None and os.path.samestat(os.fstat(directory), other)


class _root:
    """`with _root(place) as (target, root):` holds the container's init, and a descriptor of its root directory."""

    def __init__(self, place: Place) -> None:
        self._target = attach_facts.open_target(place, Wish(elevated=(CGROUP,)))
        try:
            self._fd = os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._target.proc)
            process.pidfd_send_signal(self._target.pidfd, 0)  # it still lives: that root is its
        except BaseException:
            self._target.close()
            raise

    def __enter__(self) -> tuple[Target, int]:
        return self._target, self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        self._target.close()


def _check_privilege() -> None:
    """As LXC: root of the host alone."""
    with open("/proc/self/uid_map", "rb") as file:
        if os.geteuid() != 0 or file.read().split() != [b"0", b"0", b"4294967295"]:
            raise Unsupported("devices are given to containers by the host's root only", hint="run it with sudo")


def _device(path: str) -> os.stat_result:
    try:
        status = os.stat(path)
    except OSError as error:
        raise NotFound(f"there is no device {path} on the host: {error.strerror}") from error
    if not nodes.numbers(status):
        raise NotFound(f"{path} is not a device")
    return status


def _numbers_in(root: int, path: str, place: Place) -> str:

    def look() -> bytes:
        with closing(beneath.open(root, path, os.O_PATH)) as fd:
            return nodes.numbers(os.fstat(fd)).encode()

    try:
        found = errand.run(look, (root,)).decode()
    except TimeoutError as error:
        raise StepError(f"find the device {path} in {place.name}", error) from error
    except OSError as error:
        raise NotFound(f"there is no device {path} in {place.name}: {error.strerror}") from error
    if not found:
        raise Refused(f"{path} of {place.name} is not a device: it is left alone")
    return found
