"""What another user has configured, root does not run: destroy and clone hooks are run by who destroys or copies a container.

His is what he can write, or put another in the place of: its file, and the directories above the container's own, which
may be the container's root's.
"""

from __future__ import annotations

import os
import stat

from lxc.errors import Refused
from lxc.runtime import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config


def refuse_hooks(config: Config, *keys: str) -> None:
    """Raise Refused if root would run hooks of these keys that are not root's."""
    wheres = [where for key in keys for where in config.places(key)]
    if not wheres or os.geteuid() or not host.is_initial_user_namespace():
        return
    for where in wheres:
        path, _, line = where.rpartition(":")
        if line.isdecimal() and not _is_roots(os.path.abspath(path)):
            raise Refused(
                "root runs no hook that another user has configured, or could have",
                where=where,
                hint="do it as that user, or have the file, and the directories it lies in, be root's",
            )


def _is_roots(path: str) -> bool:
    """Whether nobody but root decides what is in the file at `path`."""
    found = {each for start in (path, os.path.realpath(path)) for each in (start, *_above(os.path.dirname(start)))}
    return all(map(_is_kept_by_root, found))


def _is_kept_by_root(path: str) -> bool:
    """Whether it is root's, and no directory in which everybody may rename what is others'."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return True  # who has removed it could do so in a directory that is looked at
    is_open = status.st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH and not stat.S_ISLNK(status.st_mode)
    return status.st_uid == 0 and not is_open


def _above(directory: str) -> list[str]:
    """The directories above it."""
    found = []
    while directory != "/":
        directory = os.path.dirname(directory)
        found.append(directory)
    return found
