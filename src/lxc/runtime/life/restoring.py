"""Restoring a container: what `launch` is for a start.  Runs in the monitor.

    monitor                                     in a mount namespace of its own
    limits the cgroups, names the network devices
    clone3() ───────────────────────────────▶   mounts the root, becomes CRIU
    waits                                       makes the processes, init as our child (its own sibling)
    finds init among its children     ◀──────   ends
    does what is to be done on the host for its network devices

What CRIU restores is what was dumped: programs, memory, namespaces, mounts, capabilities, filters of system calls.
What the configuration says of these is not looked at; what it says of cgroups, hooks, the root, the host's side of
network devices and the label of a security module is done.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.cgroups import limiting
from lxc.checkpoint import outside as criu
from lxc.checkpoint.plan import Restore
from lxc.errors import StepError
from lxc.hooks import outside as hooks
from lxc.kernel import process, signals
from lxc.record import Record
from lxc.runtime import remedies
from lxc.runtime.life.launch import Running, delegate, run_scripts
from lxc.runtime.plans import checkpoint as plan_checkpoint
from lxc.storage import inside as storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from lxc.checkpoint.outside import Criu
    from lxc.checkpoint.plan import Images
    from lxc.runtime.life.launch import Means
    from lxc.runtime.plans.start import StartPlan
    from lxc.security.plan import Label


class Checkpoint(Record):
    """What a container is restored from, and by whom."""

    criu: Criu
    images: Images


def launch(checkpoint: Checkpoint, plan: StartPlan, means: Means) -> Running:
    """Have what was dumped begin again, as `plan` has it started.  Return once it runs.  Raises LxcError, OSError."""
    made, held, net, label = means.made, means.held, means.net, plan.security.label
    net.survey()
    it = Restore(
        checkpoint.images,
        plan.root.mount,
        plan_checkpoint.roots(made.layout, made.path),
        checkpoint.criu.version,
        plan_checkpoint.externals(plan.mounts),
        plan_checkpoint.devices(net.name()),
        f"{label.module}:{label.name}" if label.name else "",
    )
    limiting.write_all(made, plan.cgroups.limits)
    delegate(plan, made)
    limiting.write_all(made, plan.cgroups.devices)
    if plan.cgroups.policy:
        means.program.put(made, plan.cgroups.policy)
    log.info(str(it))
    before = _children()
    if plan.idmap.users:
        with criu.searchable(it.images, plan.idmap.owner[1]):
            _run(checkpoint.criu, it, plan)
    else:
        _run(checkpoint.criu, it, plan)
    pid = _init(before, it)
    pidfd = process.pidfd_open(pid)
    try:
        _check_label(pid, label)
        held.hold(pid, plan.namespaces)
        told = {"LXC_PID": str(pid)}
        net.prepare(held.file("net"), pid, lambda each: run_scripts(plan.hooks.net_up, each, told), exist=True)
        hooks.run(tuple(hook.told(held.variables()) for hook in plan.hooks.start_host))
    except BaseException:
        process.pidfd_send_signal(pidfd, signals.SIGKILL)
        os.waitpid(pid, 0)
        os.close(pidfd)
        raise
    return Running(pid, pidfd)


def _run(program: Criu, it: Restore, plan: StartPlan) -> None:
    """Have CRIU restore, and wait until it has.  Raises StepError."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid, pidfd = process.clone3(process.NAMESPACES["mnt"])
    if pid == 0:
        _become_criu(program, it, plan, writer)
    os.close(pidfd)
    os.close(writer)
    with open(reader, "rb") as file:
        failure = file.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if failure:
        raise StepError(f"restore {plan.name}", failure)
    if code:
        raise criu.failure(it, code)


def _become_criu(program: Criu, it: Restore, plan: StartPlan, report: int) -> NoReturn:
    """In the new process: mount the root where CRIU looks for it, and become CRIU."""
    step: object = plan.root
    try:
        process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
        os.close(storage.take_root(plan.root))
        step = f"run {program.path}"
        criu.execute(program, it)
    except BaseException as error:
        os.write(report, str(remedies.failure(step, error)).encode(errors="replace"))
    finally:
        os._exit(1)


def _init(before: frozenset[int], it: Restore) -> int:
    """The child that CRIU has left us.  Raises StepError."""
    new = _children() - before
    if len(new) != 1:
        raise StepError(f"criu {it.action}", f"it left {len(new)} processes where init was expected")
    return next(iter(new))


def _check_label(pid: int, label: Label) -> None:
    """Raise StepError if CRIU has left the container less confined than the configuration says."""
    if label.name:
        with open(f"/proc/{pid}/attr/current", "rb") as file:
            found = os.fsdecode(file.read()).rstrip("\0\n")
        if not found.startswith(label.name):  # behind it is its mode, or what it has in a policy namespace of its own
            raise StepError(str(label), f"CRIU has restored the container with {found}", where=label.where)


def _children() -> frozenset[int]:
    """The pids of our children; CRIU gives its sibling to the thread that made it (proc(5), `children`)."""
    with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
        return frozenset(map(int, file.read().split()))
