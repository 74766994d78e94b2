"""The bridge as a service: start it, stop it, tell how it is.

What was asked for at the start, what of it was there before, and on what host
it was, is noted in /run/lxc/network_up before anything is made: so just what was
made is taken away again, even if the settings or the host have changed since, or
the start was killed.
"""

from __future__ import annotations

import fcntl
import os

from lxc import log
from lxc.bridge import outside, server
from lxc.bridge import settings as settings_
from lxc.bridge.outside import Hands
from lxc.bridge.plan import LOCK_FILE, RUN, UP_FILE, Facts, Step, leases, plan
from lxc.errors import LxcError, StepError, Unsupported
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from lxc.bridge.settings import Settings


class Note(Record):
    """What /run/lxc/network_up tells of the last start."""

    exists: bool
    given: Mapping[str, str] | None  # the variables; None if LXC's own lxc-net wrote it, which notes none
    keeps: tuple[str, ...] = ()  # steps whose result was there before, as they print themselves, or their purposes
    host: Mapping[str, str | bool] | None = None  # some of the facts; older versions noted none

    def facts(self, now: Facts) -> Facts:
        """The facts of this host as they were at the start, as far as is noted."""
        return now.replace(**(self.host or {}))

    def has_made(self, step: Step) -> bool:
        """Whether the start, which has that step in its plan, did not find it done."""
        return {str(step), step.purpose}.isdisjoint(self.keeps)


class Status(Record):
    """How the bridge is."""

    settings: Settings
    is_noted: bool  # it was started, and not stopped
    exists: bool
    ports: tuple[str, ...]
    server_pid: int
    leases: int
    missing: tuple[Step, ...]  # steps of the plan that are not done


class Service:
    """`with Service(given) as service:` nobody else starts or stops the bridge meanwhile."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.settings = _settings(given)
        self._lock = -1

    def __enter__(self) -> Self:
        os.makedirs(RUN, 0o755, exist_ok=True)
        self._lock = os.open(LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def start(self) -> bool:
        """Make what is missing; False if nothing was.  A failure undoes what was made.  Raises LxcError."""
        note = _note()
        if note.given is not None and dict(note.given) != dict(self._given):
            self.stop()
            note = _note()
        facts = outside.facts(self.settings)
        steps = plan(self.settings, facts)
        before = plan(self.settings, note.facts(facts)) if note.exists else ()
        with Hands(facts, adopts=note.exists and note.given is None) as hands:
            hands.bridge(self.settings.bridge)
            failed = _undo(hands, [step for step in before if step not in steps and note.has_made(step)])
            if failed:
                raise failed
            self._write(_found(hands, [step for step in steps if step not in before or not note.has_made(step)]), facts)
            return bool(self._make(hands, steps, is_first=not note.exists))

    def _make(self, hands: Hands, steps: tuple[Step, ...], *, is_first: bool) -> list[Step]:
        made: list[Step] = []
        for step in steps:
            try:
                if hands.is_done(step):
                    continue
                log.info(str(step))
                hands.do(step)
            except (OSError, LxcError) as error:
                begun = () if isinstance(error, Unsupported) else (step,)
                if not _undo(hands, (*made, *begun)) and is_first:
                    os.unlink(UP_FILE)
                raise _failure(step, error) from error
            made.append(step)
        return made

    def stop(self) -> bool:
        """Take away what was made; False if nothing was.  Raises LxcError for the first that could not be, at the end."""
        note = _note()
        given = self.settings if note.given is None else _settings(note.given)
        facts = outside.facts(given)
        steps = plan(given, note.facts(facts))
        with Hands(facts, adopts=note.exists and note.given is None) as hands:
            is_ours = note.has_made if note.exists else hands.names_owner
            failed = _undo(hands, [step for step in steps if is_ours(step)])
        if failed:
            raise failed
        if note.exists:
            os.unlink(UP_FILE)
        return note.exists

    def status(self) -> Status:
        """How things are, compared with how they should be."""
        facts = outside.facts(self.settings)
        with Hands(facts) as hands:
            link = hands.link(self.settings.bridge)
            missing = tuple(step for step in plan(self.settings, facts) if not hands.is_done(step))
            ports = hands.ports(link) if link else ()
        return Status(
            self.settings, _note().exists, bool(link), ports, server.pid(), _leases(self.settings.bridge), missing
        )

    def _write(self, keeps: tuple[str, ...], facts: Facts) -> None:
        from json import dump

        partial = f"{UP_FILE}.new"
        try:
            with open(partial, "w") as file:
                host = {"nft": facts.nft, "has_ipv6": facts.has_ipv6}
                dump({"settings": dict(self._given), "keeps": keeps, "host": host}, file)
            os.rename(partial, UP_FILE)
        except OSError as error:
            _remove(partial)
            hint = f"see whether there is room: df {RUN}"
            raise StepError(f"note in {UP_FILE} what is made", error, hint=hint) from error


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        log.debug(f"{path} stays: {error.strerror}")


def planned(given: Mapping[str, str]) -> tuple[Step, ...]:
    """What a start would make on this host, if nothing were there."""
    wanted = _settings(given)
    return plan(wanted, outside.facts(wanted))


def asked() -> Mapping[str, str] | None:
    """The variables of the last start, if it was not stopped; None if there are none."""
    return _note().given


def _settings(given: Mapping[str, str]) -> Settings:
    return settings_.settings(given, settings_.machine_id())


def _note() -> Note:
    from json import loads

    try:
        with open(UP_FILE) as file:
            text = file.read(1 << 16)
    except FileNotFoundError:
        return Note(False, None)
    try:
        noted = loads(text)
        given = {str(name): str(value) for name, value in noted["settings"].items()}
        _settings(given)
        host: dict[str, str | bool] = {}
        if "host" in noted:
            host.update(nft=str(noted["host"]["nft"]), has_ipv6=bool(noted["host"]["has_ipv6"]))
        return Note(True, given, tuple(str(each) for each in noted["keeps"]), host)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Note(True, None)


def _found(hands: Hands, steps: Sequence[Step]) -> tuple[str, ...]:
    """Those of the steps that are done, by whom nobody can tell."""
    return tuple(str(step) for step in steps if not hands.names_owner(step) and hands.is_done(step))


def _undo(hands: Hands, steps: Sequence[Step]) -> StepError | None:
    """Undo all of the steps, the last first; return what the first failure was."""
    failed: StepError | None = None
    for step in reversed(steps):
        try:
            hands.undo(step)
        except (OSError, LxcError) as error:
            log.error(f"cannot undo what was to {step.purpose}: {error}")
            hint = error.hint if isinstance(error, LxcError) else ""
            failed = failed or StepError(f"undo what was to {step.purpose}", str(error), hint=hint)
    return failed


def _failure(step: Step, error: OSError | LxcError) -> StepError:
    if isinstance(error, LxcError):
        return StepError(step.purpose, str(error), hint=error.hint)
    hint = "only root may do that" if isinstance(error, PermissionError) else ""
    return StepError(step.purpose, error, hint=hint)


def _leases(bridge: str) -> int:
    try:
        with open(leases(bridge), "rb") as file:
            return sum(line[:1].isdigit() for line in file)
    except OSError:
        return 0
