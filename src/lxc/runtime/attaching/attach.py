"""Attaching: a process that is ours is made to join a running container and to become a command in it.

`start` returns once the command runs, and leaves the rest to the caller; `run`
stays until it has ended, and lends it a terminal.  What the process does on its
way is `child`, what that will be `plans.attach`, and who waits for it `meet`.
"""

from __future__ import annotations

import errno
import os

from lxc import detached, log, trace
from lxc.errors import LxcError, StateError, StepError, Unsupported
from lxc.kernel import beside, birth, fs, process, signals
from lxc.kernel.fs import closing
from lxc.runtime import client, door
from lxc.runtime.attaching import child as attach_child
from lxc.runtime.attaching import facts as attach_facts
from lxc.runtime.attaching import meet as attach_meet
from lxc.runtime.attaching.child import Given
from lxc.runtime.attaching.meet import Launched
from lxc.runtime.plans import attach as attach_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeVar

    from lxc.runtime.attaching.facts import Target
    from lxc.runtime.attaching.meet import Attached
    from lxc.runtime.interruption import deferred
    from lxc.runtime.place import Place
    from lxc.runtime.plans.attach import AttachPlan, Wish

    T = TypeVar("T")

_LEAF = ".lxc"  # cgroup below the container's for what is attached: one with processes cannot hand controllers down
_LEAVES = 1000
_REMEDY = {
    errno.EAGAIN: "pids.max, cgroup.max.descendants or cgroup.max.depth of it is reached: raise it, or attach with -eCGROUP",
    errno.ENOENT: "it was removed: attach with -eCGROUP",
    errno.EOPNOTSUPP: "the container has made it one for threads (cgroups(7)): attach with -eCGROUP",
}


def start(
    place: Place, wish: Wish, terminal: int = -1, held: deferred | None = None, *, is_all: bool = False
) -> Attached:
    """Run what `wish` says in the container; the command is a child of this process, which must have one thread.

    `terminal`, one of `wish.stdio`, becomes its controlling terminal.  A signal that is `held` ends this as long as the
    command does not run.  `is_all`: this process is for nothing else.  The caller closes the pidfd.  Raises LxcError; one
    for a command that cannot be executed has the exit status of a shell (126, 127).
    """
    return attach_meet.meet(launch(place, wish, terminal, held, is_all=is_all), held)


def launch(
    place: Place,
    wish: Wish,
    terminal: int = -1,
    held: deferred | None = None,
    *,
    is_sibling: bool = False,
    is_all: bool = False,
) -> Launched:
    """The first half of `start`; with `is_sibling` all that comes of it is our parent's child, and the parent's to meet."""
    trace.phase("ask the monitor, open the container's namespaces and cgroups")
    target = attach_facts.open_target(place, wish)
    try:
        trace.phase("decide")
        plan = decide(place, target, wish, held)
        if plan.enters_cgroups and os.geteuid() != 0:
            _join_scope(place)
        if terminal >= 0:
            _give_terminal(terminal, target, plan)
        mask = held.mask if held else signals.blocked()
        given = Given(
            target.pidfd, wish.stdio, terminal >= 0, mask=mask,
            shares_memory=is_all and beside.is_possible() and _may_share_memory(plan),
        )  # fmt: skip
        with closing(detached.protected_null(wish.stdio)) as null, closing(supervisor(place, plan)) as connection:
            trace.phase("make the process that joins")
            given = given.replace(stdio=stdio(wish, null), supervisor=connection)
            return _spawn(plan, target, given, is_sibling)
    finally:
        target.close()


def _may_share_memory(plan: AttachPlan) -> bool:
    """Whether what joins has no other user's rights on its way, and nobody in the container sees it: see `beside.clone`."""
    joined = frozenset(plan.namespaces)
    return "pid" in joined and not joined & {"user", "time"} and not (plan.uid or plan.gid or os.geteuid())


def _join_scope(place: Place) -> None:
    """Only from within the scope that systemd has made for a user's container does a way lead into its cgroups."""
    unit = client.scope(place)
    if not unit:
        return
    from lxc.cgroups import scope

    try:
        scope.join(unit)
    except LxcError as error:
        log.warn(str(error))


