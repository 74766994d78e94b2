"""What a copy that is started at once gets besides: that it goes with its end, mounts of its own, a root in memory.

`edit` changes the copy's configuration before it is used for anything.
"""

from __future__ import annotations

import os

from lxc import beneath
from lxc.errors import UsageError
from lxc.hooks.plan import program
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import as_root
from lxc.runtime.disk import making
from lxc.values.mount import escaped, layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.document import Document
    from lxc.idmap.plan import IdMapPlan
    from lxc.runtime.place import Place

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_OPTIONS = ("ro", "rw")


class Mount(Record):
    """One of lxc-copy's -m: `bind=SOURCE[:TARGET][:ro|rw]` or `overlay=SOURCE[:TARGET]`."""

    kind: str
    source: str  # absolute
    target: str  # relative to the container's root
    mode: str = "rw"


class Wish(Record):
    """How the copy differs: `keeps_data` lets it survive its end, `in_memory` puts its changes on a tmpfs."""

    mounts: tuple[Mount, ...] = ()
    keeps_data: bool = False
    in_memory: bool = False
    keeps_name: bool = False

    def edit(self, document: Document, place: Place, ids: IdMapPlan) -> Document:
        """The copy's configuration, and what lies beside it, where root among `ids` is.  Raises LxcError, OSError."""
        if not self.keeps_data:
            document = document.set_item("lxc.ephemeral", "1")
        for number, mount in enumerate(self.mounts):
            document = document.append_item("lxc.mount.entry", _entry(mount, place, number, ids))
        if self.in_memory:
            document = document.append_item("lxc.hook.pre-mount", _hook(place, keeps_name=self.keeps_name))
        return document


def mounts(text: str) -> tuple[Mount, ...]:
    """The mounts of `KIND=SOURCE[:TARGET][:ro|rw],…`.  Raises ValueError."""
    return tuple(_mount(part) for part in text.split(",") if part)


def random_name(name: str, separator: str = "_") -> str:
    """NAME_XXXXXX, which nobody else has thought of."""
    return name + separator + "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(6))


def _mount(text: str) -> Mount:
    kind, equals, rest = text.partition("=")
    if kind not in ("bind", "overlay") or not equals:
        raise ValueError(f"expected bind=SOURCE[:TARGET][:ro|rw] or overlay=SOURCE[:TARGET], got {text!r}")
    source, *more = rest.split(":")
    mode = more.pop() if kind == "bind" and more and more[-1] in _OPTIONS else "rw"
    if not source or len(more) > 1:
        raise ValueError(f"expected SOURCE[:TARGET], got {rest!r}")
    source, target = _plain(source), _plain(more[0] if more else source)
    if not target:
        raise ValueError(f"{text!r} would cover the container's whole root")
    return Mount(kind, f"/{source}", target, mode)


def _plain(path: str) -> str:
    """`path` without leading, trailing and doubled slashes."""
    return "/".join(part for part in path.split("/") if part)


def _entry(mount: Mount, place: Place, number: int, ids: IdMapPlan) -> str:
    if not os.path.exists(mount.source):
        raise UsageError(f"-m {mount.kind}={mount.source}: there is no {mount.source} on this host")
    source, target = escaped(mount.source), escaped(mount.target)
    if mount.kind == "bind":
        made = "create=dir" if os.path.isdir(mount.source) else "create=file"
        return f"{source} {target} none bind,optional,{mount.mode},{made} 0 0"
    names = (f"delta#{number}", f"work#{number}")
    with closing(making.open_directory(place)) as directory:
        for name in names:
            beneath.new_directory(directory, name, 0o755)
        as_root.give(ids, directory, names)
    layers = (f"{place.directory}/{name}" for name in names)
    lower, upper, work = (escaped(layer(path)) for path in (mount.source, *layers))
    return f"{source} {target} overlay lowerdir={lower},upperdir={upper},workdir={work},create=dir"


def _hook(place: Place, *, keeps_name: bool) -> str:
    """Write the hook that mounts a tmpfs where the copy's changes go.  Return the command that it is run with."""
    path = f"{place.directory}/{random_name('pre-start', '-')}"
    lines = [
        "#!/bin/sh",
        "# Made by lxc-copy -t: what this container changes is kept in memory.",
        "set -e",
        'cd "${0%/*}/overlay"',
        "mode=$(stat -c %a delta) owner=$(stat -c %u:%g delta)",
        'mount -n -t tmpfs -o mode=0755 none "$PWD"',
        'cd "$PWD"',
        "mkdir delta work",
        'chmod "$mode" delta; chown "$owner" delta',
    ]
    if not keeps_name:
        lines += ["mkdir delta/etc", 'printf %s "$LXC_NAME" > delta/etc/hostname']
    with open(path, "x", encoding="ascii") as file:
        file.write("\n".join((*lines, "")))
    os.chmod(path, 0o755)
    return program(path)
