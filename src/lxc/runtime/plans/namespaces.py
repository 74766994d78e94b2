"""The part of the start plan about namespaces: which are new, and which ids a user namespace has.  Pure."""

from __future__ import annotations

from lxc.clocks.plan import Shift
from lxc.errors import Unsupported
from lxc.idmap import plan as idmap
from lxc.idmap.plan import IdMapPlan, Range, Starter
from lxc.values.namespace import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxc.config.container import Config
    from lxc.storage.plan import RootPlan
    from lxc.values.mount import MountEntry


def new(config: Config, *, has_network: bool) -> tuple[str, ...]:
    """Which namespaces are new: all but those kept, or exactly those to clone, or what the rest asks for.  Raises Unsupported."""
    shifts = clocks(config)
    asked = {"user": bool(config.idmap), "net": has_network, "time": bool(shifts)}
    if config.namespace_keep:
        kept = (*config.namespace_keep, *(kind for kind in ("user", "time") if not asked[kind]))
        chosen = [kind for kind in NAMES if kind not in kept]
    elif config.namespace_clone:
        chosen = [kind for kind in NAMES if kind in config.namespace_clone]
    else:
        chosen = [kind for kind in NAMES if asked.get(kind, True)]
    if shifts and "time" not in chosen:
        raise Unsupported(
            "clocks can only be shifted in a time namespace of the container's own", where=shifts[0].where,
            hint="leave time out of lxc.namespace.keep, or add it to lxc.namespace.clone",
        )  # fmt: skip
    if shifts and "time" in config.namespace_share:
        raise Unsupported("the clocks of another's time namespace cannot be shifted", where=shifts[0].where)
    if "mnt" not in chosen:
        raise Unsupported(
            "a container without a mount namespace of its own would mount on the host",
            where=_where(config),
            hint="leave mnt out of lxc.namespace.keep, or add it to lxc.namespace.clone",
        )
    return tuple(kind for kind in chosen if kind not in config.namespace_share)


def ids(
    config: Config, starter: Starter, *, is_new: bool = True, joined: tuple[tuple[str, Range], ...] = ()
) -> IdMapPlan:
    """Which ids lxc.idmap gives the container that `starter` starts; else those of a namespace that is `joined`.

    Raises ConfigError, Unsupported.
    """
    if not config.idmap and is_new:
        raise Unsupported(
            "a new user namespace without lxc.idmap would have nobody in it",
            where=_where(config),
            hint="add lxc.idmap = u 0 100000 65536 and lxc.idmap = g 0 100000 65536, or leave user out",
        )
    ranges: Iterable[tuple[str, Range, str]] = (
        (item.kind, Range(item.inside, item.outside, item.count), where)
        for item, where in zip(config.idmap, config.places("lxc.idmap"), strict=True)
    )
    if not config.idmap:
        ranges = ((kind, range_, "the user namespace that is shared") for kind, range_ in joined)
    found = idmap.plan(ranges, uid=config.init_uid, gid=config.init_gid, is_new=is_new)
    return idmap.by(starter, found, next(iter(config.places("lxc.idmap")), ""))


def check_starter(starter: Starter, root: RootPlan, *, has_users: bool) -> None:
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


def clocks(config: Config) -> tuple[Shift, ...]:
    """By how much lxc.time.offset.* shift which clock."""
    wanted = (("boottime", "boot", config.time_offset_boot), ("monotonic", "monotonic", config.time_offset_monotonic))
    return tuple(
        Shift(clock, offset.seconds * 1_000_000_000 + offset.nanoseconds, config.where(f"lxc.time.offset.{key}"))
        for clock, key, offset in wanted
        if offset.seconds or offset.nanoseconds
    )


def check_mounts(config: Config, fstab: tuple[tuple[MountEntry, str], ...], root: RootPlan, *, has_users: bool) -> None:
    """Raise Unsupported for a mount that is to have the container's ids, if that has none of its own or it cannot have them."""
    where = config.where("lxc.rootfs.options")
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
