"""A root file system on the host: attached while the container lives.  Whose it is when that is gone, `ours` knows."""

from __future__ import annotations

import os

from lxc import beneath
from lxc.errors import LxcError
from lxc.storage import backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.backend import Attached
    from lxc.storage.plan import RootPlan


def driver(path: str) -> str:
    """Which driver fits what is at `path`; "dir" if nothing does."""
    for name in ("dir", "zfs", "block", "loop"):
        if backend.of(name).detects(path):
            return name
    return "dir"


def attach(plan: RootPlan) -> Attached:
    """Make the root something that init can mount.  Undone by `detach`.  Raises OSError, LxcError, and nothing is left then."""
    if plan.is_shared:
        return backend.Attached()
    made = beneath.make_directories(plan.mount) if plan.makes_mount else ()
    try:
        attached = backend.of(plan.driver).attach(plan)
    except (OSError, LxcError):
        beneath.remove_empty(made)
        raise
    return attached.replace(made=(*attached.made, *made))


def mount(plan: RootPlan) -> int:
    """A detached mount of what was attached, if init may not make it itself, else -1; the caller closes it.  Raises OSError."""
    return backend.of(plan.driver).mount(plan) if plan.by_monitor else -1


def detach(attached: Attached) -> None:
    """Undo `attach`, when nothing in the container uses it any more."""
    if attached.nbd:
        from lxc.storage import nbd

        nbd.disconnect(attached.nbd)
    for fd in attached.descriptors:
        os.close(fd)
    beneath.remove_empty(attached.made)


def leaves_nothing(attached: Attached) -> bool:
    """Whether there is nothing for `detach` to do but closing descriptors."""
    return not (attached.made or attached.nbd)
