"""The cgroups' part of the start plan: where they are, and which of the configured limits apply to this host's layout.  Pure.

    lxc.cgroup.*     version 1     written on legacy and hybrid hosts; on unified ones translated, if version 2 has the same
    lxc.cgroup2.*    version 2     written on unified hosts; elsewhere left out, and said so

Many configurations, Debian's own among them, say everything for both versions:
what is said for the host's version is not looked for in the other.
"""

from __future__ import annotations

from lxc.cgroups import devices
from lxc.cgroups.devices import Policy, Rule
from lxc.cgroups.plan import CgroupPlan, Places, Write, last_rules, placement
from lxc.config import unified
from lxc.config.unified import Limit
from lxc.errors import ConfigError, Unsupported
from lxc.mounts import plan as mounts
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lxc.cgroups.plan import Layout
    from lxc.config.container import Config
    from lxc.mounts.plan import Step
    from lxc.runtime.place import Place
    from lxc.values.automount import MountAuto

_CORE = ("cgroup", "devices", "freezer")  # of version 2; they need no controller
_SPELLINGS = {  # of version 2, for what is not translated: it would not say quite the same
    "memory.soft_limit_in_bytes": "lxc.cgroup2.memory.high or memory.low",
    "memory.kmem.limit_in_bytes": "lxc.cgroup2.memory.max, which counts the kernel's memory, too",
    "memory.memsw.limit_in_bytes": "lxc.cgroup2.memory.swap.max, for swap alone",
    "memory.swappiness": "lxc.cgroup2.memory.swap.max = 0 to have none swapped",
    "memory.oom_control": "lxc.cgroup2.memory.oom.group",
    "cpuset.cpu_exclusive": "lxc.cgroup2.cpuset.cpus.partition = root",
    "cpuset.sched_load_balance": "lxc.cgroup2.cpuset.cpus.partition = isolated",
    "blkio.weight": "lxc.cgroup2.io.weight, or io.bfq.weight",
    "blkio.bfq.weight": "lxc.cgroup2.io.bfq.weight",
    "blkio.weight_device": "lxc.cgroup2.io.weight = MAJOR:MINOR WEIGHT",
    "cpu.rt_runtime_us": "nothing: version 2 does not divide real time",
}


class Chosen(Record):
    """What is put in force of the configured limits."""

    limits: tuple[Write, ...] = ()
    devices: tuple[Write, ...] = ()  # version 1
    policy: Policy | None = None  # version 2
    warnings: tuple[str, ...] = ()


class Host(Record):
    """What the choice depends on."""

    layout: Layout
    controllers: tuple[str, ...] = ()  # of version 2, that the base cgroup can hand down
    pattern: str = ""  # lxc.cgroup.pattern of lxc.conf(5)
    nodes: Mapping[str, str] = {}  # devices' files that rules name: path -> "c 1:3"


def plan(place: Place, config: Config, host: Host, *, has_namespace: bool = True) -> tuple[CgroupPlan, tuple[str, ...]]:
    """The cgroups of the container at `place`, with its limits, and warnings.  Raises ConfigError."""
    _check_places(config)
    chosen = _known_choice(config, host)
    cgroups = placed(place, config, host, has_namespace=has_namespace)
    rules = last_rules(chosen.devices) if cgroups.inner else chosen.devices
    return cgroups.replace(limits=chosen.limits, devices=rules, policy=chosen.policy), chosen.warnings


def placed(place: Place, config: Config, host: Host, *, has_namespace: bool = True) -> CgroupPlan:
    """The cgroups of the container at `place`, without limits."""
    places = Places(
        pattern=host.pattern,
        directory=config.cgroup_dir,
        monitor=config.cgroup_dir_monitor,
        container=config.cgroup_dir_container,
        inner=config.cgroup_dir_container_inner,
        pivot=config.cgroup_dir_monitor_pivot,
    )
    return placement(host.layout, place.name, place.directory, has_namespace=has_namespace, places=places)


