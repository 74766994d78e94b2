"""Making, entering, freezing, killing and removing a container's cgroups.  Runs in the starter and in the monitor."""

from __future__ import annotations

import os

from lxc import log
from lxc.cgroups import limiting, making, stopping, tree
from lxc.cgroups import plan as _plan
from lxc.cgroups.files import read, write
from lxc.cgroups.finding import find as find
from lxc.cgroups.plan import CgroupPlan, Hierarchy, Layout
from lxc.errors import StepError
from lxc.kernel import beside, fs
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUNDS = 10  # of moving processes that may fork
_PATIENCE = 5.0  # seconds until killed processes must be gone


class Cgroups(Record):
    """The cgroups that were made: the same names below each hierarchy's base."""

    layout: Layout
    monitor: str
    payload: str  # what limits the container
    inner: str = ""  # directory of it that the container's processes are in, if any
    pivot: str = ""  # below which the monitor retires, if that is asked for

    @property
    def container(self) -> str:
        """The cgroup of the container's processes."""
        return f"{self.payload}/{self.inner}" if self.inner else self.payload

    def path(self, controller: str) -> str | None:
        """The cgroup of the container's processes, as GET_CGROUP tells it: "/" is the hierarchy's mount.

        "" asks for the unified one, or where there is none for the first.
        """
        return self._path(controller, self.container)

    def limit_path(self, controller: str) -> str | None:
        """The cgroup that limits the container, as GET_LIMIT_CGROUP tells it."""
        return self._path(controller, self.payload)

    def _path(self, controller: str, name: str) -> str | None:
        usual = self.layout.unified or next(iter(self.layout.hierarchies), None)
        hierarchy = self.layout.with_controller(controller) if controller else usual
        return "/" + hierarchy.below_base(name) if hierarchy else None


def controllers(layout: Layout) -> tuple[str, ...]:
    """The controllers of version 2 that can be had below the base; none in a layout without a unified hierarchy."""
    unified = layout.unified
    return tuple(read(f"{unified.directory(unified.base)}/cgroup.controllers").split()) if unified else ()


def prepare(plan: CgroupPlan) -> Cgroups:
    """Make the monitor's and the payload's cgroup in every hierarchy, all or none.  Raises StepError."""
    candidates = _candidates(plan)
    for cgroups in candidates:
        names = cgroups.monitor, cgroups.payload, cgroups.inner
        if _make(plan, names) or (_remove_leftover(cgroups, plan.owner) and _make(plan, names)):
            try:
                limiting.enable(plan.layout, (cgroups.monitor, cgroups.payload), plan.wanted)
                _remove_leftovers(candidates, plan.owner)
            except BaseException:
                remove(cgroups)
                raise
            return cgroups
    hint = "rmdir those that no process is in (cgroup.procs is empty)"
    why = f"it is taken, and so are the names with -1 to -{_plan.SUFFIXES} after it"
    if plan.is_fixed:
        why = f"it, or the monitor's, {plan.monitor}, exists already"
    raise StepError(f"make the cgroup {plan.payload}, {plan.layout.name} layout", why, hint=hint)


def _make(plan: CgroupPlan, names: tuple[str, str, str]) -> bool:
    return making.make_all(plan.layout, names, plan.owner, denies_devices=plan.denies_devices)


def _candidates(plan: CgroupPlan) -> Iterator[Cgroups]:
    return (Cgroups(plan.layout, *names, plan.inner, plan.pivot) for names in plan.names())


def remove_leftovers(plan: CgroupPlan) -> None:
    """Remove what a killed monitor of this container left, for a container that is not started any more."""
    candidates = _candidates(plan)
    _remove_leftover(next(candidates), plan.owner)  # another's may have gone from there, and ours be after it
    _remove_leftovers(candidates, plan.owner)


def _remove_leftovers(candidates: Iterator[Cgroups], owner: str) -> None:
    for cgroups in candidates:
        names = cgroups.payload, cgroups.monitor
        if not any(os.path.isdir(directory) for name in names for directory in cgroups.layout.directories(name)):
            return  # names are taken in order: there is none after it
        _remove_leftover(cgroups, owner)


def others(plan: CgroupPlan, cgroups: Cgroups) -> Iterator[str]:
    """Who has the names that were tried before those of `cgroups`: "LXCPATH/NAME" of each that is marked."""
    for taken in _candidates(plan):
        if taken.payload == cgroups.payload:
            return
        owners = map(making.owner_of, cgroups.layout.directories(taken.payload))
        yield from filter(None, dict.fromkeys(owners))


