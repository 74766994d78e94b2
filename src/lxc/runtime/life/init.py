"""The container's first process, from clone3() to execution: the inside column, top to bottom.

Runs in new namespaces, with the memory of the monitor.  Whatever fails is told
to the monitor with the step's own words, and ends this process.
"""

from __future__ import annotations

import os

from lxc import beneath, detached, log, trace
from lxc.cgroups import inside as cgroups
from lxc.clocks import inside as clocks
from lxc.hooks import inside as hooks
from lxc.idmap import inside as idmap
from lxc.kernel import beside, capability, fs, process, signals
from lxc.kernel.fs import closing
from lxc.limits import inside as limits
from lxc.mounts import inside as mounts
from lxc.network import inside as network
from lxc.runtime import remedies, sealed
from lxc.security import inside as security
from lxc.security.landlock import inside as landlock
from lxc.storage import inside as storage
from lxc.terminal import inside as terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn, TypeVar

    from lxc.hooks.plan import Hook
    from lxc.kernel.sockets import socket
    from lxc.mounts.plan import Step
    from lxc.runtime.handshake import Handshake
    from lxc.runtime.plans.start import ChangeDirectory, StartPlan
    from lxc.terminal.plan import Given, Prepared

    T = TypeVar("T")

_FIRST = 3  # the lowest descriptor that is not standard input, output or error
_FAULTS = frozenset({signals.SIGBUS, signals.SIGILL, signals.SIGSEGV})


