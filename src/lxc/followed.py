"""Where a file lies that is to be written: the links on the way there are followed if they are root's or ours.

Another user's may lead anywhere by now, and what root writes is not for there (as fs.protected_symlinks has it in
directories that everybody writes to, proc(5)).
"""

from __future__ import annotations

import errno
import os
import stat

_MOST_LINKS = 40  # as many as the kernel follows
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class parent:
    """`with parent(path) as (directory, name):` the opened directory that the file at `path` lies in, and its name there.

    The file need not be there, and is no link; with `of_link` it may be one, and is not followed.  Raises OSError, ELOOP for a
    link that is another user's.
    """

    def __init__(self, path: str, *, of_link: bool = False) -> None:
        self._directory, self._name = _found(path, of_link)

    def __enter__(self) -> tuple[int, str]:
        return self._directory, self._name

    def __exit__(self, *_: object) -> None:
        os.close(self._directory)


def _found(path: str, of_link: bool) -> tuple[int, str]:
    at = os.open("/" if path.startswith("/") else ".", _LOOK | os.O_DIRECTORY)
    left, links = _reversed(path), 0
    try:
        while left:
            name = left.pop()
            try:
                found = os.open(name, _LOOK, dir_fd=at)
            except FileNotFoundError:
                if left:
                    raise
                return at, name
            try:
                status = os.fstat(found)
                if stat.S_ISLNK(status.st_mode) and (left or not of_link):
                    links += 1
                    target = _target(found, status.st_uid, name, links)
                    left += _reversed(target)
                    found, closed = os.open("/", _LOOK) if target.startswith("/") else os.dup(at), found
                    os.close(closed)
                elif not left:
                    os.close(found)
                    return at, name
            except BaseException:
                os.close(found)
                raise
            at, passed = found, at
            os.close(passed)
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    except BaseException:
        os.close(at)
        raise


def _reversed(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _target(link: int, owner: int, name: str, links: int) -> str:
    """What the opened `link` says, if it is root's or ours.  Raises OSError."""
    if owner not in (0, os.geteuid()):
        raise OSError(errno.ELOOP, f"{name} is another user's symbolic link, and is not followed", name)
    if links > _MOST_LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    return os.readlink("", dir_fd=link)
