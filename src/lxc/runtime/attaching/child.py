"""The process that joins a container, from clone3() to execution: the attach plan, top to bottom.

    parent                       this process                       lxc-init            the command
    clone3() ─────────────────▶  cgroups, namespaces, privileges
                                 executes lxc-init ─────────────▶   clone(CLONE_PARENT)
      ◀── "cannot …" ───────────                                          └───────────▶ in the pid namespace
      ◀── end of file ──────────      (the report's end closes)
      ◀── pid ────────────────────────────────────────────────────        executes COMMAND
      ◀── end of file, or errno ─────────────────────────────────────────────────

This process is in the container's namespaces but for that of pids, which only a
child of it is born in: the container never sees a process that runs Python.
Nothing is loaded and nothing is logged here.
"""

from __future__ import annotations

import errno
import os

from lxc import log, trace
from lxc.idmap import inside as idmap
from lxc.kernel import beside, capability, fs, process, signals, sockets
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import client, failures, sealed
from lxc.runtime.handshake import pack_failure
from lxc.security import inside as security
from lxc.security.landlock import inside as landlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from lxc.runtime.plans.attach import AttachPlan

OPEN_LABEL = "open the file for the label of a security module"
_FIRST = 3  # the lowest descriptor that is not standard input, output or error


class Given(Record):
    """What this process needs; of the descriptors that it inherits, no others."""

    pidfd: int  # of the container's init
    stdio: tuple[int, int, int]
    is_on_terminal: bool = False  # one of stdio is the pseudo terminal that is to be the controlling one
    door: int = -1  # the directory of lxc-init, on its read-only mount
    report: int = -1  # where this process tells its failure
    status: int = -1  # where lxc-init tells the pid, and the command's failure
    tasks: tuple[int, ...] = ()  # the `tasks` files of the cgroups to enter
    supervisor: int = -1  # connection to the monitor, which waits at it for the listener to system calls
    mask: frozenset[int] = frozenset()  # the signal mask the command gets
    shares_memory: bool = False  # with the parent: see beside.clone

    @property
    def descriptors(self) -> tuple[int, ...]:
        return self.pidfd, self.door, self.report, self.status, self.supervisor, *self.tasks, *self.stdio


def run(plan: AttachPlan, given: Given) -> NoReturn:
    """Join the container and become the command.  Never returns."""
    step: object = "leave the caller's files and memory"
    try:
        sealed.seal(shares_memory=given.shares_memory)
        fs.keep_only((0, 1, 2, *given.descriptors, trace.descriptor()), 0)
        step = OPEN_LABEL
        label_file, _ = security.open_label(plan.label)
        for step in joining(plan, given, label_file):
            trace.phase(step)
        step = "execute lxc-init"
        trace.leave()
        _execute(plan, given, label_file)
    except BaseException as error:
        trace.leave()
        failure = failures.failure(step, error)
        os.write(given.report, pack_failure(failure, with_log=not given.shares_memory))
    os._exit(1)


def joining(plan: AttachPlan, given: Given, label_file: int) -> Iterator[object]:
    """Perform the plan up to its command; what each step is, said before it is done.

    `label_file` is from security.inside.open_label.
    """
    yield "leave the caller's memory"
    if not given.shares_memory:
        log.forget()  # what led here is remembered by the parent, too
        process.prctl(process.PR_SET_DUMPABLE, 0)
    if plan.new_keyring:  # while no quota but the caller's counts
        yield "leave the caller's session keyring"
        security.join_keyring()
    yield f"enter the cgroups of {plan.name}"
    for file in given.tasks:
        os.write(file, b"0")
    if plan.joins_core:
        yield f"share the processor cores of {plan.name}"
        _take_core_cookie(plan.pid)
    yield f"join the namespaces of {plan.name}"
    _join(plan, given.pidfd)
    yield "become root of the user namespace"
    if plan.joins_user:  # nobody outside has an id of ours any more
        idmap.become(plan.first_uid, plan.first_gid)
    yield f"change to the directory {plan.cwd}"
    _change_directory(plan.cwd)
    yield "set the personality"
    if plan.personality >= 0:
        process.personality(plan.personality)
    yield "drop capabilities"
    _drop_capabilities(plan.dropped)
    yield plan.label
    security.take_label(plan.label, label_file)
    yield "set no_new_privs"
    if plan.no_new_privs:
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)
    yield "take standard input, output and error"
    _take_stdio(given.stdio)
    if not given.is_on_terminal:
        os.setsid()  # without this, the command could reach our terminal by the name of /dev/tty
    if plan.landlock:
        yield str(plan.landlock)
        landlock.restrict(plan.landlock, given.door, label_file)
    if plan.filter.code:
        yield str(plan.filter)
        listener = security.filter_system_calls(plan.filter)  # wants a capability that another user would not have
        if given.supervisor >= 0:
            yield "give the listener to the monitor"
            monitor = sockets.of(given.supervisor)
            client.hand_over(monitor, listener)
            monitor.close()
        fs.close(listener)  # without a monitor that has it, what it is for fails with ENOSYS
    yield f"become user {plan.uid}, group {plan.gid}"
    idmap.become(plan.uid, plan.gid, plan.groups)


def _take_core_cookie(pid: int) -> None:
    try:
        process.take_core_cookie(pid)
    except OSError as error:
        if error.errno != errno.ENODEV:  # then there is nobody to share one with
            raise


def _join(plan: AttachPlan, pidfd: int) -> None:
    """All at once, the user namespace before the others: setns(2) with a pidfd."""
    flags = sum(process.NAMESPACES[name] for name in plan.namespaces)
    if flags:
        process.setns(pidfd, flags)


def _change_directory(path: str) -> None:
    """Go there if the container has it, through none of proc's magic links; else stay at its root."""
    os.chdir("/")
    try:
        with closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
            resolve = fs.RESOLVE_IN_ROOT | fs.RESOLVE_NO_MAGICLINKS
            with closing(fs.openat2(root, path, os.O_PATH | os.O_DIRECTORY, 0, resolve)) as directory:
                os.fchdir(directory)
    except OSError:
        pass


def _drop_capabilities(dropped: tuple[int, ...]) -> None:
    """Out of the bounding set, and out of what a program inherits regardless of that."""
    for number in dropped:
        process.prctl(process.PR_CAPBSET_DROP, number)
    if dropped:
        capability.clear_inheritable()


def _take_stdio(stdio: tuple[int, int, int]) -> None:
    """In two moves, since one of them may be in another's place."""
    high = [fs.duplicate(fd, _FIRST) for fd in stdio]
    for place, fd in enumerate(high):
        os.dup2(fd, place)


def _execute(plan: AttachPlan, given: Given, label_file: int) -> None:
    words = (str(given.status), *("tty",) * given.is_on_terminal, *("proc-sys",) * plan.remounts_proc_sys)
    signals.reset(signals.IGNORED_BY_PYTHON)
    signals.restore(given.mask)
    fs.close_range(_FIRST, fs.HIGHEST, on_exec=True)
    os.set_inheritable(given.status, True)  # lxc-init marks it close-on-exec again
    told = security.told(plan.label, label_file)
    argv = ("lxc-init", f"--attach={','.join(words)}", *told, "--", *plan.argv)
    beside.execveat(given.door, "lxc-init", argv, dict(plan.environment))
