"""The way down into a tree whose owner is hostile: no link is followed, nothing leads out, what is mounted is not entered."""

from __future__ import annotations

import os

from lxc.kernel import fs

_LONGEST = 3800  # bytes of a path for one openat2(2), which takes 4095 and a name may have 255
_BELOW = fs.RESOLVE_BENEATH | fs.RESOLVE_NO_SYMLINKS | fs.RESOLVE_NO_XDEV | fs.RESOLVE_NO_MAGICLINKS


def open(parent: int, path: str) -> int:  # noqa: A001  # descent.open
    """The directory `path` below the directory `parent`; the caller closes it.  Raises OSError."""
    return fs.openat2(parent, path, os.O_RDONLY | os.O_DIRECTORY, 0, _BELOW)


def walk(top: int, names: list[str]) -> int:
    """The directory reached from `top` by `names`, however long their path is; the caller closes it.  Raises OSError."""
    fd, path = top, ""
    for at, name in enumerate(names):
        path = f"{path}/{name}" if path else name
        is_long = at + 1 < len(names) and len(os.fsencode(path)) > _LONGEST
        if is_long or at + 1 == len(names):
            try:
                deeper = open(fd, path)
            finally:
                if fd != top:
                    os.close(fd)
            fd, path = deeper, ""
    return fd if names else open(top, ".")
