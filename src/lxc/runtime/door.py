"""The last program of ours on the way into a container: lxc-init, executed from a read-only mount of its own.

Whatever a container executes can open /proc/self/exe of the process it came
from.  Were that the host's Python, the container's root could overwrite it
(CVE-2019-5736).  So nothing of the container's is ever executed by Python: the
interpreter first becomes lxc-init, a small static program, through a detached
read-only mount that no path leads to, and lxc-init executes the container's.

What is mounted is the directory it is in: whoever has the root of a detached mount may change its attributes
(mount_setattr(2)), if he may mount at all, and /proc/PID/exe is not that.
"""

from __future__ import annotations

import os

from lxc.errors import NotFound
from lxc.kernel import mount, process, sockets
from lxc.kernel.fs import closing
from lxc.loading import LIBEXEC

PROGRAM = f"{LIBEXEC}/lxc-init"


def open_init() -> int:
    """A descriptor of the directory of lxc-init on a detached read-only mount, for fs.execveat.  Raises NotFound, OSError.

    The caller closes it, best when nobody waits: whoever closes the last one waits for a grace period of RCU.
    """
    try:
        return _open()
    except FileNotFoundError:
        raise NotFound(f"{PROGRAM} is missing", hint="build the project (make build), or install it again") from None
    except PermissionError:
        return _have_opened()


def _open() -> int:
    # With what is mounted below: who opens it as root of a user namespace may not see what that covers.
    tree = mount.open_tree(mount.AT_FDCWD, LIBEXEC, mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
    attributes = mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV
    try:
        mount.mount_setattr(tree, attr_set=attributes, recursive=True)
        os.stat("lxc-init", dir_fd=tree)
    except BaseException:
        os.close(tree)
        raise
    return tree


def _have_opened() -> int:
    """By a process in a user and a mount namespace of its own: there, everybody may make mounts.  Raises OSError.

    This process must have one thread.
    """
    ours, theirs = sockets.pair()
    pid, pidfd = process.clone3(process.CLONE_NEWUSER | process.CLONE_NEWNS)
    if pid == 0:
        number = 0
        try:
            with closing(_open()) as program:
                sockets.send(theirs, b"\0", (program,))
        except OSError as error:
            number = error.errno or 1
        finally:
            os._exit(number)
    os.close(pidfd)
    theirs.close()
    _, descriptors, _ = sockets.receive(ours, 1)
    ours.close()
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if not descriptors:
        raise OSError(number, os.strerror(number), PROGRAM)
    return descriptors[0]
