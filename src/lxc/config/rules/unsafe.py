"""Rules about what lets a container out, or lets it do things to the host."""

from __future__ import annotations

from lxc.config.rules import paths
from lxc.config.rules.rule import ERROR, NOTE, WARNING, Found, Rule, Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.values.mount import MountEntry

_READ_ONLY = 0x01
_MIGHTY = ("sys_module", "sys_rawio", "sys_time", "sys_boot", "mac_admin", "mac_override", "syslog")
_KERNEL = ("/proc", "/sys", "/dev", "/sys/kernel/debug", "/sys/kernel/security", "/proc/sys", "/sys/fs/cgroup",
           "/proc/sysrq-trigger")  # fmt: skip
_MEMORY = ("/dev/mem", "/dev/kmem", "/dev/port", "/proc/kcore")
_DISKS = ("/dev/sd", "/dev/vd", "/dev/xvd", "/dev/nvme", "/dev/mmcblk", "/dev/dm-", "/dev/mapper", "/dev/md")
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/boot", "/var/lib/lxc", "/root")
_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "podman.sock", "libvirt-sock", "system_bus_socket",
            "private", "notify", "io.systemd.Hostname", "unix.socket")  # fmt: skip
_SOCKET_PLACES = ("/run/", "/var/run/", "/var/lib/lxd/", "/var/snap/lxd/", "/var/lib/incus/")


def _writable_proc(it: Subject) -> Iterator[Found]:
    if it.is_privileged and it.config.mount_auto.proc == "rw":
        yield it.at("lxc.mount.auto", "the container can write /proc/sys and /proc/sysrq-trigger: those of the host",
                    "proc:rw")  # fmt: skip


def _writable_sys(it: Subject) -> Iterator[Found]:
    if it.is_privileged and it.config.mount_auto.sys == "rw":
        yield it.at("lxc.mount.auto", "the container can write all of /sys: the host's devices and kernel", "sys:rw")


def _writable_cgroups(it: Subject) -> Iterator[Found]:
    auto = it.config.mount_auto
    if it.is_privileged and auto.cgroup_full and auto.cgroup == "rw":
        yield it.at("lxc.mount.auto", "the container can change the limits of the whole host, and its own",
                    "cgroup-full:rw")  # fmt: skip


def _all_capabilities(it: Subject) -> Iterator[Found]:
    if it.is_privileged and not it.config.cap_drop and not it.config.cap_keep:
        yield Found(it.files[0], "root in the container is the host's root, with all its capabilities: "
                    "no lxc.idmap, no lxc.cap.drop, no lxc.cap.keep")  # fmt: skip


def _mighty_capability(it: Subject) -> Iterator[Found]:
    for name in _MIGHTY if it.is_privileged else ():
        if name in it.config.cap_keep:
            yield it.at("lxc.cap.keep", f"with {name} root in the container rules the host's kernel", name)


def _within(path: str, places: tuple[str, ...]) -> bool:
    return path.rstrip("/") in places


def _binds(it: Subject) -> Iterator[tuple[MountEntry, str]]:
    for entry, where in paths.entries(it):
        if entry.bind and not entry.relative:
            yield entry, where


