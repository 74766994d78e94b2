"""Becoming somebody else, in a user namespace whose maps have been written: init and what attaches."""

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
    become(plan.uid, plan.gid)
    if not os.access(".", os.X_OK):
        os.chdir("/")  # the starter may be in a directory that is closed to others


def become(uid: int, gid: int, groups: tuple[int, ...] = ()) -> None:
    """Be that user of that group, with these supplementary `groups`.  Raises OSError.

    To have none is forbidden by a map that an ordinary user has written: then they stay, as nobody's.
    """
    try:
        os.setgroups(groups)
    except PermissionError:
        if groups:
            raise
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
