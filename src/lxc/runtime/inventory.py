"""What is to know about all containers of a directory: one row for each, and in it only what was asked for.

Names and who has a monitor come from two reads, whatever the number of
containers.  All else costs a question to a monitor or the reading of a
configuration for each container, so `columns` says what is wanted.
"""

from __future__ import annotations

import os

from lxc.errors import LxcError, NotRunning
from lxc.record import Record
from lxc.runtime import client, listing
from lxc.runtime.place import place as place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxc.cgroups.plan import Layout
    from lxc.config.excerpt import Excerpts
    from lxc.runtime.client import Asking
    from lxc.runtime.commands import Request
    from lxc.runtime.place import Place

CONFIGURED = frozenset({"autostart", "groups", "unprivileged"})  # columns that the configuration knows
ADDRESSED = frozenset({"interface", "ipv4", "ipv6"})  # columns that the network namespace knows
_ITEMS = ("lxc.start.auto", "lxc.group", "lxc.idmap")  # which tell the former
_AHEAD = 16  # monitors that are asked at a time
MEASURED = frozenset({"ram", "swap"})  # columns that the memory cgroup knows


class Row(Record):
    """A container.  None or () is what was not asked for, or what a stopped container does not have."""

    name: str
    within: tuple[str, ...] = ()  # the containers that it is in, outermost first
    state: str = "STOPPED"
    pid: int | None = None
    ram: int | None = None
    swap: int | None = None
    autostart: bool | None = None
    groups: tuple[str, ...] = ()  # as they were assigned: one may be several, separated by commas
    interface: tuple[str, ...] = ()
    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    unprivileged: bool | None = None


def _but_name(row: Row) -> tuple[object, ...]:
    return tuple(row.__dict__.values())[1:]


_NOTHING = Row("")
_NO_MORE = _but_name(_NOTHING)


class Choice(Record):
    """Which containers are wanted, and which columns of them."""

    columns: frozenset[str] = frozenset()
    only_active: bool = False
    only_running: bool = False
    only_stopped: bool = False
    only_frozen: bool = False
    only_defined: bool = False
    groups: tuple[str, ...] = ()  # the container must be in all of them
    matches: Callable[[str], bool] = lambda name: True

    @property
    def needs(self) -> frozenset[str]:
        """The columns to find out: those to show and those to choose by."""
        return self.columns | ({"state"} if self.only_frozen else set()) | ({"groups"} if self.groups else set())

    def names(self, defined: list[str], active: list[str]) -> list[str]:
        """Those that may be wanted, as far as names tell, sorted."""
        names = set(active) if self.only_active or self.only_frozen else {*defined, *active}
        if self.only_defined:
            names &= set(defined)
        if self.only_running:
            names &= set(active)
        if self.only_stopped:
            names -= set(active)
        return sorted(name for name in names if self.matches(name))

    def accepts(self, row: Row) -> bool:
        if not (self.only_frozen or self.groups):
            return True
        groups = {group for line in row.groups for group in line.split(",")}
        return (not self.only_frozen or row.state == "FROZEN") and groups.issuperset(self.groups)


def rows(lxcpath: str, choice: Choice, complain: Callable[[LxcError], None]) -> Iterator[Row]:
    """The wanted containers in `lxcpath`, sorted by name.  One that cannot be looked at is told to `complain`."""
    active = listing.active(lxcpath)
    needs = choice.needs
    layout = _layout() if needs & MEASURED and active else None
    configurations = _Configurations()
    here, running = place_of("lxc-ls", lxcpath), frozenset(active)
    names = choice.names(listing.defined(lxcpath), active)
    monitors = _Monitors(here, [name for name in names if name in running], needs)
    for name in names:
        try:
            found = monitors.row(name, layout) if name in running else None
            found = found or _stopped(here.beside(name), needs, configurations)
        except LxcError as error:
            complain(error)
            continue
        if choice.accepts(found):
            yield found


class _Monitors:
    """Those of the containers that run: some are asked ahead, and answer while we look at others."""

    def __init__(self, here: Place, names: list[str], columns: frozenset[str]) -> None:
        """`names` are those that `row` will be called for, in that order."""
        self._here, self._columns = here, columns
        self._to_ask = list(reversed(names))
        self._asked: dict[str, Asking | LxcError] = {}
        self._questions = tuple(_questions(columns))

    def row(self, name: str, layout: Layout | None) -> Row | None:
        """What is wanted of the container, whose cgroups are where `layout` says; None if it has stopped meanwhile.

        Raises LxcError: its monitor is silent.
        """
        if not self._columns:
            return Row(name, state="RUNNING")
        while self._to_ask and len(self._asked) < _AHEAD:
            self._ask(self._to_ask.pop())
        asked = self._asked.pop(name)
        try:
            if isinstance(asked, LxcError):
                raise asked
            with asked.replies() as place:
                return _running(place, self._columns, layout)
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
        yield client.INIT_PID
    if columns & MEASURED:
        yield from client.MEASURED
    if columns & CONFIGURED:
        yield from map(client.item, _ITEMS)
    if columns & ADDRESSED:
        yield client.INIT_PIDFD


def _stopped(place: Place, columns: frozenset[str], configurations: _Configurations) -> Row:
    """Raises LxcError: its configuration is wrong."""
    return configurations.row(place) if columns & CONFIGURED else Row(place.name, *_NO_MORE)  # type: ignore[arg-type]


def _running(place: Place, columns: frozenset[str], layout: Layout | None) -> Row:
    fields: dict[str, object] = {"state": client.state(place)}
    if fields["state"] == "STOPPED":
        raise NotRunning(f"{place.name} is not running")
    if "pid" in columns:
        fields["pid"] = client.init_pid(place)
    if columns & MEASURED and layout:
        fields |= _memory(place, layout)
    if columns & CONFIGURED:
        autostart, groups, idmap = (client.config_item(place, key) for key in _ITEMS)
        fields |= {
            "autostart": autostart == "1",
            "groups": tuple((groups or "").splitlines()),
            "unprivileged": bool(idmap),
        }
    if columns & ADDRESSED:
        fields |= _network(place, columns)
    return Row(place.name, **fields)  # type: ignore[arg-type]  # the fields' types are those of Row


class _Configurations:
    """What the columns need to know of configurations."""

    def __init__(self) -> None:
        self._excerpts: Excerpts | None = None
        self._rows: dict[int, tuple[object, ...]] = {}  # by the configuration's id: many come to the same

    def row(self, place: Place) -> Row:
        """That of a stopped container.  Raises LxcError."""
        self._excerpts = self._excerpts or _excerpts()
        config = self._excerpts.read(place.config_file)
        if id(config) not in self._rows:
            row = _NOTHING.replace(
                autostart=bool(config.start_auto),
                groups=tuple(config.get_item("lxc.group").splitlines()),
                unprivileged=bool(config.idmap),
            )
            self._rows[id(config)] = _but_name(row)
        return Row(place.name, *self._rows[id(config)])  # type: ignore[arg-type]  # the fields' types are those of Row


def _excerpts() -> Excerpts:
    """Those of this process, which may look more than once: see `forkserver`."""
    if not (_remembered and _remembered[0].is_current()):
        from lxc.config.excerpt import Excerpts

        _remembered[:] = [Excerpts(*_ITEMS)]
    return _remembered[0]


_remembered: list[Excerpts] = []


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
