"""The names keys had before LXC 2.1: they are refused, and their new names offered."""

from __future__ import annotations

RENAMED = {
    "lxc.aa_allow_incomplete": "lxc.apparmor.allow_incomplete", "lxc.aa_profile": "lxc.apparmor.profile",
    "lxc.console": "lxc.console.path", "lxc.devttydir": "lxc.tty.dir", "lxc.haltsignal": "lxc.signal.halt",
    "lxc.id_map": "lxc.idmap", "lxc.init_cmd": "lxc.init.cmd", "lxc.init_gid": "lxc.init.gid",
    "lxc.init_uid": "lxc.init.uid", "lxc.logfile": "lxc.log.file", "lxc.loglevel": "lxc.log.level",
    "lxc.mount": "lxc.mount.fstab", "lxc.pts": "lxc.pty.max", "lxc.rebootsignal": "lxc.signal.reboot",
    "lxc.rootfs": "lxc.rootfs.path", "lxc.se_context": "lxc.selinux.context", "lxc.seccomp": "lxc.seccomp.profile",
    "lxc.stopsignal": "lxc.signal.stop", "lxc.syslog": "lxc.log.syslog", "lxc.tty": "lxc.tty.max",
    "lxc.utsname": "lxc.uts.name",
}  # fmt: skip
GONE = ("lxc.rootfs.backend", "lxc.pivotdir", "lxc.kmsg")  # those that nothing has come in the place of
REMEDY = "lxc-update-config -c FILE gives all old keys in it the names they have now"
_ADDRESSES = {"ipv4": "ipv4.address", "ipv6": "ipv6.address"}


def name_now(name: str) -> str:
    """What the key `name` is called since LXC 2.1; "" if it never was another key's name."""
    if name.startswith("lxc.limit."):
        return f"lxc.prlimit.{name[10:]}"
    if name in ("lxc.limit", "lxc.network"):
        return {"lxc.limit": "lxc.prlimit", "lxc.network": "lxc.net"}[name]
    if name.startswith("lxc.network."):
        number, _, key = name[12:].partition(".")
        if not number.isdigit():
            number, key = "<n>", name[12:]
        return f"lxc.net.{number}.{_ADDRESSES.get(key, key)}"
    return RENAMED.get(name, "")
