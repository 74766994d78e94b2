"""setxattr(2) and its kin, of the attribute by which overlay file systems mark a directory that hides those below.

[all]
setxattr notify
lsetxattr notify
fsetxattr notify
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

CAP_SYS_ADMIN = 21
ALLOWED = {(b"trusted.overlay.opaque", b"y")}
_LONGEST_NAME = 256
_LONGEST_VALUE = max(len(value) for _, value in ALLOWED)


def setxattr(call: Call) -> Answer | None:
    """Set the attribute if it is one of `ALLOWED`; the kernel decides on all else.

    Safe: name and value are read once and set as they were read. They are set on a directory that the caller's user
    owns, found as the caller would have found it and opened before that is looked at. The mark changes what an overlay
    mount shows of directories that the caller can change anyway. A call that is continued has the caller's rights only.
    """
    if call.name not in ("setxattr", "lsetxattr", "fsetxattr"):
        return None
    target, name_at, value_at, size, flags = call.arguments[:5]
    if size > _LONGEST_VALUE or not call.is_administrator(CAP_SYS_ADMIN):
        return CONTINUE
    name, value = call.string(name_at, _LONGEST_NAME), call.memory(value_at, size)
    if (name, value) not in ALLOWED:
        return CONTINUE
    is_descriptor = call.name == "fsetxattr"
    path = b"." if is_descriptor else call.string(target)
    dirfd = call.integer(0) if is_descriptor else AT_FDCWD
    nofollow = os.O_NOFOLLOW if call.name == "lsetxattr" else 0

    def mark(actor: Actor) -> None:
        wanted = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | nofollow
        directory = os.open(path, wanted, dir_fd=actor.base)
        status = os.fstat(directory)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != actor.uid:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        os.setxattr(directory, name, value, flags & 0x3)

    call.act(mark, capabilities=(CAP_SYS_ADMIN,), dirfd=dirfd)
    return Answer()
