"""Starts by one process, one after the other, of containers whose monitors rest at once.

    who asks                    runner, one for each processor         monitor, one at a time
    numbers, in a pipe ──────▶  takes the next, decides, claims it,
                                makes its cgroups
                                has one in its memory (`lodger`) ───▶  starts the container
                                waits                                  rests: executes lxc-client
       ◀──────── what came of it

What may not be started in this way is left to who asks.
"""

from __future__ import annotations

import os
import select

from lxc import borrowed, log, trace
from lxc.errors import AlreadyRunning, LxcError
from lxc.kernel import beside, fs, polling, process, signals, sockets
from lxc.kernel.fs import closing
from lxc.runtime import handshake
from lxc.runtime.starting import foreground, lodger
from lxc.runtime.starting.forked import detach
from lxc.runtime.starting.watch import prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import NoReturn

    from lxc.kernel.sockets import socket
    from lxc.runtime.place import Place
    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.start import Order

    Decide = Callable[[Place], tuple[Order, StartPlan]]

BEGUN, RUNS, APART, FAILED = b"B", b"R", b"O", b"F"  # what is said of a number
_NUMBER, _SIZE = 4, 4  # bytes
_MOST = 8192  # numbers at a time: they fit into a pipe
_MOST_STARTS = 200  # of a runner: of each, a thread stays there and sleeps


def is_possible() -> bool:
    """Whether this process may start containers in this way."""
    return lodger.is_possible() and trace.descriptor() < 0


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
                _hire(hands, poller, places, decide, reader)
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
                            _hire(hands, poller, places, decide, reader)
            apart += _numbers(reader)  # nobody was left to take them
        finally:
            for hand in hands.values():  # all of them at once; close() waits for each
                hand.channel.shutdown(1)  # SHUT_WR
            for hand in hands.values():
                hand.close()
    return [places[number] for number in sorted(apart)]


def _hire(hands: dict[int, _Hand], poller: select.poll, places: Sequence[Place], decide: Decide, reader: int) -> None:
    """Make a runner more, which ends between two starts; none that nobody knows of, whatever interrupts."""
    mask = signals.block(foreground.INTERRUPTIONS)
    try:
        hand = _Hand(places, decide, reader)
        hands[hand.channel.fileno()] = hand
        poller.register(hand.channel, select.POLLIN)
    finally:
        signals.restore(mask)


def _numbers(reader: int) -> Iterator[int]:
    while raw := os.read(reader, _NUMBER):
        yield int.from_bytes(raw, "little")


class _Hand:
    """A runner, for who has made it.  It has the signals blocked that are blocked meanwhile."""

    def __init__(self, places: Sequence[Place], decide: Decide, reader: int) -> None:
        self.channel, theirs = sockets.pair()
        self.has_ended = self.has_worked = False
        self._said = b""
        self._begun = -1  # the number that it is at
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
            is_left = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1]) == beside.LEFT  # to its monitor
            self._pid = 0
            found.append((self._begun, RUNS, None) if is_left else (self._begun, FAILED, lodger.KILLED))
        return found

    def close(self) -> None:
        """Wait until it has ended, which it does when the channel says so or nothing is left to be done."""
        while sockets.receive(self.channel, 1 << 16)[0]:
            pass
        self.channel.close()
        if self._pid:
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
        kept = {reader, channel.fileno(), *log.descriptors()}
        fs.keep_only(kept)
        for _, number in zip(range(_MOST_STARTS), _numbers(reader), strict=False):
            if _is_withdrawn(channel):
                break
            _say(channel, BEGUN, number)
            letter, payload = _outcome(places[number], decide, channel)
            log.to_syslog("")
            if not kept.issuperset(log.descriptors()):
                log.open("lxc")
            fs.keep_only(kept)  # the claim, too
            _say(channel, letter, number, payload)
            if beside.has_lost_a_child():
                break
    finally:
        os._exit(0)


def _outcome(place: Place, decide: Decide, channel: socket) -> tuple[bytes, bytes]:
    """What is to be said of it: a letter, and the failure after FAILED."""
    runner = os.getpid()

    def started() -> bool:
        if os.getppid() != runner or _is_withdrawn(channel) or signals.pending() & foreground.INTERRUPTIONS:
            return False  # a signal to all who were asked came before it had left them
        os.close(channel.fileno())  # here; it stays the runner's
        return True

    log.forget()
    try:
        order, plan = decide(place)
        if not lodger.may_have(order, plan):
            return APART, b""
        watch = prepared(order, plan)
        lodger.start(watch, lambda: detach(watch, channel), started)
    except AlreadyRunning:
        pass
    except (LxcError, OSError) as error:
        return FAILED, handshake.pack_failure(error)
    return RUNS, b""


def _is_withdrawn(channel: socket) -> bool:
    """Whether nobody wants the container any more."""
    return bool(polling.events(channel.fileno()))


def _say(channel: socket, letter: bytes, number: int, payload: bytes = b"") -> None:
    header = letter + number.to_bytes(_NUMBER, "little") + len(payload).to_bytes(_SIZE, "little")
    sockets.send(channel, header + payload)
