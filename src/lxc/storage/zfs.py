"""A ZFS dataset as the root."""

from __future__ import annotations

import os

from lxc import detached
from lxc.storage.backend import Attached
from lxc.storage.plan import zfs_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.plan import RootPlan


def detects(path: str) -> bool:
    """A dataset's name is no absolute path."""
    return not path.startswith("/") and os.path.exists("/dev/zfs")


def attach(plan: RootPlan) -> Attached:
    return Attached()


def mount(plan: RootPlan) -> int:
    return detached.filesystem("zfs", plan.path, plan.attr_set, (*plan.data, *zfs_options(plan.path)))
