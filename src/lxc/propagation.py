"""What is mounted in a mount namespace of one's own stays there: mount_namespaces(7)."""

from __future__ import annotations

import os

from lxc.kernel import mount, process
from lxc.kernel.fs import closing


def keep_from_host(propagation: int = mount.MS_SLAVE) -> None:
    """Whatever this process's namespace has of mounts gives nothing back to the host's; as a slave it still gets what happens there.

    All of it, also above a directory that chroot(2) has made our root, which need not be a mount.  Raises OSError.
    """
    with closing(_directory("/")) as root, closing(_current()) as current:
        leave_chroot()
        mount.mount(None, "/", None, mount.MS_REC | propagation)
        os.fchdir(root)
        os.chroot(".")
        os.fchdir(current)


def leave_chroot() -> None:
    """Make the mount namespace's own root this process's, and its current directory, as it is for whoever joins it (setns(2)).

    Raises OSError: EPERM without CAP_SYS_CHROOT and CAP_SYS_ADMIN.
    """
    with closing(process.pidfd_open(os.getpid())) as this:
        process.setns(this, process.CLONE_NEWNS)


def _current() -> int:
    try:
        return _directory(".")
    except PermissionError:  # it was somebody else's who came here, and nothing is found from here
        return _directory("/")


def _directory(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
