"""The lock under which a container's files on disk are changed: the same file that LXC locks.

It is taken for moments, never while a container runs or a template works, and
dies with its holder.  Whoever removes the container removes the file; so who got
the lock makes sure that the file is still there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from lxc.errors import LxcError
from lxc.runtime.place import users_run_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place

_F_WRLCK, _F_UNLCK = 1, 2
_PATIENCE = 30  # seconds


class held:
    """`with held(place):` nobody else changes the container's files.  Raises LxcError if somebody keeps the lock."""

    def __init__(self, place: Place) -> None:
        self.place, self.fd = place, -1

    def __enter__(self) -> held:
        path = _file(self.place)
        deadline = time.monotonic() + _PATIENCE
        while True:
            fd = _open(path)
            try:
                if try_lock(fd) and _is_at(path, fd):
                    self.fd = fd
                    return self
            finally:
                if self.fd < 0:
                    os.close(fd)
            if time.monotonic() > deadline:
                raise LxcError(
                    f"the files of {self.place.name} have been locked by another process for {_PATIENCE} s",
                    hint=f"lslocks(8) tells which process has {path} locked",
                )
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)
        self.fd = -1

    def forget(self) -> None:
        """Remove the lock's file: there is no such container any more.  To be called while it is held."""
        path = _file(self.place)
        try:
            os.unlink(path)
            while (path := os.path.dirname(path)) != _root():
                os.rmdir(path)
        except OSError:
            return  # the locks of other containers are there; and one that stays keeps nobody from anything


def try_lock(fd: int) -> bool:
    """Lock the file that `fd` is open on for writing, until `fd` is closed.  Return False if another holds it."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _lock())
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def is_locked(fd: int) -> bool:
    """Whether anyone has the file locked, by another open descriptor than `fd`."""
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _lock())
    return int.from_bytes(answer[:2], "little") != _F_UNLCK


def _open(path: str) -> int:
    directory = os.path.dirname(path)
    while True:
        try:
            os.makedirs(directory, 0o755, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # whoever removed the last lock there removed the directory
        except OSError as error:
            if isinstance(error, FileExistsError) and (os.path.isdir(directory) or not os.path.lexists(directory)):
                continue  # it was removed while we found that it is one
            from lxc.runtime import failures

            raise failures.no_directory(error, directory) from error


def _lock() -> bytes:
    """struct flock of 64-bit machines: write lock of the whole file; its pid must be 0."""
    return _F_WRLCK.to_bytes(8, "little") + bytes(24)


def _is_at(path: str, fd: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(fd))
    except FileNotFoundError:
        return False


def _file(place: Place) -> str:
    return f"{_root()}{place.lxcpath}/.{place.name}"


def _root() -> str:
    status = os.stat("/run")
    is_ours = status.st_uid == os.geteuid() or status.st_gid == os.getegid()
    return f"{'/run' if is_ours else users_run_directory()}/lxc/lock"
