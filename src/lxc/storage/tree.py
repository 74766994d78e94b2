"""Copying a directory tree whose owner is hostile, into a directory that is ours.

Everything is reached by a name below an opened directory; no link is followed,
and what is mounted in the tree is not entered.  Trees of any depth are copied
with few descriptors and without recursion: on the way back `..` is opened, and
must be the directory that was left.  Kept are owners, modes, times, extended
attributes (access control lists and file capabilities among them), hard links,
holes, and special files.  File data is copied by the kernel, which shares it
where the file system can.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc.errors import LxcError
from lxc.kernel import fs, statx
from lxc.kernel.fs import closing
from lxc.storage import descent
from lxc.storage.removal import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW = 16  # directories kept open, with two descriptors each; the upper ones are opened again on the way back
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 30  # bytes for one copy_file_range(2)
_NO_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.ETXTBSY})
NO_ROOM = {errno.ENOSPC: "make room, then copy again", errno.EDQUOT: "the quota is used up"}  # what to do then
_NO_ATTRIBUTES = frozenset({errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENODATA})


def copy(source: int, target: int, shown: str, check: Callable[[], None]) -> tuple[str, ...]:
    """Copy all that is in the directory `source`, and its own attributes, to the empty directory `target`.

    Return the mount points in it: they are made, but what is mounted there is not copied.
    `shown` is the source's path for messages; `check` is called between files, and ends the copying by raising.
    Raises LxcError that names the file; what was copied until then stays.
    """
    work = _Copying(source, target, shown, check)
    work.run()
    return tuple(work.mounts)


class _Directory:
    """A directory on the way down: where it is, its descriptors (-1: closed for the time being), what is still to copy."""

    __slots__ = ("above", "identity", "name", "names", "source", "target")

    def __init__(self, above: _Directory | None, name: str, source: int, target: int) -> None:
        self.above, self.name, self.source, self.target = above, name, source, target
        self.names: list[str] = []  # the next is the last
        self.identity: tuple[tuple[int, ...], ...] = ()  # of both, since they are closed

    @property
    def parts(self) -> list[str]:
        """The names that lead to it from the top one."""
        names, at = [], self
        while at.above:
            names.append(at.name)
            at = at.above
        return names[::-1]

    def read(self) -> None:
        """Learn what is to copy."""
        with os.scandir(self.source) as entries:
            found = sorted(entries, key=lambda entry: entry.inode(), reverse=True)  # the order on the disk, mostly
        self.names = [entry.name for entry in found]

    def close(self) -> None:
        fds, self.source, self.target = (self.source, self.target), -1, -1
        fs.close(*fds)

    def rest(self) -> None:
        """Close it for the time being."""
        self.identity = (_identity(self.source), _identity(self.target))
        self.close()

    def reopen(self, below: _Directory) -> None:
        """Open it again, as what `below` is in.  Raises OSError if that is another directory by now."""
        source = _above(below.source, self.identity[0])
        try:
            self.target = _above(below.target, self.identity[1])
        except BaseException:
            os.close(source)
            raise
        self.source = source


class _Copying:
    def __init__(self, source: int, target: int, shown: str, check: Callable[[], None]) -> None:
        self.top, self.shown, self.check = target, shown, check
        status = os.fstat(target)
        self.goal = (status.st_dev, status.st_ino)
        self.links: dict[tuple[int, int], tuple[_Directory, str]] = {}  # files with several names: the first copy
        self.mounts: list[str] = []
        self.opened: list[_Directory] = []  # the last ones on the way down
        self.source = source

    def run(self) -> None:
        """Copy what is in the top directory, and its attributes."""
        directory: _Directory | None = None
        try:
            directory = self._arrive(_Directory(None, "", os.dup(self.source), os.dup(self.top)))
            while directory:
                if directory.names:
                    self.check()
                    directory = self._next(directory, directory.names.pop())
                else:
                    directory = self._leave(directory)
        finally:
            for each in self.opened:
                each.close()

    def _next(self, directory: _Directory, name: str) -> _Directory:
        """Copy `name` of `directory`.  Return the directory to go on with: that, if it is one."""
        try:
            deeper = self._entry(directory, name)
        except OSError as error:
            raise self._failure([*directory.parts, name], error) from error
        return self._arrive(deeper) if deeper else directory

    def _entry(self, directory: _Directory, name: str) -> _Directory | None:
        source, target = directory.source, directory.target
        try:
            status = os.stat(name, dir_fd=source, follow_symlinks=False)
        except FileNotFoundError:
            return None  # gone since it was listed: the container runs
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            if (status.st_dev, status.st_ino) == self.goal:
                raise OSError(errno.ELOOP, "the copy itself goes there")
            return self._enter(directory, name)
        if status.st_nlink > 1 and self._link(directory, name, status):
            return None
        if kind == stat.S_IFREG:
            _file(source, target, name)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            _dress_name(source, target, name, status)
        else:
            os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)
            _dress_name(source, target, name, status)
        return None

    def _enter(self, directory: _Directory, name: str) -> _Directory | None:
        """Make the directory `name` and open both; None if something is mounted there."""
        os.mkdir(name, 0o700, dir_fd=directory.target)
        inner = os.open(name, _DIRECTORY, dir_fd=directory.target)
        outer = -1
        try:
            outer = descent.open(directory.source, name)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.mounts.append("/".join([*directory.parts, name]))
            os.fchmod(inner, 0o755)
        finally:
            if outer < 0:
                os.close(inner)
        return _Directory(directory, name, outer, inner) if outer >= 0 else None

    def _arrive(self, directory: _Directory) -> _Directory:
        self.opened.append(directory)
        try:
            directory.read()
            if len(self.opened) > _WINDOW:
                self.opened[0].rest()
                del self.opened[0]
        except OSError as error:
            raise self._failure(directory.parts, error) from error
        return directory

    def _leave(self, directory: _Directory) -> _Directory | None:
        """Finish the directory, all of which has been copied.  Return the one above it."""
        above = directory.above
        try:
            dress(directory.source, directory.target)
            if above and above.source < 0:
                above.reopen(directory)
                self.opened.insert(0, above)
        except OSError as error:
            raise self._failure(directory.parts, error) from error
        self.opened.pop().close()
        return above

    def _link(self, directory: _Directory, name: str, status: os.stat_result) -> bool:
        """Make it another name of the copy there is.  Return False if there is none yet."""
        first = self.links.setdefault((status.st_dev, status.st_ino), (directory, name))
        if first == (directory, name):
            return False
        with closing(descent.walk(self.top, first[0].parts)) as there:
            os.link(first[1], name, src_dir_fd=there, dst_dir_fd=directory.target, follow_symlinks=False)
        return True

    def _failure(self, parts: list[str], error: OSError) -> LxcError:
        at = "/".join([self.shown, *parts])
        return LxcError(f"cannot copy {quoted(at)}: {error.strerror}", hint=NO_ROOM.get(error.errno or 0, ""))


def _identity(fd: int) -> tuple[int, ...]:
    """What tells a directory from one that comes to be in its place, and gets its number."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino, statx.birth_ns(fd)


