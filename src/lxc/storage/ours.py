"""Root file systems that were made with the container, and are removed with it.

What lies in the container's own directory goes with that.  A root anywhere else
is removed only if a record written when it was made says so, and the directory
or volume found at its path is that very one: a path in a configuration proves nothing.
"""

from __future__ import annotations

import os

from lxc.errors import NotFound, Refused
from lxc.kernel import fs, statx
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.storage import removal
from lxc.storage.volumes import Volume

RECORD = "rootfs.made"  # in the container's directory
_HEADING = "# lxc-create made this {} for the container; lxc-destroy removes it.  Its path and identity:\n"
_OF_DIRECTORY, _OF_VOLUME = _HEADING.format("directory"), _HEADING.format("logical volume")
_LONGEST_RECORD = 8192  # bytes: a path has at most 4095
_DIGITS = 20  # of 64 bits
_FOLLOW_NOTHING = fs.RESOLVE_NO_SYMLINKS | fs.RESOLVE_NO_MAGICLINKS


class Made(Record):
    """A directory that was made for a container: where, and which one it is."""

    path: str
    device: int
    inode: int
    birth_ns: int  # 0 where the file system does not keep it

    def is_same(self, other: Made) -> bool:
        """Device numbers may change when a machine starts; a birth in the same nanosecond makes up for that."""
        same_birth = self.birth_ns == other.birth_ns
        return self.inode == other.inode and same_birth and (self.device == other.device or self.birth_ns != 0)


def identity(path: str) -> Made:
    """Which directory is at `path`; its path is given without links.  Raises OSError."""
    with closing(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
        return _identity(fd, os.path.realpath(path))


def remember(container: int, made: Made | Volume) -> None:
    """Write into the container's opened directory that `made` was made for it.  Raises OSError."""
    if isinstance(made, Volume):
        text = f"{_OF_VOLUME}{made.path}\n{made.uuid}\n"
    else:
        text = f"{_OF_DIRECTORY}{made.path}\n{made.device} {made.inode} {made.birth_ns}\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with closing(os.open(RECORD, flags, 0o600, dir_fd=container)) as fd:
        fs.write(fd, os.fsencode(text))


def remembered(container: int, *, by_root: bool = False) -> Made | Volume | None:
    """What `remember` wrote; None if there is no such record, or it makes no sense.  Raises OSError.

    With `by_root` only what root wrote: whoever else owns the container's directory could name anybody's.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with closing(os.open(RECORD, flags, dir_fd=container)) as fd:
            if by_root and os.fstat(fd).st_uid != 0:
                return None
            text = os.fsdecode(os.read(fd, _LONGEST_RECORD))
    except FileNotFoundError:
        return None
    if text.startswith(_OF_VOLUME):
        path, _, uuid = text.removeprefix(_OF_VOLUME).removesuffix("\n").partition("\n")
        return Volume(path, uuid)
    lines = text.removeprefix(_OF_DIRECTORY).split("\n")
    numbers = lines[1].split(" ") if len(lines) > 1 else []
    if not text.startswith(_OF_DIRECTORY) or len(numbers) != 3 or not all(map(_is_number, numbers)):
        return None
    return Made(lines[0], *map(int, numbers))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= _DIGITS


def objection(path: str, precious: tuple[str, ...]) -> str:
    """Why the directory `path` must never be removed, in one clause; "" if it may be.

    `precious` are absolute paths: neither they nor what they lie in may go.
    """
    if not path.startswith("/") or os.path.normpath(path) != path:
        return "its path is not a plain absolute one"
    if path == "/":
        return "it is the root of this host"
    for other in precious:
        if other == path or other.startswith(f"{path}/"):
            return f"{removal.quoted(other)} is {'it' if other == path else 'in it'}"
    return ""


def remove_made(made: Made, precious: tuple[str, ...]) -> None:
    """Remove the directory `made` with all that is in it, if what is at its path is still that directory.

    One that is gone is fine.  Raises Refused if it must stay, LxcError if something in it could not be removed.
    """
    wrong = objection(made.path, precious)
    if wrong:
        raise Refused(f"{removal.quoted(made.path)} is not removed: {wrong}")
    above, name = os.path.split(made.path)
    try:
        parent = fs.openat2(-1, above, os.O_RDONLY | os.O_DIRECTORY, 0, _FOLLOW_NOTHING)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"{removal.quoted(made.path)} is not removed: cannot reach it: {error.strerror}") from error
    with closing(parent):
        try:
            top = removal.open_directory(parent, name, made.path)
        except NotFound:
            return
        with closing(top):
            if not made.is_same(_identity(top, made.path)):
                what = "another directory than the one made for the container"
                raise Refused(f"{removal.quoted(made.path)} is not removed: it is {what}")
            removal.remove_opened(top, parent, name, made.path)


def _identity(fd: int, path: str) -> Made:
    status = os.fstat(fd)
    return Made(path, status.st_dev, status.st_ino, statx.birth_ns(fd))
