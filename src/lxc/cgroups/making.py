"""Making and removing cgroups, by paths below each hierarchy's base, marked with whose they are."""

from __future__ import annotations

import errno
import os
import time

from lxc import log
from lxc.cgroups import nesting
from lxc.cgroups.files import read, write
from lxc.cgroups.nesting import CPUSET
from lxc.cgroups.tree import below, walk
from lxc.errors import StepError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxc.cgroups.plan import Hierarchy, Layout

OWNERS = ("trusted.lxc.owner", "user.lxc.owner")  # extended attribute that names the container; users have the second
_SHARED = "-"  # the owner of a cgroup that was made only to have others in it
_PIVOT = "lxc.pivot"  # where LXC lets a monitor go whose own cgroup is removed
_PATIENCE = 5.0  # seconds until the last process must be gone
_ATTEMPTS = 20  # against somebody who removes what is empty
_REMEDY = {
    errno.EACCES: "run it as root, or have the cgroup delegated to you",
    errno.EROFS: "mount the cgroup file system writable",
    errno.EAGAIN: "raise cgroup.max.descendants, or cgroup.max.depth, of a cgroup above it",
}


def make_all(layout: Layout, names: tuple[str, str, str], owner: str, *, denies_devices: bool = False) -> bool:
    """Make the cgroups monitor, payload and, in that, inner in every hierarchy; a name that is "" is left out.

    `denies_devices`: rules that deny all devices are to be put in force in version 1.  False, and nothing made, if one is
    taken.  Raises StepError, and nothing is made then, either.
    """
    monitor, payload, inner = names
    made: list[tuple[Hierarchy, str]] = []
    try:
        for hierarchy in layout.hierarchies:
            for name in (monitor, payload, f"{payload}/{inner}" if inner else ""):
                if name:
                    _make(hierarchy, name, owner)
                    made.append((hierarchy, name))
                if inner and name == payload and denies_devices and "devices" in hierarchy.controllers:
                    _prepare_devices(hierarchy, payload)
    except BaseException as error:
        for hierarchy, name in reversed(made):
            os.rmdir(hierarchy.directory_of(name))
            _remove_way(hierarchy, name)
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


def remove_all(layout: Layout, name: str, owner: str | None = None) -> None:
    """Remove the cgroup `name`, those below it, and those that were made only to have it in them, in every hierarchy.

    With `owner`, only where it is marked so.
    """
    for hierarchy in layout.hierarchies:
        directory = hierarchy.directory_of(name)
        if owner is None or owner_of(directory) == owner:
            remove_tree(directory)
            _remove_way(hierarchy, name)


def owned(layout: Layout, name: str, owner: str) -> list[str]:
    """The directories of the cgroup `name` that are marked as `owner`'s."""
    return [directory for directory in layout.directories(name) if owner_of(directory) == owner]


def pivot(hierarchy: Hierarchy, below: str = "") -> str:
    """The cgroup lxc.pivot, relative to the mount, made if it does not exist."""
    name = f"{below}/{_PIVOT}" if below else _PIVOT
    try:
        _make(hierarchy, name, "")
    except FileExistsError:
        pass
    return hierarchy.below_base(name)


def remove_tree(directory: str) -> None:
    """rmdir `directory` and the cgroups below it; what a process is still in stays, and is logged."""
    if is_removed(directory):
        return
    deadline = time.monotonic() + _PATIENCE
    for above, name in walk(directory):
        while True:
            try:
                os.rmdir(name, dir_fd=above)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno == errno.EBUSY and time.monotonic() < deadline:
                    time.sleep(0.002)  # the last process is a zombie, or on its way out
                    continue
                log.warn(f"cannot remove the cgroup {name[:64]} in {directory}: {error.strerror}")
            break


def is_removed(directory: str) -> bool:
    """Remove the cgroup if nothing is in it, neither a process nor a cgroup; return whether it is not there any more."""
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def remove_below(directory: str) -> None:
    """`remove_tree` of the cgroups in the cgroup `directory`, which stays; it may be gone."""
    for name in below(directory):
        remove_tree(f"{directory}/{name}")


