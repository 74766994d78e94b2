"""What of a configuration CRIU must be told, and what stands in its way.  Pure."""

from __future__ import annotations

from lxc.checkpoint.plan import Device, External, Root
from lxc.errors import ConfigError
from lxc.mounts.plan import Bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lxc.cgroups.plan import Layout
    from lxc.config.container import Config
    from lxc.mounts.plan import Step
    from lxc.network import plan as network

_DUMPABLE = ("empty", "none", "phys", "macvlan", "veth")  # of the kinds of network devices, by CRIU
_BUILT = ("empty", "none", "veth")  # what is put back in place by a restore


def check(config: Config) -> None:
    """Raise ConfigError, with a line for each thing that cannot be dumped."""
    obstacles = ((config.where(key) if key else "", what) for key, what in _obstacles(config))
    mistakes = tuple(f"{where}: {what}" if where else what for where, what in obstacles)
    if mistakes:
        raise ConfigError(*mistakes, hint="start the container without, and it can be dumped")


def _obstacles(config: Config) -> Iterator[tuple[str, str]]:
    """What cannot be dumped: its key, "" where that is what is missing, and what to say of it."""
    if not config.rootfs_path.path:
        yield "", "it has no lxc.rootfs.path: processes on the host's root are not dumped"
    if config.tty_max:
        yield "lxc.tty.max", f"lxc.tty.max = {config.tty_max}: the monitor has the other ends of its ttys"
    if config.console_path != "none":
        told = f"lxc.console.path is {config.console_path or 'not set'}, and not none"
        yield "lxc.console.path", f"{told}: the monitor has the other end of its console"
    if "pid" in config.namespace_keep:
        yield "lxc.namespace.keep", "lxc.namespace.keep: processes among those of the host are not dumped"
    for kind in config.namespace_share:
        key = f"lxc.namespace.share.{kind}"
        yield key, f"{key}: a namespace that others share is not dumped"
    if config.seccomp_notify_proxy:
        key = "lxc.seccomp.notify.proxy"
        yield key, f"{key}: the listener to its system calls cannot be dumped"
    if config.x_landlock:
        yield "lxc.x-landlock", "lxc.x-landlock: CRIU would restore its processes without it"
    if config.sched_core:
        yield "lxc.sched.core", "lxc.sched.core: processors would be shared with it again"
    for number, device in config.net.items():
        key = f"lxc.net.{number}.type"
        if device.type not in _DUMPABLE:
            yield key, f"{key}: Found un-dumpable network: {device.type}"
        elif device.type not in _BUILT:
            yield key, f"{key} = {device.type}: its device is not restored yet"


def externals(steps: Iterable[Step]) -> tuple[External, ...]:
    """What of the host is mounted in the container, besides devices that stand for themselves."""
    return tuple(External(step.source, step.target) for step in steps if isinstance(step, Bind) and not step.in_root)


def devices(named: Iterable[network.Device]) -> tuple[Device, ...]:
    """What CRIU must be told of the network devices, whose ends on the host have got their names."""
    return tuple(Device(each.type, each.name, each.pair or each.link) for each in named if each.make)


def roots(layout: Layout, path: Callable[[str], str | None]) -> tuple[Root, ...]:
    """For CRIU: the cgroup of the container's processes in each hierarchy; `path` tells it for a controller, "" the unified one."""
    found = (
        ("" if each.is_unified else each.controllers[0], ",".join(each.controllers)) for each in layout.hierarchies
    )
    return tuple(Root(path(controller) or "/", controllers) for controller, controllers in found)
