"""mknod(2) and mknodat(2) of devices that do no harm.

[all]
mknod notify [1,8192,SCMP_CMP_MASKED_EQ,61440]
mknodat notify [2,8192,SCMP_CMP_MASKED_EQ,61440]
"""

from __future__ import annotations

import errno
import os
import stat

from lxc.security.seccomp.acting import AT_FDCWD
from lxc.security.seccomp.handlers import CONTINUE, Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.security.seccomp.acting import Actor
    from lxc.security.seccomp.handlers import Call

CAP_MKNOD = 27
HARMLESS = {  # (major, minor) of character devices
    (0, 0): "the whiteout of overlay file systems", (1, 3): "null", (1, 5): "zero", (1, 7): "full", (1, 8): "random",
    (1, 9): "urandom", (5, 0): "tty",
}  # fmt: skip


def mknod(call: Call) -> Answer | None:
    """Make the device if it is a character device of `HARMLESS`; the kernel decides on all else.

    Safe: the kind and the number are arguments, which the caller cannot change any more; whatever the path leads to
    meanwhile, it is resolved from the caller's root and as the caller's user, and all that can come of it is one of
    these devices.  Only the container's root is served: others may not make devices with the kernel either.
    """
    if call.name not in ("mknod", "mknodat"):
        return None
    dirfd = call.integer(0) if call.name == "mknodat" else AT_FDCWD
    address, mode, device = call.arguments[1:4] if call.name == "mknodat" else call.arguments[:3]
    number = device & 0xFFFFFFFF
    if not stat.S_ISCHR(mode) or (os.major(number), os.minor(number)) not in HARMLESS:
        return CONTINUE
    if not call.is_administrator(CAP_MKNOD):
        return CONTINUE
    path = call.string(address)

    def make(actor: Actor) -> None:
        if not path:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        os.mknod(path, mode & 0o7777 | stat.S_IFCHR, number, dir_fd=actor.base)

    call.act(make, capabilities=(CAP_MKNOD,), dirfd=AT_FDCWD if path.startswith(b"/") else dirfd)
    return Answer()
