"""What a start must know of the host, and what it asks of it: before anything is decided."""

from __future__ import annotations

import os

from lxc import log
from lxc.cgroups import nodes
from lxc.cgroups import outside as cgroups
from lxc.cgroups.files import read
from lxc.config import reader, system
from lxc.errors import ConfigError, LxcError, StepError, Unsupported
from lxc.idmap.plan import IdMapPlan, Range
from lxc.idmap.starter import starter
from lxc.kernel import capability, fs, landlock, process
from lxc.kernel.fs import closing
from lxc.runtime import client
from lxc.runtime.plans import cgroups as plan_cgroups
from lxc.runtime.plans import namespaces as plan_namespaces
from lxc.runtime.plans import start as _plan
from lxc.runtime.plans.start import Facts
from lxc.security import selinux
from lxc.security.apparmor import outside as apparmor
from lxc.security.apparmor.plan import Host as AppArmor
from lxc.security.plan import Filter
from lxc.storage import outside as storage
from lxc.values import mount as values
from lxc.values.namespace import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cgroups.plan import Layout
    from lxc.config.container import Config
    from lxc.runtime.place import Place
    from lxc.storage.plan import RootPlan
    from lxc.values.mount import MountEntry

_OLDEST_KERNEL = (5, 15)
_WHAT_TO_SHARE = "name a container that runs, the pid of a process, or the file of such a namespace"


def check() -> None:
    """Say clearly what this version needs; nothing is started half."""
    release = os.uname().release
    version = tuple(int(part) for part in release.split("-")[0].split("+")[0].split(".")[:2])
    if version < _OLDEST_KERNEL:
        raise Unsupported(f"this is Linux {release}; containers need Linux 5.15 or newer")


def security_modules() -> frozenset[str]:
    """Which of the modules that LXC knows are at work on this host; the keys of the others have no effect."""
    return frozenset(("selinux",) * selinux.is_enabled() + ("apparmor",) * apparmor.is_enabled())


def facts(config: Config, place: Place) -> Facts:
    """What the plan to start the container at `place` depends on.  Raises ConfigError, LxcError."""
    layout, modules = _layout(config), security_modules()
    return Facts(
        layout,
        capability.last(),
        _fstab(config),
        _shared(config, place),
        log.LEVELS[log.threshold()],
        storage=_storage(config),
        filter=_filter(config),
        modules=modules,
        apparmor=apparmor.host() if "apparmor" in modules else AppArmor(),
        starter=starter(),
        landlock=landlock.abi() if config.x_landlock or config.x_monitor_landlock else 0,
        joined=_joined(config, place),
        makes_devices=is_initial_user_namespace(),
        controllers=cgroups.controllers(layout) if layout.name == "unified" else (),
        cgroup_pattern=system.get("lxc.cgroup.pattern") or "",
        nodes=tuple(_nodes(config)),
    )


def ids(config: Config) -> IdMapPlan:
    """The ids of a container that is made or removed here; none of its own without lxc.idmap.  Raises ConfigError."""
    return plan_namespaces.ids(config, starter()) if config.idmap else IdMapPlan()


def ids_on_disk(config: Config) -> IdMapPlan:
    """The ids that the files of its root have; if that is mounted with the container's ids, the host's."""
    return IdMapPlan() if config.rootfs_options.idmap else ids(config)


def volume_group() -> str:
    """That of new logical volumes, unless the user names another."""
    from lxc.storage.creation import GROUP  # a start needs nothing of that

    return system.get("lxc.bdev.lvm.vg") or GROUP


def root(place: Place, config: Config) -> RootPlan:
    """The root file system that the container's configuration names; path "" is none.  Raises Unsupported."""
    return _plan.root(place, config, _storage(config))


def is_initial_user_namespace() -> bool:
    """Whether users have the host's numbers here."""
    return read("/proc/self/uid_map").split() == ["0", "0", "4294967295"]


