"""Rules about what a container may use: control groups, devices, resource limits, kernel parameters."""

from __future__ import annotations

from lxc.config import unified
from lxc.config.lines import quoted
from lxc.config.rules.rule import ERROR, WARNING, Edit, Found, Rule, Subject, with_key, with_value
from lxc.config.unified import Limit
from lxc.values.limit import UNLIMITED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CORE = ("cgroup", "devices", "freezer")  # of version 2; they need no controller
_FILES, _FILES_OF_A_TTY = 24, 2  # that the first process has open at a time on its way
_TERMINALS = 1 << 20  # of a devpts instance, NR_UNIX98_PTY_MAX
_ALL = ("a", "a *:* rwm")
# Parameters that a namespace has of its own; the others are the whole host's.
_NAMESPACED = ("net.", "fs.mqueue.", "kernel.shm", "kernel.msg", "kernel.sem", "kernel.hostname", "kernel.domainname")


def _limits(it: Subject, version: int) -> list[tuple[Limit, str]]:
    """The limits of that version, each with its place."""
    key, settings = ("lxc.cgroup2", it.config.cgroup2) if version == 2 else ("lxc.cgroup", it.config.cgroup)
    pairs = zip(settings, it.config.places(key), strict=True)
    return [(Limit(setting.name, setting.value), where) for setting, where in pairs]


def _controller(limit: Limit) -> str:
    return limit.file.partition(".")[0]


def _version_1_on_unified(it: Subject) -> Iterator[Found]:
    if it.host.layout != "unified":
        return
    old, new = _limits(it, 1), [limit for limit, _ in _limits(it, 2)]
    files = {limit.file for limit in new}
    own = [limit for limit, where in old if it.is_ours(where)]
    certain = {name for name in {_successor(limit) for limit, _ in old} if _can_be_said(it, name)}
    missing: list[_Missing] = []
    for limit, where in old:
        same = unified.translated(limit, own)
        is_said = same is not None and all(each in new or (_is_file(each) and each.file in files) for each in same)
        if same == () or not is_said:
            missing.append((limit, where, same if _successor(limit) in certain else None))
    first = next((where for limit, where, _ in missing if _controller(limit) == "devices"), "")
    for group in _grouped(missing):
        edits = tuple(edit for _, where, same in group for edit in _edits(it, where, same, opens=where == first))
        yield _one_for_all(group[0][1], [limit for limit, _, _ in group], "lxc.cgroup", edits)


def _successor(limit: Limit) -> str:
    """The controller of version 2 that does what the limit's did."""
    return unified.CONTROLLERS.get(_controller(limit), _controller(limit))


def _can_be_said(it: Subject, controller: str) -> bool:
    """Whether what version 1 says of a controller means the same once it is said for version 2.

    What a configuration says of a controller for version 2 takes the place of what it says for version 1: all rules for
    devices are passed over at a start then, and limits that are not translated are no longer refused.
    """
    old = [(limit, where) for limit, where in _limits(it, 1) if _successor(limit) == controller]
    limits = [limit for limit, _ in old]
    is_spoken = any(_controller(limit) == controller for limit, _ in _limits(it, 2))
    anew = [unified.translated(limit, limits) for limit in limits]
    if (controller == "devices" and is_spoken) or not all(it.is_ours(where) for _, where in old):
        return False
    if not is_spoken and None in anew:
        return False
    files = {each.file for same in anew for each in same or ()} | (
        {"devices.allow"} if controller == "devices" else set()
    )
    return not _are_cleared(it, old[0][1], files)


def _are_cleared(it: Subject, where: str, files: set[str]) -> bool:
    """Whether a line after that at `where` clears the limits of version 2, or those of one of the files."""
    keys = {"lxc.cgroup2", "lxc.cgroup2.", *(f"lxc.cgroup2.{file}" for file in files)}
    later = iter(it.assignments)
    return any(one.where == where for one in later) and any(one.key in keys and not one.value for one in later)


