"""The start plan: everything a start will do, decided before anything is done.  Pure; prints as a script.

What a plan must know of the host comes in as `Facts`.
"""

from __future__ import annotations

from lxc.cgroups.plan import CgroupPlan, Layout
from lxc.clocks.plan import ClockPlan
from lxc.errors import ConfigError, Unsupported
from lxc.hooks.plan import Hooks
from lxc.idmap.plan import IdMapPlan, Range, Starter
from lxc.limits import plan as limits
from lxc.limits.plan import CoreCookie, LimitPlan
from lxc.mounts import plan as mounts
from lxc.mounts.plan import BootId, Step
from lxc.network import plan as network
from lxc.network.plan import NetworkPlan
from lxc.network.tenant import Tenant
from lxc.record import Record
from lxc.runtime.plans import cgroups as plan_cgroups
from lxc.runtime.plans import hooks as plan_hooks
from lxc.runtime.plans import namespaces as plan_namespaces
from lxc.runtime.plans import security as plan_security
from lxc.security.apparmor import plan as apparmor
from lxc.security.apparmor.plan import Host as AppArmor
from lxc.security.plan import Filter, SecurityPlan
from lxc.storage import plan as storage
from lxc.storage.plan import RootPlan
from lxc.terminal.plan import TerminalPlan
from lxc.values import arch, limit, mount, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.runtime.place import Place
    from lxc.values.mount import MountEntry

_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21
_AUTODEV_SIZE = 500000  # bytes
_DEFAULT_INIT = ("/sbin/init",)


class Facts(Record):
    """What is so on this host, now."""

    layout: Layout
    last_capability: int
    fstab: tuple[tuple[MountEntry, str], ...] = ()  # entries of the file that lxc.mount.fstab names
    shared: tuple[tuple[str, str], ...] = ()  # (namespace, its file) of lxc.namespace.share.*, resolved
    log_level: str = "ERROR"
    config_file: str = ""  # which is read instead of the container's own
    storage: str = "dir"  # the driver that fits lxc.rootfs.path, if that names none
    filter: Filter = Filter()  # what lxc.seccomp.profile was compiled to
    modules: frozenset[str] = frozenset()  # security modules that are at work: "apparmor", "selinux"
    apparmor: AppArmor = AppArmor()
    starter: Starter = Starter()
    landlock: int = 0  # the version of its interface; 0 if the kernel has none
    joined: tuple[tuple[str, Range], ...] = ()  # ids of the user namespace that is shared: ("u" or "g", range)
    makes_devices: bool = True  # this process may: it is not in a user namespace itself
    controllers: tuple[str, ...] = ()  # of cgroups version 2, that the base can hand down
    cgroup_pattern: str = ""  # lxc.cgroup.pattern of lxc.conf(5)
    nodes: tuple[tuple[str, str], ...] = ()  # devices' files that device rules name: (path, "c 1:3")


class ChangeDirectory(Record):
    """lxc.init.cwd, made if it does not exist; "" stays at the root."""

    path: str
    where: str = ""

    def __str__(self) -> str:
        return f"cd {words.shell(self.path or '/')}"


class Personality(Record):
    """lxc.arch: which machine programs are told they run on, see personality(2)."""

    arch: str = ""  # "x86_64", "i686"; "" leaves it as it is
    where: str = ""

    def __str__(self) -> str:
        return f"setarch {arch.NAMES[self.arch]}" if self.arch else ""

    @property
    def persona(self) -> int:
        return arch.PERSONALITY[self.arch]