def run(
    plan: StartPlan,
    monitor: Handshake,
    prepared: Prepared,
    door: int,
    shared: tuple[tuple[str, int], ...],
    tasks: tuple[int, ...] = (),
    tree: int = -1,
    supervisor: socket | None = None,
) -> NoReturn:
    """Become the container.  Never returns: executes, or reports the step that failed and exits.

    `door` is the directory of lxc-init on its read-only mount, `shared` the open files of the namespaces to join, `tasks`
    those of the version 1 cgroups to enter, `tree` the root if the monitor has mounted it, `supervisor` the way to who
    answers system calls that the filter notifies of.
    """
    step: object = ""
    listener = -1

    def begin(what: object) -> None:
        nonlocal step
        step = what
        log.trace(what)
        trace.phase(what)

    def perform(steps: Iterable[T], do: Callable[[T], object]) -> None:
        for each in steps:
            begin(each)
            do(each)

    try:
        process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
        begin("enter its cgroups")
        cgroups.join(tasks)
        begin("wait for the monitor")
        monitor.wait_for_go()
        sealed.seal(shares_memory=monitor.shares_memory)
        if plan.terminal.keeps_stdio or not plan.terminal.has_console:
            begin("leave the host its /dev/null")
            _leave_null()
        begin("open the files for the label of a security module")
        label_file, keyring_file = security.open_label(plan.security.label, is_init=True)
        for kind, file in shared:
            begin(f"join the {kind} namespace")
            process.setns(file, process.NAMESPACES[kind])
        begin("make a time namespace")
        clocks.make(plan.clocks)
        perform(plan.clocks.shifts, clocks.perform)
        begin("enter a time namespace")
        namespaces = clocks.enter(plan.clocks)
        way, aid = storage.Way(), mounts.Aid({}, monitor.idmap)
        if plan.has_users:
            if not plan.hooks.pre_mount:  # what they mount on the way is to be seen
                begin(plan.root)
                way = storage.find_way(plan.root)
            aid = aid.replace(sources=mounts.find_sources(plan.mounts))
            begin("become root of the user namespace")
            idmap.become_root(plan.idmap)
            if plan.idmap.uid:
                capability.raise_ambient()  # who only stands for root loses them with what is executed: hooks
            process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
        begin("enter a cgroup namespace")
        namespaces = (*cgroups.enter(plan.cgroups), *namespaces)
        hooks_look = bool(plan.hooks.pre_mount or plan.hooks.mount or plan.hooks.autodev)
        if hooks_look:
            _configure(plan, monitor, begin)
        if plan.hostname:
            begin(f"set the host name to {plan.hostname}")
            process.sethostname(plan.hostname)
        if plan.security.label.keyring:
            begin(plan.security.label.keyring)
            security.label_keyring(plan.security.label.keyring, keyring_file)
        if plan.security.new_keyring:
            begin("join a session keyring of its own")
            security.join_keyring()
        if plan.hooks.pre_mount:
            begin("keep from the host what is mounted here")
            mounts.be_slave("/")
        perform(plan.hooks.pre_mount, hooks.run)
        umask = os.umask(0)  # modes are meant as they are written
        begin(plan.root)
        root = storage.take_root(plan.root, way, tree, monitor.idmap)
        way.close()
        perform(plan.mounts, lambda mount: _mount(mount, root, aid))
        os.umask(umask)
        perform((*plan.hooks.mount, *plan.hooks.autodev), hooks.run)
        os.umask(0)
        perform(plan.devices, lambda device: _mount(device, root, aid))
        aid.close()
        if not hooks_look:  # the devices are made while we mount
            _configure(plan, monitor, begin)
        if plan.hooks.start:
            begin("wipe the starter's environment")
            process.wipe_environment()  # from Linux 6.15 on CAP_PERFMON is enough to read it
        begin("look for the start hook")
        hooks.check(plan.hooks.start, root)
        begin("set up the terminals")
        given = _terminals(plan, prepared, root)
        perform(plan.links, lambda link: _mount(link, root, aid))
        proc = limits.open_proc(plan.limits.parameters)
        if not plan.root.is_shared:
            begin(f"enter the root file system {plan.root.path}")
            mounts.enter(root)
        if plan.shared_mounts:
            begin(f"make {plan.shared_mounts} a slave of the host's")
            mounts.be_slave(plan.shared_mounts)
        os.umask(umask)
        if plan.personality.arch:
            begin(plan.personality)
            process.personality(plan.personality.persona)
        perform(plan.limits.parameters, lambda parameter: limits.perform(parameter, proc))
        begin("take the console")
        terminal.take_stdio(plan.terminal, given)
        begin("drop capabilities")
        security.drop_capabilities(plan.security)
        begin(plan.security.label if plan.security.label.name else "keep the starter's label")
        security.take_label(plan.security.label, label_file)
        begin("set no_new_privs")
        security.forbid_new_privileges(plan.security)
        if plan.security.landlock:
            begin(plan.security.landlock)
            landlock.restrict(plan.security.landlock, door, label_file)
        if plan.security.filter.code:
            begin(plan.security.filter)
            listener = security.filter_system_calls(plan.security.filter)
            security.hand_over(listener, supervisor)
        perform(plan.hooks.start, lambda hook: _run_contained(plan, hook, door, label_file))
        begin("hand the terminals to the monitor")
        monitor.ready(*_parcel(plan, given, listener, namespaces))
        begin("take the console for the first process")
        terminal.own_session()
        terminal.own_stdio(plan.init.uid, plan.init.gid)
        begin(plan.init.directory)
        _change_directory(plan.init.directory)
        begin(f"become user {plan.init.uid}, group {plan.init.gid}")
        if plan.idmap.uid:
            capability.clear_inheritable()  # the hooks are done
        idmap.become(plan.init.uid, plan.init.gid, plan.init.groups)
        process.prctl(process.PR_SET_PDEATHSIG, plan.init.pdeath_signal)  # changing ids has cleared it (prctl(2))
        begin("run lxc-init")
        trace.leave()
        _execute(plan, door, monitor.exec_write, given.container_ttys, label_file)
    except BaseException as error:
        trace.leave()
        monitor.report(remedies.failure(step, error))
    finally:
        os._exit(1)  # whatever happens: nothing of the monitor's work is done by two


