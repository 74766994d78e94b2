"""lxc.container.conf(5) as a class: one attribute for each key."""

from __future__ import annotations

from lxc.config.brief import Brief
from lxc.config.key import REJECTED, directive, listed, many, merged, named, numbered, one, several
from lxc.config.net import Net
from lxc.config.table import Draft, Key, Table
from lxc.values import (
    address,
    automount,
    capability,
    landlock,
    limit,
    log,
    mount,
    namespace,
    offset,
    plain,
    rootfs,
    signal,
    size,
)
from lxc.values import arch as architecture
from lxc.values.plain import flag, identity, path, relative_path, text, unsigned
from lxc.values.words import Misspelt, correction, meant

FOREIGN = "lxc.x-"  # keys that begin so are somebody else's: kept in the file, without effect
ROOTFS_MOUNT = "/usr/lib/lxc/rootfs"
NOTHING: tuple[str, ...] = ()
_HOOKS = ("pre-start", "pre-mount", "mount", "autodev", "start-host", "start", "stop", "post-stop", "clone", "destroy")


def _or_null(value: str) -> str:
    return value or "(null)"  # so LXC prints these


def controller_file(name: str) -> str:
    """<controller>.<file>, such as memory.limit_in_bytes."""
    if "." not in name:
        raise Misspelt(f"expected lxc.cgroup.<controller>.<file>, got lxc.cgroup.{name}", name)
    return name


def groups(value: str) -> tuple[int, ...]:
    """Group ids separated by commas."""
    numbers = [number for number in value.split(",") if number]
    return tuple(identity(number.strip(" \t")) for number in numbers or [value])


