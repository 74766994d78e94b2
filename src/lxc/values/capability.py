"""Capabilities by name, capabilities(7)."""

from __future__ import annotations

from lxc.values.plain import integer
from lxc.values.words import Misspelt, listed, unknown

NAMES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)  # fmt: skip  # the number of a capability is its place in this list
_KNOWN = frozenset(NAMES)


def number(name: str) -> int:
    """The kernel's number of the capability called `name`, which may be a number itself.  Raises ValueError."""
    if name in _KNOWN:
        return NAMES.index(name)
    try:
        return integer(name, 0, len(NAMES) - 1)
    except ValueError:
        raise unknown("a capability such as net_admin", name, NAMES) from None


def drop(value: str) -> tuple[str, ...]:
    """Capabilities separated by blanks: lower-case names without `cap_`, or numbers."""
    names = listed(value)
    for name in names:
        if name == "none":
            raise Misspelt("'none' is for lxc.cap.keep only; lxc.cap.drop drops nothing unless told", "none")
        number(name)
    return tuple(names)


def keep(value: str, old: tuple[str, ...]) -> tuple[str, ...]:
    """As lxc.cap.drop, or `none`, which forgets the capabilities named before it.

    To keep nothing at all is ("none",); to have said nothing is ().
    """
    kept = [name for name in old if name != "none"]
    for name in listed(value):
        if name == "none":
            kept.clear()
        else:
            number(name)
            kept.append(name)
    return tuple(kept) or ("none",)


def show_keep(names: tuple[str, ...]) -> str:
    return "".join(f"{name}\n" for name in names if name != "none")