def automatic_mounts(
    automatic: MountAuto, cgroups: CgroupPlan, *, is_shared: bool, is_admin: bool, where: str
) -> tuple[Step, ...]:
    """The steps of lxc.mount.auto = cgroup….

    As LXC 5 does it: on a unified host always; else only what a container cannot mount itself, or is forced.
    `is_shared`: the namespace is another's, who has the same users: what is mounted shows his cgroups.
    With a namespace, all modes but read-only are the same: the container sees nothing but its own cgroups.
    """
    if not automatic.cgroup:
        return ()
    hierarchies = cgroups.layout.hierarchies
    mode = automatic.cgroup if automatic.cgroup != "auto" else ("rw" if is_admin else "mixed")
    if cgroups.layout.name == "unified" or automatic.cgroup2:
        if not (cgroups.has_namespace or is_shared):
            raise Unsupported(
                "the unified cgroups can only be mounted for a container with a cgroup namespace that its users own",
                where=where,
                hint="leave cgroup out of lxc.namespace.keep and lxc.namespace.share, or add it to lxc.namespace.clone",
            )
        return mounts.cgroup2(read_only=mode == "ro", where=where)
    if cgroups.has_namespace and is_admin and not automatic.cgroup_force:
        return ()
    if cgroups.has_namespace or automatic.cgroup_full:
        found = ((hierarchy.mount, hierarchy.controllers) for hierarchy in hierarchies)
        return mounts.cgroups(found, read_only=mode == "ro", where=where)
    bases = ((hierarchy.mount, hierarchy.base) for hierarchy in hierarchies)
    return mounts.own_cgroups(bases, cgroups.container, mode, where)


def named_nodes(config: Config) -> tuple[str, ...]:
    """The paths of devices that rules name."""
    settings = (*config.cgroup, *config.cgroup2)
    rules = (setting.value for setting in settings if "/" in setting.value and setting.name == "devices.allow")
    found = (devices.path(rule)[0] for rule in rules)
    return tuple(path for path in found if path)


def _check_places(config: Config) -> None:
    parts = ("lxc.cgroup.dir.monitor", "lxc.cgroup.dir.container", "lxc.cgroup.dir.container.inner")
    mistakes: list[str] = []
    if config.cgroup_dir:
        for key in parts:
            mistakes += (f"{where}: {key} cannot be combined with lxc.cgroup.dir" for where in config.places(key))
    elif any(config.is_set(key) for key in parts) and not (config.cgroup_dir_monitor and config.cgroup_dir_container):
        lacking = parts[1] if config.cgroup_dir_monitor else parts[0]
        key = next(key for key in parts if config.is_set(key) and key != lacking)
        mistakes += (f"{where}: {key} needs {lacking}, too" for where in config.places(key))
    if mistakes:
        raise ConfigError(*mistakes, hint="use either lxc.cgroup.dir, or both .monitor and .container")
    container = config.cgroup_dir_container
    if container and f"{config.cgroup_dir_monitor}/".startswith(f"{container}/"):
        raise ConfigError(
            *(f"{where}: {parts[0]} leads into the container's cgroup" for where in config.places(parts[0])),
            hint="the monitor must be outside of what is limited and killed: choose another place for one of them",
        )


_last: tuple[object, Chosen] | None = None


def _known_choice(config: Config, host: Host) -> Chosen:
    """As `_chosen`, which mostly is asked the same again: what a file says that all include.  Raises ConfigError."""
    global _last
    places = config.places("lxc.cgroup"), config.places("lxc.cgroup2")
    asked = config.cgroup, config.cgroup2, places, host.layout, host.controllers, host.nodes
    known = _last  # which another thread may replace
    if not known or known[0] != asked:
        known = _last = asked, _chosen(config, host)
    return known[1]


def _chosen(config: Config, host: Host) -> Chosen:
    """What of the limits applies here, and what is warned of.  Raises ConfigError."""
    old, new = _writes(config, "lxc.cgroup"), _writes(config, "lxc.cgroup2")
    mistakes = list(_hindrances(old if host.layout.name != "unified" else (*old, *new)))
    if host.layout.name == "unified":
        warnings, translated = _translated(old, new, mistakes)
        writes, rules = _split((*translated, *new))
        for write in writes:
            if write.controller not in (*_CORE, *host.controllers):
                mistakes.append(_missing(write, "unified", host.controllers))
        policy = _policy(rules, host, mistakes)
        chosen = Chosen(writes, (), policy, warnings)
    else:
        writes, rules = _split(old)
        for write in (*writes, *rules):
            if not host.layout.with_controller(write.controller):
                known = (name for hierarchy in host.layout.hierarchies for name in hierarchy.controllers)
                mistakes.append(_missing(write, host.layout.name, known))
        numbered = tuple(_numbered(rule, host, mistakes) for rule in rules)
        chosen = Chosen(_memory_and_swap_last(writes), numbered, None, _unsaid(old, new, host.layout.name))
    if mistakes:
        raise ConfigError(*mistakes)
    return chosen


def _writes(config: Config, family: str) -> tuple[Write, ...]:
    settings = config.cgroup2 if family == "lxc.cgroup2" else config.cgroup
    return tuple(
        Write(setting.name, setting.value, where, f"{family}.{setting.name}")
        for setting, where in zip(settings, config.places(family), strict=True)
    )


