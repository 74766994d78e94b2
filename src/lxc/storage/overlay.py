"""Directories on top of each other as the root; the container writes to the uppermost."""

from __future__ import annotations

import errno

from lxc import detached
from lxc.kernel.mount import MOUNT_ATTR_RDONLY
from lxc.storage import outside
from lxc.storage.backend import Attached
from lxc.storage.plan import layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.plan import RootPlan


def detects(path: str) -> bool:
    return False  # nothing looks like one


def attach(plan: RootPlan) -> Attached:
    """Make what the container's changes go to."""
    _, upper, work = layers(plan.path)
    made = outside.make_directories(upper, owner=plan.owner)
    try:
        return Attached(made=made + outside.make_directories(work, owner=plan.owner))
    except OSError:
        outside.remove_empty(made)
        raise


def mount(plan: RootPlan) -> int:
    lower, upper, work = layers(plan.path)
    rest = (f"upperdir={upper}", f"workdir={work}", *plan.data)
    try:
        return _mount(plan, (*(f"lowerdir+={path}" for path in lower), *rest))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    escaped = (path.replace("\\", "\\\\").replace(":", "\\:") for path in lower)  # before Linux 6.8: one string
    return _mount(plan, (f"lowerdir={':'.join(escaped)}", *rest))


def detach(attached: Attached) -> None:
    """There is nothing more to undo."""


def _mount(plan: RootPlan, data: tuple[str, ...]) -> int:
    read_only = ("ro",) if plan.attr_set & MOUNT_ATTR_RDONLY else ()
    return detached.filesystem("overlay", "overlay", plan.attr_set, (*data, *read_only))
