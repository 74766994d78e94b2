"""Where a container's processes are placed: two cgroups in each hierarchy.  Pure.

    BASE/lxc.monitor.NAME    the monitor
    BASE/lxc.payload.NAME    the container

If one of the names is taken, both get the same suffix, -1 to -999, in all hierarchies.
"""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = 999
_WHERE = "/sys/fs/cgroup"


class Hierarchy(Record):
    """A mounted cgroup hierarchy."""

    mount: str  # "/sys/fs/cgroup/cpu,cpuacct"
    controllers: tuple[str, ...]  # of a v1 hierarchy, "name=systemd" included; () for the unified one
    base: str = ""  # the cgroup below which ours are made, relative to `mount`; "" is the mount itself
    origin: str = ""  # the cgroup of the process that starts the container, relative to `mount`

    @property
    def is_unified(self) -> bool:
        return not self.controllers

    def directory(self, cgroup: str) -> str:
        """The directory of `cgroup`, a path relative to the mount."""
        return f"{self.mount}/{cgroup}" if cgroup else self.mount

    def below_base(self, name: str) -> str:
        """The path, relative to the mount, of the cgroup `name` below the base."""
        return f"{self.base}/{name}" if self.base else name


class Layout(Record):
    hierarchies: tuple[Hierarchy, ...] = ()

    @property
    def name(self) -> str:
        """`unified` (v2 only), `legacy` (v1 only), `hybrid`, or `none`."""
        kinds = {hierarchy.is_unified for hierarchy in self.hierarchies}
        return {(True,): "unified", (False,): "legacy", (False, True): "hybrid"}.get(tuple(sorted(kinds)), "none")

    @property
    def unified(self) -> Hierarchy | None:
        return next((hierarchy for hierarchy in self.hierarchies if hierarchy.is_unified), None)

    def with_controller(self, controller: str) -> Hierarchy | None:
        """The v1 hierarchy of `controller`."""
        return next((hierarchy for hierarchy in self.hierarchies if controller in hierarchy.controllers), None)


class CgroupPlan(Record):
    layout: Layout
    owner: str  # "LXCPATH/NAME": written on the cgroups, so that what a killed monitor left is known as ours
    monitor: str  # names below each base, without suffix
    payload: str
    has_namespace: bool = True

    def names(self) -> Iterator[tuple[str, str]]:
        """(monitor, payload), in the order in which they are tried."""
        yield self.monitor, self.payload
        for number in range(1, SUFFIXES + 1):
            yield f"{self.monitor}-{number}", f"{self.payload}-{number}"

    def __str__(self) -> str:
        made = (
            f"mkdir {hierarchy.directory(hierarchy.below_base(name))}"
            for hierarchy in self.layout.hierarchies
            for name in (self.monitor, self.payload)
        )
        return "\n".join(
            (f"# control groups, {self.layout.name} layout; a suffix -1 … is added to names that are taken", *made)
        )


def placement(layout: Layout, name: str, owner: str, *, has_namespace: bool = True) -> CgroupPlan:
    """The plan for the container called `name`, at the path `owner`."""
    return CgroupPlan(layout, owner, f"lxc.monitor.{name}", f"lxc.payload.{name}", has_namespace)


def layout(mountinfo: str, base: str, origin: str) -> Layout:
    """The hierarchies of `mountinfo` (/proc/self/mountinfo) at their usual place; of two mounts of one, the later hides the other.

    `base` and `origin` are the texts of /proc/PID/cgroup of the process below whose cgroups ours are made (pid 1 for
    root) and of the caller.
    """
    bases, origins = dict(_memberships(base)), dict(_memberships(origin))
    found: dict[tuple[str, ...], Hierarchy] = {}
    for root, mount, fstype, options in _mounts(mountinfo):
        key = () if fstype == "cgroup2" else next((k for k in bases if k and set(k) <= set(options)), None)
        if key is None or key not in bases or not f"{mount}/".startswith(f"{_WHERE}/"):
            continue
        below = bases[key].removesuffix("/init.scope") if key in ((), ("name=systemd",)) else bases[key]
        found[key] = Hierarchy(mount, key, _below(below, root), _below(origins.get(key, bases[key]), root))
    return Layout(tuple(found.values()))


def _memberships(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """(controllers, cgroup) of each line of /proc/PID/cgroup; no controllers on the unified hierarchy's line."""
    for line in text.splitlines():
        _, controllers, cgroup = line.split(":", 2)
        yield tuple(controllers.split(",")) if controllers else (), cgroup


def _mounts(mountinfo: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """(root, mount point, type, super options) of each cgroup mount: proc(5), /proc/pid/mountinfo."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(rest) >= 3 and rest[0] in ("cgroup", "cgroup2"):
            yield fields[3], fields[4], rest[0], rest[2].split(",")


def _below(cgroup: str, root: str) -> str:
    """`cgroup` relative to a mount whose root is the cgroup `root`."""
    inside = cgroup.removeprefix(root) if root != "/" and (cgroup + "/").startswith(root + "/") else cgroup
    return inside.strip("/")
