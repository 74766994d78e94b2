"""Compiled filters, kept so that the next start need not compile them.

A filter that somebody else could have written would be none.  So the directory
is its user's alone, and what is odd about it or an entry makes it not be there.
"""

from __future__ import annotations

import os
import stat

from lxc import log
from lxc.kernel import seccomp
from lxc.kernel.fs import closing

DIRECTORY = "/run/lxc/seccomp"
_CHECKSUM = 32  # bytes at the beginning of an entry: sha256 of the rest
_LARGEST = _CHECKSUM + seccomp.MOST_INSTRUCTIONS * seccomp.INSTRUCTION


def find(key: bytes, directory: str = DIRECTORY) -> bytes:
    """The program kept for `key`; b"" if there is none that can be trusted."""
    try:
        with closing(_open(directory)) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with closing(os.open(_sha256(key).hex(), flags, dir_fd=folder)) as file:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode) or not _is_ours(status, 0o600):
                    return b""
                content = os.read(file, _LARGEST + 1)
    except OSError as error:
        log.debug(f"no compiled filter in {directory}: {error.strerror}")
        return b""
    checksum, program = content[:_CHECKSUM], content[_CHECKSUM:]
    is_whole = program and len(content) <= _LARGEST and len(program) % seccomp.INSTRUCTION == 0
    return program if is_whole and _sha256(key + program) == checksum else b""


def keep(key: bytes, program: bytes, directory: str = DIRECTORY) -> None:
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
                        raise OSError(28, os.strerror(28))
                    os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
                except OSError:
                    os.unlink(draft, dir_fd=folder)
                    raise
    except OSError as error:
        log.debug(f"the compiled filter is not kept in {directory}: {error.strerror}")


def _open(directory: str) -> int:
    """The directory, if nobody else can write there.  Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not _is_ours(os.fstat(fd), 0o700):
        os.close(fd)
        raise PermissionError(1, "it is not ours alone", directory)
    return fd


def _is_ours(status: os.stat_result, mode: int) -> bool:
    return status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == mode


def _sha256(data: bytes) -> bytes:
    from hashlib import sha256

    return sha256(data).digest()
