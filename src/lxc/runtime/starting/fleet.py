"""Many containers at a time: which are to be started together, and starting, stopping and killing them.

Most starts are done one after the other, by a process for each processor (`series`); those that wait for others, by
their monitors, from the reading of the configuration on, so many at a time as there is work for.
"""

from __future__ import annotations

import os
import select
import time

from lxc import log
from lxc.errors import AlreadyRunning, LxcError, NotRunning, sentence
from lxc.kernel import signals
from lxc.record import Record
from lxc.runtime import container_log, stop
from lxc.runtime.lists import listing
from lxc.runtime.place import place as place_of
from lxc.runtime.starting import foreground, forked, series, start
from lxc.runtime.starting.start import Order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lxc.runtime.place import Place
    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.forked import Begun
    from lxc.runtime.starting.series import Decide

    Complain = Callable[[Place, LxcError], None]

_KEYS = ("lxc.start.auto", "lxc.start.delay", "lxc.start.order", "lxc.group")


class Member(Record):
    """A container, and what its configuration says of starting it with others."""

    place: Place
    auto: bool = False
    delay: int = 0  # seconds to wait after it was started
    order: int = 0  # lower numbers are earlier
    groups: frozenset[str] = frozenset()


def members(lxcpath: str, complain: Complain) -> list[Member]:
    """The containers that are defined in `lxcpath`, in the order of their start.  `complain` is told of wrong ones."""
    from lxc.config.excerpt import Excerpts

    excerpts, here = Excerpts(*_KEYS), place_of("lxc-autostart", lxcpath)
    found = []
    for name in listing.defined(lxcpath):
        try:
            place = here.beside(name)
        except LxcError:
            continue  # a directory that is no container's
        try:
            config = excerpts.read(place.config_file)
        except LxcError as error:
            complain(place, error)
            continue
        groups = frozenset(group for item in config.group for group in item.split(",") if group)
        found.append(Member(place, config.start_auto, config.start_delay, config.start_order, groups))
    return sorted(found, key=lambda member: (member.order, member.place.name))


def in_groups(known: Sequence[Member], wanted: Sequence[str]) -> list[Member]:
    """Those of `known` that are in one of the groups `wanted` ("": in none at all), group by group."""
    chosen: dict[str, Member] = {}
    for group in wanted:
        for member in known:
            if group in member.groups or not (group or member.groups):
                chosen.setdefault(member.place.name, member)
    return list(chosen.values())


def batches(chosen: Sequence[Member]) -> Iterator[list[Member]]:
    """What may be done at a time: neighbours of the same order, up to one after which to wait."""
    batch: list[Member] = []
    for member in chosen:
        if batch and batch[-1].order != member.order:
            yield batch
            batch = []
        batch.append(member)
        if member.delay:
            yield batch
            batch = []
    if batch:
        yield batch


def jobs() -> int:
    """How many starts at a time keep this machine busy: while one waits for the kernel, another computes."""
    return 2 * len(os.sched_getaffinity(0)) + 2


def start_all(places: Iterable[Place], complain: Complain, at_a_time: int = 0) -> None:
    """Start the containers, `at_a_time` (0: as many as keep the machine busy); one that runs already is fine.

    Return when all run, or have failed, which `complain` is told.  On Ctrl-C what does not run yet is undone.
    """
    has_log, left = log.has_file(), list(places)

    def decide(place: Place) -> tuple[Order, StartPlan]:
        return start.decided(_order(place, has_log=has_log))

    if len(left) > 1 and series.is_possible():
        processors = len(os.sched_getaffinity(0))
        runners = min(at_a_time, processors) if at_a_time else processors
        left = series.start(left, decide, runners, lambda place, error: complain(place, error) if error else None)
    _start_apart(left, decide, complain, at_a_time or jobs())


def _start_apart(places: list[Place], decide: Decide, complain: Complain, limit: int) -> None:
    """Start them, each by a process of its own, so many at a time."""
    underway: dict[int, Begun] = {}
    poller = select.poll()
    try:
        for place in places:
            while len(underway) >= limit:
                _hear(poller, underway, complain)
            mask = signals.block(foreground.INTERRUPTIONS)
            try:
                begun = forked.begin_whole(place, decide)
                underway[begun.channel.fileno()] = begun
                poller.register(begun.channel, select.POLLIN)
            except OSError as error:
                complain(place, _told(error))
            finally:
                signals.restore(mask)
        while underway:
            _hear(poller, underway, complain)
    except BaseException:
        for begun in underway.values():
            begun.channel.shutdown(1)  # all of them at once; withdraw() waits for each
        for begun in underway.values():
            begun.withdraw()
        raise
    finally:
        for begun in underway.values():
            begun.close()


def shut_down_all(places: Sequence[Place], timeout: float, complain: Complain) -> None:
    """Ask all to shut down; those that still run after `timeout` seconds are killed.  Return when all are gone."""
    asked = []
    deadline = time.monotonic() + timeout
    for place in places:
        try:
            stop.shutdown(place, 0, stop.signal_of(place, "lxc.signal.halt"))
            asked.append(place)
        except NotRunning:
            continue
        except (LxcError, OSError) as error:
            complain(place, _told(error))
    late = []
    for place in asked:
        try:
            if not stop.await_end(place, -1 if timeout < 0 else max(0, deadline - time.monotonic())):
                late.append(place)
        except (LxcError, OSError) as error:
            complain(place, _told(error))
    kill_all(late, complain)


def kill_all(places: Sequence[Place], complain: Complain) -> None:
    """Kill all; return when they are gone."""
    dying = []
    for place in places:
        try:
            dying.append((place, stop.begin_to_kill(place)))
        except NotRunning:
            continue
        except (LxcError, OSError) as error:
            complain(place, _told(error))
    for place, end in dying:
        try:
            end.wait()
        except (LxcError, OSError) as error:
            complain(place, _told(error))


def reboot_all(places: Sequence[Place], complain: Complain) -> None:
    """Ask all to reboot."""
    for place in places:
        try:
            stop.reboot(place, 0, stop.signal_of(place, "lxc.signal.reboot"))
        except (LxcError, OSError) as error:
            complain(place, _told(error))


def failures(places: Sequence[Place], at_a_time: int) -> list[tuple[str, tuple[str, str, str]]]:
    """`start_all`, and the names of those that did not start with the words of their errors: for another process."""
    found: list[tuple[str, tuple[str, str, str]]] = []

    def note(place: Place, error: LxcError) -> None:
        found.append((place.name, (str(error), error.where, error.hint)))

    start_all(places, note, at_a_time)
    return found


def _order(place: Place, *, has_log: bool) -> Order:
    """The start that lxc-start would make; `has_log`: there is a log for all.  Raises LxcError, OSError."""
    from lxc.config import document

    config, file = document.load(place.config_file)
    log.about(place.name)
    container_log.open_log("lxc", place, config, is_chosen=has_log)
    for warning in file.warnings:
        log.warn(warning)
    return Order(place, config)


def _hear(poller: select.poll, underway: dict[int, Begun], complain: Complain) -> None:
    """Wait until some of those that are underway have an outcome, and take them out."""
    for fd, _ in poller.poll():
        begun = underway[fd]
        try:
            begun.outcome()
        except AlreadyRunning:
            pass
        except LxcError as error:
            complain(begun.place, error)
        poller.unregister(fd)
        del underway[fd]
        begun.close()


def _told(error: LxcError | OSError) -> LxcError:
    return error if isinstance(error, LxcError) else LxcError(sentence(error))
