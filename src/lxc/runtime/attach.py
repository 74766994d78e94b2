"""Attaching: a process that is ours is made to join a running container and to become a command in it.

`attach` gives the command's pid once it runs, and leaves the rest to the caller;
`run` stays until it has ended, and lends it a terminal.  What the process does
on its way is `attach_child`, what that will be `attach_plan`.
"""

from __future__ import annotations

import errno
import os
from select import POLLIN, poll

from lxc import log
from lxc.errors import LxcError, StepError, Unsupported
from lxc.kernel import fs, process, signals, tty
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import attach_child, attach_facts, attach_plan, client, door, remedies
from lxc.runtime.attach_plan import LSM
from lxc.runtime.handshake import unpack_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from lxc.runtime.attach_facts import Target
    from lxc.runtime.attach_plan import AttachPlan, Facts, Wish
    from lxc.runtime.place import Place

    T = TypeVar("T")

_LEAF = ".lxc"  # cgroup below the container's for what is attached: one with processes cannot hand controllers down
_LEAVES = 1000
_PASSED_ON = frozenset({signals.SIGHUP, signals.SIGINT, signals.SIGQUIT, signals.SIGTERM})
_KILLED_BY = 128
_CANNOT_EXECUTE, _NOT_FOUND = 126, 127


class Launched(Record):
    """A process on its way into a container; to be met, which closes the descriptors."""

    plan: AttachPlan
    middle: int  # its pid; it joins, and lxc-init in it gives birth to the command
    report: int  # where it tells why it cannot join
    status: int  # where lxc-init tells the command's pid, and why it cannot be executed


class Attached(Record):
    """A command that runs in a container, a child of this process."""

    pid: int
    pidfd: int
    group: int  # its process group, unless it was given a terminal: then it leads its own


def attach(place: Place, wish: Wish) -> int:
    """Run what `wish` says in the container.  Return its pid; it is a child of this process, which waits for it.

    This process must have one thread.  Raises LxcError; one for a command that cannot be executed has the exit
    status of a shell (126, 127).
    """
    attached = start(place, wish)
    os.close(attached.pidfd)
    return attached.pid


def run(place: Place, wish: Wish, pty_log: str = "") -> int:
    """Run what `wish` says in the container until it ends.  Return its exit status, 128 + the signal that killed it.

    If one of our standard descriptors is a terminal, the command gets one of the container's instead, and what
    passes is appended to the file `pty_log`.
    """
    _fill_standard()
    if any(map(os.isatty, wish.stdio)):
        return _run_on_terminal(place, wish, pty_log)
    attached = start(place, wish)
    try:
        return _wait(attached)
    finally:
        os.close(attached.pidfd)


def start(place: Place, wish: Wish, terminal: int = -1) -> Attached:
    """Run it; `terminal`, one of `wish.stdio`, becomes its controlling terminal.  The caller closes the pidfd."""
    return meet(launch(place, wish, terminal))


def launch(place: Place, wish: Wish, terminal: int = -1, *, is_sibling: bool = False) -> Launched:
    """The first half of `start`; with `is_sibling` all that comes of it is our parent's child, and the parent's to meet."""
    if wish.context:
        raise Unsupported("a label of a security module cannot be given yet", hint="attach without --context")
    target = attach_facts.open_target(place, wish)
    try:
        plan = decide(place, target, wish)
        if terminal >= 0:
            _give_terminal(terminal, target, plan)
        return _spawn(plan, target, wish.stdio, terminal >= 0, is_sibling)
    finally:
        target.close()


def decide(place: Place, target: Target, wish: Wish) -> AttachPlan:
    """The plan for `wish`.  Raises LxcError."""
    facts = attach_facts.facts(place, target, wish)
    _refuse_label(place, wish, facts)
    plan = attach_plan.decide(place.name, wish, facts)
    log.debug(f"attaching:\n{plan}")
    return plan


def meet(launched: Launched) -> Attached:
    """Wait until the command runs: from what the joining process reports, and then lxc-init."""
    try:
        return _meet(launched.plan, launched.middle, launched.report, launched.status)
    finally:
        os.close(launched.report)
        os.close(launched.status)


