"""Starting a container, as the one who asks for it sees it: decide, then have a monitor that does it.

The monitor is a process of its own (`forked`), or what has been asked, if that is for nothing else (`in_place`).
"""

from __future__ import annotations

from lxc import borrowed, log, trace
from lxc.cgroups import outside as cgroups
from lxc.cgroups import scope
from lxc.errors import LxcError
from lxc.record import Record
from lxc.runtime import host
from lxc.runtime.plans import start as _plan
from lxc.runtime.plans.start import StartPlan
from lxc.runtime.starting import forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.config.container import Config
    from lxc.runtime.life.restoring import Checkpoint
    from lxc.runtime.place import Place


class Order(Record):
    """What is asked for."""

    place: Place
    config: Config
    argv: tuple[str, ...] = ()  # instead of lxc.init.cmd (or lxc.execute.cmd)
    execute: bool = False  # lxc-init stays above the command
    foreground: bool = False  # the caller stays, as if it were the monitor (`foreground`)
    pidfile: str = ""  # gets the monitor's pid; absolute
    config_file: str = ""  # which was read instead of the container's own
    logfile: str = ""  # gets the trace of a failed start; "" is the container's own log file
    checkpoint: Checkpoint | None = None  # what is restored instead of a program being run


def decide(order: Order) -> StartPlan:
    """The plan for `order` on this host.  Touches nothing.  Raises LxcError."""
    trace.phase("decide")
    host.check()
    return _plan.start(
        order.place,
        order.config,
        host.facts(order.config, order.place).replace(config_file=order.config_file),
        argv=order.argv,
        execute=order.execute,
        foreground=order.foreground,
    )


def start(order: Order, told: Callable[[], None] | None = None, warn: Callable[[str], None] | None = None) -> int:
    """Start what `order` asks for.

    Return 0 once it runs; in the foreground the exit code of its init, once it has ended.
    Raises AlreadyRunning, LxcError, and leaves nothing behind then.

    With `told`, starting it is all that this process is for: a worker of the fork server becomes the monitor, calls
    `told` once the container runs, and does not return.  `warn` tells who asks of what the plan warns of.
    """
    _, plan = decided(order)
    if warn:
        for warning in plan.warnings:
            warn(warning)
    if borrowed.worker and plan.cgroups.layout.unified and (told or order.foreground):
        from lxc.runtime.starting import in_place

        return in_place.start(order, plan, borrowed.worker, told)
    return forked.stay(order, plan) if order.foreground else forked.wait(order, plan)


def decided(order: Order) -> tuple[Order, StartPlan]:
    """`order`, and the plan for it, of whose warnings the log knows.  Raises LxcError."""
    _enter_scope(order.place)
    plan = decide(order)
    for warning in (*plan.warnings, *plan.remarks):
        log.warn(warning)
    return order, plan


def _enter_scope(place: Place) -> None:
    """On a unified host an ordinary user's containers are in a scope of systemd's; without one, where the user is."""
    if not scope.is_offered() or cgroups.find().name != "unified":
        return
    try:
        scope.enter(place.name)
    except LxcError as error:
        log.warn(str(error))
