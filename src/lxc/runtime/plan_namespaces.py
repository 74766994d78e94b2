"""The part of the start plan about namespaces: which are new, and which ids a user namespace has.  Pure."""

from __future__ import annotations

from lxc.errors import Unsupported
from lxc.idmap import plan as idmap
from lxc.idmap.plan import IdMapPlan, Range, Starter
from lxc.values.namespace import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.storage.plan import RootPlan
    from lxc.values.mount import MountEntry


def new(config: Config, *, has_network: bool) -> tuple[str, ...]:
    """Which namespaces are new: all but those kept, or exactly those to clone, or what the rest asks for.  Raises Unsupported."""
    asked = {"user": bool(config.idmap), "net": has_network, "time": False}
    if config.namespace_keep:
        kept = (*config.namespace_keep, *(kind for kind in ("user", "time") if not asked[kind]))
        chosen = [kind for kind in NAMES if kind not in kept]
    elif config.namespace_clone:
        chosen = [kind for kind in NAMES if kind in config.namespace_clone]
    else:
        chosen = [kind for kind in NAMES if asked.get(kind, True)]
    if "time" in chosen:
        raise Unsupported("a new time namespace is not built yet", where=_where(config))
    if "mnt" not in chosen:
        raise Unsupported(
            "a container without a mount namespace of its own would mount on the host",
            where=_where(config),
            hint="leave mnt out of lxc.namespace.keep, or add it to lxc.namespace.clone",
        )
    return tuple(kind for kind in chosen if kind not in config.namespace_share)


def ids(config: Config, starter: Starter, *, is_new: bool = True) -> IdMapPlan:
    """Which ids lxc.idmap gives the container that `starter` starts.  Raises ConfigError, Unsupported."""
    if not config.idmap and is_new:
        raise Unsupported(
            "a new user namespace without lxc.idmap would have nobody in it",
            where=_where(config),
            hint="add lxc.idmap = u 0 100000 65536 and lxc.idmap = g 0 100000 65536, or leave user out",
        )
    ranges = (
        (item.kind, Range(item.inside, item.outside, item.count), where)
        for item, where in zip(config.idmap, config.places("lxc.idmap"), strict=True)
    )
    found = idmap.plan(ranges, uid=config.init_uid, gid=config.init_gid, is_new=is_new)
    return idmap.by(starter, found, next(iter(config.places("lxc.idmap")), ""))


def check_starter(config: Config, starter: Starter, root: RootPlan, *, has_users: bool) -> None:
    """Raise Unsupported for what only root's containers can have."""
    if starter.is_root:
        return
    if not has_users:
        idmap.by(starter, IdMapPlan())
    if root.is_device:
        raise Unsupported(
            f"only root can mount {root.path}", where=root.where,
            hint="containers of other users have directories or overlays as their root: dir:, overlay:, btrfs:",
        )  # fmt: skip


def check_mounts(config: Config, fstab: tuple[tuple[MountEntry, str], ...], root: RootPlan, *, has_users: bool) -> None:
    """Raise Unsupported for a mount that is to have the container's ids, if that has none of its own or it cannot have them."""
    where = next(iter(config.places("lxc.rootfs.options")), "")
    if root.idmap and root.is_overlay:
        hint = "the kernel does it for directories of many file systems, and for ext4, xfs, btrfs … on devices"
        raise Unsupported("an overlay cannot have its ids mapped", where=where, hint=hint)
    entries = zip(config.mount_entry, config.places("lxc.mount.entry"), strict=True)
    wanted = ((root.idmap, where), *((entry.idmap, place) for entry, place in (*fstab, *entries)))
    for users, place in wanted:
        if users == idmap.CONTAINER and not has_users:
            raise Unsupported(
                "idmap=container, and the container has no ids of its own", where=place,
                hint="set lxc.idmap, or name the file of a user namespace instead of container",
            )  # fmt: skip


def _where(config: Config) -> str:
    return next((place for key in ("keep", "clone") for place in config.places(f"lxc.namespace.{key}")), "")
