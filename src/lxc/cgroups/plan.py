"""Where a container's processes are placed, and what they are limited to: two cgroups in each hierarchy.  Pure.

                             BASE/lxc.monitor.NAME      the monitor
                             BASE/lxc.payload.NAME      the container; what limits it is written there
    lxc.cgroup.dir = D       BASE/D/lxc.monitor.NAME    BASE/D/lxc.payload.NAME
    lxc.cgroup.pattern = P   BASE/P/monitor             BASE/P/payload        (lxc.conf(5); %n in P is NAME)
    lxc.cgroup.dir.monitor = M, .container = C, .container.inner = I
                             BASE/M                     BASE/C, with the container's processes in BASE/C/I

If a name that we choose is taken, both get the same suffix, -1 to -999, in all
hierarchies; M and C are as they are written.
"""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cgroups.devices import Policy

SUFFIXES = 999
SCOPE_INIT = "init"  # cgroup in a scope of ours for who started the container
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

    def directory_of(self, name: str) -> str:
        """The directory of the cgroup `name` below the base."""
        return self.directory(self.below_base(name))


class Layout(Record):
    hierarchies: tuple[Hierarchy, ...] = ()

    @property
    def name(self) -> str:
        """`unified` (v2 only), `legacy` (v1 only), `hybrid`, or `none`."""
        if not self.hierarchies:
            return "none"
        kinds = {hierarchy.is_unified for hierarchy in self.hierarchies}
        return "hybrid" if len(kinds) > 1 else "unified" if True in kinds else "legacy"

    @property
    def unified(self) -> Hierarchy | None:
        return next((hierarchy for hierarchy in self.hierarchies if hierarchy.is_unified), None)

    def directories(self, name: str) -> list[str]:
        """Of the cgroup `name` below the base of each hierarchy."""
        return [hierarchy.directory_of(name) for hierarchy in self.hierarchies]

    def with_controller(self, controller: str) -> Hierarchy | None:
        """The v1 hierarchy of `controller`."""
        return next((hierarchy for hierarchy in self.hierarchies if controller in hierarchy.controllers), None)

    def home(self, controller: str) -> Hierarchy | None:
        """The hierarchy in which the files of `controller` are: its own of version 1, or the unified one."""
        return self.with_controller(controller) or self.unified

    def restricted(self, controllers: tuple[str, ...]) -> Layout:
        """Only the unified hierarchy and those of version 1 with one of `controllers` (lxc.cgroup.use)."""
        return Layout(tuple(h for h in self.hierarchies if h.is_unified or set(h.controllers) & set(controllers)))


class Write(Record):
    """A value for a file of the cgroup that limits the container."""

    file: str  # "memory.max"
    value: str
    where: str = ""
    key: str = ""  # the key that says so; "" for what nobody has configured

    @property
    def controller(self) -> str:
        return self.file.partition(".")[0]

    @property
    def is_for_all_devices(self) -> bool:
        return self.file in ("devices.allow", "devices.deny") and self.value.startswith("a")


def last_rules(devices: tuple[Write, ...]) -> tuple[Write, ...]:
    """Those of the rules for devices that have an effect: one for all devices makes those before it be forgotten."""
    numbers = [number for number, write in enumerate(devices) if write.is_for_all_devices]
    return devices[numbers[-1] :] if numbers else devices


class Places(Record):
    """What is configured of where the cgroups are: lxc.cgroup.pattern of lxc.conf(5), and lxc.cgroup.dir and below."""

    pattern: str = ""
    directory: str = ""
    monitor: str = ""
    container: str = ""
    inner: str = ""
    pivot: str = ""


_ANYWHERE = Places()


