"""Files that are read whole, which whoever owns them may have made what never ends, or never comes: a pipe, a device.

Those that LXC installs, and configurations name, are ours where no LXC is.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_AT_ONCE = 1 << 16
_LXCS = "/usr/share/lxc/"
_NULL = os.makedev(1, 3)  # /dev/null, which is as good as an empty file
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read(path: str, most: int, *, is_stream: bool = False) -> bytes:
    """The bytes of the regular file at `path`, and if these are more than `most`, at least one more than that.

    With `is_stream` it may be anything that comes to an end, and that is waited for: whoever calls named it.  Raises OSError, ValueError.
    """
    try:
        return _read(path, most, is_stream=is_stream)
    except FileNotFoundError:
        if found(path) == path:
            raise
        return _read(found(path), most, is_stream=False)


def found(path: str) -> str:
    """`path`, or our file for one that LXC installs there, if that is missing."""
    if not path.startswith(_LXCS) or os.path.lexists(path):
        return path
    from lxc.loading import PACKAGES

    ours = f"{PACKAGES}/lxc/share/{path.removeprefix(_LXCS)}"
    return ours if os.path.exists(ours) else path


def _read(path: str, most: int, *, is_stream: bool) -> bytes:
    if not is_stream:
        _check(os.stat(path), path)  # before it is opened: a device may do things then
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if is_stream else os.O_NONBLOCK | os.O_NOCTTY))
    try:
        return rest(fd, most, path, is_stream=is_stream)
    finally:
        os.close(fd)


def rest(fd: int, most: int, path: str, *, is_stream: bool = False) -> bytes:
    """As `read`, of what has been opened, with O_NONBLOCK unless `is_stream`; errors call it `path`."""
    try:
        status = os.fstat(fd)
        if not is_stream:
            _check(status, path)
        parts = [os.read(fd, min(status.st_size, most) + 1)]
        if len(parts[0]) == status.st_size > 0:  # there is no more: one more byte was asked for
            return parts[0]
        left = most - len(parts[0])
        while left >= 0 and (more := os.read(fd, _MOST_AT_ONCE)):
            parts.append(more)
            left -= len(more)
    except BlockingIOError as error:  # one of proc's
        raise OSError(error.errno, "it is no file that ends: who reads it waits for more", path) from None
    return b"".join(parts)


def signature(status: os.stat_result) -> tuple[int, ...]:
    """What changes if the file does."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _check(status: os.stat_result, path: str) -> None:
    """Raise OSError if it is neither a regular file nor one that reading refuses, or finds empty."""
    if stat.S_ISREG(status.st_mode):
        return
    for is_one, called in _KINDS:
        if is_one(status.st_mode) and status.st_rdev != _NULL:
            raise OSError(22, f"it is {called}, and no regular file", path)
