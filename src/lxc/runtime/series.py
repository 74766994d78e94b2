"""Starts by one process, one after the other, of containers whose monitors rest at once.

    who asks                    runner, one for each processor         monitor, one at a time
    numbers, in a pipe ──────▶  takes the next, decides, claims it,
                                makes its cgroups
                                beside.clone() ─────────────────────▶  shares the runner's memory; starts the container
                                waits                                  rests: executes lxc-client (`rest`)
       ◀──────── what came of it

A process of its own for each copies a thousand pages of memory before it has done anything, and keeps them until it
rests.  But what shares memory takes turns: it may wait for nothing, have nothing that goes on (`_may`), and must be gone
when the next is begun.  What may not be started in this way is left to who asks.
"""

from __future__ import annotations

import gc
import os
import select

from lxc import borrowed, log, trace
from lxc.cgroups import outside as cgroups
from lxc.errors import AlreadyRunning, LxcError
from lxc.kernel import beside, fs, polling, process, signals, sockets
from lxc.kernel.fs import closing
from lxc.runtime import foreground, handshake, launch, rest
from lxc.runtime.forked import forget_terminal
from lxc.runtime.watch import prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import NoReturn

    from lxc.kernel.sockets import socket
    from lxc.runtime.place import Place
    from lxc.runtime.plan import StartPlan
    from lxc.runtime.start import Order
    from lxc.runtime.watch import Watch

    Decide = Callable[[Place], tuple[Order, StartPlan]]

BEGUN, RUNS, APART, FAILED = b"B", b"R", b"O", b"F"  # what is said of a number
_NUMBER, _SIZE = 4, 4  # bytes
_MOST = 8192  # numbers at a time: they fit into a pipe
_MOST_STARTS = 200  # of a runner: of each, a thread stays there and sleeps
_KILLED = LxcError("the process that started it was killed", hint="look at dmesg(1)")


def is_possible() -> bool:
    """Whether this process may start containers in this way."""
    return (
        os.geteuid() == 0 and beside.is_possible() and trace.descriptor() < 0 and "LISTEN_FDS" not in os.environ
    )  # others may have to enter a scope of systemd's for each


def start(
    places: Sequence[Place], decide: Decide, runners: int, heard: Callable[[Place, LxcError | None], None]
) -> list[Place]:
    """Start those of `places` that can be, by so many processes; return the others, for which nothing was done.

    `heard(place, None)` is called for each that runs, with its error for each that does not.  On KeyboardInterrupt what
    does not run yet is undone.
    """
    others: list[Place] = []
    for first in range(0, len(places), _MOST):
        others += _start(places[first : first + _MOST], decide, runners, heard)
    return others


def _start(
    places: Sequence[Place], decide: Decide, runners: int, heard: Callable[[Place, LxcError | None], None]
) -> list[Place]:
    apart: list[int] = []
    poller = select.poll()
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    hands: dict[int, _Hand] = {}
    with closing(reader):
        try:
            with closing(writer):
                os.write(writer, b"".join(number.to_bytes(_NUMBER, "little") for number in range(len(places))))
            for _ in range(min(runners, len(places))):
                _add(hands, poller, _Hand(places, decide, reader))
            while hands:
                for fd, _ in poller.poll():
                    hand = hands[fd]
                    for number, letter, error in hand.heard():
                        if letter == APART:
                            apart.append(number)
                        else:
                            heard(places[number], error)
                    if hand.has_ended:
                        poller.unregister(fd)
                        hands.pop(fd).close()
                        if hand.has_worked and polling.events(reader) & select.POLLIN:
                            _add(hands, poller, _Hand(places, decide, reader))
            apart += _numbers(reader)  # nobody was left to take them
        finally:
            for hand in hands.values():  # all of them at once; close() waits for each
                hand.channel.shutdown(1)  # SHUT_WR
            for hand in hands.values():
                hand.close()
    return [places[number] for number in sorted(apart)]


def _add(hands: dict[int, _Hand], poller: select.poll, hand: _Hand) -> None:
    hands[hand.channel.fileno()] = hand
    poller.register(hand.channel, select.POLLIN)


def _numbers(reader: int) -> Iterator[int]:
    while raw := os.read(reader, _NUMBER):
        yield int.from_bytes(raw, "little")


