"""Making, entering, freezing, killing and removing a container's cgroups.  Runs in the starter and in the monitor."""

from __future__ import annotations

import errno
import os
import time

from lxc import log
from lxc.cgroups import plan as _plan
from lxc.cgroups.plan import CgroupPlan, Hierarchy, Layout
from lxc.errors import StepError
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OWNER = "trusted.lxc.owner"  # extended attribute that names the container on its cgroups
_PIVOT = "lxc.pivot"  # where LXC lets a monitor go whose own cgroup is removed
_ROUNDS = 10  # of moving processes that may fork
_PATIENCE = 5.0  # seconds until killed processes must be gone


class Cgroups(Record):
    """The cgroups that were made: the same two names below each hierarchy's base."""

    layout: Layout
    monitor: str
    payload: str

    def monitor_directories(self) -> list[str]:
        return [h.directory(h.below_base(self.monitor)) for h in self.layout.hierarchies]

    def payload_directories(self) -> list[str]:
        return [h.directory(h.below_base(self.payload)) for h in self.layout.hierarchies]

    def path(self, controller: str) -> str | None:
        """The payload's cgroup, as GET_CGROUP tells it: "/" is the hierarchy's mount.  "" asks for the unified one."""
        hierarchy = self.layout.with_controller(controller) if controller else self.layout.unified
        if not controller and not hierarchy and self.layout.hierarchies:
            hierarchy = self.layout.hierarchies[0]
        return "/" + hierarchy.below_base(self.payload) if hierarchy else None


def find() -> Layout:
    """The hierarchies that this process may make cgroups in."""
    who = "self" if os.geteuid() else "1"
    layout = _plan.layout(_read("/proc/self/mountinfo"), _read(f"/proc/{who}/cgroup"), _read("/proc/self/cgroup"))
    usable = tuple(h for h in layout.hierarchies if os.access(h.directory(h.base), os.W_OK))
    log.debug(f"cgroups: {Layout(usable).name} layout, {', '.join(h.mount for h in usable) or 'no hierarchy'}")
    return Layout(usable)


def prepare(plan: CgroupPlan) -> Cgroups:
    """Make the monitor's and the payload's cgroup in every hierarchy, all or none.  Raises StepError."""
    for monitor, payload in plan.names():
        cgroups = Cgroups(plan.layout, monitor, payload)
        _remove_leftover(cgroups, plan.owner)
        if _make_all(cgroups, plan.owner):
            return cgroups
    raise StepError(
        f"make the cgroup {plan.payload}",
        f"it is taken, and so are the names with -1 to -{_plan.SUFFIXES} after it",
        hint="rmdir those that no process is in (cgroup.procs is empty)",
    )


def remove_leftovers(plan: CgroupPlan) -> None:
    """Remove what a killed monitor of this container left, for a container that is not started any more."""
    for monitor, payload in plan.names():
        cgroups = Cgroups(plan.layout, monitor, payload)
        if not any(map(os.path.isdir, (*cgroups.payload_directories(), *cgroups.monitor_directories()))):
            return  # names are taken in order: there is none after it
        _remove_leftover(cgroups, plan.owner)