class InitPlan(Record):
    """What becomes the container's first process."""

    argv: tuple[str, ...]
    environment: tuple[str, ...]
    has_ttys: bool = False  # and container_ttys in its environment: their names, known once they are made
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
        variables = (*self.environment, *(("container_ttys=pts/…",) if self.has_ttys else ()))
        told, argv = (" ".join(map(words.shell, each)) for each in (variables, self.argv))
        lines.append(f"exec env -i {told} {'init -- ' * self.supervised}{argv}")
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
    hooks: Hooks = Hooks()
    limits: LimitPlan = LimitPlan()
    personality: Personality = Personality()
    monitor_unshares: bool = False  # the monitor's mounts are its own, too
    monitor_writes: tuple[str, ...] = ()  # beneath what only, while it serves; () is no such restriction
    idmap: IdMapPlan = IdMapPlan()
    clocks: ClockPlan = ClockPlan()
    shared_mounts: str = ""  # where the container sees what is mounted for it later
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # as warnings, about what is in many hosts' configurations: who starts it is not told

    def __str__(self) -> str:
        parts = (
            f"# container {self.name}",
            *(f"# warning: {text}" for text in (*self.warnings, *self.remarks)),
            "unshare --mount --propagation=slave # the monitor" if self.monitor_unshares else "",
            *self.hooks.pre_start,
            self.security.label.profile or "",
            self.cgroups,
            f"unshare {' '.join('--' + kind for kind in self.namespaces)}",
            *(f"nsenter --{kind}={file}" for kind, file in self.shared),
            self.idmap,
            self.clocks,
            self.limits,
            self.network,
            *self.hooks.net_up,
            f"hostname {self.hostname}" if self.hostname else "",
            "keyctl session" if self.security.new_keyring else "",
            *self.hooks.pre_mount,
            self.root,
            *self.mounts,
            *self.hooks.mount,
            *self.hooks.autodev,
            *self.devices,
            self.terminal,
            *self.links,
            "" if self.root.is_shared else f"pivot_root {self.root.mount}",
            f"mount --make-rslave {self.shared_mounts}" if self.shared_mounts else "",
            self.personality,
            *self.limits.parameters,
            self.security,
            f"landlock write {' '.join(self.monitor_writes)} # the monitor" if self.monitor_writes else "",
            *self.hooks.start,
            self.cgroups.device_rules,
            *self.hooks.start_host,
            self.init,
            "# when it has ended" if self.hooks.stop or self.hooks.post_stop or self.hooks.net_down else "",
            *self.hooks.net_down,
            *self.hooks.stop,
            *self.hooks.post_stop,
        )
        return "\n".join(text for text in map(str, parts) if text)

    @property
    def has_users(self) -> bool:
        """Whether it is in a user namespace that is not the starter's."""
        return "user" in self.namespaces or any(kind == "user" for kind, _ in self.shared)

    def completed(self, device: str, container: str) -> StartPlan:
        """This plan, with what only the monitor knows: the root's block device, and the name that was free for the cgroups."""
        return self.replace(
            root=self.root.replace(device=device),
            mounts=mounts.with_payload(self.mounts, self.cgroups.container, container),
        )


def start(
    place: Place, config: Config, facts: Facts, *, argv: tuple[str, ...], execute: bool, foreground: bool
) -> StartPlan:
    """The plan to start the container at `place` as `config` says.

    `argv` overrides lxc.init.cmd, or with `execute` lxc.execute.cmd.  Raises Unsupported, LxcError.
    """
    tenant = None if facts.starter.is_root else Tenant(place.lxcpath, place.name)
    devices = network.plan(config.net, config.places, tenant)
    devices = devices.replace(owner=place.socket_name.decode(errors="surrogateescape"))
    namespaces = plan_namespaces.new(config, has_network=devices.has_namespace)
    if "net" not in namespaces:
        devices = devices.without_namespace()
    has_users = "user" in namespaces or "user" in config.namespace_share
    mapped = IdMapPlan()
    if has_users:
        mapped = plan_namespaces.ids(config, facts.starter, is_new="user" in namespaces, joined=facts.joined)
    root = _root(place, config, facts, mapped, has_users=has_users)
    plan_namespaces.check_mounts(config, facts.fstab, root, has_users=has_users)
    plan_namespaces.check_starter(facts.starter, root, has_users=has_users)
    host = plan_cgroups.Host(facts.layout, facts.controllers, facts.cgroup_pattern, dict(facts.nodes))
    cgroups, ignored = plan_cgroups.plan(place, config, host, has_namespace="cgroup" in namespaces)
    label, unheard = plan_security.label(place, config, facts.modules, facts.apparmor, is_mapped=has_users)
    privileges = plan_security.privileges(config, facts.last_capability, facts.filter, label)
    landlock, undenied = plan_security.landlock(config, facts.landlock)
    privileges = privileges.replace(landlock=landlock)
    steps, warnings = _mounts(place, config, facts, privileges, cgroups)
    warnings = (*warnings, *undenied)
    if root.is_directory and root.data:
        what = f"lxc.rootfs.options: {','.join(root.data)}: a directory is no file system that could take this"
        warnings = (*warnings, f"{config.where('lxc.rootfs.options')}: {what}")
    if config.idmap and not has_users:
        what = "has no effect: the container stays in the starter's user namespace, as lxc.namespace.* say"
        warnings = (*warnings, f"{config.places('lxc.idmap')[0]}: lxc.idmap {what}")
    terminals = _terminal(config, mapped, facts.starter, execute=execute, foreground=foreground)
    return StartPlan(
        name=place.name,
        namespaces=namespaces,
        shared=facts.shared,
        hostname=config.uts_name or place.host_name if "uts" in namespaces else "",
        root=root,
        cgroups=cgroups,
        network=devices,
        mounts=steps,
        devices=mounts.devices(bound=has_users or not facts.makes_devices) if config.autodev else (),
        links=(*mounts.LINKS, *((BootId(),) if config.autodev else ())),
        terminal=terminals,
        security=privileges,
        init=_init(config, argv, execute).replace(has_ttys=terminals.binds_ttys),
        stop_signal=config.signal_stop or 9,
        hooks=plan_hooks.life(place, config, facts, root.mount or "/", devices),
        limits=_limits(config, namespaces),
        personality=Personality(config.arch, config.where("lxc.arch")),
        monitor_unshares=config.monitor_unshare != 0,
        monitor_writes=_monitor_writes(place, config, facts),
        idmap=mapped,
        clocks=ClockPlan("time" in namespaces, plan_namespaces.clocks(config)),
        shared_mounts=config.mount_auto.shmounts_target if config.mount_auto.shmounts else "",
        warnings=(*ignored, *warnings, *devices.warnings),
        remarks=unheard,
    )


