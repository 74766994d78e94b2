"""A snapshot of a btrfs subvolume with the subvolumes in it, whose owner is hostile and may be at work.

The kernel's snapshot has a placeholder, an empty directory, where there is a subvolume.  Each is replaced by a snapshot
of that subvolume, and so on below it; what is read-only is so in the copy, too.  Source and copy are descended by name,
and what is found there must be the subvolume that was listed, and a placeholder.  Subvolumes that were made after the
first snapshot are not part of the copy.
"""

from __future__ import annotations

import errno
import os

from lxc.errors import LxcError
from lxc.kernel import btrfs
from lxc.kernel.fs import closing
from lxc.storage import descent, tree
from lxc.storage.removal import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MOVED = "it was removed or moved meanwhile"
# The copy is made without them; anything else (a full file system) ends it.
_LEFT_OUT = {
    errno.ENOENT: _MOVED, errno.EINVAL: _MOVED, errno.ENOTDIR: _MOVED, errno.ELOOP: _MOVED, errno.EAGAIN: "",
    errno.EXDEV: "something is mounted there", errno.EPERM: "", errno.EACCES: "", errno.ENAMETOOLONG: "",
}  # fmt: skip


def snapshot(source: int, directory: int, name: str, shown: str, check: Callable[[], None]) -> tuple[str, ...]:
    """Make `name` in `directory`, a snapshot of the opened subvolume `source` and of all that are in it.

    Return a sentence about each that was left out; an empty directory is in its place.  `shown` is the source's path
    for messages; `check` is called between subvolumes, and ends the copying by raising.  Raises LxcError, OSError.
    """
    btrfs.create_snapshot(directory, name, source)
    with closing(descent.open(directory, name)) as target:
        work = _Copying(source, target, shown, check)
        work.run()
    return tuple(work.left)


class _Copying:
    def __init__(self, source: int, target: int, shown: str, check: Callable[[], None]) -> None:
        self.source, self.target, self.shown, self.check = source, target, shown, check
        self.end = btrfs.subvolume_id(target)  # whatever was made since has a higher number
        self.waiting = [("", btrfs.subvolume_id(source))]  # copied, but for those in it: its path and number
        self.read_only: list[str] = []
        self.left: list[str] = []

    def run(self) -> None:
        """Replace all placeholders."""
        while self.waiting:
            path, number = self.waiting.pop()
            try:
                self._those_in(path, number)
            except OSError as error:
                self._leave_out("the subvolumes in", path, error, "were")
        for path in self.read_only:
            with closing(_descend(self.target, path)) as copy:
                btrfs.set_read_only(copy, be=True)

    def _those_in(self, path: str, number: int) -> None:
        with closing(_subvolume(self.source, path, number)) as source, closing(_descend(self.target, path)) as target:
            for each, directory in btrfs.children(source):
                if each >= self.end:
                    return  # they come in the order of their numbers
                self.check()
                try:
                    below = btrfs.place(source, each, directory)
                except OSError as error:
                    self._leave_out("a subvolume in", path, error)
                    continue
                self._copy(source, target, below, each, f"{path}/{below}" if path else below)

    def _copy(self, source: int, target: int, path: str, number: int, whole: str) -> None:
        """Copy the subvolume `path` below `source`, `whole` below the top one."""
        try:
            with closing(_subvolume(source, path, number)) as subvolume:
                _replace(target, path, subvolume)
                if btrfs.is_read_only(subvolume):
                    self.read_only.append(whole)
        except OSError as error:
            self._leave_out("the subvolume", whole, error)
        else:
            self.waiting.append((whole, number))

    def _leave_out(self, what: str, path: str, error: OSError, verb: str = "was") -> None:
        """Note it, or raise LxcError."""
        at = quoted(f"{self.shown}/{path}" if path else self.shown)
        if error.errno not in _LEFT_OUT:
            hint = tree.NO_ROOM.get(error.errno or 0, "")
            raise LxcError(f"cannot copy {what} {at}: {error.strerror}", hint=hint) from error
        self.left.append(f"{what} {at} {verb} not copied: {_LEFT_OUT[error.errno] or error.strerror}")


def _subvolume(top: int, path: str, number: int) -> int:
    """The subvolume `path` below `top`, which must be the one with this number; the caller closes it.  Raises OSError."""
    fd = _descend(top, path)
    try:
        if not btrfs.is_subvolume(fd) or btrfs.subvolume_id(fd) != number:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _replace(target: int, path: str, subvolume: int) -> None:
    """Replace the placeholder `path` below `target` by a snapshot of the opened `subvolume`."""
    above, _, name = path.rpartition("/")
    with closing(_descend(target, above)) as directory:
        status = os.fstat(directory)
        if os.stat(name, dir_fd=directory, follow_symlinks=False).st_ino != btrfs.PLACEHOLDER:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        os.rmdir(name, dir_fd=directory)
        try:
            btrfs.create_snapshot(directory, name, subvolume)
        except OSError:
            os.mkdir(name, 0o755, dir_fd=directory)
            raise
        os.utime(directory, ns=(status.st_atime_ns, status.st_mtime_ns))


def _descend(top: int, path: str) -> int:
    return descent.walk(top, path.split("/") if path else [])
