"""A process that is root in a user namespace of a container's ids: for work on files that are theirs.

we                                  the process
clone3() ───────────────────────▶   waits
write its maps
go ─────────────────────────────▶   takes its ids, has mounts of its own
             ◀── that it is there, or why not: then it has ended
"""

from __future__ import annotations

import os

from lxc import propagation
from lxc.errors import StepError
from lxc.idmap import inside, outside
from lxc.kernel import capability, fs, process, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.idmap.plan import IdMapPlan

_GO = _THERE = b"\1"
_LONGEST = 4096  # bytes of what the process says


def fork(plan: IdMapPlan, *, hands_on: bool = False) -> int:
    """fork(2), but the child is root where `plan`'s ids are, with mounts of its own.  Raises OSError, StepError; in the parent only.

    With `hands_on`, what the child executes has its privileges even if it only stands for root.  The caller must have one thread.
    """
    gate, opens = os.pipe2(os.O_CLOEXEC)
    hears, tells = os.pipe2(os.O_CLOEXEC)
    try:
        pid, pidfd = process.clone3(process.CLONE_NEWUSER | process.CLONE_NEWNS)
        if pid == 0:
            _enter(plan, gate, opens, tells, hands_on=hands_on)
            return 0
        os.close(pidfd)
        try:
            outside.write(plan, pid)
            os.write(opens, _GO)
            os.close(tells)
            tells = -1
            _hear(hears)
        except BaseException:
            os.kill(pid, signals.SIGKILL)
            os.waitpid(pid, 0)
            raise
        return pid
    finally:
        fs.close(gate, opens, hears, tells)


def _enter(plan: IdMapPlan, gate: int, opens: int, tells: int, *, hands_on: bool) -> None:
    """In the child: wait for the ids, and take them.  It ends if it cannot, and never raises: the caller's work is the parent's."""
    step = "wait for them"
    try:
        os.dup2(gate, opens, inheritable=False)  # if the parent ends, so does the gate; both are closed on the way out
        if os.read(gate, 1) != _GO:
            os._exit(1)  # the parent is gone
        step = "keep its mounts from the host"
        propagation.keep_from_host()  # whoever it becomes need not have the privilege
        step = f"become user {plan.uid} and group {plan.gid}"
        inside.become_root(plan)
        if hands_on and plan.uid:
            step = "hand on its privileges"
            capability.raise_ambient()
        os.write(tells, _THERE)
    except BaseException as error:
        try:
            why = error.strerror if isinstance(error, OSError) else ""
            os.write(tells, f"{step}\0{why or repr(error)}".encode(errors="replace")[:_LONGEST])
        finally:
            os._exit(1)


def _hear(hears: int) -> None:
    """In the parent: wait until the child is there.  Raises StepError."""
    said = os.read(hears, _LONGEST)
    if said == _THERE:
        return
    step, _, why = said.decode().partition("\0")
    raise StepError(f"have a process among the container's ids{step and f' {step}'}", why or "it ended at once")
