"""The console's log file: all that the container says, appended, within a size.

A file that grows beyond `lxc.console.size` is cut to nothing and goes on, or
with `lxc.console.rotate` becomes FILE.1 and a new one is begun.  What is no
regular file (a fifo, a terminal) has no size, and gets everything.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc import log
from lxc.kernel import fs

_FLAGS = os.O_APPEND | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
_MODE = 0o640


def open_log(path: str) -> int:
    """A descriptor to append to the file at `path`, made 0640; the caller closes it.

    A fifo needs no reader: the first who comes gets what it holds.
    """
    try:
        return os.open(path, _FLAGS | os.O_WRONLY, _MODE)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
    return os.open(path, _FLAGS | os.O_RDWR, _MODE)


class LogFile:
    def __init__(self, fd: int, path: str, size: int, *, rotate: bool) -> None:
        """Write to `fd`, opened by `open_log(path)`, which is this object's from now on; `size` 0 is no limit."""
        self.fd, self._path, self._size, self._rotate = fd, path, size, rotate
        self._is_broken = False  # the last write failed, and that was said

    def write(self, data: bytes) -> None:
        """Append `data`.  A full disk loses output, and is logged once; it does not stop the container."""
        try:
            if self._size and stat.S_ISREG(os.fstat(self.fd).st_mode):
                self._write_within_size(data)
            else:
                fs.write(self.fd, data)
            self._is_broken = False
        except OSError as error:
            if not self._is_broken:
                log.warn(f"cannot write to the console's log file {self._path}: {error.strerror}")
            self._is_broken = True

    def replace(self, data: bytes) -> None:
        """Make `data` all that is in the file.  Raises OSError."""
        os.ftruncate(self.fd, 0)
        fs.write(self.fd, data)

    def close(self) -> None:
        os.close(self.fd)

    def _write_within_size(self, data: bytes) -> None:
        while data:
            room = self._size - os.fstat(self.fd).st_size
            if room <= 0:
                self._begin_anew()
                room = self._size
            written = os.write(self.fd, data[:room])
            data = data[written:]

    def _begin_anew(self) -> None:
        if self._rotate:
            try:
                self._replace_file()
                return
            except OSError as error:
                log.warn(f"cannot rotate {self._path}, which is cut instead: {error.strerror}")
        os.ftruncate(self.fd, 0)

    def _replace_file(self) -> None:
        try:
            os.rename(self._path, f"{self._path}.1")
        except FileNotFoundError:
            pass  # somebody else has taken it away
        new = open_log(self._path)
        os.close(self.fd)
        self.fd = new