class Config(Table):
    # The system
    arch = one(
        "lxc.arch",
        architecture.parse,
        "",
        "Architecture the container's programs are told they run on.",
        empty=REJECTED,
    )
    uts_name = one("lxc.uts.name", plain.Shorter(65), "", "Host name seen inside the container.")
    ephemeral = one("lxc.ephemeral", flag, False, "1 to destroy the container when it stops.")
    include = Brief.include

    # Its first process
    init_cmd = one("lxc.init.cmd", text, "", "Command that lxc-start runs in the container; otherwise /sbin/init.")
    init_cwd = one("lxc.init.cwd", path, "", "Working directory of the container's first process.")
    init_uid = one("lxc.init.uid", identity, 0, "User id, seen in the container, of its first process.")
    init_gid = one("lxc.init.gid", identity, 0, "Group id, seen in the container, of its first process.")
    init_groups = several(
        "lxc.init.groups", groups, "Supplementary group ids of the container's first process.", end="", between=","
    )
    execute_cmd = one("lxc.execute.cmd", text, "", "Command that lxc-execute runs if it is given none.")
    environment = Brief.environment
    environment_runtime = Brief.environment_runtime
    environment_hooks = Brief.environment_hooks
    signal_halt = one("lxc.signal.halt", signal.parse, 0, "Signal that asks the container to shut down; 0 is SIGPWR.")
    signal_reboot = one("lxc.signal.reboot", signal.parse, 0, "Signal that asks it to reboot; 0 is SIGINT.")
    signal_stop = one("lxc.signal.stop", signal.parse, 0, "Signal that stops it for certain; 0 is SIGKILL.")
    sched_core = one("lxc.sched.core", flag, False, "1 to share no processor core with processes of others.")

    # The root file system
    rootfs_path = one(
        "lxc.rootfs.path", rootfs.parse, rootfs.RootfsPath(),
        "The container's root file system; without it the container sees the host's.",
    )  # fmt: skip
    rootfs_mount = one("lxc.rootfs.mount", path, ROOTFS_MOUNT, "Where it is mounted while it is set up.", empty="")
    rootfs_options = one("lxc.rootfs.options", mount.rootfs_options, mount.RootfsOptions(), "Options to mount it with.")
    rootfs_managed = one("lxc.rootfs.managed", flag, True, "0 to keep lxc-destroy from removing anything.")
    mount_auto = merged("lxc.mount.auto", automount.merge, automount.MountAuto(), "Kernel file systems to mount.")
    mount_entry = many(
        "lxc.mount.entry", mount.parse,
        "Mount this inside the container. A target without a leading slash is relative to the container's root. "
        "Besides the options of mount(8): `create=dir` and `create=file` make the target if it is missing, `optional` "
        "goes on without a mount that fails, `relative` takes the source from the container's root, too, and `idmap=` "
        "maps the owners of its files, as in the container (`idmap=container`) or a file of a user namespace.",
        sound=mount.sound,
    )  # fmt: skip
    mount_fstab = one("lxc.mount.fstab", path, "", "File of such lines, mounted before them.", empty=REJECTED)
    autodev = one("lxc.autodev", flag, True, "1 to mount a small tmpfs on /dev and fill it.", empty=False)
    autodev_tmpfs_size = one(
        "lxc.autodev.tmpfs.size", size.tmpfs, 0, "Size of that tmpfs in bytes; 0 is 500000.", empty=size.TMPFS
    )

    # Terminals
    console_path = one("lxc.console.path", path, "", "Terminal of the host that is the console, or `none`.")
    console_logfile = one("lxc.console.logfile", path, "", "File to which all console output is appended.")
    console_size = one("lxc.console.size", size.buffer, 0, "Size in bytes that this file may grow to; 0 is any.")
    console_rotate = one("lxc.console.rotate", flag, False, "1 to rename a full console log to NAME.1 and go on.")
    console_buffer_size = one("lxc.console.buffer.size", size.buffer, 0, "Console output in bytes kept in memory.")
    tty_max = one("lxc.tty.max", unsigned, 0, "Number of terminals /dev/tty1 … made for logins.")
    tty_dir = one("lxc.tty.dir", plain.Shorter(256), "", "Directory below /dev in which they are made.")
    pty_max = one("lxc.pty.max", unsigned, 0, "Number of pseudo terminals the container may have; 0 gives it none.")

    # Namespaces and ids
    idmap = Brief.idmap
    namespace_clone = merged(
        "lxc.namespace.clone", namespace.merge, NOTHING, "Namespaces to make, and no others.", namespace.show,
        rival="lxc.namespace.keep",
    )  # fmt: skip
    namespace_keep = merged(
        "lxc.namespace.keep", namespace.merge, NOTHING, "Namespaces of the starter to stay in.", namespace.show,
        rival="lxc.namespace.clone",
    )  # fmt: skip
    namespace_share = named(
        "lxc.namespace.share", text,
        "Whose namespace to join: a container's name, a process id or the path of a namespace file.",
        check=namespace.name, unset="(null)", whole=False,
    )  # fmt: skip
    time_offset_boot = one("lxc.time.offset.boot", offset.parse, offset.Offset(), "Shift of the boot time clock.")
    time_offset_monotonic = one(
        "lxc.time.offset.monotonic", offset.parse, offset.Offset(), "Shift of the monotonic clock."
    )

    # Network
    net = numbered("lxc.net", Net, "Network devices.", "type")

    # Control groups and other limits
    cgroup2 = listed("lxc.cgroup2", text, "File of the container's cgroup, and what to write into it.")
    cgroup = listed("lxc.cgroup", text, "The same for the hierarchies of version 1.", check=controller_file)
    cgroup_dir = one("lxc.cgroup.dir", relative_path, "", "Cgroup in which the container's are made.", _or_null)
    cgroup_dir_monitor = one("lxc.cgroup.dir.monitor", relative_path, "", "Cgroup of the monitor.", _or_null)
    cgroup_dir_monitor_pivot = one(
        "lxc.cgroup.dir.monitor.pivot", relative_path, "", "Cgroup the monitor retires to at the end.", _or_null
    )
    cgroup_dir_container = one("lxc.cgroup.dir.container", relative_path, "", "Cgroup of the container.", _or_null)
    cgroup_dir_container_inner = one(
        "lxc.cgroup.dir.container.inner", plain.directory_name, "", "Directory in it that the container sees.", _or_null
    )
    cgroup_relative = one("lxc.cgroup.relative", flag, False, "1 to stay below the cgroup of the starter.")
    prlimit = named("lxc.prlimit", limit.parse, "Resource limit, see prlimit(2).", check=limit.resource)
    sysctl = named("lxc.sysctl", text, "Kernel parameter below /proc/sys, with dots for slashes.")
    proc = listed("lxc.proc", text, "File below /proc/<pid> of the first process, and what to write into it.", end="")

    # Security
    cap_drop = several(
        "lxc.cap.drop", capability.drop, "Capabilities the container must not have.",
        clears=("lxc.cap.keep",), rival="lxc.cap.keep",
    )  # fmt: skip
    cap_keep = merged(
        "lxc.cap.keep", capability.keep, NOTHING, "Capabilities the container may have, and no others.",
        capability.show_keep, clears=("lxc.cap.drop",), rival="lxc.cap.drop",
    )  # fmt: skip
    no_new_privs = one("lxc.no_new_privs", flag, False, "1 to let no program gain privileges, see prctl(2).")
    apparmor_profile = one(
        "lxc.apparmor.profile", text, "", "AppArmor profile: its name, `unconfined`, `unchanged` or `generated`."
    )
    apparmor_allow_incomplete = one(
        "lxc.apparmor.allow_incomplete", flag, False, "1 to start although the kernel's AppArmor cannot mediate mounts."
    )
    apparmor_allow_nesting = one(
        "lxc.apparmor.allow_nesting", flag, False, "1 to let a generated profile allow containers in the container."
    )
    apparmor_raw = many("lxc.apparmor.raw", text, "Line to add to a generated profile.")
    selinux_context = one("lxc.selinux.context", text, "", "SELinux context to run in.")
    selinux_context_keyring = one("lxc.selinux.context.keyring", text, "", "SELinux context of the session keyring.")
    seccomp_profile = one("lxc.seccomp.profile", path, "", "File of rules for system calls.")
    seccomp_allow_nesting = one("lxc.seccomp.allow_nesting", flag, False, "1 to keep rules of the starter in force.")
    seccomp_notify_proxy = one(
        "lxc.seccomp.notify.proxy", address.proxy, "", "Socket that decides on system calls.", address.show_proxy
    )
    seccomp_notify_cookie = one("lxc.seccomp.notify.cookie", text, "", "Text sent to that socket with each of them.")
    x_monitor_landlock = one(
        "lxc.x-monitor-landlock", flag, False,
        "1 to deny the monitor, while it serves, to write but to control groups and logs.",
    )  # fmt: skip
    x_landlock = many(
        "lxc.x-landlock", landlock.parse,
        "What the container's processes may do to files, everything else being denied: `read,execute /usr`. The rights "
        "are read, execute, write, make, remove, refer (move between directories), device, all; the path must have no "
        "links, and exist unless `optional` follows. `tcp-bind PORT` and `tcp-connect PORT` deny other ports; "
        "`scope signals,sockets` denies signals to, and abstract sockets of, processes outside. See landlock(7).",
    )  # fmt: skip
    keyring_session = one("lxc.keyring.session", flag, False, "1 to make no new session keyring.")

    # Hooks
    hook_pre_start = many("lxc.hook.pre-start", text, "Command run on the host before anything else is done.")
    hook_pre_mount = many("lxc.hook.pre-mount", text, "Command run in the container's mounts before its root is there.")
    hook_mount = many("lxc.hook.mount", text, "Command run there when all is mounted.")
    hook_autodev = many("lxc.hook.autodev", text, "Command run there when /dev has been mounted.")
    hook_start_host = many("lxc.hook.start-host", text, "Command run on the host right before the first process.")
    hook_start = many("lxc.hook.start", text, "Command run in the container right before the first process.")
    hook_stop = many("lxc.hook.stop", text, "Command run on the host, with the container's namespaces still there.")
    hook_post_stop = many("lxc.hook.post-stop", text, "Command run on the host when the container has stopped.")
    hook_clone = many("lxc.hook.clone", text, "Command run for a new copy of the container.")
    hook_destroy = many("lxc.hook.destroy", text, "Command run before the container is destroyed.")
    hook_version = one(
        "lxc.hook.version", plain.version, 0, "1 to tell hooks in variables, not arguments, what they are."
    )
    hook = directive(
        "lxc.hook", "Assigned nothing, forgets all hooks.", clears=tuple(f"lxc.hook.{name}" for name in _HOOKS),
        refusal="can only be assigned nothing; expected lxc.hook.<name> = …",
    )  # fmt: skip

    # Log, monitor and autostart
    log_file = one("lxc.log.file", path, "", "File for messages about the container.")
    log_level = one("lxc.log.level", log.level, log.UNSET, "Least level of those messages.", log.show_level)
    log_syslog = one("lxc.log.syslog", log.facility, "", "Facility of syslog(3) to send them to.")
    monitor_unshare = one("lxc.monitor.unshare", unsigned, 0, "1 to give the monitor a mount namespace of its own.")
    monitor_signal_pdeath = one(
        "lxc.monitor.signal.pdeath", signal.parse, 9, "Signal the first process gets when the monitor dies; 0: none.",
        empty=0,
    )  # fmt: skip
    start_auto = Brief.start_auto
    start_delay = Brief.start_delay
    start_order = Brief.start_order
    group = Brief.group

    @classmethod
    def stranger(cls, name: str) -> Key:
        return _FOREIGN if name.startswith(FOREIGN) else super().stranger(name)

    @classmethod
    def unknown(cls, name: str) -> ValueError:
        from lxc.config import legacy

        now = legacy.name_now(name)
        if now or name in legacy.GONE:
            hint = f"; did you mean {now}?" if now else ", and nothing has come in its place"
            return Misspelt(f"unknown key since LXC 2.1{hint}", name, legacy.REMEDY)
        number = name.removeprefix("lxc.net.").partition(".")[0]
        known = [*cls.KEYS, *(f"lxc.net.{number if number.isdigit() else '<n>'}.{key}" for key in Net.KEYS)]
        nearest = meant(name, known)
        return Misspelt(f"unknown key{correction(name, nearest)}", name)


class _Foreign(Key):
    """What begins with FOREIGN: any assignment is good, and changes nothing."""

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        pass


_FOREIGN = _Foreign(FOREIGN, text, "", "")
