"""The start plan: everything a start will do, decided before anything is done.  Pure; prints as a script.

The only file that knows both the configuration and the subjects.  What a plan
must know of the host comes in as `Facts`.
"""

from __future__ import annotations

from lxc.cgroups.plan import CgroupPlan, Layout
from lxc.errors import Unsupported
from lxc.mounts import plan as mounts
from lxc.mounts.plan import BootId, RootPlan, Step
from lxc.network import plan as network
from lxc.network.plan import NetworkPlan
from lxc.record import Record
from lxc.security import plan as security
from lxc.security.plan import SecurityPlan
from lxc.terminal.plan import TerminalPlan
from lxc.values import capability, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.runtime.place import Place
    from lxc.values.automount import MountAuto
    from lxc.values.mount import MountEntry

NAMESPACES = {  # in the order of LXC's table; the flags of clone(2)
    "user": 0x10000000, "mnt": 0x00020000, "pid": 0x20000000, "uts": 0x04000000,
    "ipc": 0x08000000, "net": 0x40000000, "cgroup": 0x02000000, "time": 0x00000080,
}  # fmt: skip
_CAP_NET_ADMIN = 12
_AUTODEV_SIZE = 500000  # bytes
_DEFAULT_INIT = ("/sbin/init",)


class Facts(Record):
    """What is so on this host, now."""

    layout: Layout
    last_capability: int
    fstab: tuple[tuple[MountEntry, str], ...] = ()  # entries of the file that lxc.mount.fstab names
    shared: tuple[tuple[str, str], ...] = ()  # (namespace, its file) of lxc.namespace.share.*, resolved


class ChangeDirectory(Record):
    """lxc.init.cwd, made if it does not exist; "" stays at the root."""

    path: str
    where: str = ""

    def __str__(self) -> str:
        return f"cd {self.path or '/'}"


class InitPlan(Record):
    """What becomes the container's first process."""

    argv: tuple[str, ...]
    environment: tuple[str, ...]
    supervised: bool = False  # lxc-init stays, as pid 1, above it
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    directory: ChangeDirectory = ChangeDirectory("")
    pdeath_signal: int = 9  # sent to it when the monitor dies; 0 is none

    def __str__(self) -> str:
        lines = [str(self.directory)]
        if self.uid or self.gid or self.groups:
            lines.append(f"become {self.uid}:{self.gid} {','.join(map(str, self.groups))}".rstrip())
        lines.append(f"exec env -i {' '.join(self.environment)} {'init -- ' * self.supervised}{' '.join(self.argv)}")
        return "\n".join(lines)


class StartPlan(Record):
    name: str
    namespaces: tuple[str, ...]  # new ones
    shared: tuple[tuple[str, str], ...]  # (namespace, file) of those that are joined
    hostname: str
    root: RootPlan
    cgroups: CgroupPlan
    network: NetworkPlan
    mounts: tuple[Step, ...]  # before the terminals are made
    devices: tuple[Step, ...]  # after the mounts that may lie in /dev
    links: tuple[Step, ...]  # after the terminals
    terminal: TerminalPlan
    security: SecurityPlan
    init: InitPlan
    stop_signal: int
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (
            f"# container {self.name}",
            self.cgroups,
            f"unshare {' '.join('--' + kind for kind in self.namespaces)}",
            *(f"nsenter --{kind}={file}" for kind, file in self.shared),
            self.network,
            f"hostname {self.hostname}" if self.hostname else "",
            "keyctl session" if self.security.new_keyring else "",
            self.root,
            *self.mounts,
            *self.devices,
            self.terminal,
            *self.links,
            f"pivot_root {self.root.mount}",
            self.security,
            self.init,
        )
        return "\n".join(text for text in map(str, parts) if text)


def start(
    place: Place, config: Config, facts: Facts, *, argv: tuple[str, ...], execute: bool, foreground: bool
) -> StartPlan:
    """The plan to start the container at `place` as `config` says.

    `argv` overrides lxc.init.cmd, or with `execute` lxc.execute.cmd.  Raises Unsupported, LxcError.
    """
    root = _root(config)
    privileges = _security(config, facts)
    steps, warnings = _mounts(place, config, facts, privileges)
    devices = network.plan((net.type, bool(net.flags)) for net in config.net.values())
    namespaces = _namespaces(config, devices)
    return StartPlan(
        name=place.name,
        namespaces=namespaces,
        shared=facts.shared,
        hostname=config.uts_name or place.name if "uts" in namespaces else "",
        root=root,
        cgroups=CgroupPlan(
            facts.layout,
            place.directory,
            f"lxc.monitor.{place.name}",
            f"lxc.payload.{place.name}",
            "cgroup" in namespaces,
        ),
        network=devices.replace(loopback_up=devices.loopback_up and "net" in namespaces),
        mounts=steps,
        devices=mounts.devices() if config.autodev else (),
        links=(*mounts.links(), *((BootId(),) if config.autodev else ())),
        terminal=_terminal(config, execute=execute, foreground=foreground),
        security=privileges,
        init=_init(config, argv, execute),
        stop_signal=config.signal_stop or 9,
        warnings=warnings,
    )


