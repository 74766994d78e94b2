"""Whose a path is: links to what is to be written are followed if they are root's or ours; and whether it is all root's.

Another user's link may lead anywhere by now, and what root writes is not for there (as fs.protected_symlinks has it in
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
        self._directory, self._name = _found(path, of_link, [])

    def __enter__(self) -> tuple[int, str]:
        return self._directory, self._name

    def __exit__(self, *_: object) -> None:
        os.close(self._directory)


def _found(path: str, of_link: bool, passed: list[os.stat_result]) -> tuple[int, str]:
    """What `parent` gives; `passed` gets the links and directories on the way, the last is the one that is opened."""
    at = os.open("/" if path.startswith("/") else ".", _LOOK | os.O_DIRECTORY)
    left, links = _reversed(path), 0
    try:
        while left:
            passed.append(os.fstat(at))
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
                    passed.append(status)
                    left += _reversed(target)
                    found, closed = os.open("/", _LOOK) if target.startswith("/") else os.dup(at), found
                    os.close(closed)
                elif not left:
                    os.close(found)
                    return at, name
            except BaseException:
                os.close(found)
                raise
            at, above = found, at
            os.close(above)
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


def is_roots(path: str) -> bool:
    """Whether nobody but root decides what is in the file at `path`, or where it is: whose its own directory is, the caller knows."""
    passed: list[os.stat_result] = []
    try:
        directory, name = _found(path, of_link=False, passed=passed)
    except FileNotFoundError:
        return all(map(_is_kept, passed))  # who has removed it could do so in one of these
    except OSError:
        return False
    passed.pop()
    try:
        passed.append(os.stat(name, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        pass
    finally:
        os.close(directory)
    return all(map(_is_kept, passed))


def _is_kept(status: os.stat_result) -> bool:
    """Whether it is root's, and no directory in which everybody may rename what is others'."""
    is_open = status.st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH and not stat.S_ISLNK(status.st_mode)
    return status.st_uid == 0 and not is_open
