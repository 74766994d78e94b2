"""Acting for a caller: in a process of its own, which sees the caller's files as the caller does.

    supervisor                          actor
    opens the caller's root and cwd
    (and its mount namespace),
    the caller still waits: they are its
    fork ─────────────────────────────▶ enters them: chroot(2), setns(2)
                                        becomes the caller's user for files, keeps `capabilities` only
                                        acts
              ◀──── errno ──────────────

It stays in the host's pid namespace: the container sees no such process, and
cannot trace it.  Paths that the caller names are resolved where they would have
been resolved for the caller, with the rights of the caller's user, whatever
becomes of them meanwhile.  Nothing is imported there.
"""

from __future__ import annotations

import errno
import os

from lxc.kernel import capability, fs, mount, polling, process, signals
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

PATIENCE_MS = 30_000  # the container may own a file system that never answers


class Actor(Record):
    """What acting is done with."""

    uid: int  # who the caller is to file systems, as the host counts
    umask: int
    base: int  # the directory, or what else, that `Powers.dirfd` means
    own: int  # the actor's fd directory in the host's proc, mounted nowhere: nothing is above it.  -1: it has not entered


AT_FDCWD = -100
_OVER_FILES = (1, 2, 3)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


def has_our_users(directory: int) -> bool:
    """Whether the caller is in our user namespace: its capabilities are ones over the host's files, and our processes."""
    return os.path.samestat(os.stat("ns/user", dir_fd=directory), os.stat("/proc/self/ns/user"))


class Powers(Record):
    """What the process has to act with."""

    capabilities: tuple[int, ...] = ()
    dirfd: int = AT_FDCWD  # what the caller's path is relative to
    groups: tuple[int, ...] = ()  # files to write to for being in the container's device groups
    enters: bool = False  # the caller's mount namespace, where mounts can be attached then


def act(
    directory: int,
    check: Callable[[], None],
    status: Mapping[str, str],
    function: Callable[[Actor], object],
    powers: Powers,
) -> None:
    """Have a process act for the caller whose directory of proc is `directory`.  Raises what OSError `function` raises.

    `check` raises if the caller has gone; `status` is its /proc/PID/status.
    """
    opened: list[int] = []
    try:
        for name in ("root", "cwd", "ns/mnt"):
            flags = os.O_RDONLY if name == "ns/mnt" else os.O_PATH | os.O_DIRECTORY
            opened.append(os.open(name, flags | os.O_CLOEXEC, dir_fd=directory))
        opened.append(_base(directory, powers.dirfd))
        check()
        report, report_end = os.pipe2(os.O_CLOEXEC)
        with closing(report):
            with closing(report_end):
                pid, pidfd = process.clone3(0)
                if pid == 0:
                    _be(directory, opened, status, function, powers, report_end)
            with closing(pidfd):
                number = _result(report)
                process.pidfd_send_signal(pidfd, signals.SIGKILL)
                os.waitpid(pid, 0)
    finally:
        fs.close(*opened)
    if number:
        raise OSError(number, os.strerror(number))


def _base(directory: int, dirfd: int) -> int:
    """What the caller's `dirfd` means.  Raises OSError(EBADF)."""
    try:
        name = "cwd" if dirfd == AT_FDCWD else f"fd/{max(dirfd, 0)}"
        return os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None


def _result(report: int) -> int:
    if not polling.events(report, PATIENCE_MS):
        return errno.ETIMEDOUT
    raw = os.read(report, 4)
    return int.from_bytes(raw, "little") if len(raw) == 4 else errno.EIO


def _be(
    directory: int,
    opened: list[int],
    status: Mapping[str, str],
    function: Callable[[Actor], object],
    powers: Powers,
    report: int,
) -> NoReturn:
    """In the new process.  Never returns."""
    number = errno.EIO
    try:
        process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
        process.prctl(process.PR_SET_DUMPABLE, 0)
        for group in powers.groups:
            os.write(group, b"0")
        held = int(status["CapEff"], 16) if has_our_users(directory) else 0
        owned = tuple(number for number in _OVER_FILES if held >> number & 1)
        own = mount.open_tree(mount.AT_FDCWD, "/proc/self/fd", mount.OPEN_TREE_CLONE) if powers.enters else -1
        root, cwd, mounts, base = opened
        actor = Actor(int(status["Uid"].split()[3]), int(status.get("Umask", "022"), 8), base, own)
        if powers.enters:
            process.setns(mounts, process.CLONE_NEWNS)
        os.fchdir(root)
        os.chroot(".")
        os.fchdir(cwd)
        os.umask(actor.umask)
        os.setgroups([int(group) for group in status["Groups"].split()])
        fs.setfsids(actor.uid, int(status["Gid"].split()[3]))
        capability.keep((*powers.capabilities, *owned))
        function(actor)
        number = 0
    except OSError as error:
        number = error.errno or errno.EIO
    finally:
        os.write(report, number.to_bytes(4, "little"))
        os._exit(0)
