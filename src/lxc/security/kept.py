"""Compiled filters and profiles, kept so that the next start need not compile them.

One that somebody else could have written would be none.  So the directory
is its user's alone, and what is odd about it or an entry makes it not be there.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc import log
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256
else:  # it loads OpenSSL, which takes longer than a container's start
    try:
        from _sha2 import sha256
    except ImportError:  # CPython 3.11
        from _sha256 import sha256

_CHECKSUM = 32  # bytes at the beginning of an entry: sha256 of the rest


def find(key: bytes, directory: str, largest: int) -> bytes:
    """What is kept for `key`, at most `largest` bytes; b"" if there is nothing that can be trusted."""
    try:
        with closing(_open(directory)) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with closing(os.open(_sha256(key).hex(), flags, dir_fd=folder)) as file:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode) or not _is_ours(status, 0o600):
                    return b""
                content = os.read(file, _CHECKSUM + largest + 1)
    except OSError as error:
        log.debug(f"nothing kept in {directory}: {error.strerror}")
        return b""
    checksum, program = content[:_CHECKSUM], content[_CHECKSUM:]
    return program if 0 < len(program) <= largest and _sha256(key + program) == checksum else b""


def keep(key: bytes, program: bytes, directory: str) -> None:
    """Keep `program` for `key`, if that can be done: it is only quicker with it."""
    name = _sha256(key).hex()
    draft = f".{name}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(directory), 0o755, exist_ok=True)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            pass
        with closing(_open(directory)) as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with closing(os.open(draft, flags, 0o600, dir_fd=folder)) as file:
                try:
                    os.fchmod(file, 0o600)
                    content = _sha256(key + program) + program
                    if os.write(file, content) != len(content):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
                except OSError:
                    os.unlink(draft, dir_fd=folder)
                    raise
    except OSError as error:
        log.debug(f"nothing can be kept in {directory}: {error.strerror}")


def _open(directory: str) -> int:
    """The directory, if nobody else can write there.  Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not _is_ours(os.fstat(fd), 0o700):
        os.close(fd)
        raise OSError(errno.EPERM, "it is not ours alone", directory)
    return fd


def _is_ours(status: os.stat_result, mode: int) -> bool:
    return status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == mode


def _sha256(data: bytes) -> bytes:
    return sha256(data).digest()
