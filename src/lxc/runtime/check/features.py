"""What containers need of a kernel, and which of it this one has: from its build configuration and from what is mounted.

`sections` decides, from `Facts` alone; `facts` looks at this host.
"""

from __future__ import annotations

import os

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENABLED, MISSING, REQUIRED = "enabled", "missing", "required"
MAPPERS = ("newuidmap", "newgidmap")
_NEWEST = (1 << 30, 0, 0)
_SETUID = 0o4000


class Wanted(Record):
    """A row: an option of the kernel's configuration, and the kernels [since, until) that have it."""

    label: str
    option: str
    mandatory: bool = False
    module: str = ""  # what it is called as a module
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = _NEWEST
    only_with: str = ""  # another option


NAMESPACES = (
    Wanted("Namespaces", "NAMESPACES", mandatory=True),
    Wanted("Utsname namespace", "UTS_NS"),
    Wanted("Ipc namespace", "IPC_NS", mandatory=True),
    Wanted("Pid namespace", "PID_NS", mandatory=True),
    Wanted("User namespace", "USER_NS"),
    Wanted("Network namespace", "NET_NS"),
    Wanted("Multiple /dev/pts instances", "DEVPTS_MULTIPLE_INSTANCES", until=(4, 7)),
)
CGROUPS = (
    Wanted("Cgroup device", "CGROUP_DEVICE"),
    Wanted("Cgroup sched", "CGROUP_SCHED"),
    Wanted("Cgroup cpu account", "CGROUP_CPUACCT"),
    Wanted("Cgroup memory controller", "MEMCG"),
    Wanted("Cgroup cpuset", "CPUSETS", only_with="SMP"),
)
MISC = (
    Wanted("Veth pair device", "VETH", module="veth"),
    Wanted("Macvlan", "MACVLAN", module="macvlan"),
    Wanted("Vlan", "VLAN_8021Q", module="8021q"),
    Wanted("Bridges", "BRIDGE", module="bridge"),
    Wanted("Advanced netfilter", "NETFILTER_ADVANCED"),
    Wanted("CONFIG_NF_NAT_IPV4", "NF_NAT_IPV4", module="nf_nat_ipv4", since=(3, 7), until=(5, 0)),
    Wanted("CONFIG_NF_NAT_IPV6", "NF_NAT_IPV6", module="nf_nat_ipv6", since=(3, 7), until=(5, 0)),
    Wanted("CONFIG_IP_NF_TARGET_MASQUERADE", "IP_NF_TARGET_MASQUERADE", module="ipt_MASQUERADE"),
    Wanted("CONFIG_IP6_NF_TARGET_MASQUERADE", "IP6_NF_TARGET_MASQUERADE", module="ip6t_MASQUERADE"),
    Wanted("CONFIG_NETFILTER_XT_TARGET_CHECKSUM", "NETFILTER_XT_TARGET_CHECKSUM", module="xt_CHECKSUM"),
    Wanted("CONFIG_NETFILTER_XT_MATCH_COMMENT", "NETFILTER_XT_MATCH_COMMENT", module="xt_comment"),
    Wanted("FUSE (for use with lxcfs)", "FUSE_FS", module="fuse"),
)
CHECKPOINT = (
    Wanted("checkpoint restore", "CHECKPOINT_RESTORE"),
    Wanted("CONFIG_FHANDLE", "FHANDLE"),
    Wanted("CONFIG_EVENTFD", "EVENTFD"),
    Wanted("CONFIG_EPOLL", "EPOLL"),
    Wanted("CONFIG_UNIX_DIAG", "UNIX_DIAG", module="unix_diag"),
    Wanted("CONFIG_INET_DIAG", "INET_DIAG", module="inet_diag"),
    Wanted("CONFIG_PACKET_DIAG", "PACKET_DIAG", module="af_packet_diag"),
    Wanted("CONFIG_NETLINK_DIAG", "NETLINK_DIAG", module="netlink_diag"),
)
FILE_CAPABILITIES = Wanted("File capabilities", "SECURITY_FILE_CAPABILITIES", until=(2, 6, 33))  # later always there


class Item(Record):
    """A line of the answer.  `note` is "loaded" or "not loaded" of a module, "" if that is not the question."""

    label: str
    status: str
    note: str = ""


class Mounts(Record):
    """A line that lists where something is mounted."""

    label: str
    paths: tuple[str, ...]


class Limits(Record):
    """How many namespaces of each kind a user may have."""

    of: tuple[tuple[str, int], ...]


class Remark(Record):
    text: str


Entry = Item | Mounts | Limits | Remark


class Facts(Record):
    options: Mapping[str, str]  # "VETH" -> "y" or "m"
    version: tuple[int, ...] | None = None  # of the kernel that has these options; None if they do not say
    modules: frozenset[str] | None = None  # those loaded; None if the kernel cannot load any
    cgroup1: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (mount point, controllers)
    cgroup2: tuple[str, ...] = ()
    has_cgroup_namespaces: bool = False
    has_clone_children: bool = False
    limits: tuple[tuple[str, int], ...] = ()
    remarks: tuple[str, ...] = ()  # about newuidmap and newgidmap


def sections(facts: Facts) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    """The answer: titles with their entries, in the order of LXC's own."""
    return (
        ("Namespaces", tuple(_namespaces(facts))),
        ("Control groups", tuple(_cgroups(facts))),
        ("Misc", tuple(_items(facts, MISC))),
        ("Checkpoint/Restore", (*_items(facts, CHECKPOINT), _file_capabilities(facts))),
    )