def root(place: Place, config: Config, driver: str) -> RootPlan:
    """The root file system that the configuration names, by `driver` if it names none; path "" is none.  Raises Unsupported."""
    path = config.rootfs_path
    if not path.path:
        return RootPlan("")
    chosen = config.rootfs_mount if config.is_set("lxc.rootfs.mount") else ""
    return storage.root(path.path, path.driver or driver, chosen, place.rootfs, config.where("lxc.rootfs.path"))


def _root(place: Place, config: Config, facts: Facts, mapped: IdMapPlan, *, has_users: bool) -> RootPlan:
    found, options, is_root = root(place, config, facts.storage), config.rootfs_options, facts.starter.is_root
    if found.is_shared:
        return found
    return found.replace(
        idmap=options.idmap,
        owner=mapped.owner if mapped.users else (-1, -1),
        by_monitor=has_users and is_root and (found.is_device or not (found.is_directory or config.hook_pre_mount)),
        attr_set=options.attr_set,
        attr_clear=options.attr_clear,
        propagation=options.propagation,
        propagation_recursive=options.propagation_recursive,
        data=options.data,
        where_options=config.where("lxc.rootfs.options"),
        where_mount=config.where("lxc.rootfs.mount"),
    )


def _limits(config: Config, namespaces: tuple[str, ...]) -> LimitPlan:
    planned = limits.plan(
        (
            (name, limit.number(name), value.soft, value.hard, config.where(f"lxc.prlimit.{name}"))
            for name, value in config.prlimit.items()
        ),
        ((item.name, item.value, where) for item, where in zip(config.proc, config.places("lxc.proc"), strict=True)),
        ((name, value, config.where(f"lxc.sysctl.{name}")) for name, value in config.sysctl.items()),
    )
    return planned.replace(process=(*_core(config, namespaces), *planned.process))


def _core(config: Config, namespaces: tuple[str, ...]) -> tuple[CoreCookie, ...]:
    if not config.sched_core:
        return ()
    where = config.where("lxc.sched.core")
    if "pid" not in namespaces:
        raise Unsupported("lxc.sched.core is for containers with a pid namespace of their own", where=where)
    return (CoreCookie(where),)


