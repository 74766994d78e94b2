"""A monitor with nothing to do gives its memory back: it becomes a small program, and Python again when it is needed.

    the monitor                       lxc-client --rest (native/client/rest.c)         Python again
    nothing to do for two seconds
    writes down what it is, and what
    it would answer; executes ─────▶  the same process, init's parent still
                                      answers what was written down
                                      kills init if it is to stop it
                                      anything else ──────────────────────────────────▶ executed: goes on as before
                                      init has ended: removes the cgroups, ends;
                                      if that is not all ───▶ a worker of the fork server takes down what there is
                                         ◀──────────────────  nothing is left but the monitor's own cgroup
                                      ends

Without a fork server, and for a reboot, which needs init's parent, the process itself becomes Python instead.
Should the worker be killed at that, too.

What is written down lies in two files in memory, which are handed on as descriptors.  Nobody else can write them: what
is in there is believed.  Should another version be installed meanwhile that does not understand what this one has
written, the process stays as it is, and is deaf to all that is not on the sheet; in the end, what there is to undo but
cgroups is left to the next start, as after one that was killed.
"""

from __future__ import annotations

import os

from lxc import borrowed, loading, log, trace
from lxc.cgroups import outside as cgroups
from lxc.kernel import beside, fs, sockets
from lxc.loading import LIBEXEC, PACKAGES
from lxc.record import Record
from lxc.runtime import commands, questions
from lxc.runtime.commands import Request
from lxc.runtime.life.sheet import Removal, happened, rest_of, text
from lxc.runtime.place import monitor_fifo
from lxc.storage import outside as storage
from lxc.terminal import outside as terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from lxc.cgroups.limiting import DeviceProgram
    from lxc.cgroups.outside import Cgroups
    from lxc.network.outside import Network
    from lxc.runtime.commands import Reply
    from lxc.runtime.life.launch import Running
    from lxc.runtime.life.monitor import Monitor
    from lxc.runtime.life.namespaces import Namespaces
    from lxc.runtime.life.sheet import Left
    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.start import Order
    from lxc.security.apparmor.plan import Profile
    from lxc.storage.backend import Attached
    from lxc.terminal.plan import Prepared

AFTER, AGAIN = 2.0, 30.0  # seconds without anything to do until it rests, first and when it was woken before
_CLIENT = f"{LIBEXEC}/lxc-client"
_STANDARD = (
    Request(commands.GET_STATE), Request(commands.GET_NAME), Request(commands.GET_LXCPATH),
    Request(commands.GET_DEVPTS_FD), Request(commands.GET_CGROUP_CTX, payload=bytes(commands.CGROUP_CONTEXT + 4)),
    *questions.EVERYTHING,
)  # fmt: skip


class Rested(Record):
    """All that a monitor is, in the middle of a life of its container."""

    order: Order
    plan: StartPlan
    made: Cgroups
    listener: int
    state: int
    running: Running
    prepared: Prepared
    attached: Attached
    slaves: tuple[int, ...]  # of the terminals
    namespaces: Namespaces
    network: Network
    device_program: DeviceProgram
    loaded: Profile | None
    may_reboot: bool
    asked: tuple[Request, ...]
    log: tuple[str, str, int, int, str, int]
    lent: tuple[int, ...]  # what was opened only to be lent
    status: int = -1  # how init has ended, as waitpid(2) tells it
    connections: tuple[Left, ...] = ()


# ---- the monitor -----------------------------------------------------------------------------------------------------


def begin(monitor: Monitor) -> None:
    """Rest, if that may be; returns if not."""
    if not _may(monitor):
        return
    opened: list[int] = []
    inheritable: list[int] = []
    try:
        answers: list[tuple[Request, Reply | None]] = []
        for request in dict.fromkeys((*_STANDARD, *monitor.asked)):
            reply = monitor.answers.settled(request)
            answers.append((request, reply))
            opened += reply.given if reply else ()
        rested = _packed(_remains(monitor, tuple(opened)))
        sheet = os.memfd_create("lxc-sheet")
        opened.append(sheet)
        for part in (_text(monitor, answers), rested):
            os.write(sheet, part)
        inheritable += _to_be_inherited(monitor)
        for fd in inheritable:
            os.set_inheritable(fd, True)
        words = monitor.title, "--rest", str(sheet), PACKAGES
        beside.execute(_CLIENT, words, os.environb, monitor.running.pid if monitor.running else 0)
    except (OSError, ImportError, AttributeError, TypeError, ValueError) as error:
        log.warn(f"the monitor stays awake: {error}")
        for fd in inheritable:
            os.set_inheritable(fd, False)
        fs.close(*opened)


def _may(monitor: Monitor) -> bool:
    """Whether all it has is on its sheet: no other process, nobody who waits, nothing that is gathered in memory."""
    return bool(
        monitor.title
        and monitor.running
        and monitor.terminals
        and monitor.state == commands.RUNNING
        and monitor.running.listener < 0
        and not monitor.made.pivot  # where it retires to
        and not monitor.supervised.supervisor
        and not monitor.attached.nbd
        and monitor.server.may_rest
        and monitor.network.may_rest
        and monitor.terminals.may_rest
        and trace.descriptor() < 0
    )


def _remains(monitor: Monitor, lent: tuple[int, ...]) -> Rested:
    assert monitor.running
    assert monitor.terminals
    return Rested(
        monitor.order.replace(checkpoint=None),
        monitor.plan,
        monitor.made,
        monitor.server.descriptor,
        monitor.state,
        monitor.running,
        monitor.terminals.prepared,
        monitor.attached,
        monitor.terminals.slaves,
        monitor.namespaces,
        monitor.network,
        monitor.device_program,
        monitor.loaded,
        monitor.may_reboot,
        tuple(monitor.asked),
        log.settings(),
        lent,
    )


