"""Doing, in the container's mount namespace before it enters its root, what lxc.terminal.plan decided.

`dev` is a descriptor of the container's /dev, whose owner may be hostile: what
is touched below it is opened by descriptor, through no link, on the same mount.
A terminal is never looked up by name: the kernel opens the slave for whoever
has the master (TIOCGPTPEER), and a detached mount of that is what is attached.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc import beneath, detached, log
from lxc.errors import StepError, remedy
from lxc.kernel import fs, mount, tty
from lxc.kernel.fs import closing
from lxc.terminal.plan import (
    MOST_TERMINALS,
    NO_MORE,
    AllocateConsole,
    AllocateTtys,
    BindConsole,
    BindPtmx,
    BindTty,
    Given,
    InsideStep,
    MakeHidden,
    MakeTtyDir,
    MountDevpts,
    Pseudo,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxc.terminal.plan import Prepared, TerminalPlan

_CONSOLE_MODE = 0o620
_STDIO_MODE = 0o600


def perform(plan: TerminalPlan, prepared: Prepared, dev: int) -> Given:
    """Make and bind the terminals of `plan` below the container's /dev, `dev`.  Raises StepError.

    The caller closes what is given.
    """
    work = _Work(plan, prepared, dev)
    for step in plan.inside:
        try:
            work.do(step)
        except OSError as error:
            raise StepError(
                str(step), _why(error), where=step.where, hint=_hint(step, error) or remedy(error)
            ) from error
    return work.given()


def take_stdio(plan: TerminalPlan, given: Given) -> None:
    """In init: make the console standard input, output and error.

    In the foreground an application, and what has no console, keeps what it was given
    instead of a terminal (lxc-execute … | sort), but never a terminal of the host.
    """
    if given.console_slave < 0:
        return
    for fd in (0, 1, 2):
        if not plan.keeps_stdio or _is_terminal_or_closed(fd):
            os.dup2(given.console_slave, fd)


def own_session() -> None:
    """In init: setsid(2).  Init has no controlling terminal until it opens one, as programs made for PID 1 expect it."""
    os.setsid()


def own_stdio(uid: int, gid: int) -> None:
    """In init: give the terminals and pipes among its standard descriptors to `uid` and `gid` (-1: as they are), 0600.

    What else they may be (a file that the user redirected to) stays as it is.
    """
    for fd in (0, 1, 2):
        try:
            if os.isatty(fd):
                os.fchown(fd, uid, gid)
                os.fchmod(fd, _STDIO_MODE)
            elif _is_pipe(fd):
                os.fchown(fd, uid, gid)
        except PermissionError as error:  # in a user namespace, one of somebody who is nobody there
            log.debug(f"standard descriptor {fd} stays whose it is: {error.strerror}")


class _Work:
    """The terminals made so far."""

    def __init__(self, plan: TerminalPlan, prepared: Prepared, dev: int) -> None:
        self._dev = dev
        self._devpts = -1
        self._console, self._ttys = prepared.console, prepared.ttys
        self._masters: tuple[int, ...] = ()  # of the ttys, if they are not those that the monitor has made
        self._wants_console = plan.has_console and plan.pty_max <= 1
        self._names: list[str] = []

    def do(self, step: InsideStep) -> None:
        match step:
            case MakeHidden():
                self._make_hidden(step.count)
            case MountDevpts():
                self._mount_devpts(step.max)
            case BindPtmx():
                _bind_ptmx(self._dev, self._devpts)
            case AllocateConsole():
                self._console = Pseudo(*tty.open_pair(self._devpts))
            case MakeTtyDir():
                beneath.make_directory(self._dev, step.path)
            case BindConsole():
                self._bind_console(step.tty_dir)
            case AllocateTtys():
                self._take(Pseudo(*tty.open_pair(self._devpts)) for _ in range(step.count))
            case BindTty():
                self._bind_tty(step)

    def given(self) -> Given:
        if self._masters:
            fs.close(*(each.slave for each in self._ttys))
        return Given(self._console.master, self._console.slave, self._masters, self._devpts, " ".join(self._names))

    def _take(self, ttys: Iterable[Pseudo]) -> None:
        self._ttys = tuple(ttys)
        self._masters = tuple(each.master for each in self._ttys)

    def _make_hidden(self, count: int) -> None:
        """Over /dev for a moment: only what is mounted can be bound (before Linux 6.15)."""
        with closing(_new_devpts(count)) as devpts:
            mount.move_mount(devpts, self._dev)
            made = []
            for _ in range(count):
                master, slave = tty.open_pair(devpts)
                made.append(Pseudo(master, slave, _tree(slave)))
            with closing(os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as before:
                os.fchdir(devpts)
                mount.umount(".", mount.MNT_DETACH)
                os.fchdir(before)
        if self._wants_console:
            self._console = made.pop(0)
        self._take(made)

    def _mount_devpts(self, maximum: int) -> None:
        _unmount_all(self._dev, "pts")
        beneath.make_directory(self._dev, "pts")
        self._devpts = _new_devpts(maximum)
        with closing(_open(self._dev, "pts", os.O_DIRECTORY)) as target:
            mount.move_mount(self._devpts, target)

    def _bind_console(self, tty_dir: str) -> None:
        os.fchmod(self._console.slave, _CONSOLE_MODE)
        with closing(_tree_of(self._console)) as tree:
            _attach(tree, self._dev, f"{tty_dir}/console" if tty_dir else "console", alone=True)
            if tty_dir:
                with closing(_tree(tree)) as second:  # only an attached mount can be copied (before Linux 6.15)
                    _attach(second, self._dev, "console", alone=True)

    def _bind_tty(self, step: BindTty) -> None:
        name, made = f"tty{step.number}", self._ttys[step.number - 1]
        with closing(_tree_of(made)) as tree:
            _attach(tree, self._dev, f"{step.tty_dir}/{name}" if step.tty_dir else name)
        if step.tty_dir:
            _replace_by_link(self._dev, name, f"{step.tty_dir}/{name}")
        self._names.append(f"pts/{tty.number(made.master)}")


def _new_devpts(maximum: int) -> int:
    """A detached mount of a new devpts instance.  Where group 5 is not mapped, its terminals are of group 0."""
    try:
        return _devpts_with(f"max={maximum}", "gid=5")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return _devpts_with(f"max={maximum}")


def _devpts_with(*options: str) -> int:
    with closing(mount.fsopen("devpts")) as context:
        for option in ("source=devpts", "ptmxmode=0666", "mode=0620", *options):
            key, _, value = option.partition("=")
            mount.fsconfig(context, mount.FSCONFIG_SET_STRING, key, value)
        mount.fsconfig(context, mount.FSCONFIG_CMD_CREATE)
        return mount.fsmount(context, mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NOEXEC)


def _bind_ptmx(dev: int, devpts: int) -> None:
    """Make `ptmx` open the container's devpts.  A link that says so already, as distributions ship it, will do."""
    try:
        if os.readlink("ptmx", dir_fd=dev) in ("pts/ptmx", "/dev/pts/ptmx"):
            return
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):  # EINVAL: it is no link
            raise
    with closing(mount.open_tree(devpts, "ptmx", mount.OPEN_TREE_CLONE)) as tree:
        _attach(tree, dev, "ptmx", alone=True)


