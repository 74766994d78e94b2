"""What is to know about all containers of a directory: one row for each, and in it only what was asked for.

Names and who has a monitor come from two reads, whatever the number of
containers.  All else costs a question to a monitor (`running`) or the reading
of a configuration for each container, so `columns` says what is wanted.
"""

from __future__ import annotations

from lxc.errors import LxcError
from lxc.record import Record
from lxc.runtime.lists import listing
from lxc.runtime.place import place as place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lxc.config.excerpt import Excerpts
    from lxc.runtime.lists.running import Monitors
    from lxc.runtime.place import Place

CONFIGURED = frozenset({"autostart", "groups", "unprivileged"})  # columns that the configuration knows
ADDRESSED = frozenset({"interface", "ipv4", "ipv6"})  # columns that the network namespace knows
ITEMS = ("lxc.start.auto", "lxc.group", "lxc.idmap")  # which tell the former
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


_STOPPED = Row("")


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

    def names(self, defined: Collection[str], active: Collection[str]) -> list[str]:
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
    configured, active, needs = listing.configurations(lxcpath), frozenset(listing.active(lxcpath)), choice.needs
    active -= listing.mistaken(lxcpath, active.difference(configured))
    here = place_of("lxc-ls", lxcpath)
    stopped = _Stopped(here, configured, needs)
    names = choice.names(configured, active)
    monitors = _monitors(here, [name for name in names if name in active], needs)
    if monitors is None and (choice.only_active or choice.only_running or choice.only_stopped):  # nobody is asked
        active -= listing.mistaken(lxcpath, active)
        names = choice.names(configured, active)
    for name in names:
        try:
            found = _active(name, monitors) if name in active else None
            found = found or stopped.row(name)
        except LxcError as error:
            complain(error)
            continue
        if choice.accepts(found):
            yield found


def _monitors(here: Place, names: list[str], columns: frozenset[str]) -> Monitors | None:
    """Those of the containers `names`; None if nobody needs to be asked anything."""
    if not names or not columns:
        return None
    from lxc.runtime.lists.running import Monitors  # in half of all lists nobody is asked

    return Monitors(here, names, columns)


def _active(name: str, monitors: Monitors | None) -> Row | None:
    return monitors.row(name) if monitors else Row(name, state="RUNNING")


class _Stopped:
    """Those that do not run: what the columns need to know of their configurations."""

    def __init__(self, here: Place, configured: dict[str, tuple[int, ...]], columns: frozenset[str]) -> None:
        self._here, self._configured, self._is_told = here, configured, bool(columns & CONFIGURED)
        self._above = here.lxcpath.rstrip("/")
        self._excerpts: Excerpts | None = None
        self._rows: dict[int, Row] = {}  # by the configuration's id: many come to the same

    def row(self, name: str) -> Row:
        """Raises LxcError: its configuration is wrong, or no container can be called that."""
        if not self._is_told:
            return _STOPPED.replace(name=self._here.beside(name).name)
        self._excerpts = self._excerpts or _excerpts()
        seen = self._configured.get(name, ())
        config = self._excerpts.remembered(f"{self._above}/{name}/config", seen)
        if not config:
            config = self._excerpts.read(self._here.beside(name).config_file, seen)
        row = self._rows.get(id(config))
        if not row:
            row = self._rows[id(config)] = _STOPPED.replace(
                autostart=bool(config.start_auto),
                groups=tuple(config.get_item("lxc.group").splitlines()),
                unprivileged=bool(config.idmap),
            )
        return row.replace(name=name)


def _excerpts() -> Excerpts:
    """Those of this process, which may look more than once: see `forkserver`."""
    if not (_remembered and _remembered[0].is_current()):
        from lxc.config.excerpt import Excerpts

        _remembered[:] = [Excerpts(*ITEMS)]
    return _remembered[0]


_remembered: list[Excerpts] = []
