"""Who we are, and which ids we may give to a container: /etc/subuid, /etc/subgid, newuidmap(1)."""

from __future__ import annotations

import os

from lxc.idmap.plan import Starter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_HELPERS = ("newuidmap", "newgidmap")
_SETUID = 0o4000
_DIGITS = frozenset("0123456789")


def starter(*, looks_up_root: bool = False) -> Starter:
    """What holds for this process.  Root needs none of it, and is looked up only if that is asked for."""
    uid = os.geteuid()
    if uid == 0 and not looks_up_root:
        return Starter()
    name = _name(uid)
    names = (name, str(uid))
    return Starter(
        uid,
        os.getegid(),
        name,
        subordinate(_read("/etc/subuid"), names),
        subordinate(_read("/etc/subgid"), names),
        all(helper(each) for each in _HELPERS),
    )


def subordinate(text: str, names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """The ranges (first, count) that the text of /etc/subuid gives to who is called by one of `names` (subuid(5)).

    Lines whose ids touch are one range, as newuidmap(1) takes them; the ranges are in the order of their first lines.
    """
    found = []
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) == 3 and fields[0] in names and all(field and set(field) <= _DIGITS for field in fields[1:]):
            found.append((int(fields[1]), int(fields[2])))
    return _joined((first, count) for first, count in found if count)


def _joined(given: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for each in given:
        near = [other for other in found if other[0] <= sum(each) and each[0] <= sum(other)]
        first = min(other[0] for other in (each, *near))
        whole = (first, max(sum(other) for other in (each, *near)) - first)
        at = found.index(near[0]) if near else len(found)
        found = [*found[:at], whole, *(other for other in found[at:] if other not in near)]
    return tuple(found)


def helper(name: str) -> str:
    """The path of newuidmap or newgidmap; "" if there is none that can do its work."""
    for directory in os.get_exec_path():
        path = f"{directory}/{name}"
        if os.access(path, os.X_OK) and os.path.isfile(path):
            status = os.stat(path)
            is_roots = status.st_uid == 0 and status.st_mode & _SETUID
            return path if is_roots or "security.capability" in os.listxattr(path) else ""
    return ""


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""  # nobody has been given anything