class _Hand:
    """A runner, for who has made it."""

    def __init__(self, places: Sequence[Place], decide: Decide, reader: int) -> None:
        self.channel, theirs = sockets.pair()
        self.has_ended = self.has_worked = False
        self._said = b""
        self._begun = -1  # the number that it is at
        mask = signals.block(foreground.INTERRUPTIONS)  # it ends between two starts
        try:
            self._pid, pidfd = process.clone3(0)
            if self._pid == 0:
                _run(places, decide, reader, theirs)
            os.close(pidfd)
        except BaseException:
            self.channel.close()
            raise
        finally:
            theirs.close()
            signals.restore(mask)

    def heard(self) -> list[tuple[int, bytes, LxcError | None]]:
        """What came of numbers since the last time: RUNS, APART, or FAILED with the error."""
        part, _, _ = sockets.receive(self.channel, 1 << 16)
        self._said += part
        self.has_ended = not part
        found: list[tuple[int, bytes, LxcError | None]] = []
        while message := self._next():
            number, letter, payload = message
            self._begun = number if letter == BEGUN else -1
            self.has_worked = True
            if letter != BEGUN:
                found.append((number, letter, handshake.unpack_failure(payload) if letter == FAILED else None))
        if self.has_ended and self._begun >= 0:
            found.append((self._begun, FAILED, _KILLED))
        return found

    def close(self) -> None:
        """Wait until it has ended, which it does when the channel says so or nothing is left to be done."""
        while sockets.receive(self.channel, 1 << 16)[0]:
            pass
        self.channel.close()
        os.waitpid(self._pid, 0)

    def _next(self) -> tuple[int, bytes, bytes] | None:
        header = 1 + _NUMBER + _SIZE
        end = header + int.from_bytes(self._said[header - _SIZE : header], "little")
        if len(self._said) < max(header, end):
            return None
        message, self._said = self._said[:end], self._said[end:]
        return int.from_bytes(message[1 : 1 + _NUMBER], "little"), message[:1], message[header:]


# ---- the runner ------------------------------------------------------------------------------------------------------


def _run(places: Sequence[Place], decide: Decide, reader: int, channel: socket) -> NoReturn:
    try:
        borrowed.forget()
        gc.set_threshold(0)  # what a monitor has had is garbage of its own, and open only there
        kept = {reader, channel.fileno(), log.descriptor()}
        fs.keep_only(kept)
        for _, number in zip(range(_MOST_STARTS), _numbers(reader), strict=False):
            if _is_withdrawn(channel):
                break
            _say(channel, BEGUN, number)
            letter, payload = _outcome(places[number], decide, channel)
            if log.descriptor() not in kept:
                log.open("lxc")
            fs.keep_only(kept)  # the claim, too
            _say(channel, letter, number, payload)
    finally:
        os._exit(0)


def _outcome(place: Place, decide: Decide, channel: socket) -> tuple[bytes, bytes]:
    """What is to be said of it: a letter, and the failure after FAILED."""
    try:
        order, plan = decide(place)
        if not _may(order, plan):
            return APART, b""
        watch = prepared(order, plan)
        try:
            return _launched(watch, channel)
        except BaseException:
            watch.abandon()
            raise
    except AlreadyRunning:
        return RUNS, b""
    except (LxcError, OSError) as error:
        return FAILED, handshake.pack_failure(error)


def _may(order: Order, plan: StartPlan) -> bool:
    """Whether the start waits for nobody else's program, and its monitor has nothing to do but to rest."""
    hooks, terminal = plan.hooks, plan.terminal
    return (
        launch.may_share_memory(plan)
        and not (hooks.pre_start or hooks.start_host or hooks.net_up or plan.network.is_granted)
        and not (terminal.console_path or terminal.console_buffer_size)
        and not (plan.security.filter.is_supervised or plan.monitor_writes or plan.monitor_unshares)
        and not (order.foreground or order.checkpoint)
    )


def _launched(watch: Watch, channel: socket) -> tuple[bytes, bytes]:
    """Have a monitor start it, and rest.  Raises OSError if there is none."""
    said: list[tuple[bytes, bytes]] = []  # by the monitor, into our memory
    unified = cgroups.open_unified(watch.made, watch.made.monitor)
    runner, is_born = os.getpid(), unified >= 0
    pid, _ = beside.clone(0, unified, lambda: _be_monitor(watch, channel, said, runner=runner, is_born=is_born))
    if said:
        return said[-1]
    ended, _ = os.waitpid(pid, os.WNOHANG)
    return (FAILED, handshake.pack_failure(_KILLED)) if ended else (RUNS, b"")


def _be_monitor(
    watch: Watch, channel: socket, said: list[tuple[bytes, bytes]], *, runner: int, is_born: bool
) -> NoReturn:
    """In the process that shares the runner's memory: be the monitor until it rests."""

    def started() -> bool:
        if os.getppid() != runner or _is_withdrawn(channel) or signals.pending() & foreground.INTERRUPTIONS:
            return False  # a signal to all who were asked came before it had left them
        os.close(channel.fileno())  # here; it stays the runner's
        return True

    try:
        watch.keep(started, is_born=is_born, first=lambda: _detach(watch, channel), rests=True)
    except rest.StaysAwake as error:
        log.debug(str(error))
        said.append((APART, b""))
    except BaseException as error:
        said.append((FAILED, handshake.pack_failure(error)))
    finally:
        os._exit(1)


def _detach(watch: Watch, channel: socket) -> None:
    os.setsid()
    os.chdir("/")
    forget_terminal()
    fs.keep_only({watch.listener.fileno(), channel.fileno(), log.descriptor()})


def _is_withdrawn(channel: socket) -> bool:
    """Whether nobody wants the container any more."""
    return bool(polling.events(channel.fileno()))


def _say(channel: socket, letter: bytes, number: int, payload: bytes = b"") -> None:
    header = letter + number.to_bytes(_NUMBER, "little") + len(payload).to_bytes(_SIZE, "little")
    sockets.send(channel, header + payload)
