"""Copying a directory tree whose owner is hostile, into a directory that is ours.

Everything is reached by a name below an opened directory; no link is followed,
and what is mounted in the tree is not entered.  Kept are owners, modes, times,
extended attributes (access control lists and file capabilities among them),
hard links, holes, and special files.  File data is copied by the kernel, which
shares it where the file system can.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc.errors import LxcError
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.storage.removal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DEEPEST = 250  # directories within each other; each of them keeps two descriptors open
_CHUNK = 1 << 30  # bytes for one copy_file_range(2)
_BELOW = fs.RESOLVE_BENEATH | fs.RESOLVE_NO_SYMLINKS | fs.RESOLVE_NO_XDEV | fs.RESOLVE_NO_MAGICLINKS
_NO_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.ETXTBSY})
_NO_ATTRIBUTES = frozenset({errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENODATA})


class Copied(Record):
    """What came of it."""

    mounts: tuple[str, ...] = ()  # mount points in the tree: made, but what is mounted there was not copied


def copy(source: int, target: int, shown: str, check: Callable[[], None] = lambda: None) -> Copied:
    """Copy all that is in the directory `source`, and its own attributes, to the empty directory `target`.

    `shown` is the source's path for messages; `check` is called between files, and ends the copying by raising.
    Raises LxcError that names the file; what was copied until then stays.
    """
    work = _Copying(source, target, shown, check)
    work.directory(source, target, "")
    return Copied(tuple(work.mounts))


class _Copying:
    def __init__(self, source: int, target: int, shown: str, check: Callable[[], None]) -> None:
        self.top, self.shown, self.check = target, shown, check
        self.links: dict[tuple[int, int], str] = {}  # files with several names: where the first copy is
        self.mounts: list[str] = []
        self.depth = 0

    def directory(self, source: int, target: int, path: str) -> None:
        """Copy what is in the directory `source`, `path` below the top one."""
        try:
            with os.scandir(source) as entries:
                found = sorted(entries, key=lambda entry: entry.inode())  # the order on the disk, mostly
        except OSError as error:
            raise self._failure(path, error) from error
        for entry in found:
            self.check()
            below = f"{path}/{entry.name}" if path else entry.name
            try:
                self._entry(source, target, entry.name, below)
            except OSError as error:
                raise self._failure(below, error) from error
        try:
            dress(source, target)
        except OSError as error:
            raise self._failure(path, error) from error

    def _entry(self, source: int, target: int, name: str, path: str) -> None:
        try:
            status = os.stat(name, dir_fd=source, follow_symlinks=False)
        except FileNotFoundError:
            return  # gone since it was listed: the container runs
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            self._subdirectory(source, target, name, path)
        elif status.st_nlink > 1 and self._link(target, name, path, status):
            return
        elif kind == stat.S_IFREG:
            _file(source, target, name)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            _dress_name(source, target, name, status)
        else:
            os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)
            _dress_name(source, target, name, status)

    def _subdirectory(self, source: int, target: int, name: str, path: str) -> None:
        os.mkdir(name, 0o700, dir_fd=target)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target)
        outer = -1
        try:
            outer = fs.openat2(source, name, os.O_RDONLY | os.O_DIRECTORY, 0, _BELOW)
            self.depth += 1
            if self.depth > _DEEPEST:
                raise OSError(errno.ENAMETOOLONG, f"more than {_DEEPEST} directories within each other")
            self.directory(outer, inner, path)
            self.depth -= 1
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.mounts.append(path)
            os.fchmod(inner, 0o755)
        finally:
            for fd in (outer, inner):
                if fd >= 0:
                    os.close(fd)

    def _link(self, target: int, name: str, path: str, status: os.stat_result) -> bool:
        """Make it another name of the copy there is.  Return False if there is none yet."""
        first = self.links.setdefault((status.st_dev, status.st_ino), path)
        if first == path or len(os.fsencode(first)) >= 4096:
            return False
        os.link(first, name, src_dir_fd=self.top, dst_dir_fd=target, follow_symlinks=False)
        return True

    def _failure(self, path: str, error: OSError) -> LxcError:
        at = f"{self.shown}/{path}" if path else self.shown
        hint = {errno.ENOSPC: "make room, then copy again", errno.EDQUOT: "the quota is used up"}
        return LxcError(f"cannot copy {printable(at)}: {error.strerror}", hint=hint.get(error.errno or 0, ""))


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
        for fd in (there, here):
            if fd >= 0:
                os.close(fd)


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
    for attribute in _attributes(source):
        _set(target, attribute, os.getxattr(source, attribute))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _dress_name(source: int, target: int, name: str, status: os.stat_result) -> None:
    """The same for what cannot be opened: a link, a device, a socket."""
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target)
    there, here = f"/proc/self/fd/{source}/{name}", f"/proc/self/fd/{target}/{name}"
    for attribute in _attributes(there):
        _set(here, attribute, os.getxattr(there, attribute, follow_symlinks=False))
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)


def _attributes(file: int | str) -> list[str]:
    try:
        return os.listxattr(file) if isinstance(file, int) else os.listxattr(file, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return []
        raise


def _set(file: int | str, attribute: str, value: bytes) -> None:
    """Set an extended attribute; what we may not set, or the file system does not have, is left out."""
    try:
        if isinstance(file, int):
            os.setxattr(file, attribute, value)
        else:
            os.setxattr(file, attribute, value, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_ATTRIBUTES:
            raise
