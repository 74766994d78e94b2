"""A start by a worker of the fork server: without a copy of its memory, of which a start writes to a thousand pages.

Mostly by a monitor that shares it, and rests (`lodger`): the worker can be used again.

    client                       worker                            monitor
    a command ────────────────▶  decides, makes the cgroups
                                 beside.clone() ────────────────▶  starts the container
       ◀────────────────────────────────────────── ENDED, 0        it runs: leaves the client's session and files
                                 waits for the next client         rests

Else the worker becomes the monitor itself: nobody needs it for anything else.

    client                       worker
    a command ────────────────▶  decides, makes the cgroups
                                 is reborn in the monitor's (`beside.be_reborn`)
                                 starts the container
       ◀──────────── ENDED, 0    it runs: leaves the client's session and files
                                 is the monitor
    (in the foreground:
       ◀──────────── ENDED)      it has ended
"""

from __future__ import annotations

import os

from lxc import borrowed, trace
from lxc.kernel import fs, polling, signals
from lxc.runtime.interruption import Interrupted
from lxc.runtime.starting import foreground, lodger
from lxc.runtime.starting.forked import forget_terminal
from lxc.runtime.starting.watch import prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.borrowed import Worker
    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.start import Order
    from lxc.runtime.starting.watch import Watch


def start(order: Order, plan: StartPlan, worker: Worker, told: Callable[[], None] | None) -> int:
    """As `start.start`, on a host with unified cgroups, by a process that may be another then."""
    mask = signals.block(foreground.PASSED_ON)
    worker.outlive_client()
    try:
        if told and worker.may_lodge and lodger.is_possible() and lodger.may_have(order, plan):
            return _lodge(prepared(order, plan), worker, told)
        watch = prepared(order, plan)
        watch.be_reborn(lambda cgroup: worker.be_reborn(cgroup, has_session=not order.foreground))
        trace.become(f"monitor of {order.place.name}")
        if order.foreground or not told:  # until it has ended, or the client, which ends it
            return watch.keep(foreground.wanted, is_born=True, companion=borrowed.connection)
        return _leave(watch, worker, told)
    finally:
        signals.restore(mask)


def _lodge(watch: Watch, worker: Worker, told: Callable[[], None]) -> int:
    """In the background, by a monitor that shares this worker's memory until it rests."""
    withdrawn: set[int] = set()
    here = os.getpid()

    def first() -> None:
        worker.lend()
        _detach()

    def started() -> bool:
        withdrawn.update(signals.pending_of(here) & foreground.INTERRUPTIONS)  # what came before it was lent
        return _tell(worker, told, withdrawn)

    try:
        lodger.start(watch, first, started)
    except BaseException:
        worker.take_back()
        raise
    for number in withdrawn:
        os.kill(os.getpid(), number)
    return 1 if withdrawn else 0


def _tell(worker: Worker, told: Callable[[], None], withdrawn: set[int]) -> bool:
    """Tell the client that the container runs; False if nobody wants it any more: for the signals `withdrawn`, if any."""
    withdrawn |= signals.pending() & foreground.INTERRUPTIONS
    if withdrawn or _has_client_gone():
        return False
    trace.complete()
    told()
    worker.leave(0)
    return True


def _has_client_gone() -> bool:
    return bool(polling.events(borrowed.connection, wanted=0))


def _leave(watch: Watch, worker: Worker, told: Callable[[], None]) -> int:
    """In the background: leave the client once it runs.  Returns, or raises, only if it does not."""
    saved = tuple((fd, fs.duplicate(fd, 3)) for fd in fs.standard())
    withdrawn: set[int] = set()
    has_left = False

    def started() -> bool:
        nonlocal has_left
        if not _tell(worker, told, withdrawn):
            return False
        for _, fd in saved:
            os.close(fd)
        has_left = True
        return True

    try:
        watch.keep(started, is_born=True, first=_detach, companion=borrowed.connection)
    finally:
        if has_left:
            os._exit(0)
        for number, fd in saved:
            os.dup2(fd, number)
            os.close(fd)
    for number in withdrawn:
        while signals.take(foreground.INTERRUPTIONS):  # nobody would tell the client of a reborn process that they kill
            pass
        raise Interrupted(number)
    return 1


def _detach() -> None:
    """What is launched has nothing of the client's."""
    fs.close_range(3, fs.HIGHEST, on_exec=True)
    forget_terminal()
    os.chdir("/")
