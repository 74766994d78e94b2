"""Rules about namespaces, ids and the first process."""

from __future__ import annotations

from lxc.config.rules.rule import ERROR, NOTE, WARNING, Found, Rule, Subject
from lxc.values import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.values.idmap import IdMap

_KINDS = {"u": "user", "g": "group"}


def _maps(it: Subject) -> list[tuple[IdMap, str]]:
    return list(zip(it.config.idmap, it.config.places("lxc.idmap"), strict=True))


def _has(it: Subject, kind: str, inside: int) -> bool:
    """Whether the container has the id `inside`."""
    return any(m.kind == kind and m.inside <= inside < m.inside + m.count for m in it.config.idmap)


def _overlap(it: Subject) -> Iterator[Found]:
    for kind in _KINDS:
        maps = [(each, where) for each, where in _maps(it) if each.kind == kind]
        yield from _overlaps([(m.inside, m.inside + m.count, m, where) for m, where in maps], "in the container")
        yield from _overlaps([(m.outside, m.outside + m.count, m, where) for m, where in maps], "on the host")


def _overlaps(ranges: list[tuple[int, int, IdMap, str]], place: str) -> Iterator[Found]:
    """Of each range that begins before the end of one that begins earlier, whichever of the two is read later."""
    reach = (0, 0, 0)  # start, end and index of the one that reaches farthest so far
    for start, end, index in sorted((start, end, index) for index, (start, end, *_) in enumerate(ranges)):
        if start < reach[1] and end > start:
            first, second = sorted((index, reach[2]))
            yield Found(ranges[second][3], f"it overlaps with '{ranges[first][2]}' {place}")
        reach = max(reach, (start, end, index), key=lambda each: each[1])


def _empty_map(it: Subject) -> Iterator[Found]:
    for each, where in _maps(it):
        if each.count == 0 or each.inside + each.count > 1 << 32 or each.outside + each.count > 1 << 32:
            why = "it is empty" if each.count == 0 else "it goes beyond the highest id, 4294967294"
            yield Found(where, why)


def _one_kind(it: Subject) -> Iterator[Found]:
    kinds = {each.kind for each in it.config.idmap}
    for kind, name in _KINDS.items():
        if kinds and kind not in kinds:
            yield it.at("lxc.idmap", f"no {name} ids are mapped: the container has no {name} at all")


def _no_root(it: Subject) -> Iterator[Found]:
    for kind, key, wanted in (("u", "lxc.init.uid", it.config.init_uid), ("g", "lxc.init.gid", it.config.init_gid)):
        mapped = any(each.kind == kind for each in it.config.idmap)
        if mapped and not _has(it, kind, wanted):
            name = f"{_KINDS[kind]} id {wanted}"
            yield it.at(key if wanted else "lxc.idmap", f"{name}, that of the first process, is not mapped")


def _host_root(it: Subject) -> Iterator[Found]:
    for each, where in _maps(it):
        if each.outside == 0 and each.count:
            who = "root" if each.kind == "u" else "the group root"
            yield Found(where, f"{_KINDS[each.kind]} {each.inside} in the container is {who} on the host")


def _unmapped_user_namespace(it: Subject) -> Iterator[Found]:
    if "user" in it.config.namespace_clone and not it.config.idmap:
        yield it.at(
            "lxc.namespace.clone", "a user namespace without lxc.idmap has no ids: nothing can run in it", "user"
        )


def _kept_user_namespace(it: Subject) -> Iterator[Found]:
    kept = "user" in it.config.namespace_keep
    left_out = bool(it.config.namespace_clone) and "user" not in it.config.namespace_clone
    if it.config.idmap and (kept or left_out):
        key = "lxc.namespace.keep" if kept else "lxc.namespace.clone"
        yield it.at(key, "lxc.idmap needs a new user namespace, and this makes none")


def _idmapped_without(it: Subject) -> Iterator[Found]:
    if it.config.idmap:
        return
    if it.config.rootfs_options.idmap == "container":
        yield it.at("lxc.rootfs.options", "the container maps no ids: lxc.idmap is not set", "idmap=container")
    for entry, where in zip(it.config.mount_entry, it.config.places("lxc.mount.entry"), strict=True):
        if entry.idmap == "container":
            yield Found(where, "the container maps no ids: lxc.idmap is not set", "idmap=container")


def _idmapped_backend(it: Subject) -> Iterator[Found]:
    driver = it.config.rootfs_path.driver
    if it.config.rootfs_options.idmap and driver not in ("", "dir"):
        yield it.at(
            "lxc.rootfs.options", f"idmap= is for directories; the root file system is of type {driver}", "idmap="
        )


def _no_mounts(it: Subject) -> Iterator[Found]:
    cloned = it.config.namespace_clone
    if "mnt" in it.config.namespace_keep:
        yield it.at("lxc.namespace.keep", "the container's mounts would be made on the host", "mnt")
    elif cloned and "mnt" not in cloned:
        yield it.at("lxc.namespace.clone", "without mnt the container's mounts would be made on the host")


