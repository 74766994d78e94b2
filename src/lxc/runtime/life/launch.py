"""Starting a container: the outside column, top to bottom.  Runs in the monitor.

What it makes is undone by whoever called it (`monitor`), after a failure as
after the container's life; only what no one else knows of is cleaned up here.
"""

from __future__ import annotations

import gc
import os

from lxc import log, trace
from lxc.cgroups import limiting
from lxc.cgroups import outside as cgroups
from lxc.errors import LxcError, StepError
from lxc.hooks import outside as hooks
from lxc.hooks.plan import of_device
from lxc.idmap import outside as idmap
from lxc.kernel import beside, birth, fs, polling, process, signals
from lxc.limits import outside as limits
from lxc.record import Record
from lxc.runtime import as_root, failures, remedies
from lxc.runtime.handshake import ENDED, Handshake
from lxc.runtime.life import elsewhere, init
from lxc.storage import outside as storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from lxc.cgroups.limiting import DeviceProgram
    from lxc.cgroups.outside import Cgroups
    from lxc.hooks.plan import Hook
    from lxc.kernel.sockets import socket
    from lxc.loop import Loop
    from lxc.network.outside import Network
    from lxc.network.plan import Device
    from lxc.runtime.life.namespaces import Namespaces
    from lxc.runtime.plans.start import StartPlan
    from lxc.terminal.plan import Prepared


_LATE = ("cgroup", "time")  # namespaces that init makes itself, once it is where it belongs
_FAREWELL_MS = 500  # that init may take to see that nobody listens


class Means(Record):
    """What a container is started with: the monitor's own, also if the start fails."""

    made: Cgroups
    program: DeviceProgram  # gets its device rules
    prepared: Prepared  # of its terminals
    held: Namespaces  # gets its namespaces
    net: Network  # makes its devices
    door: int  # the directory of lxc-init, on its read-only mount
    loop: Loop  # is served when it takes long, and may give up
    supervisor: socket | None = None  # gets the listener to system calls


class Running(Record):
    """A container that runs; whoever has it closes the descriptors and reaps the pid."""

    pid: int
    pidfd: int
    console_master: int = -1
    devpts_fd: int = -1
    tty_masters: tuple[int, ...] = ()
    listener: int = -1  # of the system calls that others decide on

    def close(self) -> None:
        """Close what the monitor holds for itself; the terminals' masters are closed by the terminals."""
        fs.close(self.pidfd, self.devpts_fd, self.listener)


class Exit(Record):
    """How the container's init ended."""

    status: int  # as waitpid(2) gives it

    @property
    def is_reboot(self) -> bool:
        """reboot(2) in a pid namespace kills its init: SIGHUP means restart, SIGINT halt or power off."""
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signals.SIGHUP

    @property
    def code(self) -> int:
        """What a shell would show: the exit status, or 128 + the signal; halting is 0."""
        if os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
            return 0 if number == signals.SIGINT else signals.KILLED_BY + number
        return os.WEXITSTATUS(self.status)


def launch(plan: StartPlan, means: Means) -> Running:
    """Start what `plan` describes.  Return once the container's own program runs.  Raises LxcError, OSError."""
    trace.phase("look at the network")
    plan = plan.replace(network=means.net.survey())
    handshake = Handshake(means.loop)
    trace.phase("mount the root")
    tree = _mount_root(plan)
    trace.phase("make init")
    try:
        pid, pidfd = _clone(plan, means, handshake, tree)
        try:
            return _accompany(plan, means, handshake, pid, pidfd)
        except BaseException as error:
            status = _end(means.made, pid, pidfd, handshake)
            if str(error) != ENDED:
                raise
            from lxc.runtime.life import premature

            raise premature.failure(plan, means.made, status) from error
    finally:
        gc.enable()  # see beside.clone
        handshake.close()
        fs.close(tree)  # the container could not unmount it otherwise


def _mount_root(plan: StartPlan) -> int:
    try:
        return storage.mount(plan.root)
    except OSError as error:
        raise remedies.failure(plan.root, error) from error


def _clone(plan: StartPlan, means: Means, handshake: Handshake, tree: int) -> tuple[int, int]:
    """Make init, which gets `tree`, of its root if that is mounted already."""
    shared = tuple((kind, _open_namespace(kind, file)) for kind, file in plan.shared)
    flags = sum(process.NAMESPACES[kind] for kind in plan.namespaces if kind not in _LATE)
    later = elsewhere.joined_later(plan.namespaces)
    before = tuple(pair for pair in shared if pair[0] not in later)
    inits = tuple(pair for pair in shared if pair[0] in later)
    made = means.made
    unified, tasks = cgroups.open_unified(made, made.container), cgroups.open_tasks(made, made.container)
    try:

        def be_init(monitor: Handshake) -> NoReturn:
            trace.become("init")
            init.run(plan, monitor, means.prepared, means.door, inits, tasks, tree, means.supervisor)

        def clone(more: int = 0) -> tuple[int, int]:
            pid, pidfd = _clone3(plan, flags | more, unified)
            if pid == 0:
                be_init(handshake)
            return pid, pidfd

        if beside.is_possible() and may_share_memory(plan):
            pid, pidfd = beside.clone(flags, unified, lambda: be_init(handshake.beside()))
        else:
            pid, pidfd = elsewhere.born(plan.shared, before, clone) if shared else clone()
        log.debug(f"init is process {pid}")
        return pid, pidfd
    finally:
        fs.close(unified, *tasks, *(fd for _, fd in shared))