def _host_root(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        if entry.source.rstrip("/") == "":
            yield Found(where, "the container sees the host's whole file system", entry.source)


def _root_is_host(it: Subject) -> Iterator[Found]:
    if it.config.rootfs_path.path == "/":
        yield it.at("lxc.rootfs.path", "the container's root is the host's: what it removes is gone")


def _kernel_files(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        if _within(entry.source, _KERNEL) and it.is_privileged:
            yield Found(where, f"{entry.source} is the host's, and the container's root may do there what root may",
                        entry.source)  # fmt: skip


def _memory_or_disk(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        if _within(entry.source, _MEMORY) or entry.source.startswith(_DISKS):
            what = "the host's memory" if _within(entry.source, _MEMORY) else "a disk of the host"
            yield Found(where, f"{entry.source} is {what}: who has it has everything on it", entry.source)


def _host_socket(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        name = entry.source.rstrip("/").rpartition("/")[2]
        if name in _SOCKETS and entry.source.startswith(_SOCKET_PLACES):
            yield Found(
                where, f"who can talk to {entry.source} can have the host's root do what it wants", entry.source
            )


def _writable_system(it: Subject) -> Iterator[Found]:
    for entry, where in _binds(it):
        if _within(entry.source, _SYSTEM) and not entry.attr_set & _READ_ONLY and it.is_privileged:
            yield Found(where, f"the container can change {entry.source} of the host", entry.source)


def _unconfined(it: Subject) -> Iterator[Found]:
    profile = it.config.apparmor_profile
    if profile in ("unconfined", "unchanged") and "apparmor" in (it.host.modules or ()) and it.is_privileged:
        yield it.at("lxc.apparmor.profile", "AppArmor protects nothing from this container", profile)


def _no_seccomp(it: Subject) -> Iterator[Found]:
    if it.is_privileged and not it.config.seccomp_profile:
        yield Found(it.files[0], "the container may use all system calls: there is no lxc.seccomp.profile")


def _host_network(it: Subject) -> Iterator[Found]:
    config = it.config
    if config.net and all(net.type == "none" for net in config.net.values()):
        number = next(iter(config.net))
        yield it.at(f"lxc.net.{number}.type", "the container has the host's network, and its abstract sockets", "none")
    elif "net" in config.namespace_keep:
        yield it.at(
            "lxc.namespace.keep", "the container has the network of who starts it, and its abstract sockets", "net"
        )


def _host_processes(it: Subject) -> Iterator[Found]:
    for name, what in (("pid", "processes"), ("ipc", "shared memory")):
        if name in it.config.namespace_keep:
            yield it.at("lxc.namespace.keep", f"the container has the host's {what} before it", name)


def _no_rootfs(it: Subject) -> Iterator[Found]:
    if not it.config.rootfs_path.path:
        yield Found(it.files[0], "the container has no root file system of its own: it would use the host's")


RULES = (
    Rule("writable-proc", WARNING, "Parameters below /proc/sys that no namespace has are the host's.",
         "Write proc:mixed.", _writable_proc),
    Rule("writable-sys", WARNING, "What is below /sys is the host's kernel.", "Write sys:mixed or sys:ro.",
         _writable_sys),
    Rule("writable-cgroups", WARNING, "All control groups are writable through cgroup-full:rw.",
         "Write cgroup:mixed.", _writable_cgroups),
    Rule("all-capabilities", WARNING, "Without a user namespace only capabilities that are dropped hold root back.",
         "Include common.conf, set lxc.cap.drop, or use lxc.idmap.", _all_capabilities, of_whole=True),
    Rule("mighty-capability", WARNING, "Some capabilities are not confined by namespaces.",
         "Leave it out of lxc.cap.keep, or use lxc.idmap.", _mighty_capability),
    Rule("mount-of-host-root", WARNING, "A mount of / gives the container everything.",
         "Mount the directories it needs.", _host_root),
    Rule("root-is-host", ERROR, "The root file system is the host's own.", "Use a directory of the container's own.",
         _root_is_host),
    Rule("mount-of-kernel-files", WARNING, "Files of the kernel in /proc, /sys and /dev are not confined by a mount.",
         "Use lxc.mount.auto, or mount the files it needs.", _kernel_files),
    Rule("mount-of-memory-or-disk", WARNING, "Memory and disks know no owners of files.",
         "Mount the file system on it instead.", _memory_or_disk),
    Rule("mount-of-host-socket", WARNING, "A service that acts as root for its clients acts so for the container, too.",
         "Leave it out.", _host_socket),
    Rule("writable-system", WARNING, "Programs that the host runs as root must not be the container's to change.",
         "Add ro to the options.", _writable_system),
    Rule("unconfined", WARNING, "A privileged container should have a security module's profile.",
         "Write generated, or leave lxc.apparmor.profile out.", _unconfined),
    Rule("no-seccomp", NOTE, "A filter keeps a privileged container from system calls that no namespace confines.",
         "Include common.conf, or set lxc.seccomp.profile.", _no_seccomp, of_whole=True),
    Rule("host-network", WARNING, "Services of the host that trust the local network, or root on it, trust the container.",
         "Use lxc.net.0.type = veth or empty.", _host_network),
    Rule("host-processes", WARNING, "Root in the container can look into and end processes of the host.",
         "Leave it out of lxc.namespace.keep.", _host_processes),
    Rule("no-rootfs", WARNING, "Without a root file system the container works on the host's files.",
         "Set lxc.rootfs.path.", _no_rootfs, of_whole=True),
)  # fmt: skip
