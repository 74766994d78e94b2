"""Which AppArmor label a container gets, and the text of a profile that is made for it.  Pure.

    lxc.apparmor.profile        label
    (not set)                   lxc-container-default-cgns, as LXC ships it; is that not loaded: as `generated`
    unconfined                  unconfined
    unchanged                   the starter's
    generated                   PROFILE, or with a policy namespace of the container's own PROFILE//&:NAMESPACE:
    anything else               that

A profile that is made forbids what no namespace keeps from a privileged
container: the files of proc and sysfs that belong to the host, and mounts that
would show them at another place.
"""

from __future__ import annotations

from lxc.errors import Unsupported
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT = "lxc-container-default-cgns"
UNCONFINED, UNCHANGED, GENERATED = "unconfined", "unchanged", "generated"
NESTING = (  # file systems whose originals a container in the container may need to see, kept from all others
    "proc dev/.lxc/proc proc create=dir,optional",
    "sys dev/.lxc/sys sysfs create=dir,optional",
)
_LONGEST = 246  # bytes of a profile's name
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+:,@/ ")
_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


class Host(Record):
    """What is so on a host with AppArmor."""

    label: str = UNCONFINED  # the starter's
    is_seen: bool = True  # its files are there
    mediates_mounts: bool = True
    stacks: bool = False  # labels, so that the container can have a policy namespace
    has_default: bool = True  # the profile DEFAULT is loaded


class Profile(Record):
    """One to load before the start, and to unload afterwards."""

    name: str
    text: str
    namespace: str = ""  # policy namespace to make beside it
    where: str = ""

    def __str__(self) -> str:
        lines = [f"mkdir /sys/kernel/security/apparmor/policy/namespaces/{self.namespace}"] if self.namespace else []
        rules = sum(line.endswith(",") for line in self.text.splitlines())
        return "\n".join((*lines, f"apparmor_parser --replace # profile {self.name}, {rules} rules"))


class Wish(Record):
    """What the configuration says."""

    name: str  # the container's
    lxcpath: str
    profile: str = ""
    allow_incomplete: bool = False
    allow_nesting: bool = False
    raw: tuple[str, ...] = ()
    is_mapped: bool = False  # the container has a user namespace of its own
    where: str = ""


def decide(wish: Wish, host: Host) -> tuple[str, Profile | None]:
    """The label, "" for the starter's, and the profile to load for it.  Raises Unsupported."""
    is_confined = host.label != UNCONFINED
    if wish.profile == UNCHANGED or (wish.profile == UNCONFINED and not is_confined):
        return "", None
    if not wish.profile and is_confined and not host.stacks:
        return "", None
    if wish.profile != UNCONFINED and not host.is_seen and not wish.allow_incomplete:
        raise Unsupported(
            "what this kernel's AppArmor can do is not seen: /sys/kernel/security/apparmor is not there",
            where=wish.where,
            hint="mount -t securityfs none /sys/kernel/security, or start it all the same with lxc.apparmor.allow_incomplete = 1",
        )
    if wish.profile != UNCONFINED and not host.mediates_mounts and not wish.allow_incomplete:
        raise Unsupported(
            "this kernel's AppArmor cannot mediate mounts, by which a container could evade its profile",
            where=wish.where,
            hint="start it all the same with lxc.apparmor.allow_incomplete = 1",
        )
    if wish.profile == GENERATED or (not wish.profile and not host.has_default):
        made = generated(wish, host)
        return f"{made.name}//&:{made.namespace}:" if made.namespace else made.name, made
    return wish.profile or DEFAULT, None


def generated(wish: Wish, host: Host) -> Profile:
    """The profile made for `wish`."""
    name = profile_name(wish.name, wish.lxcpath)
    namespace = name.replace("/", "-") if host.stacks else ""
    rules = [*_BASE, *_own(name), *_files()]
    rules += ["mount,", "umount,", "pivot_root,"] if wish.allow_nesting or wish.is_mapped else _mounts(*_NEW, *_CGROUPS)
    if wish.allow_nesting:
        rules += ["deny /dev/.lxc/{proc,sys}/** rwklx,"]
        rules += [f'change_profile -> ":{namespace}:*",', f'change_profile -> ":{namespace}://*",'] if namespace else []
    lines = (f"  {rule}" for rule in (*rules, *wish.raw))
    text = "\n".join((f'profile "{name}" flags=(attach_disconnected,mediate_deleted) {{', *lines, "}", ""))
    return Profile(name, text, namespace, wish.where)


def abstraction() -> str:
    """The rules that are common to the profiles that are shipped (services/apparmor), as a file to be included."""
    rules = (*_BASE, *_own("@{profile_name}"), *_files(), *_mounts(*_NEW))
    return "".join(f"  {rule}\n" for rule in rules)


