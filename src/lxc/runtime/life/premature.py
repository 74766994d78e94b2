"""Why init ended before the container's program ran, without a word of its own: what of the configuration may have killed it."""

from __future__ import annotations

import os

from lxc.cgroups.files import read
from lxc.errors import LxcError
from lxc.kernel import signals
from lxc.limits.plan import ResourceLimit
from lxc.runtime.handshake import ENDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cgroups.outside import Cgroups
    from lxc.runtime.plans.start import StartPlan

_SIGXCPU = 24
_OF_TIME, _OF_SPACE = ("cpu", "rttime"), ("as", "data", "stack")


def failure(plan: StartPlan, made: Cgroups, status: int) -> LxcError:
    """What to raise for an init that ended with `status`, as waitpid(2) gives it; its cgroups are still there."""
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    said = f"{ENDED}: it was killed by signal {signal}" if signal else ENDED
    for what, where in _suspects(plan, made, signal):
        return LxcError(said, where=where, hint=f"this is probably due to {what}: raise it, or leave it out")
    return LxcError(said, hint="dmesg(1) may say why")


def _suspects(plan: StartPlan, made: Cgroups, signal: int) -> Iterator[tuple[str, str]]:
    """(what may have done it, its place), the likeliest first."""
    if _lacked_memory(made):
        for write in plan.cgroups.limits:
            if write.controller == "memory":
                yield f"{write.key} = {write.value}", write.where
    names = _OF_TIME if signal in (signals.SIGKILL, _SIGXCPU) else _OF_SPACE
    for limit in plan.limits.process:
        if isinstance(limit, ResourceLimit) and limit.name in names:
            yield f"lxc.prlimit.{limit.name}", limit.where


def _lacked_memory(made: Cgroups) -> bool:
    """Whether the payload has met its limit of memory."""
    home = made.layout.home("memory")
    if not home:
        return False
    directory = home.directory_of(made.payload)
    try:
        if home.is_unified:
            return "max 0" not in read(f"{directory}/memory.events").split("\n")
        return int(read(f"{directory}/memory.failcnt")) > 0
    except OSError:
        return False  # it has no limit of memory
