"""Which keys there are, in the order and with the omissions of LXC's get_keys()."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.config.net import Net

ALL = (
    "lxc.arch", "lxc.apparmor.profile", "lxc.apparmor.allow_incomplete", "lxc.apparmor.allow_nesting",
    "lxc.apparmor.raw", "lxc.autodev.tmpfs.size", "lxc.autodev", "lxc.cap.drop", "lxc.cap.keep", "lxc.cgroup2",
    "lxc.cgroup.dir.monitor.pivot", "lxc.cgroup.dir.monitor", "lxc.cgroup.dir.container.inner",
    "lxc.cgroup.dir.container", "lxc.cgroup.dir", "lxc.cgroup.relative", "lxc.cgroup", "lxc.console.buffer.size",
    "lxc.console.logfile", "lxc.console.path", "lxc.console.rotate", "lxc.console.size", "lxc.sched.core",
    "lxc.environment.runtime", "lxc.environment.hooks", "lxc.environment", "lxc.ephemeral", "lxc.execute.cmd",
    "lxc.group", "lxc.hook.autodev", "lxc.hook.clone", "lxc.hook.destroy", "lxc.hook.mount", "lxc.hook.post-stop",
    "lxc.hook.pre-mount", "lxc.hook.pre-start", "lxc.hook.start", "lxc.hook.start-host", "lxc.hook.stop",
    "lxc.hook.version", "lxc.hook", "lxc.idmap", "lxc.include", "lxc.init.cmd", "lxc.init.gid", "lxc.init.groups",
    "lxc.init.uid", "lxc.init.cwd", "lxc.keyring.session", "lxc.log.file", "lxc.log.level", "lxc.log.syslog",
    "lxc.monitor.unshare", "lxc.monitor.signal.pdeath", "lxc.mount.auto", "lxc.mount.entry", "lxc.mount.fstab",
    "lxc.namespace.clone", "lxc.namespace.keep", "lxc.time.offset.boot", "lxc.time.offset.monotonic", "lxc.net",
    "lxc.no_new_privs", "lxc.prlimit", "lxc.pty.max", "lxc.rootfs.managed", "lxc.rootfs.mount", "lxc.rootfs.options",
    "lxc.rootfs.path", "lxc.seccomp.allow_nesting", "lxc.seccomp.notify.cookie", "lxc.seccomp.notify.proxy",
    "lxc.seccomp.profile", "lxc.selinux.context.keyring", "lxc.selinux.context", "lxc.signal.halt",
    "lxc.signal.reboot", "lxc.signal.stop", "lxc.start.auto", "lxc.start.delay", "lxc.start.order", "lxc.tty.dir",
    "lxc.tty.max", "lxc.uts.name", "lxc.sysctl", "lxc.proc",
)  # fmt: skip
BELOW = {
    "lxc.apparmor": ("allow_incomplete", "allow_nesting", "profile", "raw"),
    "lxc.cap": ("drop", "keep"),
    "lxc.cgroup": ("dir",),
    "lxc.console": ("logfile", "path"),
    "lxc.environment": ("runtime", "hooks"),
    "lxc.hook": (
        "autodev", "autodevtmpfssize", "clone", "destroy", "mount", "post-stop", "pre-mount", "pre-start",
        "start-host", "start", "stop",
    ),
    "lxc.keyring": ("session",),
    "lxc.monitor": ("unshare",),
    "lxc.mount": ("auto", "entry", "fstab"),
    "lxc.rootfs": ("mount", "options", "path"),
    "lxc.seccomp": ("profile",),
    "lxc.selinux": ("context", "context.keyring"),
    "lxc.signal": ("halt", "reboot", "stop"),
    "lxc.start": ("auto", "delay", "order"),
    "lxc.uts": ("name",),
}  # fmt: skip
_OF_ANY_NET = ("type", "script.up", "script.down")
_OF_MOST_NETS = (
    "flags", "link", "name", "hwaddr", "mtu", "ipv6.address", "ipv6.gateway", "ipv4.address", "ipv4.gateway",
)  # fmt: skip
_OF_NET = {
    "veth": ("veth.pair", "veth.ipv4.route", "veth.ipv6.route", "veth.vlan.id"),
    "macvlan": ("macvlan.mode",),
    "ipvlan": ("ipvlan.mode", "ipvlan.isolation"),
    "vlan": ("vlan.id",),
}


def keys(config: Config, prefix: str = "") -> list[str]:
    """All keys, or what may follow `prefix` and a dot.  Raises KeyError for a prefix LXC does not enumerate."""
    if not prefix:
        return list(ALL)
    if prefix in BELOW:
        return list(BELOW[prefix])
    number = prefix[8:].partition(".")[0] if prefix.startswith("lxc.net.") else ""
    nets = [net for index, net in config.net.items() if str(index) == number]
    if not nets:
        raise KeyError(prefix)
    return _of_net(nets[0])


def _of_net(net: Net) -> list[str]:
    return [*_OF_ANY_NET, *(_OF_MOST_NETS if net.type != "empty" else ()), *_OF_NET.get(net.type, ())]