def _spawn(
    plan: AttachPlan, target: Target, stdio: tuple[int, int, int], is_on_terminal: bool, is_sibling: bool
) -> Launched:
    report, report_end = os.pipe2(os.O_CLOEXEC)
    status, status_end = os.pipe2(os.O_CLOEXEC)
    try:
        with closing(door.open_init()) as way:
            given = attach_child.Given(
                target.pidfd, way, report_end, status_end, tasks(plan, target), stdio, is_on_terminal
            )
            return Launched(plan, _clone(plan, target, given, is_sibling), report, status)
    except BaseException:
        os.close(report)
        os.close(status)
        raise
    finally:
        os.close(report_end)
        os.close(status_end)


def _clone(plan: AttachPlan, target: Target, given: attach_child.Given, is_sibling: bool) -> int:
    """The pid of a process that follows the plan, born in the container's unified cgroup."""
    mask = signals.blocked()
    try:
        pid, pidfd = _clone_into(unified(target), is_sibling)
        if pid == 0:
            attach_child.run(plan, given, mask)
        os.close(pidfd)
        return pid
    except OSError as error:
        raise StepError(f"make a process in the cgroup of {plan.name}", error.strerror or str(error)) from error
    finally:
        for fd in given.tasks:
            os.close(fd)


def _clone_into(unified: int, is_sibling: bool) -> tuple[int, int]:
    """clone3(2) into a leaf below the cgroup `unified` (-1: ours)."""
    return _fork(-1, is_sibling) if unified < 0 else _in_a_leaf(unified, lambda leaf: _fork(leaf, is_sibling))


def enter_leaf(unified: int) -> None:
    """Move this process into a leaf below the cgroup `unified` (-1: it stays).  Raises OSError."""

    def enter(leaf: int) -> None:
        with closing(os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=leaf)) as file:
            os.write(file, b"0")

    if unified >= 0:
        _in_a_leaf(unified, enter)


def _in_a_leaf(unified: int, put: Callable[[int], T]) -> T:
    """What `put` makes of the directory of the first leaf that has no controllers below it, and so can have processes."""
    for number in range(_LEAVES):
        name = f"{_LEAF}-{number}" if number else _LEAF
        try:
            os.mkdir(name, 0o755, dir_fd=unified)
        except FileExistsError:
            pass
        with closing(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=unified)) as leaf:
            try:
                return put(leaf)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
    raise OSError(errno.EBUSY, f"no process can be in any of {_LEAF} to {_LEAF}-{_LEAVES - 1}")


def _fork(cgroup: int, is_sibling: bool) -> tuple[int, int]:
    if is_sibling:  # it ends with the signal that we end with
        return process.clone3(process.CLONE_PARENT, cgroup, exit_signal=0)
    return process.clone3(0, cgroup)


def unified(target: Target) -> int:
    """Its cgroup in the unified hierarchy; -1 if it has none, or is not to be entered."""
    return next((fd for fd in target.cgroups if fs.filesystem_type(fd) == fs.CGROUP2_SUPER_MAGIC), -1)


def tasks(plan: AttachPlan, target: Target) -> tuple[int, ...]:
    """The `tasks` files of its version 1 cgroups.

    A thread that writes 0 to one moves itself, alone, and for that the kernel waits for nobody; moving a process
    from outside takes it ten milliseconds.  The process that joins has one thread.
    """
    opened: list[int] = []
    try:
        for directory in target.cgroups:
            if fs.filesystem_type(directory) == fs.CGROUP_SUPER_MAGIC:
                opened.append(os.open("tasks", os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=directory))
    except OSError as error:
        for fd in opened:
            os.close(fd)
        raise StepError(f"open the cgroups of {plan.name}", error.strerror or str(error)) from error
    return tuple(opened)


def _meet(plan: AttachPlan, middle: int, report: int, status: int) -> Attached:
    failure = _read_all(report)
    if failure:
        os.waitpid(middle, 0)
        raise unpack_failure(failure)
    number = int.from_bytes(os.read(status, 4), "little", signed=True)
    _, ended = os.waitpid(middle, 0)
    if number <= 0:
        why = os.strerror(-number) if number else f"it ended with {os.waitstatus_to_exitcode(ended)}"
        raise StepError(f"make a process in the pid namespace of {plan.name}", why)
    pidfd = _child(number)
    number_of_error = _await_execution(status, pidfd)
    if number_of_error:
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
        os.close(pidfd)
        raise _not_executed(plan, number_of_error)
    return Attached(number, pidfd, middle)