def _above(below: int, identity: tuple[int, ...]) -> int:
    """The directory that `below` is in, which must be the one of `identity`; the caller closes it.  Raises OSError."""
    fd = os.open("..", _DIRECTORY, dir_fd=below)
    if _identity(fd) != identity:
        os.close(fd)
        raise OSError(errno.EAGAIN, "it was moved elsewhere while it was copied")
    return fd


def _file(source: int, target: int, name: str) -> None:
    """Copy a regular file: its data, with its holes, and its attributes."""
    with closing(os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)) as found:
        if not stat.S_ISREG(os.fstat(found).st_mode):  # opening a device can do something
            raise OSError(errno.EAGAIN, "it became another kind of file while it was copied")
        there = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
    here = -1
    try:
        here = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
        data(there, here)
        dress(there, here)
    finally:
        fs.close(there, here)


def data(source: int, target: int) -> None:
    """Copy the data of the file `source` to the empty file `target`; holes stay holes.  Raises OSError."""
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
            end = min(os.lseek(source, at, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from here on
                return
            end = size  # a file system that does not tell
        at = _extent(source, target, at, end)


def _extent(source: int, target: int, at: int, end: int) -> int:
    """Copy the bytes from `at` to `end`.  Return where the copying ended: the file may have become shorter."""
    while at < end:
        try:
            count = os.copy_file_range(source, target, min(end - at, _CHUNK), at, at)
        except OSError as error:
            if error.errno not in _NO_COPY:
                raise
            count = os.pwrite(target, os.pread(source, min(end - at, 1 << 20), at), at)
        if not count:
            return 1 << 62
        at += count
    return at


def dress(source: int, target: int) -> None:
    """Give the opened `target` the owner, mode, extended attributes and times of the opened `source`.  Raises OSError."""
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))  # after the owner, whose change clears set-user-id
    _copy_attributes(source, target)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _dress_name(source: int, target: int, name: str, status: os.stat_result) -> None:
    """The same for what cannot be opened: a link, a device, a socket."""
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target)
    _copy_attributes(f"/proc/self/fd/{source}/{name}", f"/proc/self/fd/{target}/{name}")
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)


def _copy_attributes(source: int | str, target: int | str) -> None:
    """Copy the extended attributes, of a link its own, but for those that we may not set, or the file system does not have."""
    follow = isinstance(source, int)  # a descriptor cannot be told not to
    try:
        names = os.listxattr(source, follow_symlinks=follow)
    except OSError as error:
        if error.errno not in _NO_ATTRIBUTES:
            raise
        return
    for name in names:
        value = os.getxattr(source, name, follow_symlinks=follow)
        try:
            os.setxattr(target, name, value, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTES:
                raise
