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
    from lxc.config.container import Config
    from lxc.config.excerpt import Excerpts
    from lxc.runtime.place import Place

CONFIGURED = frozenset({"autostart", "groups", "unprivileged"})  # columns that the configuration knows
ADDRESSED = frozenset({"interface", "ipv4", "ipv6"})  # columns that the network namespace knows
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
        groups = {group for line in row.groups for group in line.split(",")}
        return (not self.only_frozen or row.state == "FROZEN") and groups.issuperset(self.groups)


def rows(lxcpath: str, choice: Choice, complain: Callable[[LxcError], None]) -> Iterator[Row]:
    """The wanted containers in `lxcpath`, sorted by name.  One that cannot be looked at is told to `complain`."""
    active = listing.active(lxcpath)
    layout = _layout() if choice.needs & MEASURED and active else None
    configurations = _Configurations()
    here, running = place_of("lxc-ls", lxcpath), frozenset(active)
    for name in choice.names(listing.defined(lxcpath), active):
        try:
            found = row(here.beside(name), choice.needs, layout, configurations, is_active=name in running)
        except LxcError as error:
            complain(error)
            continue
        if choice.accepts(found):
            yield found


def row(
    place: Place, columns: frozenset[str], layout: Layout | None, configurations: _Configurations, *, is_active: bool
) -> Row:
    """What `columns` ask for about the container; `layout` says where the cgroups of those that run are.

    Raises LxcError: its configuration is wrong, its monitor silent.
    """
    if is_active:
        try:
            return _running(place, columns, layout)
        except NotRunning:
            pass  # it has stopped since the list was made
    if not columns & CONFIGURED:
        return Row(place.name)
    config = configurations.read(place)
    return Row(
        place.name,
        autostart=bool(config.start_auto),
        groups=tuple(config.get_item("lxc.group").splitlines()),
        unprivileged=bool(config.idmap),
    )


def _running(place: Place, columns: frozenset[str], layout: Layout | None) -> Row:
    fields: dict[str, object] = {"state": client.state(place) if "state" in columns else "RUNNING"}
    if fields["state"] == "STOPPED":
        raise NotRunning(f"{place.name} is not running")
    if "pid" in columns:
        fields["pid"] = client.init_pid(place)
    if columns & MEASURED and layout:
        fields |= _memory(place, layout)
    if columns & CONFIGURED:
        fields["groups"] = tuple((client.config_item(place, "lxc.group") or "").splitlines())
        fields["autostart"] = client.config_item(place, "lxc.start.auto") == "1"
        fields["unprivileged"] = bool(client.config_item(place, "lxc.idmap"))
    if columns & ADDRESSED:
        fields |= _network(place)
    return Row(place.name, **fields)  # type: ignore[arg-type]  # the fields' types are those of Row


class _Configurations:
    """What the columns need to know of configurations."""

    def __init__(self) -> None:
        self._excerpts: Excerpts | None = None

    def read(self, place: Place) -> Config:
        if self._excerpts is None:
            from lxc.config.excerpt import Excerpts

            self._excerpts = Excerpts("lxc.start.auto", "lxc.group", "lxc.idmap")
        return self._excerpts.read(place.config_file)


def _layout() -> Layout:
    from lxc.cgroups import outside

    return outside.find()


def _memory(place: Place, layout: Layout) -> dict[str, int | None]:
    from lxc.cgroups import statistics as numbers
    from lxc.runtime import statistics

    directory = statistics.directory(place, layout)
    return {"ram": numbers.memory(directory), "swap": numbers.swap(directory)}


def _network(place: Place) -> dict[str, tuple[str, ...]]:
    from lxc.network import addresses

    pidfd = client.init_pidfd(place)
    try:
        found = addresses.interfaces(pidfd)
    except OSError:
        return {}  # not ours to look into, or gone by now
    finally:
        os.close(pidfd)
    return {
        "interface": found.names,
        "ipv4": found.addresses(family="inet"),
        "ipv6": found.addresses(family="inet6"),
    }
