"""Directories on top of each other as the root; the container writes to the uppermost."""

from __future__ import annotations

import errno
import os

from lxc import beneath, detached
from lxc.kernel.mount import MOUNT_ATTR_RDONLY
from lxc.storage.backend import Attached
from lxc.storage.plan import layers
from lxc.values.mount import layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.plan import RootPlan


def attach(plan: RootPlan) -> Attached:
    """Make what the container's changes go to."""
    _, upper, work = layers(plan.path)
    if _is_inits(plan):
        return Attached(made=(*_missing(upper), *_with_kernels(_missing(work))))
    made = beneath.make_directories(upper, owner=plan.owner)
    try:
        return Attached(made=made + _with_kernels(beneath.make_directories(work, owner=plan.owner)))
    except OSError:
        beneath.remove_empty(made)
        raise


def mount(plan: RootPlan) -> int:
    lower, upper, work = layers(plan.path)
    if _is_inits(plan):
        beneath.make_directories(upper)
        beneath.make_directories(work)
    opened, room = plan.opened
    upper, work = f"/proc/self/fd/{opened}" if opened >= 0 else upper, f"/proc/self/fd/{room}" if room >= 0 else work
    return _mount(plan, lower, plan.attr_set, f"upperdir={layer(upper)}", f"workdir={layer(work)}")


def merged(plan: RootPlan, directories: tuple[str, ...]) -> int:
    """The layers of `plan`, which are these `directories`, the uppermost first, as one, only to be read: nothing is made for it."""
    return _mount(plan, directories, plan.attr_set | MOUNT_ATTR_RDONLY)


def _mount(plan: RootPlan, lower: tuple[str, ...], attributes: int, *upper: str) -> int:
    # Whoever is root in a user namespace only has extended attributes of users, to note what is removed.
    rest = (*upper, *("userxattr",) * _is_inits(plan), *plan.data)
    each = (f"lowerdir+={path}" for path in lower)
    try:
        return detached.filesystem("overlay", "overlay", attributes, (*each, *rest))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    # before Linux 6.8: one string
    return detached.filesystem("overlay", "overlay", attributes, (f"lowerdir={':'.join(map(layer, lower))}", *rest))


def _is_inits(plan: RootPlan) -> bool:
    """Whether init makes it all, as root of its user namespace: the monitor is nobody who could."""
    return plan.has_owner and not plan.by_monitor


def _missing(path: str) -> tuple[str, ...]:
    """The directories that will have to be made for `path`, outermost first."""
    missing: list[str] = []
    while path != "/" and not os.path.isdir(path):
        missing.insert(0, path)
        path = os.path.dirname(path)
    return tuple(missing)


def _with_kernels(made: tuple[str, ...]) -> tuple[str, ...]:
    """These and what the kernel makes in the last one, if that is new: Linux 6.1 leaves it when a layer below is missing."""
    return (*made, f"{made[-1]}/work") if made else ()