def _version_2_on_old(it: Subject) -> Iterator[Found]:
    if it.host.layout not in ("hybrid", "legacy"):
        return
    old, own = [limit for limit, _ in _limits(it, 1)], _limits(it, 2)
    said = {each for limit in old for each in unified.translated(limit, old) or ()}
    files = {each.file for each in said if _is_file(each)}
    missing: list[_Missing] = [
        (limit, where, None) for limit, where in own if limit not in said and limit.file not in files
    ]
    for group in _grouped(missing):
        yield _one_for_all(group[0][1], [limit for limit, _, _ in group], "lxc.cgroup2", ())


def _is_file(limit: Limit) -> bool:
    """Whether its last value is all that counts, unlike that of device rules."""
    return not limit.file.startswith("devices.")


_Missing = tuple[Limit, str, tuple[Limit, ...] | None]


def _grouped(missing: list[_Missing]) -> list[list[_Missing]]:
    """Those of one controller in one file together: a list of devices is one thing to say."""
    groups: dict[tuple[str, str], list[_Missing]] = {}
    for each in missing:
        groups.setdefault((_controller(each[0]), each[1].rpartition(":")[0]), []).append(each)
    return list(groups.values())


def _one_for_all(where: str, limits: list[Limit], family: str, edits: tuple[Edit, ...]) -> Found:
    others = f", as {len(limits) - 1} more of {_controller(limits[0])}" if len(limits) > 1 else ""
    version, other = (2, 1) if family == "lxc.cgroup" else (1, 2)
    message = f"this host limits with version {version} of control groups, and this is for version {other}{others}"
    return Found(where, message, f"{family}.{limits[0].file}", edits)


def _edits(it: Subject, where: str, same: tuple[Limit, ...] | None, *, opens: bool) -> Iterator[Edit]:
    if same is None:
        return
    text = it.text(where)
    lines = [with_key(with_value(text, quoted(limit.value)), f"lxc.cgroup2.{limit.file}") for limit in same]
    if opens and same and same[0].value not in _ALL:
        lines.insert(0, with_key(with_value(text, "a"), "lxc.cgroup2.devices.allow"))  # as version 1 begins
    yield Edit(where, tuple(lines))


def _device_rules(it: Subject, version: int) -> list[tuple[Limit, str]]:
    return [(limit, where) for limit, where in _limits(it, version) if _controller(limit) == "devices"]


def _no_controller(it: Subject) -> Iterator[Found]:
    controllers, version = it.host.controllers, 2 if it.host.layout == "unified" else 1
    if controllers is None or not it.host.layout or it.host.layout == "none":
        return
    for limit, where in _limits(it, version):
        controller = _controller(limit)
        if controller not in controllers and not (version == 2 and controller in _CORE):
            family = "lxc.cgroup2" if version == 2 else "lxc.cgroup"
            yield Found(where, f"this host has no controller {controller}", f"{family}.{limit.file}")


def _no_such_file(it: Subject) -> Iterator[Found]:
    files, version = it.host.cgroup_files, 2 if it.host.layout == "unified" else 1
    known = {file.partition(".")[0] for file in files} - {"devices"}
    for limit, where in _limits(it, version):
        if _controller(limit) in known and limit.file not in files:
            yield Found(where, f"cgroups of this host have no file {limit.file}", limit.file)


def _hinders_start(it: Subject) -> Iterator[Found]:
    for version in (1, 2):
        for limit, where in _limits(it, version):
            if why := unified.hindrance(limit):
                yield Found(where, why, limit.value)


def _malformed_devices(it: Subject) -> Iterator[Found]:
    for version in (1, 2):
        for limit, where in _device_rules(it, version):
            wrong = _device_mistake(limit)
            if wrong:
                yield Found(where, wrong, limit.value)


