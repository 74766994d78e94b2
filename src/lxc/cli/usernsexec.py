"""lxc-usernsexec: run a command as root among the ids of a container."""

from __future__ import annotations

import os

from lxc.cli.options import Arguments, Command, identity, switch, value, values
from lxc.errors import LxcError, UsageError


def mapping(text: str) -> tuple[str, int, int, int]:
    """`u` (users), `g` (groups) or `b` (both), the first id there, the first here, and how many, with colons between."""
    kind, *numbers = text.split(":")
    if kind not in ("u", "g", "b") or len(numbers) != 3 or not all(n.isascii() and n.isdecimal() for n in numbers):
        raise ValueError(f"expected u:FIRST-INSIDE:FIRST-ON-THE-HOST:COUNT (or g, or b for both), got {text!r}")
    inside, outside, count = map(int, numbers)
    return kind, inside, outside, count


class UsernsexecArguments(Arguments):
    WITHOUT = ("name", "quiet", "logfile", "logpriority", "lxcpath", "rcfile")

    maps = values(
        "map",
        "m",
        "MAP",
        "Ids that it has: u:FIRST-INSIDE:FIRST-ON-THE-HOST:COUNT for users, g:… for groups, b:… for both "
        "(default: what /etc/subuid and /etc/subgid give to us, from 0 on).",
        mapping,
    )
    share = switch("share", "s", "Map our own ids, too, to the first that are free.")
    uid = value("uid", "u", "UID", "Run the command as user UID, seen there (default: 0).", identity, default=0)
    gid = value("gid", "g", "GID", "Run the command as group GID, seen there (default: 0).", identity, default=0)


COMMAND = Command(
    "lxc-usernsexec",
    UsernsexecArguments,
    summary="Runs a command as root among the ids of a container.",
    description="The command has a user namespace with the ids given, and mounts of its own: it can look at, change and "
    "remove files of a container that an ordinary user has made, which belong to ids that are not the user's.",
    operands="[-- COMMAND...]",
    name="none",
    containers="none",
    exits=(
        ("N", "What the command (default: /bin/sh) ended with, or 128 + the signal that killed it."),
        ("1", "It could not be run; a message says why."),
    ),
    examples=(
        ("lxc-usernsexec -- ls -l ~/.local/share/lxc/web/rootfs", "Lists files as the container sees their owners."),
        ("lxc-usernsexec -m b:0:100000:65536 -s", "Opens a shell that is root among those ids, and has ours."),
    ),
    see_also=("lxc-unshare(1)", "newuidmap(1)", "subuid(5)"),
)


def run(arguments: UsernsexecArguments) -> int:
    from lxc.idmap import plan, starter
    from lxc.idmap.plan import Range
    from lxc.runtime import apart

    who = starter.starter(looks_up_root=not arguments.maps)
    maps = arguments.maps
    if not maps:
        if not who.users or not who.groups:
            hint = f"as root: {plan.allotment(who)}"
            raise LxcError(f"Failed to find subuid or subgid allocation: {who.name} has been given no ids", hint=hint)
        maps = tuple((kind, 0, *given[0]) for kind, given in (("u", who.users), ("g", who.groups)))
    ranges = [
        (kind, Range(inside, outside, count), f"-m {kind}:{inside}:{outside}:{count}")
        for word, inside, outside, count in maps
        for kind in ("ug" if word == "b" else word)
    ]
    ids = plan.plan(ranges, uid=arguments.uid, gid=arguments.gid)
    if arguments.share:
        ids, _, _ = ids.with_user(os.geteuid(), os.getegid())
    ids = plan.by(who, ids).replace(uid=arguments.uid, gid=arguments.gid)
    for name, number, found in (("user", ids.uid, ids.users), ("group", ids.gid, ids.groups)):
        if plan.host_id(found, number) < 0:
            raise UsageError(f"{name} {number} is none of the ids that are mapped: give it one with -m")
    return apart.as_root(ids, arguments.operands or ("/bin/sh",))
