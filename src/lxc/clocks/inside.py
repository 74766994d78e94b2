"""Making a time namespace, in the container's init: its offsets can be written until the first process is in it."""

from __future__ import annotations

import os

from lxc.kernel import process
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.clocks.plan import ClockPlan, Shift


def make(plan: ClockPlan) -> None:
    """Make the namespace, for whoever enters it."""
    if plan.is_new:
        process.unshare(process.CLONE_NEWTIME)


def perform(step: Shift) -> None:
    """Shift one clock of the namespace made.  Raises OSError."""
    with closing(os.open("/proc/self/timens_offsets", os.O_WRONLY | os.O_CLOEXEC)) as file:
        os.write(file, step.line.encode())


def enter(plan: ClockPlan) -> tuple[int, ...]:
    """Enter it.  Return a descriptor of it, if there is one, for the monitor, which may not be able to open it."""
    return (enter_made(),) if plan.is_new else ()


def enter_made() -> int:
    """Enter the time namespace that this process has made; before Linux 6.3, executing does not.  Return its descriptor."""
    fd = os.open("/proc/self/ns/time_for_children", os.O_RDONLY | os.O_CLOEXEC)
    process.setns(fd, process.CLONE_NEWTIME)
    return fd
