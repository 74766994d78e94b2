"""Setting what concerns the container's init as a process, from the monitor, before init goes on."""

from __future__ import annotations

import errno

from lxc import log
from lxc.errors import StepError
from lxc.kernel import process, procfs
from lxc.limits.plan import CoreCookie, LimitPlan, ProcessFile, ResourceLimit


def prepare(plan: LimitPlan, pid: int) -> None:
    """Set the limits and write the files of process `pid`.  Raises StepError."""
    for step in plan.process:
        try:
            if isinstance(step, ResourceLimit):
                _limit(step, pid)
            elif isinstance(step, CoreCookie):
                _set_apart(pid)
            else:
                procfs.write(f"{pid}/{step.path}", step.value)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise StepError(str(step), why, where=step.where, hint=_hint(step, error)) from error


def _limit(step: ResourceLimit, pid: int) -> None:
    import resource

    resource.prlimit(pid, step.number, (_signed(step.soft), _signed(step.hard)))


def _signed(limit: int) -> int:
    """As Python takes it: C's rlim_t has no sign, and is RLIM_INFINITY, which is -1, if it is UNLIMITED."""
    return limit - (1 << 64) if limit >= 1 << 63 else limit


def _set_apart(pid: int) -> None:
    try:
        process.create_core_cookie(pid)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        log.info("no core of this machine runs two threads: there is nobody to share one with")


def _hint(step: ResourceLimit | ProcessFile | CoreCookie, error: Exception) -> str:
    if isinstance(step, ResourceLimit) and isinstance(error, PermissionError):
        return "raising a hard limit needs CAP_SYS_RESOURCE: choose a value up to the starter's own (ulimit -H)"
    if isinstance(step, ProcessFile) and isinstance(error, FileNotFoundError):
        return f"a process has no file /proc/PID/{step.path}"
    if isinstance(step, CoreCookie) and isinstance(error, OSError) and error.errno == errno.EINVAL:
        return "this kernel has no core scheduling (CONFIG_SCHED_CORE): remove lxc.sched.core"
    return ""
