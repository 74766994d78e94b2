"""What is mounted in a mount namespace of one's own stays there: mount_namespaces(7)."""

from __future__ import annotations

import errno
import os

from lxc.kernel import mount, process
from lxc.kernel.fs import closing


def keep_from_host(propagation: int = mount.MS_SLAVE) -> None:
    """What there is of mounts below our root gives nothing back to the host's; as a slave it still gets what happens there.

    Where that is a directory which chroot(2) has made our root, and no mount, all of the namespace.  Raises OSError.
    """
    try:
        mount.mount(None, "/", None, mount.MS_REC | propagation)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
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
