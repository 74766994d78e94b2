"""A directory of the host as the root: bound, with all that is mounted below it."""

from __future__ import annotations

import errno
import os

from lxc import detached, log
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.kernel.mount import AT_FDCWD
from lxc.storage.backend import Attached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.plan import RootPlan

_KEEP = ".lxc_keep"
# What a file system says that cannot be written to, or has no nameless files.
_NO_PIN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EEXIST, errno.ELOOP})
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT})


def detects(path: str) -> bool:
    return os.path.isdir(path)


def attach(plan: RootPlan) -> Attached:
    """Pin it: with a file open for writing, nobody in the container can remount the host's file system read-only.

    In a user namespace of its own nobody can anyway.
    """
    if plan.has_owner:
        return Attached()
    with closing(os.open(plan.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        return Attached(descriptors=_pin(root))


def mount(plan: RootPlan) -> int:
    return detached.copy(AT_FDCWD, plan.path, recursive=True, set_=plan.attr_set, clear=plan.attr_clear)


def _pin(root: int) -> tuple[int, ...]:
    """A file below `root` that has no name, so that nothing the container has put there is opened and nothing stays."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    try:
        try:
            return (os.open(".", flags | os.O_TMPFILE, 0o600, dir_fd=root),)
        except OSError as error:
            if error.errno not in _NO_NAMELESS:
                raise
        pin = os.open(_KEEP, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=root)
    except OSError as error:
        if error.errno not in _NO_PIN:
            raise
        log.debug(f"the root file system is not pinned: {error.strerror}")
        return ()
    if fs.filesystem_type(root) != fs.NFS_SUPER_MAGIC:  # there it would get a name of the server's making
        os.unlink(_KEEP, dir_fd=root)
    return (pin,)
