"""Mounting the root file system, in the container's mount namespace."""

from __future__ import annotations

import os

from lxc import detached, propagation
from lxc.kernel import fs, mount
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.storage import backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.storage.plan import RootPlan


class Way(Record):
    """Descriptors of the host's directories that the root takes, -1 for those to be looked up; whoever has it closes them."""

    source: int = -1
    target: int = -1

    def close(self) -> None:
        fs.close(self.source, self.target)


def find_way(plan: RootPlan) -> Way:
    """Open what `take_root` will need, while we still are who may search the directories on the way."""
    if plan.is_shared:
        return Way()
    if not plan.is_directory:
        return Way(-1, _found(plan.mount) if os.path.isdir(plan.mount) else -1)  # an overlay's may be made with it
    return Way(_found(plan.path), _found(plan.mount))


def _found(path: str) -> int:
    """The directory, or -1 if we may not search those on the way: it may be another's, who may as the container's root."""
    try:
        return _directory(path)
    except PermissionError:
        return -1


def take_root(
    plan: RootPlan,
    way: Way = Way(),  # noqa: B008  # a Record is immutable
    tree: int = -1,
    idmap: Callable[[int, str, bool], None] = detached.nobody_maps,
) -> int:
    """Mount the root file system where `plan` says, unseen by the host.  Return a descriptor of it; the caller closes it.

    The monitor has attached it before, and mounted it as `tree` if init may not.  Of a container that shares the
    host's root it is "/".  `idmap` gives a detached mount the ids of a user namespace.
    """
    propagation.keep_from_host()
    if plan.is_shared:
        return _directory("/")
    if tree < 0:
        found = plan.replace(path=f"/proc/self/fd/{way.source}") if way.source >= 0 else plan
        tree = backend.of(plan.driver).mount(found)
    try:
        if plan.idmap:
            idmap(tree, plan.idmap, plan.is_directory)
        with closing(_directory(f"/proc/self/fd/{way.target}" if way.target >= 0 else plan.mount)) as target:
            mount.move_mount(tree, target)
        if plan.propagation and plan.propagation != mount.MS_SHARED:  # it becomes that once entered, not before
            mount.mount_setattr(tree, propagation=plan.propagation, recursive=plan.propagation_recursive)
    except OSError:
        os.close(tree)
        raise
    return tree


def _directory(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