def _root(config: Config) -> RootPlan:
    path = config.rootfs_path.path
    where = _where(config, "lxc.rootfs.path")
    if not path:
        raise Unsupported(
            "the container has no root file system of its own, and sharing the host's is not built yet",
            hint="set lxc.rootfs.path",
        )
    chosen = config.rootfs_mount if config.is_set("lxc.rootfs.mount") else ""
    return RootPlan(path, chosen or path, where)


def _mounts(
    place: Place, config: Config, facts: Facts, privileges: SecurityPlan
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    automatic, where = config.mount_auto, _where(config, "lxc.mount.auto")
    steps: list[Step] = []
    if config.autodev:
        steps += mounts.autodev(config.autodev_tmpfs_size or _AUTODEV_SIZE)
    if automatic.proc:
        steps += mounts.proc(automatic.proc, keeps_net_admin=privileges.keeps(_CAP_NET_ADMIN), where=where)
    if automatic.sys:
        steps += mounts.sys(automatic.sys, where)
    lines = (*facts.fstab, *zip(config.mount_entry, config.places("lxc.mount.entry"), strict=True))
    entries, warnings = mounts.entries(lines, (place.rootfs, config.rootfs_path.path))
    steps += entries
    steps += _cgroup_mounts(automatic, facts.layout.name, where)
    return tuple(steps), warnings


def _cgroup_mounts(automatic: MountAuto, layout: str, where: str) -> tuple[Step, ...]:
    """A container with a cgroup namespace can mount the hierarchies itself: LXC leaves that to it but on unified hosts."""
    if not automatic.cgroup:
        return ()
    if layout == "unified":
        return mounts.cgroup2(read_only=automatic.cgroup == "ro", where=where)
    if automatic.cgroup_force:
        raise Unsupported(
            f"lxc.mount.auto: forced mounts of cgroups are not built yet for the {layout} cgroup layout",
            where=where,
            hint="leave :force out: the container's init can mount them itself",
        )
    return ()


def _security(config: Config, facts: Facts) -> SecurityPlan:
    keep = tuple(capability.number(name) for name in config.cap_keep if name != "none") if config.cap_keep else None
    drop = tuple(map(capability.number, config.cap_drop))
    return SecurityPlan(
        dropped=security.bounding(drop, keep, facts.last_capability),
        names=capability.NAMES,
        no_new_privs=config.no_new_privs,
        new_keyring=not config.keyring_session,
        where=_where(config, "lxc.cap.keep" if keep is not None else "lxc.cap.drop"),
    )


def _terminal(config: Config, *, execute: bool, foreground: bool) -> TerminalPlan:
    return TerminalPlan(
        ttys=config.tty_max,
        pty_max=config.pty_max,
        tty_dir=config.tty_dir,
        console_path=config.console_path,
        console_logfile=config.console_logfile,
        console_size=config.console_size,
        console_rotate=config.console_rotate,
        console_buffer_size=config.console_buffer_size,
        has_rootfs=True,
        foreground=foreground,
        execute=execute,
        where_console_path=_where(config, "lxc.console.path"),
        where_console_logfile=_where(config, "lxc.console.logfile"),
    )


def _namespaces(config: Config, devices: NetworkPlan) -> tuple[str, ...]:
    """Which namespaces are new: all but those kept, or exactly those to clone, or what the rest asks for."""
    if config.namespace_keep:
        chosen = [kind for kind in NAMESPACES if kind not in config.namespace_keep and kind not in ("user", "time")]
    elif config.namespace_clone:
        chosen = [kind for kind in NAMESPACES if kind in config.namespace_clone]
    else:
        chosen = [
            kind for kind in ("mnt", "pid", "uts", "ipc", "net", "cgroup") if kind != "net" or devices.has_namespace
        ]
    for kind in ("user", "time"):
        if kind in chosen:
            raise Unsupported(f"a new {kind} namespace is not built yet", where=_where(config, "lxc.namespace.clone"))
    if "mnt" not in chosen:
        raise Unsupported(
            "a container without a mount namespace of its own would mount on the host",
            where=_where(config, "lxc.namespace.keep") or _where(config, "lxc.namespace.clone"),
            hint="leave mnt out of lxc.namespace.keep, or add it to lxc.namespace.clone",
        )
    return tuple(kind for kind in chosen if kind not in config.namespace_share)


def _init(config: Config, argv: tuple[str, ...], execute: bool) -> InitPlan:
    default = config.execute_cmd if execute and config.execute_cmd else config.init_cmd
    command = argv or words.split(default) or (() if execute else _DEFAULT_INIT)
    if not command:
        raise Unsupported("there is no command to execute", hint="give one after --, or set lxc.execute.cmd")
    return InitPlan(
        argv=command,
        environment=(*config.environment, *config.environment_runtime, "container=lxc"),
        supervised=execute,
        uid=config.init_uid,
        gid=config.init_gid,
        groups=config.init_groups,
        directory=ChangeDirectory(config.init_cwd, _where(config, "lxc.init.cwd")),
        pdeath_signal=config.monitor_signal_pdeath,
    )


def _where(config: Config, key: str) -> str:
    places = config.places(key)
    return places[-1] if places else ""
