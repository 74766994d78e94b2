"""Containers from Python: `lxc.Container("web").start()`.

Importing this loads nothing: each public name is imported when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.api.checkpoints import (
        FEATURE_LAZY_PAGES,
        FEATURE_MEM_TRACK,
        MIGRATE_DUMP,
        MIGRATE_FEATURE_CHECK,
        MIGRATE_PRE_DUMP,
        MIGRATE_RESTORE,
    )
    from lxc.api.functions import (
        CLONE_NEWIPC,
        CLONE_NEWNET,
        CLONE_NEWNS,
        CLONE_NEWPID,
        CLONE_NEWUSER,
        CLONE_NEWUTS,
        LXC_ATTACH_CLEAR_ENV,
        LXC_ATTACH_DEFAULT,
        LXC_ATTACH_DROP_CAPABILITIES,
        LXC_ATTACH_KEEP_ENV,
        LXC_ATTACH_LSM_EXEC,
        LXC_ATTACH_LSM_NOW,
        LXC_ATTACH_MOVE_TO_CGROUP,
        LXC_ATTACH_NO_NEW_PRIVS,
        LXC_ATTACH_REMOUNT_PROC_SYS,
        LXC_ATTACH_SET_PERSONALITY,
        LXC_CLONE_KEEPBDEVTYPE,
        LXC_CLONE_KEEPMACADDR,
        LXC_CLONE_KEEPNAME,
        LXC_CLONE_MAYBE_SNAPSHOT,
        LXC_CLONE_SNAPSHOT,
        LXC_CREATE_QUIET,
        arch_to_personality,
        attach_run_command,
        attach_run_shell,
        get_global_config_item,
        start_all,
        version,
    )
    from lxc.api.networks import ContainerNetwork, ContainerNetworkList
    from lxc.container import Container, list_containers

    default_config_path: str

__all__ = [
    "CLONE_NEWIPC", "CLONE_NEWNET", "CLONE_NEWNS", "CLONE_NEWPID", "CLONE_NEWUSER", "CLONE_NEWUTS",
    "FEATURE_LAZY_PAGES", "FEATURE_MEM_TRACK", "LXC_ATTACH_CLEAR_ENV",
    "LXC_ATTACH_DEFAULT", "LXC_ATTACH_DROP_CAPABILITIES", "LXC_ATTACH_KEEP_ENV", "LXC_ATTACH_LSM_EXEC",
    "LXC_ATTACH_LSM_NOW", "LXC_ATTACH_MOVE_TO_CGROUP", "LXC_ATTACH_NO_NEW_PRIVS", "LXC_ATTACH_REMOUNT_PROC_SYS",
    "LXC_ATTACH_SET_PERSONALITY",
    "LXC_CLONE_KEEPBDEVTYPE", "LXC_CLONE_KEEPMACADDR", "LXC_CLONE_KEEPNAME", "LXC_CLONE_MAYBE_SNAPSHOT",
    "LXC_CLONE_SNAPSHOT", "LXC_CREATE_QUIET", "MIGRATE_DUMP", "MIGRATE_FEATURE_CHECK", "MIGRATE_PRE_DUMP",
    "MIGRATE_RESTORE", "Container", "ContainerNetwork", "ContainerNetworkList",
    "arch_to_personality", "attach_run_command", "attach_run_shell", "default_config_path", "get_global_config_item",
    "list_containers", "start_all", "version",
]  # fmt: skip
_OF_CHECKPOINTS = (name for name in __all__ if name.startswith(("FEATURE_", "MIGRATE_")))
_HOMES = {
    **dict.fromkeys(_OF_CHECKPOINTS, "lxc.api.checkpoints"),
    "Container": "lxc.container",
    "list_containers": "lxc.container",
    "ContainerNetwork": "lxc.api.networks",
    "ContainerNetworkList": "lxc.api.networks",
}


def __getattr__(name: str) -> object:
    """A public name, imported on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'lxc' has no attribute {name!r}")
    if name == "default_config_path":
        from lxc.config import system

        return system.get("lxc.lxcpath")
    home = __import__(_HOMES.get(name, "lxc.api.functions"), fromlist=[name])
    value: object = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
