"""sched_setscheduler(2), for what the kernel gives to the host's root only.

[all]
sched_setscheduler notify
"""

from __future__ import annotations

import os
import sys

from lxc.kernel import process
from lxc.kernel.fs import closing
from lxc.security.seccomp import acting
from lxc.security.seccomp.handlers import CONTINUE, Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.security.seccomp.acting import Actor
    from lxc.security.seccomp.handlers import Call

CAP_SYS_NICE, CAP_SYS_ADMIN = 23, 21
POLICIES = (os.SCHED_OTHER, os.SCHED_FIFO, os.SCHED_RR, os.SCHED_BATCH, os.SCHED_IDLE)


def sched_setscheduler(call: Call) -> Answer | None:
    """Give a process of the container the policy and priority it asks for, if it is the container's root that asks.

    Safe as far as that is: a container that may have real-time priorities can keep a processor from everybody else, up
    to what kernel.sched_rt_runtime_us leaves; that is what naming this handler grants. The priority is read once. The
    process is looked up in the caller's pid namespace, so it is one that the caller can see; by one of ours that is born
    there, which nobody can trace who is in a user namespace of its own. What is not, the kernel decides on.
    """
    if call.name != "sched_setscheduler":
        return None
    pid, policy = call.integer(0), call.integer(1)
    if (policy & ~os.SCHED_RESET_ON_FORK) not in POLICIES or pid < 0 or not call.is_administrator(CAP_SYS_NICE):
        return CONTINUE
    if acting.has_our_users(call.directory):
        return CONTINUE
    priority = int.from_bytes(call.memory(call.arguments[2], 4), sys.byteorder, signed=True)
    own = int(call.status()["NSpid"].split()[-1])  # what the caller itself is called there
    with closing(os.open("ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=call.directory)) as pids:
        call.check()

        def set_policy(_: Actor) -> None:
            _in_pids(pids, lambda: os.sched_setscheduler(pid or own, policy, os.sched_param(priority)))

        call.act(set_policy, capabilities=(CAP_SYS_NICE, CAP_SYS_ADMIN))
    return Answer()


def _in_pids(pids: int, function: Callable[[], object]) -> None:
    """Call `function` in a child that is born in the pid namespace `pids`.  Raises its OSError."""
    process.setns(pids, process.CLONE_NEWPID)
    pid, pidfd = process.clone3(0)
    if pid == 0:
        number = 1
        try:
            process.prctl(process.PR_SET_PDEATHSIG, 9)
            function()
            number = 0
        except OSError as error:
            number = error.errno or 1
        finally:
            os._exit(number)
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    number = os.waitstatus_to_exitcode(status)
    if number:
        raise OSError(abs(number), os.strerror(abs(number)))