class CgroupPlan(Record):
    layout: Layout
    owner: str  # "LXCPATH/NAME": written on the cgroups, so that what a killed monitor left is known as ours
    monitor: str  # paths below each base, without suffix
    payload: str
    has_namespace: bool = True
    inner: str = ""  # directory of the payload's cgroup that the container's processes are in; "" is that itself
    pivot: str = ""  # below which the monitor retires; "" is where its starter was
    is_fixed: bool = False  # the names are the user's: no suffix
    limits: tuple[Write, ...] = ()  # before init goes on
    devices: tuple[Write, ...] = ()  # version 1, once init has made its devices
    policy: Policy | None = None  # version 2, at the same moment

    def names(self) -> Iterator[tuple[str, str]]:
        """(monitor, payload), in the order in which they are tried."""
        yield self.monitor, self.payload
        if not self.is_fixed:
            for number in range(1, SUFFIXES + 1):
                yield f"{self.monitor}-{number}", f"{self.payload}-{number}"

    @property
    def container(self) -> str:
        """The cgroup of the container's processes."""
        return f"{self.payload}/{self.inner}" if self.inner else self.payload

    @property
    def wanted(self) -> frozenset[str]:
        """The controllers that limits are set of."""
        return frozenset(write.controller for write in self.limits) - {"cgroup"}

    @property
    def denies_devices(self) -> bool:
        """Whether in version 1 no device can be used but those that a rule allows."""
        first = last_rules(self.devices)[:1]
        return bool(first) and first[0].file == "devices.deny" and first[0].is_for_all_devices

    def directory(self, file: str) -> str:
        """The directory of a file of the payload's cgroup; "" if no hierarchy has its controller."""
        hierarchy = self.layout.home(file.partition(".")[0])
        return hierarchy.directory_of(self.payload) if hierarchy else ""

    def __str__(self) -> str:
        suffix = "" if self.is_fixed else "; a suffix -1 … is added to names that are taken"
        return "\n".join(
            (f"# control groups, {self.layout.name} layout{suffix}", *self._made(), *self.written(self.limits))
        )

    def _made(self) -> Iterator[str]:
        inner = self.container if self.inner else ""
        for hierarchy in self.layout.hierarchies:
            for name in filter(None, (self.monitor, self.payload, inner)):
                way = " -p" if "/" in name and name != inner else ""
                yield f"mkdir{way} {hierarchy.directory_of(name)}"

    def written(self, writes: tuple[Write, ...]) -> Iterator[str]:
        """The lines that do `writes`."""
        return (f"echo {write.value} > {self.directory(write.file)}/{write.file}" for write in writes)

    @property
    def device_rules(self) -> str:
        """What governs the use of devices, as it is put in force."""
        if not self.policy:
            return "\n".join(self.written(self.devices))
        return f"# attached to {self.directory('devices')}\n{self.policy}"


def placement(
    layout: Layout, name: str, owner: str, *, has_namespace: bool = True, places: Places = _ANYWHERE
) -> CgroupPlan:
    """The plan for the container called `name`, at the path `owner`, without limits."""
    monitor, payload, is_fixed = f"lxc.monitor.{name}", f"lxc.payload.{name}", False
    if places.container:
        monitor, payload, is_fixed = _clean(places.monitor), _clean(places.container), True
    elif places.directory:
        monitor, payload = (f"{_clean(places.directory)}/{each}" for each in (monitor, payload))
    elif places.pattern:
        way = _clean(places.pattern.replace("%n", name))
        monitor, payload = f"{way}/monitor", f"{way}/payload"
    return CgroupPlan(
        layout, owner, monitor, payload, has_namespace,
        inner=places.inner, pivot=_clean(places.pivot), is_fixed=is_fixed,
    )  # fmt: skip


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def layout(mountinfo: str, base: str, origin: str, *, relative: bool = False) -> Layout:
    """The hierarchies of `mountinfo` (/proc/self/mountinfo) at their usual place; of two mounts of one, the later hides the other.

    `base` and `origin` are the texts of /proc/PID/cgroup of the process below whose cgroups ours are made (pid 1 for
    root) and of the caller.  Below pid 1's /init.scope, where systemd is, nothing is made but if that is the caller's
    own cgroup, and `relative` to it is asked for.
    """
    bases, origins = dict(_memberships(base)), dict(_memberships(origin))
    found: dict[tuple[str, ...], Hierarchy] = {}
    for root, mount, fstype, options in _mounts(mountinfo):
        key = () if fstype == "cgroup2" else next((k for k in bases if k and set(k) <= set(options)), None)
        if key is None or key not in bases or not f"{mount}/".startswith(f"{_WHERE}/"):
            continue
        is_systemd = key in ((), ("name=systemd",)) and not relative
        below = _outside_scope(bases[key].removesuffix("/init.scope") if is_systemd else bases[key])
        found[key] = Hierarchy(mount, key, _below(below, root), _below(origins.get(key, bases[key]), root))
    return Layout(tuple(found.values()))


def scope(cgroup: str) -> str:
    """The name of the scope of ours that `cgroup` is, "" if it is none: see `scope.py`."""
    name = cgroup.rpartition("/")[2]
    return name if name.startswith("lxc-") and name.endswith(".scope") else ""


def _outside_scope(cgroup: str) -> str:
    """The scope, for who is in the cgroup in it that is for starters."""
    above = cgroup.removesuffix(f"/{SCOPE_INIT}")
    return above if above != cgroup and scope(above) else cgroup


def _memberships(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """(controllers, cgroup) of each line of /proc/PID/cgroup; no controllers on the unified hierarchy's line."""
    for line in filter(None, text.split("\n")):
        _, controllers, cgroup = line.split(":", 2)
        yield tuple(controllers.split(",")) if controllers else (), cgroup


def _mounts(mountinfo: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """(root, mount point, type, super options) of each cgroup mount: proc(5), /proc/pid/mountinfo."""
    for line in filter(None, mountinfo.split("\n")):
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(rest) >= 3 and rest[0] in ("cgroup", "cgroup2"):
            yield fields[3], fields[4], rest[0], rest[2].split(",")


def _below(cgroup: str, root: str) -> str:
    """`cgroup` relative to a mount whose root is the cgroup `root`."""
    inside = cgroup.removeprefix(root) if root != "/" and (cgroup + "/").startswith(root + "/") else cgroup
    return inside.strip("/")
