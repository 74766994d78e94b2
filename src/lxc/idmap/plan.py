"""Deciding which ids a container has of its own, and how they are written.  Pure; prints as a script.

A user namespace gives the ids in the container another meaning than they have
on the host: what is root there may be 100000 here.  The kernel takes the maps
once, from a process with privileges over the host's ids; an ordinary user has
newuidmap(1) and newgidmap(1) write those that /etc/subuid and /etc/subgid give
to him.
"""

from __future__ import annotations

from lxc.errors import ConfigError, Unsupported
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONTAINER = "container"  # the user namespace of the container, as idmap= of a mount calls it
_IDS = 0xFFFFFFFF  # ids are 0 to _IDS - 1; the last number means "no id"
_MOST = 340  # ranges that the kernel takes (user_namespaces(7), since Linux 4.15)
_NAMES = {"u": "users", "g": "groups"}


class Range(Record):
    """`count` ids, from `inside` on in the container: from `outside` on on the host."""

    inside: int
    outside: int
    count: int

    def __str__(self) -> str:
        return f"{self.inside} {self.outside} {self.count}"

    def given(self, inside: int) -> int:
        """What the container's id is on the host; -1 if it is not in this range."""
        return self.outside + inside - self.inside if 0 <= inside - self.inside < self.count else -1


class Starter(Record):
    """Who starts a container, and which ids that is, besides its own, it may give away: ((first, count), …)."""

    uid: int = 0
    gid: int = 0
    name: str = "root"
    users: tuple[tuple[int, int], ...] = ()  # of /etc/subuid
    groups: tuple[tuple[int, int], ...] = ()  # of /etc/subgid
    has_helpers: bool = True  # newuidmap and newgidmap are there, and have the privileges they need

    @property
    def is_root(self) -> bool:
        return self.uid == 0


class IdMapPlan(Record):
    """The ids in a container's user namespace; without ranges they are the host's."""

    users: tuple[Range, ...] = ()
    groups: tuple[Range, ...] = ()
    is_new: bool = True  # else somebody else's namespace is joined, whose ids these are
    uses_helpers: bool = False  # newuidmap and newgidmap write them
    uid: int = 0  # who init is there until it becomes what it is to be: root, if there is one
    gid: int = 0

    @property
    def owner(self) -> tuple[int, int]:
        """The host's ids of root in the container, or of who stands for it: what is its is theirs.  Root's own without a map."""
        return host_id(self.users, self.uid), host_id(self.groups, self.gid)

    def with_user(self, uid: int, gid: int, first: int = 0) -> tuple[IdMapPlan, int, int]:
        """This plan, in which the host's `uid` and `gid` have ids, too: new ones from `first` on; and which those are."""
        users, mapped_uid = _including(self.users, uid, first)
        groups, mapped_gid = _including(self.groups, gid, first)
        return self.replace(users=users, groups=groups, is_new=True), mapped_uid, mapped_gid

    def __str__(self) -> str:
        if not self.users or not self.is_new:
            return ""
        return "\n".join(_script(*pair, self.uses_helpers) for pair in (("uid", self.users), ("gid", self.groups)))


def plan(ranges: Iterable[tuple[str, Range, str]], *, uid: int, gid: int, is_new: bool = True) -> IdMapPlan:
    """The plan for `ranges` (kind: "u" or "g", range, where).

    `uid` and `gid` are those of the container's first process, which init becomes at once if there is no root.
    Raises ConfigError for ranges that the kernel would not take, or that would leave a process without ids.
    """
    given = tuple(ranges)
    mistakes = tuple(_mistakes(given))
    if mistakes:
        raise ConfigError(*mistakes, hint="lxc.idmap = u|g FIRST-INSIDE FIRST-ON-THE-HOST COUNT")
    users, groups = (tuple(found for kind, found, _ in given if kind == wanted) for wanted in "ug")
    first_uid, first_gid = (0 if host_id(found, 0) >= 0 else other for found, other in ((users, uid), (groups, gid)))
    for number, found, name, key in ((first_uid, users, "user", "uid"), (first_gid, groups, "group", "gid")):
        if found and host_id(found, number) < 0:
            where = next(place for _, range_, place in given if range_ in found)
            raise ConfigError(
                f"{where}: lxc.idmap has neither root's {name} id nor {number}, that of the first process",
                hint=f"map id 0, or set lxc.init.{key} to one that is mapped",
            )
    return IdMapPlan(users, groups, is_new, uid=first_uid, gid=first_gid)


def by(starter: Starter, plan: IdMapPlan, where: str = "") -> IdMapPlan:
    """How `starter` writes the maps of `plan`: itself, or with newuidmap.  Raises Unsupported if it cannot."""
    if starter.is_root or not plan.is_new or _is_own(plan, starter):
        return plan
    if not plan.users:
        hint = "add to its configuration: " + "; ".join(proposal(starter))
        raise Unsupported(f"a container that {starter.name} starts needs ids of its own, lxc.idmap", hint=hint)
    if not starter.has_helpers:
        hint = "install them: apt install uidmap (Debian, Ubuntu), dnf install shadow-utils (Fedora)"
        raise Unsupported(
            "newuidmap and newgidmap are missing, or have lost their set-user-ID bit", where=where, hint=hint
        )
    for kind, ranges, given, own in (
        ("u", plan.users, starter.users, starter.uid),
        ("g", plan.groups, starter.groups, starter.gid),
    ):
        for each in ranges:
            if not _is_given(each, given, own):
                what = f"lxc.idmap = {kind} {each}: /etc/sub{kind}id does not give these ids to {starter.name}"
                raise Unsupported(what, where=where, hint=_remedy(starter, kind, each, given))
    return plan.replace(uses_helpers=True)


