"""A process that is root in a user namespace of a container's ids: for work on files that are theirs."""

from __future__ import annotations

import os

from lxc.idmap import inside, outside
from lxc.kernel import mount, process, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.idmap.plan import IdMapPlan


def fork(plan: IdMapPlan) -> int:
    """fork(2), but the child is root where `plan`'s ids are, with mounts of its own.  Raises OSError, StepError.

    The caller must have one thread.
    """
    gate, opens = os.pipe2(os.O_CLOEXEC)
    try:
        pid, pidfd = process.clone3(process.CLONE_NEWUSER | process.CLONE_NEWNS)
        if pid == 0:
            _enter(plan, gate, opens)
            return 0
        os.close(pidfd)
        try:
            outside.write(plan, pid)
            os.write(opens, b"\1")
        except BaseException:
            os.kill(pid, signals.SIGKILL)
            os.waitpid(pid, 0)
            raise
        return pid
    finally:
        os.close(gate)
        os.close(opens)


def _enter(plan: IdMapPlan, gate: int, opens: int) -> None:
    """In the child: wait for the ids, and take them."""
    os.close(opens)
    if os.read(gate, 1) != b"\1":
        os._exit(1)  # the parent is gone
    os.dup2(gate, opens, inheritable=False)  # the parent's way out closes both
    inside.become_root(plan)
    mount.mount(None, "/", None, mount.MS_SLAVE | mount.MS_REC)
