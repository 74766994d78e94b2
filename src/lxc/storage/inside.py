"""Mounting the root file system, in the container's mount namespace."""

from __future__ import annotations

import os

from lxc.kernel import mount
from lxc.kernel.fs import closing
from lxc.storage import backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.plan import RootPlan


def take_root(plan: RootPlan) -> int:
    """Mount the root file system where `plan` says, unseen by the host.  Return a descriptor of it; the caller closes it.

    The monitor has attached it before.  Of a container that shares the host's root it is "/".
    """
    mount.mount(None, "/", None, mount.MS_REC | mount.MS_SLAVE)
    if plan.is_shared:
        return os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    tree = backend.of(plan.driver).mount(plan)
    try:
        with closing(os.open(plan.mount, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as target:
            mount.move_mount(tree, target)
        if plan.propagation and plan.propagation != mount.MS_SHARED:  # it becomes that once entered, not before
            mount.mount_setattr(tree, propagation=plan.propagation, recursive=plan.propagation_recursive)
    except OSError:
        os.close(tree)
        raise
    return tree