def _mounts(
    place: Place, config: Config, facts: Facts, privileges: SecurityPlan, cgroups: CgroupPlan
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    automatic, where = config.mount_auto, config.where("lxc.mount.auto")
    steps: list[Step] = []
    if config.autodev:
        steps += mounts.autodev(config.autodev_tmpfs_size or _AUTODEV_SIZE)
    if automatic.proc:
        steps += mounts.proc(automatic.proc, keeps_net_admin=privileges.keeps(_CAP_NET_ADMIN), where=where)
    if automatic.sys:
        steps += mounts.sys(automatic.sys, where)
    lines = (*facts.fstab, *zip(config.mount_entry, config.places("lxc.mount.entry"), strict=True))
    if "apparmor" in facts.modules and config.apparmor_allow_nesting:
        lines += tuple((mount.parse(line), config.where("lxc.apparmor.allow_nesting")) for line in apparmor.NESTING)
    roots = (place.rootfs, config.rootfs_path.path) if config.rootfs_path.path else ("/",)
    entries, warnings = mounts.entries(lines, roots, place.directory)
    steps += entries
    if automatic.shmounts:
        steps += mounts.shared_mounts(automatic.shmounts, automatic.shmounts_target, where)
    steps += plan_cgroups.automatic_mounts(
        automatic,
        cgroups,
        is_shared=any(kind == "cgroup" for kind, _ in facts.shared) and not config.idmap,
        is_admin=privileges.keeps(_CAP_SYS_ADMIN),
        where=where,
    )
    return tuple(steps), warnings


def _terminal(config: Config, mapped: IdMapPlan, starter: Starter, *, execute: bool, foreground: bool) -> TerminalPlan:
    return TerminalPlan(
        has_hosts=starter.is_root,
        owner=mapped.owner[0] if mapped.users and starter.is_root else -1,
        ttys=config.tty_max,
        pty_max=config.pty_max,
        tty_dir=config.tty_dir if config.rootfs_path.path or config.autodev else "",
        console_path=config.console_path,
        console_logfile=config.console_logfile,
        console_size=config.console_size,
        console_rotate=config.console_rotate,
        console_buffer_size=config.console_buffer_size,
        has_rootfs=bool(config.rootfs_path.path),
        foreground=foreground,
        execute=execute,
        where_console_path=config.where("lxc.console.path"),
        where_console_logfile=config.where("lxc.console.logfile"),
        where_ttys=config.where("lxc.tty.max"),
        where_tty_dir=config.where("lxc.tty.dir"),
        where_pty_max=config.where("lxc.pty.max"),
    )


def _init(config: Config, argv: tuple[str, ...], execute: bool) -> InitPlan:
    key = "lxc.execute.cmd" if execute and config.execute_cmd else "lxc.init.cmd"
    command = argv or _words(config, key)
    if not (command or execute):
        if not config.rootfs_path.path:
            why = f"without lxc.rootfs.path it would be this host's own {_DEFAULT_INIT[0]}, at work on the host's own files"
            hint = "set lxc.rootfs.path; or what is to run on the host's files: lxc.init.cmd, or a command after the options"
            raise Unsupported(f"nothing says what the container's init is: {why}", hint=hint)
        command = _DEFAULT_INIT
    if not command:
        raise Unsupported("there is no command to execute", hint="give one after --, or set lxc.execute.cmd")
    return InitPlan(
        argv=command,
        environment=(*config.environment, *config.environment_runtime, "container=lxc"),
        supervised=execute,
        uid=config.init_uid,
        gid=config.init_gid,
        groups=config.init_groups,
        directory=ChangeDirectory(config.init_cwd, config.where("lxc.init.cwd")),
        pdeath_signal=config.monitor_signal_pdeath,
    )


def _words(config: Config, key: str) -> tuple[str, ...]:
    """The words of the command that `key` says.  Raises ConfigError."""
    text, where = config.execute_cmd if key == "lxc.execute.cmd" else config.init_cmd, config.where(key)
    try:
        command = words.split(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {key}: {error}", where=where, hint="close the quote") from error
    if command and not command[0]:
        raise ConfigError(f"{where}: {key}: expected a program, got {text!r}", where=where, hint="name the program")
    return command


def _monitor_writes(place: Place, config: Config, facts: Facts) -> tuple[str, ...]:
    """Nobody who answers for it may be restricted with it: as LXC has it, not with a proxy."""
    if not config.x_monitor_landlock or facts.filter.is_supervised or not facts.landlock:
        return ()
    log = config.console_logfile.rpartition("/")[0]
    return ("/sys/fs/cgroup", f"/run/lxc/{place.lxcpath.strip('/')}", *((log,) if log else ()))