def decide(place: Place, target: Target, wish: Wish, held: deferred | None = None) -> AttachPlan:
    """The plan for `wish`.  Raises LxcError; Interrupted if a signal that is `held` comes."""
    facts = attach_facts.facts(place, target, wish, held)
    if wish.context and not facts.label.module:
        raise Unsupported("the host's kernel has no security module that knows labels", hint="attach without --context")
    plan = attach_plan.decide(place.name, wish, facts)
    log.debug(plan)
    return plan


def stdio(wish: Wish, null: int) -> tuple[int, int, int]:
    """The command's standard descriptors: `null` (-1: none) for each that is the host's /dev/null."""
    stdin, stdout, stderr = (null if null >= 0 and detached.is_null(fd) else fd for fd in wish.stdio)
    return stdin, stdout, stderr


def supervisor(place: Place, plan: AttachPlan) -> int:
    """A connection at which the monitor waits for the listener to system calls; -1 if it is to get none.

    The caller closes it.
    """
    return client.offer_listener(place).detach() if plan.hands_over else -1


def _spawn(plan: AttachPlan, target: Target, given: Given, is_sibling: bool) -> Launched:
    """Make the process that joins; it gets what is `given`, and the descriptors that are still missing there."""
    way = door.open_init()
    report, report_end = os.pipe2(os.O_CLOEXEC)
    status, status_end = os.pipe2(os.O_CLOEXEC)
    try:
        given = given.replace(door=way, report=report_end, status=status_end, tasks=tasks(plan, target))
        pids = attach_facts.namespace(target.proc, "pid") if "pid" in plan.namespaces else None
        return Launched(plan, _clone(plan, target, given, is_sibling), report, status, pids, way)
    except BaseException:
        fs.close(report, status, way)
        raise
    finally:
        fs.close(report_end, status_end)


def _clone(plan: AttachPlan, target: Target, given: Given, is_sibling: bool) -> int:
    """The pid of a process that follows the plan, born in the container's unified cgroup."""

    def be_attached() -> NoReturn:
        trace.become("attached process")
        attach_child.run(plan, given)

    def clone(cgroup: int) -> tuple[int, int]:
        if given.shares_memory:
            return beside.clone(0, cgroup, be_attached, may_stop=True)
        return birth.clone3(process.CLONE_PARENT if is_sibling else 0, cgroup)

    try:
        pid, pidfd = _clone_into(unified(target), clone)
        if pid == 0:
            be_attached()
        os.close(pidfd)
        trace.phase("wait for the attached process")
        return pid
    except OSError as error:
        hint = _REMEDY.get(error.errno or 0, "")
        raise StepError(f"make a process in the cgroup of {plan.name}", error, hint=hint) from error
    finally:
        fs.close(*given.tasks)


def _clone_into(unified: int, clone: Callable[[int], tuple[int, int]]) -> tuple[int, int]:
    """What `clone` makes in a leaf below the cgroup `unified` (-1: in ours)."""
    if unified >= 0:
        try:
            return _in_a_leaf(unified, clone)
        except PermissionError as error:
            if os.geteuid() == 0:
                raise
            log.warn(f"the command stays in our cgroup, from which none leads to the container's: {error.strerror}")
    return clone(-1)


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
            _refuse_frozen(leaf)
            try:
                return put(leaf)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
    raise OSError(errno.EBUSY, f"no process can be in any of {_LEAF} to {_LEAF}-{_LEAVES - 1}")


def _refuse_frozen(cgroup: int) -> None:
    """Raise StateError if who enters would stop there: its monitor knows of no freezing but by lxc-freeze."""
    with closing(os.open("cgroup.events", os.O_RDONLY | os.O_CLOEXEC, dir_fd=cgroup)) as file:
        if b"\nfrozen 1\n" in b"\n" + os.read(file, 4096):
            hint = "lxc-freeze, and then lxc-unfreeze, thaw what has frozen itself; or attach with -eCGROUP"
            raise StateError("the container's control group is frozen, though not by lxc-freeze", hint=hint)


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
        fs.close(*opened)
        hint = _REMEDY.get(error.errno or 0, "")
        raise StepError(f"open the cgroups of {plan.name}", error, hint=hint) from error
    return tuple(opened)


def _give_terminal(slave: int, target: Target, plan: AttachPlan) -> None:
    """Make it the command's user's."""
    uid = attach_facts.outside(attach_facts.id_ranges(target, "uid_map"), plan.uid) if plan.joins_user else plan.uid
    if uid >= 0:
        os.fchown(slave, uid, -1)
