"""Resource limits, /proc/PID files and kernel parameters of a container, as steps.  Pure."""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

UNLIMITED = -1


class ResourceLimit(Record):
    """lxc.prlimit.NAME; the limits are in the resource's own unit, UNLIMITED is none."""

    name: str
    number: int  # RLIMIT_*
    soft: int
    hard: int
    where: str = ""

    def __str__(self) -> str:
        return f"prlimit --{self.name}={_show(self.soft)}:{_show(self.hard)}"


class ProcessFile(Record):
    """lxc.proc.NAME: a file of init's below /proc/PID."""

    name: str
    value: str
    where: str = ""

    def __str__(self) -> str:
        return f"echo {self.value} > /proc/INIT/{self.path}"

    @property
    def path(self) -> str:
        return self.name.replace(".", "/")


class CoreCookie(Record):
    """lxc.sched.core: init and all below it share a processor core with no others."""

    where: str = ""

    def __str__(self) -> str:
        return "prctl PR_SCHED_CORE_CREATE INIT"


class KernelParameter(Record):
    """lxc.sysctl.NAME: written in the container's namespaces, which own it."""

    name: str
    value: str
    where: str = ""

    def __str__(self) -> str:
        return f"sysctl -w {self.name}={self.value}"

    @property
    def path(self) -> str:
        """Below the root; every dot separates, as LXC has it."""
        return f"proc/sys/{self.name.replace('.', '/')}"


class LimitPlan(Record):
    process: tuple[ResourceLimit | ProcessFile | CoreCookie, ...] = ()  # set by the monitor, before init goes on
    parameters: tuple[KernelParameter, ...] = ()  # written by init, in its root

    @property
    def may_kill(self) -> bool:
        """Whether the kernel may kill init for what it has used of a processor's time."""
        return any(isinstance(step, ResourceLimit) and step.name in ("cpu", "rttime") for step in self.process)

    def __str__(self) -> str:
        return "\n".join(map(str, self.process))


def plan(
    limits: Iterable[tuple[str, int, int, int, str]],
    files: Iterable[tuple[str, str, str]],
    parameters: Iterable[tuple[str, str, str]],
) -> LimitPlan:
    """The plan for `limits` (name, number, soft, hard, where), `files` and `parameters` (name, value, where)."""
    steps: list[ResourceLimit | ProcessFile] = [ResourceLimit(*limit) for limit in limits]
    steps += (ProcessFile(*file) for file in files)
    return LimitPlan(tuple(steps), tuple(KernelParameter(*parameter) for parameter in parameters))


def _show(limit: int) -> str:
    return "" if limit == UNLIMITED else str(limit)
