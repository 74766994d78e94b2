"""What monitors tell of their containers, which run: one row for each, and in it only what was asked for."""

from __future__ import annotations

import os

from lxc.errors import LxcError, NoInit, NotRunning
from lxc.runtime import client, questions
from lxc.runtime.lists.inventory import ADDRESSED, CONFIGURED, ITEMS, MEASURED, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cgroups.plan import Layout
    from lxc.runtime.client import Asking
    from lxc.runtime.commands import Request
    from lxc.runtime.place import Place

_AHEAD = 16  # monitors that are asked at a time


class Monitors:
    """Those of the containers that run: some are asked ahead, and answer while we look at others."""

    def __init__(self, here: Place, names: list[str], columns: frozenset[str]) -> None:
        """`names` are those that `row` will be called for, in that order."""
        self._here, self._columns = here, columns
        self._to_ask = list(reversed(names))
        self._asked: dict[str, Asking | LxcError] = {}
        self._questions = tuple(_questions(columns))
        self._layout = _layout() if columns & MEASURED else None

    def row(self, name: str) -> Row | None:
        """What is wanted of the container; None if it has stopped meanwhile.  Raises LxcError: its monitor is silent."""
        while self._to_ask and len(self._asked) < _AHEAD:
            self._ask(self._to_ask.pop())
        asked = self._asked.pop(name)
        try:
            if isinstance(asked, LxcError):
                raise asked
            with asked.replies() as place:
                return _running(place, self._columns, self._layout)
        except NotRunning:
            return None

    def _ask(self, name: str) -> None:
        try:
            self._asked[name] = client.begin_to_ask(self._here.beside(name), *self._questions)
        except LxcError as error:
            self._asked[name] = error


def _questions(columns: frozenset[str]) -> Iterator[Request]:
    """What a monitor is asked for them, beside its state."""
    if "pid" in columns:
        yield questions.INIT_PID
    if columns & MEASURED:
        yield from questions.MEASURED
    if columns & CONFIGURED:
        yield from questions.LISTED
    if columns & ADDRESSED:
        yield questions.INIT_PIDFD


def _running(place: Place, columns: frozenset[str], layout: Layout | None) -> Row:
    fields: dict[str, object] = {"state": client.state(place)}
    if fields["state"] == "STOPPED":
        raise NotRunning(f"{place.name} is not running")
    if "pid" in columns:
        fields["pid"] = _init(place)
    if columns & MEASURED and layout:
        fields |= _memory(place, layout)
    if columns & CONFIGURED:
        autostart, groups, idmap = (client.config_item(place, key) for key in ITEMS)
        fields |= {
            "autostart": autostart == "1",
            "groups": tuple((groups or "").splitlines()),
            "unprivileged": bool(idmap),
        }
    if columns & ADDRESSED:
        try:
            fields |= _network(place, columns)
        except NoInit:
            pass
    return Row(place.name, **fields)  # type: ignore[arg-type]  # the fields' types are those of Row


def _init(place: Place) -> int | None:
    try:
        return client.init_pid(place)
    except NoInit:
        return None


def _layout() -> Layout:
    from lxc.cgroups import finding

    return finding.find()


def _memory(place: Place, layout: Layout) -> dict[str, int | None]:
    from lxc.cgroups import statistics as numbers
    from lxc.runtime import statistics

    directory = statistics.directory(place, layout)
    return {"ram": numbers.memory(directory), "swap": numbers.swap(directory)}


def _network(place: Place, columns: frozenset[str]) -> dict[str, tuple[str, ...]]:
    from lxc.network import addresses

    pidfd = client.init_pidfd(place)
    try:
        found = addresses.interfaces(pidfd, addressed="interface" not in columns)
    except OSError:
        return {}  # not ours to look into, or gone by now
    finally:
        os.close(pidfd)
    return {
        "interface": found.names,
        "ipv4": found.addresses(family="inet"),
        "ipv6": found.addresses(family="inet6"),
    }
