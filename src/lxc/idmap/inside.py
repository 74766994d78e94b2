"""Becoming root in a user namespace whose maps have been written, in the container's init."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.idmap.plan import IdMapPlan


def become_root(plan: IdMapPlan) -> None:
    """Give up the ids we came with, which mean nobody there, for root's, or those that stand for it.

    Afterwards this process cannot be dumped, so nobody in the namespace can look into it (ptrace(2)), and its parent's
    death signal is cleared (prctl(2)).  Raises OSError.
    """
    leave_groups()
    os.setresgid(plan.gid, plan.gid, plan.gid)
    os.setresuid(plan.uid, plan.uid, plan.uid)
    if not os.access(".", os.X_OK):
        os.chdir("/")  # the starter may be in a directory that is closed to others


def leave_groups() -> None:
    """Have no supplementary groups; a map that an ordinary user has written forbids that: then they stay, as nobody's."""
    try:
        os.setgroups(())
    except PermissionError:
        pass