def _layout(config: Config) -> Layout:
    """The hierarchies to use: lxc.cgroup.relative, and lxc.cgroup.use of lxc.conf(5).  Raises Unsupported."""
    layout = cgroups.find(relative=config.cgroup_relative)
    use = tuple(word.strip() for word in (system.get("lxc.cgroup.use") or "").split(",") if word.strip())
    if not use or layout.name == "unified":
        return layout
    missing = [name for name in use if not layout.with_controller(name)]
    if missing:
        what = f"lxc.cgroup.use names {', '.join(missing)}, which this host ({layout.name} layout) does not have"
        raise Unsupported(what, where=system.path(), hint="name those there are: see /proc/self/cgroup")
    return layout.restricted(use)


def _nodes(config: Config) -> Iterator[tuple[str, str]]:
    """The devices that rules name by their files, with their numbers."""
    for path in plan_cgroups.named_nodes(config):
        found = nodes.at(path)
        if found:  # else the plan tells the rule's line
            yield path, found


def _filter(config: Config) -> Filter:
    """lxc.seccomp.profile, compiled.  Raises ConfigError, LxcError."""
    path = config.seccomp_profile
    if not path:
        return Filter()
    from lxc.security.seccomp import compiler

    if not compiler.is_wanted(allow_nesting=config.seccomp_allow_nesting):
        return Filter()
    return compiler.load(path, config.where("lxc.seccomp.profile"))


def _storage(config: Config) -> str:
    """The driver for lxc.rootfs.path, "" if that names one or is not set."""
    root = config.rootfs_path
    return "" if root.driver or not root.path else storage.driver(root.path)


def _fstab(config: Config) -> tuple[tuple[MountEntry, str], ...]:
    """The entries of the file that lxc.mount.fstab names, each with its place.  Raises ConfigError."""
    path = config.mount_fstab
    if not path:
        return ()
    where = config.where("lxc.mount.fstab")
    try:
        lines = reader.read(path).split("\n")
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise StepError(f"read lxc.mount.fstab {path}", why, where=where) from error
    found, mistakes = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append((values.parse(line), f"{path}:{number}"))
        except ValueError as error:
            mistakes.append(f"{path}:{number}: {error}")
    if mistakes:
        raise ConfigError(*mistakes)
    return tuple(found)


def _shared(config: Config, place: Place) -> tuple[tuple[str, str], ...]:
    """lxc.namespace.share.*: each namespace's file.  Raises StepError."""
    found = []
    for kind, value in config.namespace_share.items():
        where = config.where(f"lxc.namespace.share.{kind}")
        try:
            file = _namespace_file(kind, value, place)
        except LxcError as error:
            raise StepError(f"share the {kind} namespace of {value}", str(error), where=where) from error
        _check_namespace(kind, file, where)
        found.append((kind, file))
    return tuple(sorted(found, key=lambda pair: NAMES.index(pair[0])))  # users first: they own the others


def _check_namespace(kind: str, file: str, where: str) -> None:
    """Raise StepError if `file` is no namespace of this kind."""
    step = f"share the {kind} namespace {file}"
    try:
        with closing(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as fd:
            is_one = fs.filesystem_type(fd) == fs.NSFS_MAGIC and process.namespace_type(fd) == process.NAMESPACES[kind]
    except OSError as error:
        hint = _WHAT_TO_SHARE if isinstance(error, FileNotFoundError) else ""
        raise StepError(step, error, where=where, hint=hint) from error
    if not is_one:
        raise StepError(step, f"it is no {kind} namespace", where=where, hint=_WHAT_TO_SHARE)


def _joined(config: Config, place: Place) -> tuple[tuple[str, Range], ...]:
    """The ids of the user namespace to share, if there is one, and a process is known to be in it."""
    value = config.namespace_share.get("user", "")
    file = _namespace_file("user", value, place) if value else ""
    if not file.startswith("/proc/") or not file.endswith("/ns/user"):
        return ()
    found: list[tuple[str, Range]] = []
    for kind, name in (("u", "uid_map"), ("g", "gid_map")):
        with open(f"{file.removesuffix('ns/user')}{name}", encoding="utf-8") as lines:
            found += ((kind, Range(*map(int, line.split()))) for line in lines)
    return tuple(found)


def _namespace_file(kind: str, value: str, place: Place) -> str:
    """`value` is a path, a pid, or the name of a running container."""
    if value.startswith("/"):
        return value
    pid = int(value) if value.isdecimal() and int(value) > 0 else client.init_pid(place.replace(name=value))
    return f"/proc/{pid}/ns/{kind}"
