"""Who needs whose root file system: LXC's records of overlay clones and snapshots.

    LXCPATH/NAME/lxc_rdepends    the containers whose root file system NAME needs
    LXCPATH/NAME/lxc_snapshots   the containers that need NAME's
    LXCPATH/NAME/snaps/snapN     the snapshots of NAME, each a container itself

A record is two lines for each container, its path and its name.  LXC once wrote
a number into lxc_snapshots instead: how many there are, not which.
"""

from __future__ import annotations

import errno
import os

from lxc import beneath
from lxc.errors import UsageError
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.runtime import lock
from lxc.runtime.disk.making import open_directory
from lxc.runtime.place import Place
from lxc.runtime.place import place as checked

_LONGEST = 1 << 20  # bytes of a record
_MANY = 10**9  # clones, where a record says that there are even more


def snapshots(place: Place) -> list[Place]:
    """What lies where the snapshots of this container belong, sorted by name."""
    found = []
    for directory in snapshot_directories(place):
        try:
            found += [Place(name, directory) for name in sorted(os.listdir(directory))]
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def snapshot_directories(place: Place) -> tuple[str, str]:
    """Where they may lie: LXCPATHsnaps/NAME is where LXC put them before version 1.0, and does if there is LXCPATHsnaps."""
    return f"{place.directory}/snaps", f"{place.lxcpath}snaps/{place.name}"


def whole(place: Place) -> Place | None:
    """The container that this one is a snapshot of; None if it is none's."""
    above, last = os.path.split(place.lxcpath)
    at, name = os.path.split(above) if last == "snaps" else (above.removesuffix("snaps"), last)
    found = Place(name, at)
    return found if name and place.lxcpath in snapshot_directories(found) and found.is_defined else None


def snapshot_directory(place: Place) -> str:
    """Where the next one belongs."""
    own, old = snapshot_directories(place)
    return old if os.path.isdir(os.path.dirname(old)) else own


def forget_snapshots(place: Place) -> None:
    """Remove the directories of the snapshots, which must be empty.  Raises OSError."""
    for directory in snapshot_directories(place):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            continue


def clones(place: Place) -> list[Place]:
    """The containers that need this one's root file system; those only counted are called `?`."""
    text = _read(place, "lxc_snapshots")
    count = _count(text)
    return _pairs(text) if count < 0 else [Place("?", place.lxcpath)] * min(count, 1)


def needed(place: Place) -> tuple[Place, ...]:
    """The containers whose root file systems this one's needs."""
    return tuple(_pairs(_read(place, "lxc_rdepends")))


def record(place: Place, needed: tuple[Place, ...]) -> None:
    """Write down that the root file system of `place` needs those of `needed`, here and there.  Raises OSError, LxcError."""
    if not needed:
        return
    _write(place, "lxc_rdepends", "".join(f"{other.lxcpath}\n{other.name}\n" for other in needed))
    for other in needed:
        with lock.held(other):
            text = _read(other, "lxc_snapshots")
            count = _count(text)
            more = f"{text}{place.lxcpath}\n{place.name}\n" if count < 0 else str(count + 1)
            _write(other, "lxc_snapshots", more)


def release(place: Place, name: Place | None = None) -> None:
    """Tell the containers that this one depends on that it does so no more; they may know it as `name`.  Raises OSError."""
    for other in needed(place):
        if other == place or not os.path.isdir(other.directory):
            continue
        with lock.held(other):
            text = _read(other, "lxc_snapshots")
            count = _count(text)
            if count >= 0:
                left = str(count - 1) if count > 1 else ""
            else:
                left = "".join(f"{clone.lxcpath}\n{clone.name}\n" for clone in _pairs(text) if clone != (name or place))
            if left != text:
                _write(other, "lxc_snapshots", left)


def _count(text: str) -> int:
    """The number that LXC once wrote into lxc_snapshots; -1 if that is not what it is."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal()):
        return -1
    return int(digits) if len(digits) < len(str(_MANY)) else _MANY


def _pairs(text: str) -> list[Place]:
    """The containers of a record; what no container can be is no container."""
    lines = text.split("\n")
    found = []
    for lxcpath, name in zip(lines[::2], lines[1::2], strict=False):
        try:
            found.append(checked(name, lxcpath or "/"))
        except UsageError:
            continue
    return found


def _read(place: Place, name: str) -> str:
    """The text of a record; "" if there is none.  Raises OSError, also if it is longer than we would read: none of it is to be lost."""
    try:
        with closing(open_directory(place)) as directory:
            flags = os.O_RDONLY | os.O_NONBLOCK
            with closing(beneath.open(directory, name, flags)) as fd:
                data = os.read(fd, _LONGEST + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"{place.directory}/{name}") from error
    if len(data) > _LONGEST:
        raise OSError(errno.EFBIG, f"it has more than {_LONGEST} bytes", f"{place.directory}/{name}")
    return os.fsdecode(data)


def _write(place: Place, name: str, text: str) -> None:
    """Replace a record in one step; an empty one is removed.  Raises OSError."""
    try:
        _replace(place, name, os.fsencode(text))
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"{place.directory}/{name}") from error


def _replace(place: Place, name: str, text: bytes) -> None:
    with closing(open_directory(place)) as directory:
        if not text:
            os.unlink(name, dir_fd=directory)
            return
        new = f"{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with closing(os.open(new, flags, 0o644, dir_fd=directory)) as fd:
            try:
                fs.write(fd, text)
                os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                os.unlink(new, dir_fd=directory)
                raise