def _child(pid: int) -> int:
    """A pidfd of our child `pid`.  Raises StepError if it is none: somebody in the container spoke for lxc-init."""
    try:
        pidfd = process.pidfd_open(pid)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ProcessLookupError, ChildProcessError):
        raise StepError("attach", f"process {pid}, which is to be the command, is not a child of ours") from None
    return pidfd


def _await_execution(status: int, pidfd: int) -> int:
    """0 once the command runs, or has run; else the errno with which it could not be executed."""
    waiter = poll()
    waiter.register(status, POLLIN)
    waiter.register(pidfd, POLLIN)
    ready = dict(waiter.poll())
    if status in ready:  # also if both are: what it said is still there
        return int.from_bytes(os.read(status, 4), "little", signed=True)
    return 0


def _not_executed(plan: AttachPlan, number: int) -> LxcError:
    error = remedies.not_executed(plan.argv, f"container {plan.name}", number)
    error.exit_status = _NOT_FOUND if number == errno.ENOENT else _CANNOT_EXECUTE
    return error


def _refuse_label(place: Place, wish: Wish, facts: Facts) -> None:
    """What is attached would be less confined than the container: not unless that was asked for."""
    if facts.label and facts.label != "kernel" and "unconfined" not in facts.label and LSM not in wish.elevated:
        raise Unsupported(
            f"{place.name} is confined by a security module as {facts.label}, which attaching cannot do yet",
            hint="attach unconfined with -e LSM",
        )


def _wait(attached: Attached) -> int:
    """Wait for a command that has no terminal, and pass on the signals that are meant for it."""
    mask = signals.block(_PASSED_ON)
    try:
        with closing(signals.signalfd(_PASSED_ON)) as taken:
            waiter = poll()
            waiter.register(attached.pidfd, POLLIN)
            waiter.register(taken, POLLIN)
            while attached.pidfd not in dict(waiter.poll()):
                number, _ = signals.read_signal(taken)
                try:
                    os.killpg(attached.group, number)
                except ProcessLookupError:
                    pass
        return _exit_status(attached.pid)
    finally:
        signals.restore(mask)


def _run_on_terminal(place: Place, wish: Wish, pty_log: str) -> int:
    from lxc.terminal import session
    from lxc.terminal.logfile import open_log

    terminals = [fd for fd in (1, 2, 0) if os.isatty(wish.stdio[fd])]
    master, slave = _open_terminal(place)
    record = open_log(pty_log) if pty_log else -1
    try:
        tty.set_window_size(master, tty.window_size(wish.stdio[terminals[0]]))
        stdio = tuple(slave if fd in terminals else wish.stdio[fd] for fd in (0, 1, 2))
        attached = start(place, wish.replace(stdio=stdio), slave)
        source = wish.stdio[0] if 0 in terminals else -1
        with closing(attached.pidfd):
            ended_by = session.accompany(attached.pidfd, master, source, wish.stdio[terminals[0]], record)
        return _KILLED_BY + ended_by if ended_by else _exit_status(attached.pid)
    finally:
        for fd in (master, slave, record):
            if fd >= 0:
                os.close(fd)


def _open_terminal(place: Place) -> tuple[int, int]:
    """(master, slave) of a new terminal of the container's devpts, so that it has a name there; else of the host's."""
    devpts = client.devpts_fd(place)
    if devpts is None:
        return tty.open_pair()
    with closing(devpts):
        try:
            if fs.filesystem_type(devpts) != fs.DEVPTS_SUPER_MAGIC:
                return tty.open_pair()
            master = tty.open_master(devpts)
        except OSError as error:  # all of the container's may be taken: whoever repairs it still gets one
            log.info(f"the container has no terminal to give, taking one of the host's: {error.strerror}")
            return tty.open_pair()
    return master, tty.open_slave(master)


def _give_terminal(slave: int, target: Target, plan: AttachPlan) -> None:
    """Make it the command's user's."""
    uid = attach_facts.outside(attach_facts.id_ranges(target, "uid_map"), plan.uid) if plan.joins_user else plan.uid
    if uid >= 0:
        os.fchown(slave, uid, -1)


def _exit_status(pid: int) -> int:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else _KILLED_BY - code


def _fill_standard() -> None:
    """Open /dev/null where we were started without standard input, output or error: other files would get their numbers."""
    while (fd := os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _read_all(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
    return b"".join(parts)