def owner_of(directory: str) -> str:
    """Whose the cgroup is: "LXCPATH/NAME" of a container; "" if it is not marked."""
    for attribute in OWNERS:
        try:
            return os.fsdecode(os.getxattr(directory, attribute))
        except OSError:
            continue
    return ""


def _make(hierarchy: Hierarchy, name: str, owner: str) -> None:
    """Make the cgroup, and the way to it.  Raises FileExistsError if it is there, StepError."""
    for attempt in range(_ATTEMPTS):
        try:
            if "/" in name:
                for way in ways(name):
                    _make_way(hierarchy, way)
            _mkdir(hierarchy, name, owner)
            return
        except FileExistsError:
            raise
        except OSError as error:
            is_gone = error.errno in (errno.ENOENT, errno.ENODEV)
            if is_gone and attempt < _ATTEMPTS - 1:
                continue  # another container of the same place has gone, and taken the way along
            if not is_gone:
                _remove_way(hierarchy, name)
            step, hint = f"make the cgroup {hierarchy.directory_of(name)}", _REMEDY.get(error.errno or 0, "")
            raise StepError(step, error, hint=hint) from error


def _make_way(hierarchy: Hierarchy, name: str) -> None:
    """Have a cgroup for others to be in.  One that is there may be just being made, for another container."""
    try:
        _mkdir(hierarchy, name, _SHARED)
    except FileExistsError:
        directory = hierarchy.directory_of(name)
        if "cpuset" in hierarchy.controllers:
            _take_cpuset(directory, [file for file in CPUSET if not read(f"{directory}/{file}").strip()])


def _prepare_devices(hierarchy: Hierarchy, name: str) -> None:
    directory = hierarchy.directory_of(name)
    try:
        nesting.prepare(directory)
    except OSError as error:
        hint = "leave out lxc.cgroup.dir.container.inner: the cgroup above does not allow all devices"
        raise StepError(f"prepare {directory} for rules of devices", error, hint=hint) from error


def _mkdir(hierarchy: Hierarchy, name: str, owner: str) -> None:
    directory = hierarchy.directory_of(name)
    os.mkdir(directory, 0o755)
    try:
        _mark(directory, owner)
        if "cpuset" in hierarchy.controllers:
            _take_cpuset(directory, CPUSET)
            write(f"{directory}/cgroup.clone_children", "1")  # those that the container makes in it do the same
    except BaseException:
        os.rmdir(directory)
        raise


def ways(name: str) -> Iterable[str]:
    """The cgroups that `name` is in, the outermost first: a, a/b for a/b/c."""
    parts = name.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def _remove_way(hierarchy: Hierarchy, name: str) -> None:
    """Remove the cgroups that were made only to have `name` in them, if they have nothing else."""
    for way in reversed(tuple(ways(name))):
        directory = hierarchy.directory_of(way)
        if not os.path.isdir(directory):
            continue  # it could not be made, or another container was faster
        if owner_of(directory) != _SHARED:
            return
        try:
            os.rmdir(directory)
        except OSError as error:  # EBUSY: others are in it
            log.debug(f"{directory} stays: {error.strerror}")
            return


def _mark(directory: str, owner: str) -> None:
    """Write whose it is on a cgroup, for who finds it left behind; where that cannot be it goes unmarked."""
    for attribute in OWNERS:
        try:
            os.setxattr(directory, attribute, os.fsencode(owner))
            return
        except OSError as error:
            log.debug(f"cannot mark the cgroup {directory} with {attribute}: {error.strerror}")


def _take_cpuset(directory: str, files: Iterable[str]) -> None:
    """No process can enter a v1 cpuset without processors and memory nodes (cpuset(7)): take the parent's."""
    parent = directory.rpartition("/")[0]
    for file in files:
        write(f"{directory}/{file}", read(f"{parent}/{file}").strip())
