"""Giving up privileges, in the container's init, just before it becomes the container's."""

from __future__ import annotations

import errno
import os

from lxc import log
from lxc.kernel import fs, process, seccomp, sockets
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket
    from lxc.security.plan import Filter, Label, SecurityPlan

_PROC_ROOT = 1  # inode number of proc's root directory, always
INITS, OTHERS = b"i", b"o"  # what is said with a listener: whose it is


def open_label(label: Label) -> tuple[int, int]:
    """The kernel's files to write this process's label to, for what it executes and for its keyring; -1 where there is none.

    To be called while the host's /proc is the one in sight: what a container may mount there is not believed (CVE-2015-1334).
    The caller closes them.  Raises OSError.
    """
    if not label.name and not label.keyring:
        return -1, -1
    with closing(os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as proc:
        if fs.filesystem_type(proc) != fs.PROC_SUPER_MAGIC or os.fstat(proc).st_ino != _PROC_ROOT:
            raise OSError(None, "/proc is not the kernel's")
        place = f"self/attr/{label.module}" if os.path.isdir(f"/proc/self/attr/{label.module}") else "self/attr"
        execution = os.open(f"{place}/exec", os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc) if label.name else -1
        try:
            keyring = os.open(f"{place}/keycreate", os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc) if label.keyring else -1
        except OSError:
            os.close(execution)
            raise
        return execution, keyring


def label_keyring(label: Label, file: int) -> None:
    """Have the next keyring made with its label, see setkeycreatecon(3)."""
    if file >= 0:
        os.write(file, label.keyring.encode())


def take_label(label: Label, file: int) -> None:
    """Have what is executed next run with the label, and so all that comes of it."""
    if file >= 0:
        command = f"exec {label.name}" if label.module == "apparmor" else label.name
        os.write(file, command.encode(errors="surrogateescape"))


def join_keyring(plan: SecurityPlan) -> None:
    """Leave the starter's session keyring (keyrings(7)) for a new one; a kernel without keyrings has none to leave."""
    if not plan.new_keyring:
        return
    try:
        process.join_session_keyring()
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOSYS):
            raise
        log.info(f"no new session keyring: {error.strerror}")


def drop_capabilities(plan: SecurityPlan) -> None:
    """Take the capabilities out of the bounding set: no program run from here on can have them (capabilities(7))."""
    for number in plan.dropped:
        process.prctl(process.PR_CAPBSET_DROP, number)


def forbid_new_privileges(plan: SecurityPlan) -> None:
    if plan.no_new_privs:
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)


def filter_system_calls(wanted: Filter) -> int:
    """From here on, for this process and all that come of it.

    Return the listener, which the caller closes, of a filter that notifies of calls; else -1.
    """
    if wanted.is_supervised:
        return seccomp.set_mode_filter_with_listener(bytes.fromhex(wanted.code))
    if wanted.code:
        seccomp.set_mode_filter(bytes.fromhex(wanted.code))
    return -1


def hand_over(listener: int, supervisor: socket | None) -> None:
    """Give `listener` to the process that answers, if there is one."""
    if listener >= 0 and supervisor:
        sockets.send(supervisor, INITS, (listener,))