def _hindrances(writes: Iterable[Write]) -> Iterable[str]:
    for write in writes:
        if why := unified.hindrance(Limit(write.file, write.value)):
            yield f"{write.where}: {write.key}: {why}"


def _split(writes: tuple[Write, ...]) -> tuple[tuple[Write, ...], tuple[Write, ...]]:
    """(values for files, rules for devices): these come into force later."""
    return (
        tuple(write for write in writes if write.controller != "devices"),
        tuple(write for write in writes if write.controller == "devices"),
    )


def _missing(write: Write, layout: str, known: Iterable[str]) -> str:
    found = ", ".join(name for name in known if not name.startswith("name=")) or "none"
    return f"{write.where}: {write.key}: this host, of the {layout} layout, has no controller {write.controller}; it has: {found}"


def _memory_and_swap_last(writes: tuple[Write, ...]) -> tuple[Write, ...]:
    """The kernel wants memory limited before memory and swap together are."""
    return tuple(sorted(writes, key=lambda write: write.file == "memory.memsw.limit_in_bytes"))


def _numbered(write: Write, host: Host, mistakes: list[str]) -> Write:
    """A rule that names a device's file, with its numbers."""
    path, access = devices.path(write.value)
    if not path:
        return write
    if path not in host.nodes:
        mistakes.append(f"{write.where}: {write.key}: there is no device {path}")
        return write
    return write.replace(value=f"{host.nodes[path]} {access}")


def _policy(rules: tuple[Write, ...], host: Host, mistakes: list[str]) -> Policy | None:
    """What rules for version 2 come to; None if there are none.

    Before the first, nothing is allowed if it is one of version 2, everything if it is one of version 1.
    """
    parsed: list[Rule] = []
    for rule in rules:
        numbered = _numbered(rule, host, mistakes)
        try:
            parsed.append(devices.rule(numbered.file, numbered.value))
        except ValueError as error:
            if not devices.path(numbered.value)[0]:
                mistakes.append(f"{rule.where}: {rule.key}: {error}")
    if not rules:
        return None
    return devices.policy(parsed, allows=rules[0].key.startswith("lxc.cgroup."))


def _translated(
    old: tuple[Write, ...], new: tuple[Write, ...], mistakes: list[str]
) -> tuple[tuple[str, ...], tuple[Write, ...]]:
    """(warnings, what says the same in version 2) for limits of version 1 that version 2 has nothing about."""
    spoken = {write.controller for write in new}
    files = {write.file for write in new}
    limits = [Limit(write.file, write.value) for write in old]
    result: list[Write] = []
    warnings: list[str] = []
    for write, limit in zip(old, limits, strict=True):
        controller = unified.CONTROLLERS.get(write.controller, write.controller)
        if controller == "devices":
            if "devices" not in spoken:
                result.append(write)
            continue
        same = unified.translated(limit, limits)
        if same is not None:
            result += (Write(each.file, each.value, write.where, write.key) for each in same if each.file not in files)
        elif controller in spoken:
            warnings.append(f"{write.where}: {write.key} has no effect: this host is of the unified layout")
        elif not unified.hindrance(limit):
            instead = _SPELLINGS.get(write.file, f"a file of lxc.cgroup2.{controller}")
            mistakes.append(f"{write.where}: {write.key}: on a host of the unified layout say it as {instead}")
    return tuple(warnings), tuple(_in_one(result))


def _in_one(writes: list[Write]) -> Iterable[Write]:
    """Each once: what several files of version 1 say may be one file of version 2; the last is as good as all."""
    for number, write in enumerate(writes):
        later = writes[number + 1 :]
        if write.controller == "devices" or not any(
            (write.file, write.value) == (each.file, each.value) for each in later
        ):
            yield write


def _unsaid(old: tuple[Write, ...], new: tuple[Write, ...], layout: str) -> tuple[str, ...]:
    """Warnings about limits of version 2 that this host does not put in force; one for each controller."""
    limits = [Limit(write.file, write.value) for write in old]
    said = {each.file for limit in limits for each in unified.translated(limit, limits) or ()}
    said |= {"devices.allow", "devices.deny"} if any(write.controller == "devices" for write in old) else set()
    first: dict[str, Write] = {}
    for write in new:
        if write.file not in said:
            first.setdefault(write.controller, write)
    why = f"this host, of the {layout} layout, limits with version 1 (lxc.cgroup.…)"
    if layout == "none":
        why = "the cgroups of this host, if it has any, cannot be written to from here"
    return tuple(f"{write.where}: {write.key} has no effect: {why}" for write in first.values())