def may_share_memory(plan: StartPlan) -> bool:
    """Whether init has no other user's rights on its way, runs nobody else's programs, and is killed by no limit: see `beside.clone`."""
    hooks, init = plan.hooks, plan.init
    return not (
        plan.has_users
        or plan.shared
        or plan.clocks.is_new
        or plan.limits.may_kill
        or init.uid
        or init.gid
        or hooks.pre_mount
        or hooks.mount
        or hooks.autodev
        or hooks.start
    )


def _clone3(plan: StartPlan, flags: int, unified: int) -> tuple[int, int]:
    try:
        return birth.clone3(flags, unified)
    except OSError as error:
        if "user" in plan.namespaces:
            raise remedies.no_user_namespace(error) from error
        raise


def _accompany(plan: StartPlan, means: Means, handshake: Handshake, pid: int, pidfd: int) -> Running:
    """The monitor's half of the handshake."""
    made, held, net, loop = means.made, means.held, means.net, means.loop
    trace.phase("map its ids, limit it")
    try:
        held.hold(pid, (name for name in plan.namespaces if name not in _LATE))
    except (FileNotFoundError, ProcessLookupError) as error:
        raise LxcError(ENDED) from error
    idmap.write(plan.idmap, pid)
    limiting.write_all(made, plan.cgroups.limits)
    delegate(plan, made)
    limits.prepare(plan.limits, pid)
    is_looked_at = plan.hooks.net_up or plan.network.is_granted  # by other programs, which find it at its beginning
    if not is_looked_at:
        handshake.go()
    trace.phase("make its network devices")
    told = {"LXC_PID": str(pid)}
    net.prepare(held.file("net"), pid, lambda device: run_scripts(plan.hooks.net_up, device, told, loop))
    if is_looked_at:
        handshake.go()
    handshake.have_devices()
    if plan.cgroups.policy:
        trace.phase("load its device program")
        means.program.load(plan.cgroups.policy)
    trace.phase("wait until init is ready")
    try:
        descriptors, shape = handshake.await_ready(lambda *asked: idmap.map_mount(pid, *asked))
    except LxcError as error:
        remedies.explain_root(plan.root, plan.idmap, error)
        raise
    try:
        late = [name for name in plan.namespaces if name in _LATE]
        for name, fd in zip(late, descriptors[: shape[0]], strict=True):
            held.adopt(name, fd)
        descriptors = descriptors[shape[0] :]
        trace.phase("limit its devices")
        limiting.write_all(made, plan.cgroups.devices)
        if plan.cgroups.policy:
            means.program.put(made, plan.cgroups.policy)
        trace.phase("run start-host hooks")
        hooks.run(tuple(hook.told(held.variables()) for hook in plan.hooks.start_host), loop)
        trace.phase("wait until its program runs")
        handshake.run(lambda number: failures.not_executed(plan.init.argv, plan.root.path, number, plan.security.label))
    except BaseException:
        fs.close(*descriptors)
        raise
    rest = list(descriptors)
    listener, console, devpts = (rest.pop(0) if is_there else -1 for is_there in shape[1:])
    return Running(pid, pidfd, console, devpts, tuple(rest), listener)


def delegate(plan: StartPlan, made: Cgroups) -> None:
    """Give the container's root, if it has ids of its own, the container's cgroups."""
    if plan.idmap.users and made.layout.hierarchies:
        gid = plan.idmap.gid if plan.idmap.uses_helpers else plan.idmap.owner[1]
        as_root.run(plan.idmap, lambda: cgroups.delegate(made, gid))


def run_scripts(
    scripts: tuple[Hook, ...], device: Device, environment: Mapping[str, str], loop: Loop | None = None
) -> None:
    """Run those of `scripts` that are of the network device `device`; `loop` is served meanwhile.

    Raises StepError at the first that fails.
    """
    hooks.run(
        tuple(
            of_device(script, device.type, device.link, device.pair, environment)
            for script in scripts
            if script.device == device.number
        ),
        loop,
    )


def _open_namespace(kind: str, file: str) -> int:
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StepError(f"share the {kind} namespace {file}", error) from error


def _end(made: Cgroups, pid: int, pidfd: int, handshake: Handshake) -> int:
    """End init, which somebody may have frozen, and forget it.  Its status, as waitpid(2) gives it.

    One that shares our memory is not killed while it computes: it may have the lock that we take turns with in its hands.
    It sees that nobody listens any more, and ends; killed is who hangs in a system call.  Nor is it reaped before the
    thread that stays here (`beside.clone`) has seen how it ended: which is what has it give back that lock.
    """
    handshake.hang_up()
    cgroups.let_die(made, is_frozen=False)
    if not (beside.has_left_a_thread() and polling.events(pidfd, _FAREWELL_MS)):
        try:
            process.pidfd_send_signal(pidfd, signals.SIGKILL)
        except ProcessLookupError:
            pass
        polling.events(pidfd, None)
    _, status = os.waitpid(pid, 0)
    os.close(pidfd)
    return status