def proposal(starter: Starter) -> tuple[str, ...]:
    """The lines of configuration that use what `starter` has been given; else what gives it something."""
    if not starter.users or not starter.groups:
        return (f"lxc.idmap = u 0 100000 65536, lxc.idmap = g 0 100000 65536, after, as root: {allotment(starter)}",)
    return tuple(
        f"lxc.idmap = {kind} 0 {first} {count}"
        for kind, ((first, count), *_) in (("u", starter.users), ("g", starter.groups))
    )


def allotment(starter: Starter) -> str:
    """The command with which root gives `starter` ids."""
    return f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {starter.name}"


def _remedy(starter: Starter, kind: str, wanted: Range, given: tuple[tuple[int, int], ...]) -> str:
    if given:
        first, count = given[0]
        return f"use what it gives: lxc.idmap = {kind} {wanted.inside} {first} {min(count, wanted.count)}"
    line = f"{starter.name}:{wanted.outside}:{wanted.count}"
    return f"as root: echo {line} >> /etc/sub{kind}id"


def _is_own(plan: IdMapPlan, starter: Starter) -> bool:
    """Whether the maps give away nothing but the starter's own two ids: the kernel lets everybody do that."""
    own = ((plan.users, starter.uid), (plan.groups, starter.gid))
    return all(len(ranges) == 1 and ranges[0].count == 1 and ranges[0].outside == number for ranges, number in own)


def _is_given(wanted: Range, given: tuple[tuple[int, int], ...], own: int) -> bool:
    if wanted.count == 1 and wanted.outside == own:
        return True
    return any(first <= wanted.outside and wanted.outside + wanted.count <= first + count for first, count in given)


def host_id(ranges: tuple[Range, ...], inside: int) -> int:
    """What the container's id `inside` is on the host; -1 if it has no such id.  Without ranges all are the host's."""
    return next((found for found in (each.given(inside) for each in ranges) if found >= 0), -1 if ranges else inside)


def inside_id(ranges: tuple[Range, ...], outside: int) -> int:
    """What the host's id `outside` is in the container; -1 if it is nobody there.  Without ranges all are the host's."""
    for each in ranges:
        if 0 <= outside - each.outside < each.count:
            return each.inside + outside - each.outside
    return -1 if ranges else outside


def _including(ranges: tuple[Range, ...], outside: int, first: int) -> tuple[tuple[Range, ...], int]:
    """`ranges` and the host's id `outside`, at a number that is free, from `first` on, if they have none for it; and that number."""
    if ranges and inside_id(ranges, outside) >= 0:
        return ranges, inside_id(ranges, outside)
    free = first
    for each in sorted(ranges, key=lambda each: each.inside):
        free = max(free, each.inside + each.count) if each.inside <= free else free
    return (*ranges, Range(free, outside, 1)), free


def _mistakes(given: tuple[tuple[str, Range, str], ...]) -> Iterator[str]:
    for kind, range_, where in given:
        if range_.count == 0:
            yield f"{where}: lxc.idmap = {kind} {range_}: a range of no ids"
        elif max(range_.inside, range_.outside) + range_.count > _IDS:
            yield f"{where}: lxc.idmap = {kind} {range_}: ids end at {_IDS - 1}"
    for wanted, name in _NAMES.items():
        mine = [(range_, where) for kind, range_, where in given if kind == wanted]
        if given and not mine:
            yield f"{given[0][2]}: lxc.idmap has ranges of {_NAMES['g' if wanted == 'u' else 'u']}, but none of {name}"
        if len(mine) > _MOST:
            yield f"{mine[_MOST][1]}: lxc.idmap has {len(mine)} ranges of {name}; the kernel takes {_MOST}"
        yield from _overlaps(wanted, mine)


def _overlaps(kind: str, mine: list[tuple[Range, str]]) -> Iterator[str]:
    for side in ("inside", "outside"):
        ordered = sorted(mine, key=lambda pair: getattr(pair[0], side))
        for at in range(1, len(ordered)):
            (lower, other), (upper, where) = ordered[at - 1 : at + 1]
            if getattr(lower, side) + lower.count > getattr(upper, side):
                what = "in the container" if side == "inside" else "on the host"
                yield f"{where}: lxc.idmap = {kind} {upper}: overlaps, {what}, {kind} {lower} ({other})"


def _script(kind: str, ranges: tuple[Range, ...], uses_helpers: bool) -> str:
    if uses_helpers:
        return f"new{kind}map INIT {' '.join(map(str, ranges))}"
    return "\n".join(f"echo {range_} >> /proc/INIT/{kind}_map" for range_ in ranges)