def _device_mistake(limit: Limit) -> str:
    """What is wrong with a rule for devices; "" if nothing is."""
    fields = limit.value.split()
    if limit.file not in ("devices.allow", "devices.deny"):
        return f"expected devices.allow or devices.deny, got {limit.file}"
    if fields[0] == "a" or (fields[0].startswith("/") and limit.file == "devices.allow" and len(fields) > 1):
        return ""
    if fields[0] not in ("b", "c") or len(fields) != 3:
        return f"expected 'a', or 'b|c MAJOR:MINOR ACCESS', got {limit.value!r}"
    numbers = fields[1].split(":")
    if len(numbers) != 2 or not all(number == "*" or number.isdecimal() for number in numbers):
        return f"expected MAJOR:MINOR, each a number or *, got {fields[1]!r}"
    if not set(fields[2]) <= set("rwm") or len(fields[2]) > 3:
        return f"expected access of r, w and m, got {fields[2]!r}"
    return ""


def _every_device(it: Subject) -> Iterator[Found]:
    for version in (1, 2):
        for limit, where in _device_rules(it, version):
            fields = limit.value.split()
            disks = fields[:2] == ["b", "*:*"] and set(fields[-1]) & {"r", "w"}
            if limit.file == "devices.allow" and (limit.value in _ALL or disks) and it.is_privileged:
                yield Found(where, "the container may use every disk of the host", limit.value)


def _nothing_denied(it: Subject) -> Iterator[Found]:
    old = _device_rules(it, 1)
    if old and all(limit.file == "devices.allow" for limit, _ in old) and it.host.layout != "unified":
        limit, where = old[0]
        yield Found(where, "this allows what is allowed already: nothing is denied before", limit.value)


def _soft_above_hard(it: Subject) -> Iterator[Found]:
    for name, limit in it.config.prlimit.items():
        soft = limit.soft if limit.soft != UNLIMITED else 1 << 64
        if limit.hard != UNLIMITED and soft > limit.hard:
            yield it.at(f"lxc.prlimit.{name}", f"the soft limit is above the hard one: {limit}")


def _sysctl_of_host(it: Subject) -> Iterator[Found]:
    for name in it.config.sysctl:
        if not name.replace("/", ".").startswith(_NAMESPACED):
            key = f"lxc.sysctl.{name}"
            yield it.at(key, f"{name} is no parameter of a namespace: the whole host gets it", key)


def _read_only_sysctl(it: Subject) -> Iterator[Found]:
    for name in it.config.sysctl if it.config.mount_auto.proc == "mixed" else ():
        if not name.replace("/", ".").startswith("net."):
            key = f"lxc.sysctl.{name}"
            yield it.at(key, "lxc.mount.auto = proc:mixed makes this parameter read-only before it is set", key)


def _few_files(it: Subject) -> Iterator[Found]:
    limit = it.config.prlimit.get("nofile")
    needed = _FILES + _FILES_OF_A_TTY * it.config.tty_max
    if limit and 0 <= limit.soft < needed:
        yield it.at("lxc.prlimit.nofile", f"a start needs about {needed}: it is limited to {limit.soft} files itself")


def _many_terminals(it: Subject) -> Iterator[Found]:
    config = it.config
    if config.pty_max and config.pty_max + config.tty_max > _TERMINALS:
        yield it.at("lxc.pty.max", f"lxc.pty.max and lxc.tty.max may be {_TERMINALS} together")


def _shares_net_sysctl(it: Subject) -> Iterator[Found]:
    config = it.config
    only_none = bool(config.net) and all(net.type == "none" for net in config.net.values())
    if "net" in config.namespace_keep or only_none or "net" in config.namespace_share:
        for name in config.sysctl:
            if name.startswith("net."):
                key = f"lxc.sysctl.{name}"
                yield it.at(key, "the container has no network of its own: this changes another's", key)


def _locations(it: Subject) -> Iterator[Found]:
    config = it.config
    parts = ("lxc.cgroup.dir.monitor", "lxc.cgroup.dir.container", "lxc.cgroup.dir.container.inner")
    for key in it.set_keys(parts):
        if config.cgroup_dir:
            yield it.at(key, f"{key} cannot be combined with lxc.cgroup.dir, which is set", key)