def open_unified(cgroups: Cgroups, name: str) -> int:
    """A descriptor of the unified cgroup `name`, for CLONE_INTO_CGROUP; -1 without a unified hierarchy."""
    unified = cgroups.layout.unified
    if not unified:
        return -1
    return os.open(unified.directory(unified.below_base(name)), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def enter(cgroups: Cgroups, name: str, pid: int, *, is_born: bool) -> None:
    """Move process `pid` into the cgroup `name` of every hierarchy; `is_born`: it is in the unified one already."""
    for hierarchy in cgroups.layout.hierarchies:
        if hierarchy.is_unified and is_born:
            continue
        _attach(hierarchy, hierarchy.below_base(name), pid)


def delegate(cgroups: Cgroups, owner: tuple[int, int]) -> None:
    """Make the payload's cgroups those of `owner` (uid, gid): root in the container may make cgroups below them.

    What limits the container stays the host's (cgroups(7), "Cgroups delegation").
    """
    for hierarchy in cgroups.layout.hierarchies:
        directory = hierarchy.directory(hierarchy.below_base(cgroups.payload))
        for name in ("", *(_delegated_files() if hierarchy.is_unified else ("cgroup.procs", "tasks"))):
            path = f"{directory}/{name}"
            try:
                os.chown(path, *owner)
                os.chmod(path, 0o664 if name else 0o775)
            except FileNotFoundError:
                pass  # of a controller that is not there
            except OSError as error:
                log.warn(f"cannot delegate {path} to the container: {error.strerror}")


def _delegated_files() -> tuple[str, ...]:
    """The files of a unified cgroup that a delegate may write, as the kernel lists them."""
    try:
        return tuple(_read("/sys/kernel/cgroup/delegate").split())
    except FileNotFoundError:
        return "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"


def kill(cgroups: Cgroups) -> None:
    """Kill whatever is left in the payload's cgroups, frozen or not, and wait until they are empty."""
    _kill(cgroups.payload_directories())


def remove_payload(cgroups: Cgroups) -> None:
    """Remove the payload's cgroups, with those that the container made below."""
    for directory in cgroups.payload_directories():
        _remove_tree(directory)


def remake_payload(cgroups: Cgroups, owner: str) -> None:
    """Make the payload's cgroups again, for a reboot.  Raises StepError."""
    for hierarchy in cgroups.layout.hierarchies:
        _make(hierarchy, cgroups.payload, owner)


def leave(cgroups: Cgroups) -> None:
    """Move this process out of the monitor's cgroups, to where its starter was, and remove them.

    What hooks have left running goes with it.
    """
    for hierarchy in cgroups.layout.hierarchies:
        for cgroup in (hierarchy.origin, hierarchy.base, _made_pivot):
            try:
                target = cgroup if isinstance(cgroup, str) else cgroup(hierarchy)
                _attach(hierarchy, target, os.getpid())
                _bring_along(hierarchy, cgroups.monitor, target)
                break
            except (OSError, StepError) as error:
                log.debug(f"cannot leave to {cgroup}: {error}")
        _remove_tree(hierarchy.directory(hierarchy.below_base(cgroups.monitor)))


def _bring_along(hierarchy: Hierarchy, name: str, target: str) -> None:
    """Move to the cgroup `target` whoever is still in the cgroup `name`, and those that they fork meanwhile."""
    for _ in range(_ROUNDS):
        left = _processes(hierarchy.directory(hierarchy.below_base(name)))
        for pid in left:
            try:
                _attach(hierarchy, target, pid)
            except StepError as error:  # it has ended
                log.debug(f"process {pid}: {error}")
        if not left:
            return


def remove(cgroups: Cgroups) -> None:
    """Remove all that `prepare` made, for a start that failed before the monitor was in there."""
    for directory in (*cgroups.payload_directories(), *cgroups.monitor_directories()):
        _remove_tree(directory)


def freeze(cgroups: Cgroups, *, is_on: bool) -> None:
    """Freeze or thaw the payload and wait until it is so.  Raises OSError."""
    set_frozen(cgroups.layout, cgroups.path, is_on=is_on, timeout=_PATIENCE)


def set_frozen(layout: Layout, path: Callable[[str], str | None], *, is_on: bool, timeout: float) -> bool:
    """Freeze (or thaw) the cgroup that `path(controller)` names, through v1's freezer or else cgroup.freeze.

    Wait up to `timeout` seconds (-1: forever); return whether it came to that.  Raises OSError, StepError.
    """
    freezer = layout.with_controller("freezer")
    hierarchy = freezer or layout.unified
    cgroup = path("freezer" if freezer else "")
    if not hierarchy or cgroup is None:
        raise StepError("freeze the container", "it has neither a freezer cgroup nor a unified one")
    directory = hierarchy.directory(cgroup.strip("/"))
    deadline = time.monotonic() + timeout if timeout >= 0 else None
    while not (_freeze_v1 if freezer else _freeze_v2)(directory, is_on):
        if deadline is not None and time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _freeze_v1(directory: str, is_on: bool) -> bool:
    wanted = "FROZEN" if is_on else "THAWED"
    _write(f"{directory}/freezer.state", wanted)  # again each time: tasks that forked meanwhile are caught by it
    return _read(f"{directory}/freezer.state").strip() == wanted


def _freeze_v2(directory: str, is_on: bool) -> bool:
    if _read(f"{directory}/cgroup.freeze").strip() != str(int(is_on)):
        _write(f"{directory}/cgroup.freeze", str(int(is_on)))
    return f"frozen {int(is_on)}" in _read(f"{directory}/cgroup.events").splitlines()


def _make_all(cgroups: Cgroups, owner: str) -> bool:
    """Make both cgroups everywhere; False, and nothing made, if a name is taken."""
    made: list[str] = []
    try:
        for hierarchy in cgroups.layout.hierarchies:
            for name in (cgroups.monitor, cgroups.payload):
                made.append(_make(hierarchy, name, owner))
    except FileExistsError:
        for directory in reversed(made):
            os.rmdir(directory)
        return False
    except BaseException:
        for directory in reversed(made):
            os.rmdir(directory)
        raise
    return True


def _make(hierarchy: Hierarchy, name: str, owner: str) -> str:
    directory = hierarchy.directory(hierarchy.below_base(name))
    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        raise
    except OSError as error:
        raise StepError(
            f"make the cgroup {directory}", error.strerror or str(error), hint=_REMEDY.get(error.errno or 0, "")
        ) from error
    try:
        _mark(directory, owner)
        if "cpuset" in hierarchy.controllers:
            _inherit_cpuset(hierarchy.directory(hierarchy.base), directory)
    except BaseException:
        os.rmdir(directory)
        raise
    return directory


def _mark(directory: str, owner: str) -> None:
    """Write whose it is on a cgroup, for who finds it left behind; without the privilege for that it goes unmarked."""
    try:
        os.setxattr(directory, OWNER, os.fsencode(owner))
    except OSError as error:
        log.debug(f"cannot mark the cgroup {directory}: {error.strerror}")


def _owner(directory: str) -> str:
    try:
        return os.fsdecode(os.getxattr(directory, OWNER))
    except OSError:
        return ""


_REMEDY = {
    errno.EACCES: "run it as root, or have the cgroup delegated to you",
    errno.EROFS: "mount the cgroup file system writable",
    errno.EAGAIN: "raise cgroup.max.descendants of the cgroup above it",
}


def _inherit_cpuset(parent: str, directory: str) -> None:
    """No process can enter a v1 cpuset without processors and memory nodes (cpuset(7)): take the parent's."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not _read(f"{directory}/{file}").strip():
            _write(f"{directory}/{file}", _read(f"{parent}/{file}").strip())


def _remove_leftover(cgroups: Cgroups, owner: str) -> None:
    """Remove cgroups of these names that a killed starter or monitor of this very container has left.

    Whoever starts or destroys a container holds its command socket: there is no other monitor of it.
    """
    payload = [directory for directory in cgroups.payload_directories() if _owner(directory) == owner]
    left = [*payload, *(directory for directory in cgroups.monitor_directories() if _owner(directory) == owner)]
    if left:
        log.info(f"removing cgroups that were left behind: {' '.join(left)}")
        _kill(payload)
        for directory in left:
            _remove_tree(directory)


def _made_pivot(hierarchy: Hierarchy) -> str:
    pivot = hierarchy.below_base(_PIVOT)
    try:
        _make(hierarchy, _PIVOT, "")
    except FileExistsError:
        pass
    return pivot


def _kill(directories: list[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _kill_once(directories) and time.monotonic() < deadline:
        time.sleep(0.002)


def _kill_once(directories: list[str]) -> bool:
    """Kill what is in there; return whether there was anything."""
    populated = [directory for directory in directories if _populated(directory)]
    for directory in populated:
        try:
            _write(f"{directory}/cgroup.kill", "1")  # Linux 5.14, unified only
        except FileNotFoundError:
            for pid in _processes(directory):
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            _thaw(directory)
    return bool(populated)


def _thaw(directory: str) -> None:
    """In the v1 freezer, let the frozen die, also those in cgroups that the container has frozen itself."""
    if not os.path.exists(f"{directory}/freezer.state"):
        return
    for path, _, _ in os.walk(directory):
        try:
            _write(f"{path}/freezer.state", "THAWED")
        except FileNotFoundError:
            pass


def _populated(directory: str) -> bool:
    try:
        return "populated 1" in _read(f"{directory}/cgroup.events").splitlines()
    except FileNotFoundError:
        return bool(_processes(directory))


def _processes(directory: str) -> list[int]:
    found: list[int] = []
    for path, _, _ in os.walk(directory):
        try:
            found += map(int, _read(f"{path}/cgroup.procs").split())
        except FileNotFoundError:
            pass
    return [pid for pid in found if pid]  # 0 is a process of a pid namespace that we do not see


def _attach(hierarchy: Hierarchy, cgroup: str, pid: int) -> None:
    path = f"{hierarchy.directory(cgroup)}/cgroup.procs"
    try:
        _write(path, str(pid))
    except OSError as error:
        raise StepError(f"enter the cgroup {hierarchy.directory(cgroup)}", error.strerror or str(error)) from error


def _remove_tree(directory: str) -> None:
    """rmdir `directory` and the cgroups below it; what a process is still in stays, and is logged."""
    for path, _, _ in os.walk(directory, topdown=False):
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                os.rmdir(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno == errno.EBUSY and time.monotonic() < deadline:
                    time.sleep(0.002)  # the last process is a zombie, or on its way out
                    continue
                log.warn(f"cannot remove the cgroup {path}: {error.strerror}")
            break


def _read(path: str) -> str:
    with closing(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as fd:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    return b"".join(parts).decode(errors="surrogateescape")


def _write(path: str, text: str) -> None:
    with closing(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) as fd:
        os.write(fd, text.encode())