def _namespaces(facts: Facts) -> Iterator[Entry]:
    for item in _items(facts, NAMESPACES):
        yield item
        if item.label == "User namespace" and item.status == ENABLED:
            yield from map(Remark, facts.remarks)
    if facts.limits:
        yield Limits(facts.limits)


def _cgroups(facts: Facts) -> Iterator[Entry]:
    yield _item(facts, Wanted("Cgroups", "CGROUPS"))
    yield Item("Cgroup namespace", ENABLED if facts.has_cgroup_namespaces else REQUIRED)
    yield Mounts("Cgroup v1 mount points", tuple(path for path, _ in facts.cgroup1))
    yield Mounts("Cgroup v2 mount points", facts.cgroup2)
    if "/sys/fs/cgroup" not in facts.cgroup2:
        found = {controller for _, controllers in facts.cgroup1 for controller in controllers}
        for name, controller in (("systemd", "name=systemd"), ("freezer", "freezer")):
            if controller not in found:
                yield Item(f"Cgroup v1 {name} controller", MISSING)
    if facts.has_clone_children:
        yield Item("Cgroup v1 clone_children flag", ENABLED)
    yield from _items(facts, CGROUPS)


def _items(facts: Facts, rows: tuple[Wanted, ...]) -> Iterator[Item]:
    version = facts.version or _NEWEST[:1]
    for row in rows:
        if row.since <= version < row.until and (not row.only_with or row.only_with in facts.options):
            yield _item(facts, row)


def _item(facts: Facts, row: Wanted) -> Item:
    value = facts.options.get(row.option)
    if value is None:
        return Item(row.label, REQUIRED if row.mandatory else MISSING)
    if value != "m" or not row.module or facts.modules is None:
        return Item(row.label, ENABLED)
    return Item(row.label, ENABLED, "loaded" if row.module in facts.modules else "not loaded")


def _file_capabilities(facts: Facts) -> Item:
    is_an_option = (facts.version or _NEWEST) < FILE_CAPABILITIES.until
    return _item(facts, FILE_CAPABILITIES) if is_an_option else Item(FILE_CAPABILITIES.label, ENABLED)


def options(text: str) -> tuple[dict[str, str], tuple[int, ...] | None]:
    """What a kernel's .config enables, and the version of the kernel that its heading names, if it does."""
    found: dict[str, str] = {}
    version = None
    for line in text.split("\n"):
        key, equals, value = line.strip().partition("=")
        if equals and key.startswith("CONFIG_") and value in ("y", "m"):
            found[key[7:]] = value
        elif version is None and line.startswith("#") and line.rstrip().endswith("Kernel Configuration"):
            version = _version(line.split())
    return found, version


def _version(words: list[str]) -> tuple[int, ...] | None:
    """The numbers of a word such as 6.1.0-rc3."""
    for word in words:
        numbers = word.partition("-")[0].split(".")
        if len(numbers) > 1 and all(number.isdecimal() for number in numbers):
            return tuple(map(int, numbers))
    return None


def facts(text: str) -> Facts:
    """What is so on this host, whose kernel was built with the configuration `text`."""
    found, version = options(text)
    cgroup1, cgroup2 = _mounted()
    return Facts(
        options=found,
        version=version,
        modules=_modules(),
        cgroup1=tuple(cgroup1),
        cgroup2=tuple(cgroup2),
        has_cgroup_namespaces=os.path.exists("/proc/self/ns/cgroup"),
        has_clone_children=any(os.path.exists(f"{path}/cgroup.clone_children") for path, _ in cgroup1),
        limits=tuple(_limits("/proc/sys/user")),
        remarks=tuple(_remarks()),
    )


def _mounted() -> tuple[list[tuple[str, tuple[str, ...]]], list[str]]:
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        mounts = [line.split() for line in file]
    cgroup1 = [(fields[1], tuple(fields[3].split(","))) for fields in mounts if fields[2] == "cgroup"]
    return cgroup1, [fields[1] for fields in mounts if fields[2] == "cgroup2"]


def _modules() -> frozenset[str] | None:
    try:
        with open("/proc/modules", encoding="ascii") as file:
            return frozenset(line.split()[0] for line in file)
    except FileNotFoundError:
        return None


def _limits(directory: str) -> Iterator[tuple[str, int]]:
    """Namespaces of each kind that a user may have: namespaces(7), /proc/sys/user."""
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    for name in names:
        if name.startswith("max_") and name.endswith("_namespaces"):
            with open(f"{directory}/{name}", encoding="ascii") as file:
                yield name.removeprefix("max_").removesuffix("_namespaces"), int(file.read())


def _remarks() -> Iterator[str]:
    for name in MAPPERS:
        found = [f"{place}/{name}" for place in os.get_exec_path() if os.path.isfile(f"{place}/{name}")]
        if not found:
            yield f"{name} is not installed"
        elif not (os.stat(found[0]).st_mode & _SETUID and os.stat(found[0]).st_uid == 0) and not _capable(found[0]):
            yield f"Warning: {name} is not setuid-root"


def _capable(path: str) -> bool:
    """Whether the file at `path` has capabilities of its own, capabilities(7): as good as setuid root."""
    return "security.capability" in os.listxattr(path)
