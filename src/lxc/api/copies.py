"""Copies of a container, from Python: clones, snapshots, and another name."""

from __future__ import annotations

from lxc.api import attempt
from lxc.api.definition import Definition
from lxc.api.functions import (
    LXC_CLONE_KEEPBDEVTYPE,
    LXC_CLONE_KEEPMACADDR,
    LXC_CLONE_KEEPNAME,
    LXC_CLONE_MAYBE_SNAPSHOT,
    LXC_CLONE_SNAPSHOT,
)
from lxc.errors import NotFound, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Self

_ALLOW_RUNNING = 64  # LXC_CLONE_ALLOW_RUNNING, which python3-lxc does not export


class Copies(Definition):
    """What makes containers of a container.  No method forks the calling process."""

    def clone(
        self,
        newname: str | None = None,
        config_path: str | bytes | PathLike[str] | None = None,
        flags: int = 0,
        bdevtype: str | None = None,
        bdevdata: str | None = None,
        newsize: int = 0,
        hookargs: tuple[str, ...] = (),
    ) -> Self | bool:
        """Copy it to `newname`, in `config_path` (default: where it lies itself).  Return the copy, or False.

        `flags` are LXC_CLONE_*; `bdevtype` is the storage of the copy, `newsize` how many bytes a file system that is made
        for it has, `hookargs` are more words for the clone hooks.
        """
        if not isinstance(hookargs, tuple):
            raise ValueError("hookargs must be a tuple")
        attempt.texts("" if newname is None else newname, bdevtype or "", bdevdata or "", *hookargs)
        attempt.number(flags)
        attempt.number(newsize, 64)
        lxcpath = attempt.name_or_none(config_path) or self._place.lxcpath
        with self._doing:
            from lxc.runtime import spawn
            from lxc.runtime.disk import copying
            from lxc.runtime.place import place

            if bdevdata:
                raise Unsupported("this version makes no volumes for copies: bdevdata has no meaning")
            new = place(newname or self.name, lxcpath)
            wish = copying.Wish(
                as_snapshot=bool(flags & LXC_CLONE_SNAPSHOT),
                may_copy=bool(flags & (LXC_CLONE_MAYBE_SNAPSHOT | LXC_CLONE_KEEPBDEVTYPE)),
                driver=bdevtype or "",
                size=newsize,
                keeps_name=bool(flags & LXC_CLONE_KEEPNAME),
                keeps_addresses=bool(flags & LXC_CLONE_KEEPMACADDR),
                allows_running=bool(flags & _ALLOW_RUNNING),
                arguments=hookargs,
            )
            spawn.call(copying.copy, self._place, new, wish)
            return type(self)(new.name, new.lxcpath)
        return False

    def rename(self, new_name: str) -> Self | bool:
        """Give it another name.  Return the container under that name, or False; this object keeps the old one."""
        attempt.texts(new_name)
        with self._doing:
            from lxc.runtime import spawn
            from lxc.runtime.disk import rename
            from lxc.runtime.place import place

            new = place(new_name, self._place.lxcpath)
            spawn.call(rename.rename, self._place, new)
            return type(self)(new.name, new.lxcpath)
        return False

    def snapshot(self, comment_path: str | bytes | PathLike[str] | None = None) -> str | bool:
        """Make a snapshot, with the text of the file `comment_path` as its comment.  Return its name, or False."""
        comment = attempt.name_or_none(comment_path)
        with self._doing:
            from lxc.runtime import spawn
            from lxc.runtime.disk import snapshots

            name, _ = spawn.call(snapshots.create, self._place, comment)
            return name
        return False

    def snapshot_list(self) -> tuple[tuple[str, str, str, str], ...]:
        """Its snapshots: name, file of the comment (which need not exist), time, and the path they lie in.

        Raises KeyError, from the reason, if there are none and no such container.
        """
        from lxc.runtime.disk import snapshots

        try:
            found = snapshots.found(self._place)
        except (OSError, NotFound) as error:
            raise KeyError("Unable to list snapshots") from error
        return tuple((made.name, made.comment_file, made.timestamp, made.lxcpath) for made in found)

    def snapshot_restore(self, name: str, newname: str | None = None) -> bool:
        """Make it as it was in the snapshot `name`; with `newname` make that container, and leave this one."""
        attempt.texts(name, "" if newname is None else newname)
        from lxc.runtime import spawn
        from lxc.runtime.disk import snapshots

        new = self._place.replace(name=newname) if newname else None
        return self._succeeds(spawn.call, snapshots.restore, self._place, name, new)

    def snapshot_destroy(self, name: str) -> bool:
        """Remove the snapshot `name`."""
        attempt.texts(name)
        from lxc.runtime.disk import snapshots

        return self._succeeds(snapshots.remove, self._place, name)
