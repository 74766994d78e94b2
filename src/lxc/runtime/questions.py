"""What our commands ask a container's monitor, apart from its state.  Pure.

A monitor that rests answers these without waking (`rest`).
"""

from __future__ import annotations

from lxc.runtime import commands
from lxc.runtime.commands import Request


def item(key: str) -> Request:
    """What `client.config_item` asks."""
    return Request(commands.GET_CONFIG_ITEM, payload=commands.as_text(key))


def cgroup_of(controller: str, command: int = commands.GET_LIMIT_CGROUP) -> Request:
    """What `client.limit_cgroup` asks, and `client.cgroup`."""
    return Request(command, payload=commands.as_text(controller) if controller else b"")


INIT_PID, INIT_PIDFD = Request(commands.GET_INIT_PID), Request(commands.GET_INIT_PIDFD)
CLONE_FLAGS = Request(commands.GET_CLONE_FLAGS)
CGROUPS = Request(commands.GET_CGROUP_CTX, payload=bytes(commands.CGROUP_CONTEXT))
# What `statistics` asks, on one host or another; and lxc-info of networks, of which most have but one.
MEASURED = tuple(map(cgroup_of, ("cpuacct", "cpu", "blkio", "memory", "")))
NETWORKS = tuple(map(item, ("lxc.net.0.type", "lxc.net.0.veth.pair", "lxc.net.0.link", "lxc.net.1.type")))
LISTED = tuple(map(item, ("lxc.start.auto", "lxc.group", "lxc.idmap")))  # of lxc-ls: inventory.ITEMS
ATTACHING = (
    INIT_PID, INIT_PIDFD, CGROUPS, CLONE_FLAGS,
    *map(item, ("lxc.arch", "lxc.no_new_privs", "lxc.sched.core", "lxc.x-landlock", "lxc.seccomp.profile",
                "lxc.seccomp.allow_nesting", "lxc.seccomp.notify.proxy", "lxc.keyring.session")),
)  # fmt: skip
STOPPING = item("lxc.signal.halt"), item("lxc.signal.reboot")
EVERYTHING = (*ATTACHING, *MEASURED, *NETWORKS, *LISTED, *STOPPING)