def profile_name(name: str, lxcpath: str) -> str:
    """lxc-NAME_<LXCPATH>; where that is too long, or not plain, a hash of it takes its place."""
    plain = f"lxc-{name}_<{lxcpath}>"
    if set(f"{name}{lxcpath}") <= _PLAIN and len(plain) <= _LONGEST:
        return plain
    return f"lxc-{_fnv(plain):016x}"


def all_but(directory: str, kept: tuple[str, ...]) -> tuple[str, ...]:
    """AppArmor patterns that together match all below `directory` but what is, or is below, the names `kept` in it."""
    return tuple(f"{directory}/{pattern}{{,/**}}" for pattern in _complement("", kept))


def _complement(prefix: str, kept: tuple[str, ...]) -> Iterator[str]:
    """Patterns for the names that begin with `prefix` and are none of `kept`, all of which do, too."""
    following = sorted({name[len(prefix)] for name in kept if len(name) > len(prefix)})
    yield f"{prefix}[^{''.join(following)}/]*" if following else f"{prefix}?*"
    for letter in following:
        longer = prefix + letter
        if longer not in kept:
            yield longer
        yield from _complement(longer, tuple(name for name in kept if name.startswith(longer)))


_BASE = (
    "capability,", "network,", "file,", "dbus,", "unix,",
    "signal (receive),", "ptrace (readby, tracedby),",
)  # fmt: skip
_OF_HOST = (  # in proc: memory, devices, keys and interrupts of the machine
    "/proc/kcore", "/proc/kmem", "/proc/mem", "/proc/sysrq-trigger", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/kallsyms", "/proc/kpage*",
)  # fmt: skip
_UNWRITTEN = (
    "/proc/acpi/**",
    "/proc/bus/**",
    "/proc/fs/**",
    "/proc/irq/**",
    "/proc/scsi/**",
    "/proc/asound/**",
    "/proc/mtrr",
)
_OWN_PARAMETERS = {  # what namespaces have of their own, below /proc/sys
    "/proc/sys": ("kernel", "net", "fs", "user"),
    "/proc/sys/kernel": (
        "hostname", "domainname", "msgmax", "msgmnb", "msgmni", "msg_next_id", "sem", "sem_next_id", "shmall", "shmmax",
        "shmmni", "shm_next_id", "shm_rmid_forced", "auto_msgmni", "random", "ns_last_pid", "pid_max", "cap_last_cap",
    ),
    "/proc/sys/fs": ("mqueue", "binfmt_misc"),
}  # fmt: skip
_OWN_SYSTEM = {  # the same in sysfs
    "/sys": ("fs", "class", "devices"),
    "/sys/fs": ("cgroup", "fuse"),
    "/sys/class": ("net",),
    "/sys/devices": ("virtual",),
    "/sys/devices/virtual": ("net",),
}
_NEW = ("tmpfs", "ramfs", "hugetlbfs", "mqueue", "devpts", "fuse", "fuse.*")
_CGROUPS = ("cgroup", "cgroup2")  # their own, in a cgroup namespace


def _own(name: str) -> Iterator[str]:
    """What is between processes of the container."""
    for kind in ("signal", "ptrace"):
        yield f'{kind} peer="{name}",'
        yield f'{kind} peer="{name}//&*",'


def _files() -> Iterator[str]:
    for path in _OF_HOST:
        yield f"deny {path} rwklx,"
    for path in _UNWRITTEN:
        yield f"deny {path} wklx,"
    for places in (_OWN_PARAMETERS, _OWN_SYSTEM):
        for directory, kept in places.items():
            for pattern in all_but(directory, kept):
                yield f"deny {pattern} wklx,"
    yield "deny /sys/kernel/{debug,security,tracing}/** rwklx,"
    yield "deny /sys/firmware/efi/efivars/** rwklx,"


def _mounts(*kinds: str) -> Iterator[str]:
    """New file systems of these kinds, which are the container's own; proc and sysfs at their places only; what is mounted, elsewhere.

    Nothing here says `options in (…)`, which allows any part of them and so mounts of another kind, or remount: parsers
    before AppArmor 3.1.4 make a rule for that which allows more (CVE-2016-1585). Who needs these says so in lxc.apparmor.raw.
    """
    yield "umount,"
    for kind in kinds:
        yield f"mount fstype={kind},"
    yield "mount fstype=proc -> /proc/,"
    yield "mount fstype=sysfs -> /sys/,"
    yield "mount fstype=binfmt_misc -> /proc/sys/fs/binfmt_misc/,"
    for pattern in all_but("", ("proc", "sys", "dev")):
        yield f"mount options=(rw, bind) {pattern},"
        yield f"mount options=(rw, rbind) {pattern},"


def _fnv(text: str) -> int:
    """64-bit FNV-1a, as LXC shortens names."""
    number = _FNV_OFFSET
    for byte in text.encode(errors="surrogateescape"):
        number = (number ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return number