def _leave_null() -> None:
    """Where a standard descriptor is the host's /dev/null, have one in its place that nobody can change it by."""
    with closing(detached.protected_null((0, 1, 2))) as null:
        for fd in (0, 1, 2):
            if null >= 0 and detached.is_null(fd):
                os.dup2(null, fd)


def _configure(plan: StartPlan, monitor: Handshake, begin: Callable[[object], None]) -> None:
    """Name, address and bring up what there is in the network namespace."""
    steps = plan.network.inside()
    if not steps:
        return
    begin("wait for its network devices")
    monitor.wait_for_devices()
    begin("look at the network")
    with network.devices() as links:
        for step in steps:
            begin(step)
            network.perform(step, links)


def _mount(step: Step, root: int, aid: mounts.Aid) -> None:
    try:
        mounts.perform(step, root, aid)
    except OSError as error:
        if not step.optional:
            raise
        log.info(f"left out, it is optional: {step}: {error.strerror}")


def _run_contained(plan: StartPlan, hook: Hook, door: int, label_file: int) -> None:
    hooks.run_contained(hook, door, lambda: security.told(plan.security.label, label_file))


def _terminals(plan: StartPlan, prepared: Prepared, root: int) -> Given:
    with closing(beneath.open(root, "dev", os.O_PATH | os.O_DIRECTORY)) as dev:
        return terminal.perform(plan.terminal, prepared, dev)


def _parcel(plan: StartPlan, given: Given, listener: int, namespaces: tuple[int, ...]) -> tuple[tuple[int, ...], bytes]:
    """The descriptors that the monitor gets, and what they are: see `launch`."""
    console = () if plan.terminal.console_is_from_host or given.console_master < 0 else (given.console_master,)
    devpts = () if given.devpts_fd < 0 else (given.devpts_fd,)
    listeners = () if listener < 0 else (listener,)
    counts = map(len, (namespaces, listeners, console, devpts))
    return (*namespaces, *listeners, *console, *devpts, *given.tty_masters), bytes(counts)


def _change_directory(step: ChangeDirectory) -> None:
    """Go to the directory, which is made if it is missing, through none of proc's magic links: we still hold some of the host's."""
    done = ""
    with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        for part in filter(None, step.path.split("/")):
            with closing(_directory(root, done)) as above:
                try:
                    os.mkdir(part, 0o755, dir_fd=above)
                except FileExistsError:
                    pass
            done = f"{done}/{part}"
        with closing(_directory(root, done)) as directory:
            os.fchdir(directory)


def _directory(root: int, path: str) -> int:
    resolve = fs.RESOLVE_IN_ROOT | fs.RESOLVE_NO_MAGICLINKS
    return fs.openat2(root, path or "/", os.O_PATH | os.O_DIRECTORY, 0, resolve)


def _execute(plan: StartPlan, door: int, report: int, container_ttys: str, label_file: int) -> None:
    """Become lxc-init, and with it the container's program.  Returns only by raising OSError."""
    init, label = plan.init, plan.security.label
    pdeath = (f"--pdeath={init.pdeath_signal}",) if label.name else ()  # executing with another label clears it
    ttys = (f"container_ttys={container_ttys}",) if container_ttys else ()
    environment = dict(pair.split("=", 1) for pair in (*init.environment, *ttys))
    signals.reset()  # ignoring is inherited: from Python, from a shell's background
    fs.close_range(_FIRST, fs.HIGHEST, on_exec=True)
    if init.supervised:
        signals.restore(signals.ALL - _FAULTS)  # as lxc-init has them: none that comes early is lost
        try:
            beside.execveat(door, "lxc-init", ("init", "--name=container", *pdeath, "--", *init.argv), environment)
        except OSError as error:
            raise remedies.init_not_executed(label, error) from error
    signals.restore(frozenset())
    os.set_inheritable(report, True)  # lxc-init marks it close-on-exec again
    words = security.told(label, label_file)
    beside.execveat(door, "lxc-init", ("lxc-init", f"--exec={report}", *words, *pdeath, "--", *init.argv), environment)