def open_unified(cgroups: Cgroups, name: str) -> int:
    """A descriptor of the unified cgroup `name`, for CLONE_INTO_CGROUP; -1 without a unified hierarchy."""
    unified = cgroups.layout.unified
    if not unified:
        return -1
    return os.open(unified.directory_of(name), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def enter(cgroups: Cgroups, name: str, pid: int, *, is_born: bool) -> None:
    """Move process `pid` into the cgroup `name` of every hierarchy; `is_born`: it is in the unified one already."""
    for hierarchy in cgroups.layout.hierarchies:
        if not (hierarchy.is_unified and is_born):
            _attach(hierarchy, hierarchy.below_base(name), pid)


def open_tasks(cgroups: Cgroups, name: str) -> tuple[int, ...]:
    """Descriptors of the `tasks` files of the version 1 cgroups `name`; a process of one thread enters by `inside.join`."""
    opened: list[int] = []
    try:
        for hierarchy in cgroups.layout.hierarchies:
            if not hierarchy.is_unified:
                path = f"{hierarchy.directory_of(name)}/tasks"
                opened.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        fs.close(*opened)
        raise StepError(f"open the cgroup {path}", error) from error
    return tuple(opened)


def delegate(cgroups: Cgroups, gid: int) -> None:
    """Let the group `gid`, that of root in the container, make cgroups below those of the container's processes.

    They stay ours, too.  What limits the container is not delegated (cgroups(7), "Cgroups delegation").
    """
    for hierarchy in cgroups.layout.hierarchies:
        directory = hierarchy.directory_of(cgroups.container)
        for name in ("", *(_delegated_files() if hierarchy.is_unified else ("cgroup.procs", "tasks"))):
            path = f"{directory}/{name}"
            try:
                os.chown(path, -1, gid)
                os.chmod(path, 0o664 if name else 0o775)
            except FileNotFoundError:
                pass  # of a controller that is not there
            except OSError as error:
                log.warn(f"cannot delegate {path} to the container: {error.strerror}")


def _delegated_files() -> tuple[str, ...]:
    """The files of a unified cgroup that a delegate may write, as the kernel lists them."""
    try:
        return tuple(read("/sys/kernel/cgroup/delegate").split())
    except FileNotFoundError:
        return "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"


def kill(cgroups: Cgroups) -> bool:
    """Kill whatever is left in the payload's cgroups, frozen or not, and wait until they are empty.

    Where nothing is left is seen by removing the cgroup: mostly that is all there is to do.  Return whether it was.
    """
    left = [directory for directory in cgroups.layout.directories(cgroups.payload) if not making.is_removed(directory)]
    stopping.kill(left)
    return not left and "/" not in cgroups.payload


def freeze(cgroups: Cgroups, *, is_on: bool) -> None:
    """Freeze or thaw the payload and wait until it is so.  Raises OSError."""
    stopping.set_frozen(cgroups.layout, cgroups.limit_path, is_on=is_on, timeout=_PATIENCE)


def let_die(cgroups: Cgroups, *, is_frozen: bool) -> None:
    """Thaw the payload if it `is_frozen`, and what the container has frozen itself: of version 1, nobody who is dies of SIGKILL."""
    if is_frozen:
        try:
            freeze(cgroups, is_on=False)
        except (OSError, StepError) as error:
            log.warn(f"cannot thaw the container: {error}")
    if freezer := cgroups.layout.with_controller("freezer"):
        stopping.thaw(freezer.directory_of(cgroups.payload))


def has_children(cgroups: Cgroups) -> bool:
    """Whether the container has made cgroups of its own."""
    return any(map(tree.below, cgroups.layout.directories(cgroups.container)))


def remove_children(cgroups: Cgroups) -> None:
    """Remove the cgroups that the container has made."""
    for directory in cgroups.layout.directories(cgroups.container):
        making.remove_below(directory)


def remove_payload(cgroups: Cgroups) -> None:
    """Remove the payload's cgroups, with those that the container made below."""
    making.remove_all(cgroups.layout, cgroups.payload)


def remake_payload(cgroups: Cgroups, plan: CgroupPlan) -> None:
    """Make the payload's cgroups again, for a reboot.  Raises StepError."""
    if not _make(plan, ("", cgroups.payload, cgroups.inner)):
        raise StepError(f"make the cgroup {cgroups.payload} for the next life", "it is taken")
    limiting.enable(cgroups.layout, (cgroups.payload,), plan.wanted)


def remove(cgroups: Cgroups) -> None:
    """Remove all that `prepare` made, for a start that failed before the monitor was in there."""
    remove_payload(cgroups)
    making.remove_all(cgroups.layout, cgroups.monitor)


def to_be_removed(cgroups: Cgroups) -> tuple[tuple[str, str, str], ...]:
    """For each hierarchy the payload's directory, the monitor's, and where to that leaves: a cgroup, or of version 1 its file `tasks`.

    The unified one is the last.  Empty, if there are directories between these, or a pivot.
    """
    if "/" in cgroups.payload or "/" in cgroups.monitor or cgroups.inner or cgroups.pivot:
        return ()
    return tuple(
        (
            it.directory_of(cgroups.payload),
            it.directory_of(cgroups.monitor),
            it.directory(it.origin) if it.is_unified else f"{it.directory(it.origin)}/tasks",
        )
        for it in sorted(cgroups.layout.hierarchies, key=lambda it: it.is_unified)
    )


def leave_behind(cgroups: Cgroups) -> None:
    """Remove the monitor's cgroups, for a process that is not in there.  What hooks have left running goes where its starter was."""
    left = [hierarchy for hierarchy in cgroups.layout.hierarchies if not _is_left_behind(hierarchy, cgroups.monitor)]
    making.remove_all(Layout(tuple(left)), cgroups.monitor)


def _is_left_behind(hierarchy: Hierarchy, monitor: str) -> bool:
    """Whether that cgroup is gone for sure, and with it all that there was."""
    if not making.is_removed(hierarchy.directory_of(monitor)):
        try:
            _bring_along(hierarchy, monitor, hierarchy.origin)
        except (OSError, StepError) as error:
            log.debug(f"cannot empty {monitor}: {error}")
        return False
    return "/" not in monitor


def leave(cgroups: Cgroups, *, is_born: bool = False) -> None:
    """Leave the monitor's cgroups, for where its starter was, and remove them.

    If this process `is_born` in there, who returns is a child of it, if that may be: born outside, since moving a
    process to another unified cgroup costs ten milliseconds.  What hooks have left running goes along.  With a pivot
    that is configured it goes there, for good.
    """
    unified = cgroups.layout.unified
    born = _be_born_outside(unified) if is_born and unified and not cgroups.pivot else None
    pivots = (lambda it: making.pivot(it, cgroups.pivot),) if cgroups.pivot else ()
    ways = (*pivots, lambda it: it.origin, lambda it: it.base, making.pivot)
    left = list(cgroups.layout.hierarchies)
    for hierarchy in cgroups.layout.hierarchies:
        for way in ways:
            try:
                target = way(hierarchy)
                if not hierarchy.is_unified or target != born:
                    _attach(hierarchy, target, os.getpid())
                if not making.is_removed(hierarchy.directory_of(cgroups.monitor)):
                    _bring_along(hierarchy, cgroups.monitor, target)
                elif "/" not in cgroups.monitor:
                    left.remove(hierarchy)
                break
            except (OSError, StepError) as error:
                log.debug(f"cannot leave {cgroups.monitor}: {error}")
    making.remove_all(Layout(tuple(left)), cgroups.monitor)


def _be_born_outside(unified: Hierarchy) -> str | None:
    """Go on as another process, which takes this one's place; the cgroup it is born in, None if none takes it."""
    for cgroup in dict.fromkeys((unified.origin, unified.base)):
        try:
            with closing(os.open(unified.directory(cgroup), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as target:
                beside.be_reborn(target)
        except OSError as error:
            log.debug(f"cannot be born in {unified.directory(cgroup)}: {error.strerror}")
            continue
        return cgroup
    return None


def _bring_along(hierarchy: Hierarchy, name: str, target: str) -> None:
    """Move to the cgroup `target` whoever is still in the cgroup `name`, and those that they fork meanwhile."""
    for _ in range(_ROUNDS):
        left = stopping.processes(hierarchy.directory_of(name))
        for pid in left:
            try:
                _attach(hierarchy, target, pid)
            except StepError as error:  # it has ended
                log.debug(f"process {pid}: {error}")
        if not left:
            return


def _remove_leftover(cgroups: Cgroups, owner: str) -> bool:
    """Remove cgroups of these names that a killed starter or monitor of this very container has left, if there are any.

    Whoever starts or destroys a container holds its command socket: there is no other monitor of it.
    """
    is_left = False
    for name in (cgroups.payload, cgroups.monitor):
        left = making.owned(cgroups.layout, name, owner)
        if left:
            is_left = True
            log.info(f"removing cgroups that were left behind: {' '.join(left)}")
            if name == cgroups.payload:
                stopping.kill(left)
            making.remove_all(cgroups.layout, name, owner)
    return is_left


def _attach(hierarchy: Hierarchy, cgroup: str, pid: int) -> None:
    """Move process `pid`, all threads of it.

    In a hierarchy of version 1 a thread that moves itself waits for nobody; moving processes costs ten milliseconds.
    """
    moves_itself = pid == os.getpid() and not hierarchy.is_unified and not beside.has_left_a_thread()
    file, text = ("tasks", "0") if moves_itself else ("cgroup.procs", str(pid))
    try:
        write(f"{hierarchy.directory(cgroup)}/{file}", text)
    except OSError as error:
        raise StepError(f"enter the cgroup {hierarchy.directory(cgroup)}", error) from error
