"""A monitor that lodges in the memory of who makes it, until its container runs: then it rests at once (`rest`).

    who makes it                           the monitor
    decides, claims it, makes its cgroups
    beside.clone() ─────────────────────▶  shares that memory; starts the container
    waits                                  rests: executes lxc-client, and needs the memory no more
    goes on, and may make the next

A process of its own for each copies a thousand pages of memory before it has done anything, and keeps them until it
rests.  But what shares memory takes turns: it may wait for nothing, have nothing that goes on (`may_have`), and must be
gone before who made it goes on.  One that cannot rest, because somebody is connected to it already, say, keeps the memory,
and who made it ends.
"""

from __future__ import annotations

import gc
import os

from lxc import trace
from lxc.cgroups import outside as cgroups
from lxc.errors import LxcError
from lxc.kernel import beside, fs
from lxc.kernel.fs import closing
from lxc.runtime.life import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.start import Order
    from lxc.runtime.starting.watch import Watch

KILLED = LxcError("the process that started it was killed", hint="look at dmesg(1)")


def is_possible() -> bool:
    """Whether this process may have monitors in its memory, one after the other: root's, who enters no scope for each."""
    return os.geteuid() == 0 and beside.is_available() and "LISTEN_FDS" not in os.environ


def may_have(order: Order, plan: StartPlan) -> bool:
    """Whether the start waits for nobody else's program, and its monitor has nothing to do but to rest."""
    hooks, terminal = plan.hooks, plan.terminal
    return (
        launch.may_share_memory(plan)
        and not (hooks.pre_start or hooks.start_host or hooks.net_up or plan.network.is_granted)
        and not (terminal.console_path or terminal.console_logfile or terminal.console_buffer_size)
        and not (
            plan.cgroups.pivot or plan.security.filter.is_supervised or plan.monitor_writes or plan.monitor_unshares
        )
        and not (order.foreground or order.checkpoint)
    )


def start(watch: Watch, first: Callable[[], None], started: Callable[[], bool]) -> None:
    """Have a monitor do `first`, start what `watch` is for, be told by `started` whether that is wanted, and rest.

    Both are called in the monitor's process, `started` once the container runs.  What has failed leaves nothing behind.
    If the monitor cannot rest, this process ends, with the status `beside.LEFT`.
    No garbage is collected any more: what a monitor has had is garbage of its own, and open only there.
    Raises LxcError.
    """
    failures: list[BaseException] = []  # put there by the monitor
    trace.phase("make the monitor")
    gc.set_threshold(0)
    try:
        with closing(cgroups.open_unified(watch.made, watch.made.monitor)) as unified:

            def be_monitor() -> NoReturn:
                _be_monitor(watch, first, started, failures, is_born=unified >= 0)

            pid, pidfd = beside.clone(0, unified, be_monitor, watch.listener.fileno())
    except OSError as error:
        watch.abandon()
        raise watch.unborn(error) from error
    fs.close(pidfd, watch.pidfile)
    watch.listener.detach()
    _, status = os.waitpid(pid, 0 if failures else os.WNOHANG)  # mostly it is there still
    if failures:
        raise failures[0]
    if status:
        raise KILLED


def _be_monitor(
    watch: Watch,
    first: Callable[[], None],
    started: Callable[[], bool],
    failures: list[BaseException],
    *,
    is_born: bool,
) -> NoReturn:
    def sole_and_started() -> bool:
        beside.await_given()  # who is told may end the container at once, and start it again
        return started()

    status = 1
    trace.become(f"monitor of {watch.order.place.name}")
    try:
        watch.keep(sole_and_started, is_born=is_born, first=first, lodges=beside.keep_memory)
        status = 0
    except BaseException as error:
        failures.append(error.with_traceback(None))
    finally:
        trace.leave()
        os._exit(status)