def _half_location(it: Subject) -> Iterator[Found]:
    config = it.config
    monitor, container = config.cgroup_dir_monitor, config.cgroup_dir_container
    if config.cgroup_dir:
        return
    if bool(monitor) != bool(container):
        have, lack = ("monitor", "container") if monitor else ("container", "monitor")
        yield it.at(f"lxc.cgroup.dir.{have}", f"lxc.cgroup.dir.{have} needs lxc.cgroup.dir.{lack}")
    elif config.cgroup_dir_container_inner and not container:
        yield it.at("lxc.cgroup.dir.container.inner", "lxc.cgroup.dir.container.inner needs lxc.cgroup.dir.container")


def _monitor_inside(it: Subject) -> Iterator[Found]:
    container = it.config.cgroup_dir_container
    if container and f"{it.config.cgroup_dir_monitor}/".startswith(f"{container}/"):
        yield it.at("lxc.cgroup.dir.monitor", "this leads into the container's cgroup")


RULES = (
    Rule("cgroup1-on-unified", WARNING, "A limit for version 1 of control groups, on a host of version 2, is translated or refused; LXC passes it over.",
         "Say it for version 2: lxc.cgroup2.…; --fix does that where there is an equivalent.",
         _version_1_on_unified, mends=True),
    Rule("cgroup2-on-v1", WARNING, "A limit for version 2 of control groups does nothing where version 1 is mounted.",
         "Say it for version 1, too: lxc.cgroup.…, or boot with systemd.unified_cgroup_hierarchy=1.",
         _version_2_on_old),
    Rule("controller-missing", WARNING, "A limit whose controller the kernel does not have cannot be set.",
         "Leave it out, or enable the controller.", _no_controller),
    Rule("frozen-from-the-start", ERROR, "What freezes or kills the container is put in force before it runs: the start is refused.",
         "Leave it out, and use lxc-freeze once it runs.", _hinders_start),
    Rule("cgroup-file-missing", ERROR, "The start fails for a limit whose file the kernel does not have.",
         "Correct its name: ls /sys/fs/cgroup shows the files.", _no_such_file),
    Rule("device-rule", ERROR, "A rule for devices that cannot be read is refused when the container starts; LXC passes it over.",
         "Write 'TYPE MAJOR:MINOR ACCESS', such as 'c 1:3 rwm'.", _malformed_devices),
    Rule("every-device", WARNING, "Root in the container can read and write the host's disks, and so do anything.",
         "Allow the devices it needs one by one.", _every_device),
    Rule("nothing-denied", WARNING, "Allowing devices does nothing where all are allowed already.",
         "Begin with 'devices.deny = a', then allow what the container needs.", _nothing_denied, of_whole=True),
    Rule("soft-above-hard", ERROR, "The kernel refuses a soft limit above the hard one.",
         "Raise the hard limit: SOFT:HARD.", _soft_above_hard),
    Rule("few-files", WARNING, "The limit of open files is in force while the container is set up, too.",
         "Raise it.", _few_files),
    Rule("too-many-terminals", ERROR, "The kernel has no devpts for more terminals.",
         "Lower lxc.pty.max or lxc.tty.max.", _many_terminals),
    Rule("sysctl-read-only", ERROR, "The start fails for a kernel parameter that cannot be written any more.",
         "Write lxc.mount.auto = proc:rw, or leave the parameter out.", _read_only_sysctl),
    Rule("sysctl-of-host", WARNING, "A kernel parameter that no namespace has is changed for the whole host.",
         "Set it on the host, in sysctl.conf(5).", _sysctl_of_host),
    Rule("sysctl-of-shared-network", WARNING, "Network parameters of a shared network are those of its owner.",
         "Give the container a network of its own, or set them there.", _shares_net_sysctl),
    Rule("cgroup-dir-rivals", ERROR, "lxc.cgroup.dir and the keys below it exclude each other: the start fails.",
         "Use either lxc.cgroup.dir, or .monitor and .container.", _locations),
    Rule("cgroup-dir-half", ERROR, "lxc.cgroup.dir.monitor and .container need each other: the start fails.",
         "Set both.", _half_location, of_whole=True),
    Rule("cgroup-dir-nested", ERROR, "The monitor must be outside of the cgroup that is limited and killed: the start fails.",
         "Choose another place for one of them.", _monitor_inside),
)  # fmt: skip
