"""Giving up privileges, in the container's init, just before it becomes the container's."""

from __future__ import annotations

import errno
import os

from lxc import detached, log
from lxc.kernel import fs, mount, process, procfs, seccomp, sockets
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket
    from lxc.security.plan import Filter, KeyringLabel, Label, SecurityPlan

INITS, OTHERS = b"i", b"o"  # what is said with a listener: whose it is


def open_label(label: Label, *, is_init: bool = False) -> tuple[int, int]:
    """What this process, or what comes of it, takes its label by (`take_label`), and its keyring's; -1 where there is none.

    To be called while the host's /proc is the one in sight: what a container may mount there is not believed (CVE-2015-1334).
    The first is a file for AppArmor; for SELinux it is proc, where each process finds its own, and an init's (`is_init`) has
    nothing of the host's in it.  The caller closes them.  Raises OSError.
    """
    if not label.name and not label.keyring:
        return -1, -1
    with closing(procfs.root()) as proc:
        keyring = _open_attribute(proc, label.module, "keycreate") if label.keyring else -1
        try:
            if not label.name:
                return -1, keyring
            if label.module == "apparmor":
                return _open_attribute(proc, label.module, "exec"), keyring
            return _own_proc(proc) if is_init else fs.duplicate(proc, 0), keyring
        except OSError:
            fs.close(keyring)
            raise


def _open_attribute(proc: int, module: str, name: str) -> int:
    place = f"self/attr/{module}" if os.path.isdir(f"/proc/self/attr/{module}") else "self/attr"
    return os.open(f"{place}/{name}", os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)


def _own_proc(proc: int) -> int:
    """The processes of our pid namespace, mounted nowhere; `proc` again where that namespace is another's."""
    attributes = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC
    try:
        return detached.filesystem("proc", "proc", attributes, ("subset=pid",))
    except PermissionError:
        return fs.duplicate(proc, 0)


def label_keyring(keyring: KeyringLabel, file: int) -> None:
    """Have the next keyring made with its label, see setkeycreatecon(3)."""
    if file >= 0:
        os.write(file, keyring.name.encode(errors="surrogateescape"))


def take_label(label: Label, file: int) -> None:
    """Have what is executed next run with the label, and so all that comes of it; `told`, where that is lxc-init."""
    if file >= 0 and label.module == "selinux":
        _write_context(file, label.name)
    elif file >= 0:
        os.write(file, f"exec {label.name}".encode(errors="surrogateescape"))


def told(label: Label, file: int) -> tuple[str, ...]:
    """What lxc-init is told by the process that becomes it now: to take the SELinux context itself, for what it executes.

    The kernel gives no context to a program on a mount like lxc-init's, and the container's programs are what a policy knows.
    To be called after descriptors were marked close-on-exec: lxc-init gets one more.
    """
    if label.module != "selinux" or file < 0:
        return ()
    _write_context(file, "\n")  # none
    directory = os.open("self/attr", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=file)
    os.set_inheritable(directory, True)
    return (f"--label={directory},{label.name}",)


def _write_context(proc: int, context: str) -> None:
    with closing(os.open("self/attr/exec", os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)) as file:
        os.write(file, context.encode(errors="surrogateescape"))


def join_keyring() -> None:
    """Leave the caller's session keyring (keyrings(7)) for a new one; a kernel without keyrings has none to leave."""
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