def _share_and_clone(it: Subject) -> Iterator[Found]:
    for name in it.config.namespace_share:
        key = f"lxc.namespace.share.{name}"
        if name in it.config.namespace_clone:
            yield it.at(key, f"{name} is in lxc.namespace.clone, too; it is shared, not made", key)
        if name in it.config.namespace_keep:
            yield it.at(key, f"{name} is in lxc.namespace.keep, too; only one of the two can be meant", key)


def _foreign_name(it: Subject) -> Iterator[Found]:
    if it.config.uts_name and "uts" in it.config.namespace_keep:
        yield it.at("lxc.uts.name", "the container is in the starter's UTS namespace: the host would be renamed")
    elif it.config.uts_name and "uts" in it.config.namespace_share:
        yield it.at("lxc.uts.name", "the container is in another's UTS namespace, whose name is not touched")


def _kept_time(it: Subject) -> Iterator[Found]:
    for key in it.set_keys(("lxc.time.offset.boot", "lxc.time.offset.monotonic")):
        if "time" in it.config.namespace_keep:
            yield it.at(key, "it needs a time namespace, and lxc.namespace.keep has time", key)


def _core_without_pid(it: Subject) -> Iterator[Found]:
    config = it.config
    own = "pid" not in config.namespace_keep and "pid" not in config.namespace_share
    own = own and (not config.namespace_clone or "pid" in config.namespace_clone)
    if config.sched_core and not own:
        yield it.at("lxc.sched.core", "it needs a pid namespace of the container's own", "lxc.sched.core")


def _command_words(it: Subject) -> Iterator[Found]:
    for key, value in (("lxc.init.cmd", it.config.init_cmd), ("lxc.execute.cmd", it.config.execute_cmd)):
        try:
            words.split(value)
        except ValueError as error:
            yield it.at(key, str(error))


def _fleeting_autostart(it: Subject) -> Iterator[Found]:
    if it.config.ephemeral and it.config.start_auto:
        yield it.at("lxc.start.auto", "lxc.ephemeral removes the container when it stops: there is a first start only")


RULES = (
    Rule("idmap-overlap", ERROR, "The kernel refuses ranges of ids that overlap.", "Give each range ids of its own.",
         _overlap),
    Rule("idmap-range", ERROR, "The kernel refuses a range of ids that is empty or goes beyond the highest.",
         "Correct the count.", _empty_map),
    Rule("idmap-half", ERROR, "A container needs users and groups.", "Map both: a line with u and one with g.", _one_kind, of_whole=True),
    Rule("idmap-without-init", ERROR, "The container's first process runs as an id that it does not have.",
         "Map that id, or set lxc.init.uid and lxc.init.gid.", _no_root, of_whole=True),
    Rule("idmap-of-host-root", WARNING, "A container that has the host's root is not confined by its user namespace.",
         "Map ids that nobody else has, such as those of /etc/subuid.", _host_root),
    Rule("userns-without-ids", ERROR, "A user namespace without a map has no ids.", "Set lxc.idmap.",
         _unmapped_user_namespace, of_whole=True),
    Rule("ids-without-userns", ERROR, "Ids are mapped in a new user namespace only.",
         "Leave user to be decided by lxc.idmap.", _kept_user_namespace),
    Rule("idmapped-without-ids", ERROR, "A mount cannot be mapped as the container is, if that maps nothing.",
         "Set lxc.idmap, or leave idmap=container out.", _idmapped_without, of_whole=True),
    Rule("idmapped-backend", ERROR, "Only a directory can be an id-mapped root file system.",
         "Leave idmap= out, or use a directory.", _idmapped_backend),
    Rule("no-mount-namespace", ERROR, "A container without a mount namespace of its own would mount on the host.",
         "Leave mnt out of lxc.namespace.keep, or add it to lxc.namespace.clone.", _no_mounts),
    Rule("shared-and-cloned", WARNING, "A namespace that is shared is neither made nor kept.",
         "Leave it out of one of the two.", _share_and_clone),
    Rule("name-of-another", WARNING, "A host name is that of a UTS namespace.",
         "Leave lxc.uts.name out, or give the container a UTS namespace.", _foreign_name),
    Rule("time-kept", ERROR, "Clocks are shifted in a new time namespace only.", "Leave time out of lxc.namespace.keep.",
         _kept_time),
    Rule("core-without-pid", ERROR, "Core scheduling is set up for a pid namespace of the container's own.",
         "Leave lxc.sched.core out, or give the container a pid namespace.", _core_without_pid),
    Rule("command-words", ERROR, "A command with an open quote cannot be split into words.", "Close the quote.",
         _command_words),
    Rule("ephemeral-autostart", NOTE, "A container that is removed when it stops is not there at the next boot.",
         "Leave one of the two out.", _fleeting_autostart),
)  # fmt: skip