def _tree(fd: int) -> int:
    """A detached mount of the one file (or mount) that `fd` is open on."""
    return detached.copy(fd, "", recursive=False)


def _tree_of(made: Pseudo) -> int:
    """A detached mount of its slave; the caller closes it."""
    return made.tree if made.tree >= 0 else _tree(made.slave)


def _attach(tree: int, dev: int, path: str, *, alone: bool = False) -> None:
    """Mount `tree` on the file `path` below `dev`, made (0000) if it does not exist; `alone`: in place of what is mounted there."""
    above, _, name = path.rpartition("/")
    with closing(_open(dev, above, os.O_DIRECTORY)) as directory:
        try:
            os.mknod(name, stat.S_IFREG, dir_fd=directory)
        except FileExistsError:
            if alone:
                _unmount_all(directory, name)
    with closing(_open(dev, path, 0)) as target:
        mount.move_mount(tree, target)


def _open(directory: int, name: str, flags: int) -> int:
    return beneath.open(directory, name, os.O_PATH | flags, same_mount=True)


def _unmount_all(directory: int, name: str) -> None:
    """Detach whatever is mounted on `name`, all layers; only this mount namespace sees it go.  Never follows a link."""
    with closing(os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as before:
        os.fchdir(directory)
        try:
            while True:
                mount.umount(name, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):  # EINVAL: nothing (more) is mounted there
                raise
        finally:
            os.fchdir(before)


def _replace_by_link(directory: int, name: str, target: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    os.symlink(target, name, dir_fd=directory)


def _is_terminal_or_closed(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return True
    return os.isatty(fd)


def _is_pipe(fd: int) -> bool:
    """A pipe made by pipe(2): not a fifo, which is a file that others see."""
    try:
        return fs.filesystem_type(fd) == fs.PIPEFS_MAGIC
    except OSError:
        return False


def _why(error: OSError) -> str:
    why = error.strerror or str(error)
    return f"/dev{why}" if error.errno == errno.ELOOP and why.startswith("/") else why  # the link, named from the root


def _hint(step: InsideStep, error: OSError) -> str:
    if isinstance(step, MountDevpts) and error.errno == errno.EINVAL:
        return f"lxc.pty.max and lxc.tty.max may be {MOST_TERMINALS} together"
    if isinstance(step, AllocateTtys | MakeHidden) and error.errno == errno.ENOSPC:
        return NO_MORE
    of_tty_dir = isinstance(step, MakeTtyDir) or (isinstance(step, BindConsole | BindTty) and step.tty_dir)
    if of_tty_dir and error.errno in (errno.EXDEV, errno.ENOTDIR):
        return (
            "lxc.tty.dir must name a directory of /dev itself: what leads out of it, or is mounted in it, will not do"
        )
    if error.errno == errno.EXDEV:
        return "something is mounted there: remove the lxc.mount.entry that does it"
    if error.errno == errno.EROFS:
        return "the container's /dev cannot be written: set lxc.autodev = 1"
    return ""
