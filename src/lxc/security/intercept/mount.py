"""mount(2) of file systems that the configuration names.

[all]
mount notify [3,0,SCMP_CMP_MASKED_EQ,0xc0ed1020]

lxc.seccomp.notify.proxy = python:lxc.security.intercept:mount
lxc.seccomp.notify.cookie = mount=ext4,tmpfs
"""

from __future__ import annotations

import errno
import os
import stat

from lxc.kernel import mount as kernel
from lxc.security.seccomp.handlers import CONTINUE, Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.security.seccomp.acting import Actor
    from lxc.security.seccomp.handlers import Call

CAP_SYS_ADMIN = 21
_WORD = "mount="
_WITHOUT_SOURCE = ("tmpfs", "ramfs")
_MS_SILENT, _MS_RELATIME, _MS_STRICTATIME, _MS_NOATIME, _MS_NODIRATIME = 1 << 15, 1 << 21, 1 << 24, 1 << 10, 1 << 11
_TAKEN = (  # all others change a mount that is there, or bind one: that is the kernel's to allow
    kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | _MS_SILENT
    | _MS_RELATIME | _MS_STRICTATIME | _MS_NOATIME | _MS_NODIRATIME
)  # fmt: skip
_MAGIC, _MAGIC_MASK = 0xC0ED0000, 0xFFFF0000  # what old programs put into the flags
_ATTR_NOATIME, _ATTR_STRICTATIME, _ATTR_NODIRATIME = 0x10, 0x20, 0x80


def mount(call: Call) -> Answer | None:
    """Make a new mount of a file system whose type the cookie names; the kernel decides on all else.

    The cookie holds words, separated by blanks; one is mount=TYPE,TYPE…. Without it nothing is mounted here.

    As safe as those types: the kernel's code for a file system reads what the container wrote on its device, so name
    only types that you trust with that. All strings are read once, and used as they were read. The device is opened as
    the caller and in the container's device groups, is looked at after that, and must be a block device; the mount is made of that
    descriptor, always without devices and set-user-ID programs, and attached where the caller's path leads in the caller's
    mount namespace. Only the container's root is served.
    """
    if call.name != "mount":
        return None
    source_at, target_at, fstype_at, flags, data_at = call.arguments[:5]
    if flags & _MAGIC_MASK == _MAGIC:
        flags &= ~_MAGIC_MASK
    if flags & ~_TAKEN or not fstype_at or not target_at or not call.is_administrator(CAP_SYS_ADMIN):
        return CONTINUE
    fstype = call.string(fstype_at, 256).decode(errors="replace")
    if fstype not in allowed(call.cookie):
        return CONTINUE
    source = call.string(source_at) if source_at else b"none"
    target = call.string(target_at)
    options = _options(call.string(data_at) if data_at else b"")

    def attach(actor: Actor) -> None:
        place = os.open(target, os.O_PATH | os.O_CLOEXEC)
        kernel.move_mount(_make(fstype, source, options, _attributes(flags), actor), place)

    groups = call.device_groups()
    try:
        call.act(attach, capabilities=(CAP_SYS_ADMIN,), groups=groups, enters=True)
    finally:
        for fd in groups:
            os.close(fd)
    return Answer()


def allowed(cookie: str) -> tuple[str, ...]:
    """The types of file systems that `cookie` names."""
    words = (word.removeprefix(_WORD) for word in cookie.split() if word.startswith(_WORD))
    return tuple(name for word in words for name in word.split(",") if name)


def _make(
    fstype: str, source: bytes, options: tuple[tuple[str, str | None], ...], attributes: int, actor: Actor
) -> int:
    """A detached mount; all descriptors go with the process of `actor`.  Raises OSError."""
    context = kernel.fsopen(fstype)
    if attributes & kernel.MOUNT_ATTR_RDONLY:
        kernel.fsconfig(context, kernel.FSCONFIG_SET_FLAG, "ro")
    for name, value in options:
        command = kernel.FSCONFIG_SET_FLAG if value is None else kernel.FSCONFIG_SET_STRING
        kernel.fsconfig(context, command, name, value)
    text = os.fsdecode(source)
    if fstype not in _WITHOUT_SOURCE:
        access = os.O_RDONLY if attributes & kernel.MOUNT_ATTR_RDONLY else os.O_RDWR
        device = os.open(source, access | os.O_CLOEXEC | os.O_NONBLOCK)
        if not stat.S_ISBLK(os.fstat(device).st_mode):
            raise OSError(errno.ENOTBLK, os.strerror(errno.ENOTBLK))
        # The kernel looks the device up by name: in the host's proc, and not the container's; before Linux 6.5 also what
        # options of an overlay name, and of xfs ever: there, .. leads nowhere.
        os.fchdir(actor.own)
        text = str(device)
    kernel.fsconfig(context, kernel.FSCONFIG_SET_STRING, "source", text)
    kernel.fsconfig(context, kernel.FSCONFIG_CMD_CREATE)
    return kernel.fsmount(context, attributes)


def _attributes(flags: int) -> int:
    taken = flags & (kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOEXEC)  # they are numbered alike
    for flag, attribute in (
        (_MS_NOATIME, _ATTR_NOATIME), (_MS_STRICTATIME, _ATTR_STRICTATIME), (_MS_NODIRATIME, _ATTR_NODIRATIME),
    ):  # fmt: skip
        taken |= attribute if flags & flag else 0
    return taken | kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV


def _options(data: bytes) -> tuple[tuple[str, str | None], ...]:
    """What fsconfig(2) takes of mount(2)'s last argument."""
    found: list[tuple[str, str | None]] = []
    for word in filter(None, os.fsdecode(data).split(",")):
        name, equals, value = word.partition("=")
        if name == "source" or not name:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        found.append((name, value if equals else None))
    return tuple(found)