def _packed(rested: Rested) -> bytes:
    import _pickle as pickle  # a start does not need it

    try:
        return pickle.dumps(rested, 5)
    except pickle.PicklingError as error:
        raise TypeError(str(error)) from error


def _text(monitor: Monitor, answers: Sequence[tuple[Request, Reply | None]]) -> bytes:
    assert monitor.running
    assert monitor.terminals
    running, console, removal = monitor.running, monitor.terminals.console, _removal(monitor)
    consoles = (-1, console) if monitor.terminals.console_is_heard else (console, -1)
    waiting, stop = monitor.server.waiting(), monitor.plan.stop_signal
    return text(running.pid, running.pidfd, monitor.server.descriptor, stop, consoles, answers, waiting, removal)


def _removal(monitor: Monitor) -> Removal | None:
    """What the program that rests is to remove in the end; None if there will be more to undo, or to log."""
    order, hooks, made = monitor.order, monitor.plan.hooks, monitor.made
    removed = cgroups.to_be_removed(made)
    is_logged = log.descriptors() and log.threshold() <= log.INFO
    if (
        not removed
        or is_logged
        or order.pidfile
        or order.config.ephemeral
        or hooks.stop
        or hooks.post_stop
        or hooks.net_down
        or monitor.loaded
        or not monitor.network.leaves_nothing
        or not storage.leaves_nothing(monitor.attached)
    ):
        return None
    has_unified = made.layout.unified is not None
    return Removal(monitor_fifo(order.place.lxcpath), removed, has_unified, monitor.network.out_of_use)


def _to_be_inherited(monitor: Monitor) -> list[int]:
    """What is open, but for what is this interpreter's own."""
    own = {monitor.loop.descriptor, monitor.signals, *(monitor.terminals.own if monitor.terminals else ())}
    return [fd for fd in fs.opened() if fd > 2 and fd not in own]


# ---- who goes on -----------------------------------------------------------------------------------------------------


def wake(sheet: int, note: int, title: str, program: int) -> NoReturn:
    """Go on from the sheet, with the note of what has happened; in the process that has rested, and has been called `title`.

    `program` is what it was.
    """
    loading.hasten()
    try:
        rested = _read(sheet, note)
        os.close(program)
        _go_on(rested, None)
    except _Unreadable as error:
        _say(title, error)
        os.execve(program, (title, "--rest", str(sheet), PACKAGES, "deaf", str(note)), os.environb)
    finally:
        os._exit(0)


def inherit(sheet: int, note: int) -> int:
    """The same in a worker of the fork server, while that process waits: init has ended."""
    worker = borrowed.worker
    assert worker
    _go_on(_read(sheet, note), worker)
    return 0


def _go_on(rested: Rested, worker: borrowed.Worker | None) -> None:
    from lxc.runtime.starting.watch import Watch

    log.resume(*rested.log)
    made = rested.made

    def leave() -> None:
        if worker:
            worker.inherit()
            cgroups.leave_behind(made)
        else:
            cgroups.leave(made, is_born=True)

    Watch(rested.order, rested.plan, made, sockets.of(rested.listener), -1).go_on(
        rested, leave, is_itself=worker is None
    )


class _Unreadable(Exception):
    """What was written down is of another version of this program."""


def _read(sheet: int, note: int) -> Rested:
    """What a monitor has left, and what has happened since; both files are closed.  Raises _Unreadable: they are not."""
    rested = _unpacked(rest_of(_content(sheet)))
    status, left = happened(_content(note))
    fs.close(sheet, note, *rested.lent)
    fs.close_range(3, fs.HIGHEST, on_exec=True)
    return rested.replace(status=status, connections=left)


def _unpacked(data: bytes) -> Rested:
    import _pickle as pickle

    try:
        rested = pickle.loads(data)
        if not isinstance(rested, Rested) or len(rested.__dict__) != len(Rested._fields):
            raise ValueError("it has not what is needed")
    except (pickle.UnpicklingError, EOFError, ImportError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _Unreadable(str(error)) from error
    return rested


def _say(title: str, why: Exception) -> None:
    """Log to the container's file, if there can be one, that its monitor cannot go on."""
    lxcpath, _, name = title.partition("] ")[2].rpartition(" ")
    try:
        log.open("lxc", name, f"{lxcpath}/{name}/{name}.log", log.ERROR, is_plain=True)
    except OSError:
        return
    log.error(
        f"the monitor of {name} was begun by another version of this program, and this one cannot go on with it ({why}): "
        "it answers what it knows, and stops when told to; what is left then the next start removes"
    )


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def restore(monitor: Monitor, rested: Rested) -> None:
    """Have `monitor` be what the one before it was."""
    monitor.state, monitor.running, monitor.attached = rested.state, rested.running, rested.attached
    monitor.namespaces, monitor.network = rested.namespaces, rested.network
    monitor.device_program, monitor.loaded, monitor.may_reboot = rested.device_program, rested.loaded, rested.may_reboot
    monitor.asked.update(dict.fromkeys(rested.asked))
    monitor.prepared = terminal.reopened(rested.plan.terminal, rested.prepared)
    monitor.terminals = terminal.Terminals(
        rested.plan.terminal,
        monitor.prepared,
        monitor.loop,
        rested.running.console_master,
        rested.running.tty_masters,
        rested.slaves,
    )
    for each in rested.connections:
        monitor.server.adopt(each.fd, each.incoming, is_trusted=each.is_trusted, keep=each.keep)
