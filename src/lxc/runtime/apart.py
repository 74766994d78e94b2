"""Running a command in namespaces of its own that belong to no container: lxc-usernsexec, lxc-unshare.

we                                  the command's process
clone3() ───────────────────────▶   waits
maps ids, moves devices
go ─────────────────────────────▶   takes its ids, prepares its mounts, executes the command
"""

from __future__ import annotations

import os

from lxc import log, propagation
from lxc.clocks import inside as clocks
from lxc.errors import StepError
from lxc.idmap import fork
from lxc.kernel import mount, process, signals
from lxc.record import Record
from lxc.runtime import remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from lxc.idmap.plan import IdMapPlan

_CANNOT = 1
_OURS = frozenset({signals.SIGINT, signals.SIGQUIT})  # the terminal sends them to the command, too: its end is ours


class Apart(Record):
    """What lxc-unshare is asked for."""

    argv: tuple[str, ...]
    namespaces: tuple[str, ...]
    uid: int  # in a new user namespace
    hostname: str = ""
    interfaces: tuple[str, ...] = ()  # of ours, to be moved there
    remounts: bool = False  # /proc, /dev/shm and /dev/mqueue anew
    daemon: bool = False  # do not wait


def as_root(ids: IdMapPlan, argv: tuple[str, ...]) -> int:
    """Run `argv` as who `ids` make root, in a user and a mount namespace.  Return its exit status, 128 + N if signal N ended it.

    Raises LxcError if it cannot be.
    """
    mask = signals.block(_OURS)
    try:
        pid = fork.fork(ids)
    except OSError as error:
        raise remedies.no_user_namespace(error) from error
    if pid == 0:
        _execute(argv, mask)
    try:
        return signals.exit_status(os.waitpid(pid, 0)[1])
    finally:
        signals.restore(mask)


def unshare(wanted: Apart) -> int:
    """Run a command as `wanted` says.  Return its exit status as `as_root` does; 0 for one that is not waited for.  Raises LxcError."""
    gate, opens = os.pipe2(os.O_CLOEXEC)
    mask = signals.block(_OURS)
    flags = sum(process.NAMESPACES[name] for name in wanted.namespaces)
    try:
        pid, pidfd = process.clone3(flags & ~process.CLONE_NEWTIME)
    except OSError as error:
        if "user" in wanted.namespaces:
            raise remedies.no_user_namespace(error) from error
        raise StepError(f"make namespaces: {' '.join(wanted.namespaces)}", error) from error
    if pid == 0:
        os.close(opens)
        _begin(wanted, gate, mask)
    os.close(gate)
    os.close(pidfd)
    try:
        _map(wanted, pid)
        for interface in wanted.interfaces:
            _move(interface, pid)
        os.write(opens, b"\1")
    except BaseException:
        os.kill(pid, signals.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(opens)
    try:
        return 0 if wanted.daemon else signals.exit_status(os.waitpid(pid, 0)[1])
    finally:
        signals.restore(mask)


def _begin(wanted: Apart, gate: int, mask: frozenset[int]) -> NoReturn:
    """In the new process."""
    step = "wait"
    try:
        if os.read(gate, 1) != b"\1":
            os._exit(_CANNOT)
        if "user" in wanted.namespaces:
            step = f"become user {wanted.uid}"
            os.setresuid(wanted.uid, wanted.uid, wanted.uid)
        if "time" in wanted.namespaces:
            step = "make a time namespace"
            process.unshare(process.CLONE_NEWTIME)
            os.close(clocks.enter_made())
        if "mnt" in wanted.namespaces:
            step = "keep mounts from the host"
            propagation.keep_from_host(mount.MS_PRIVATE)
        if wanted.hostname:
            step = f"set the host name to {wanted.hostname}"
            process.sethostname(wanted.hostname)
        if wanted.remounts:
            for fstype, path in (("proc", "/proc"), ("tmpfs", "/dev/shm"), ("mqueue", "/dev/mqueue")):
                step = f"mount {path}"
                os.makedirs(path, exist_ok=True)
                mount.mount(fstype, path, fstype)
    except OSError as error:
        _say(f"cannot {step}: {error.strerror}")
        os._exit(_CANNOT)
    _execute(wanted.argv, mask)


def _map(wanted: Apart, pid: int) -> None:
    """The user and group that we are, as `wanted.uid` and as they are."""
    if "user" not in wanted.namespaces:
        return
    lines = (
        ("uid_map", f"{wanted.uid} {os.geteuid()} 1\n"),
        ("setgroups", "deny"),
        ("gid_map", f"{os.getegid()} {os.getegid()} 1\n"),
    )
    for file, text in lines:
        try:
            with open(f"/proc/{pid}/{file}", "w", encoding="ascii") as opened:
                opened.write(text)
        except OSError as error:
            raise StepError(f"map user {wanted.uid} ({file})", error) from error


def _move(interface: str, pid: int) -> None:
    """Give it a network device; what fails is said, and the command runs without."""
    try:
        status = os.spawnvp(os.P_WAIT, "ip", ("ip", "link", "set", "dev", interface, "netns", str(pid)))
    except OSError as error:
        status = error.errno or 1
    if status:
        log.warn(f"the network device {interface} stays where it is: ip ended with status {status}")
        _say(f"{interface} could not be moved")


def _execute(argv: tuple[str, ...], mask: frozenset[int]) -> NoReturn:
    signals.reset(signals.IGNORED_BY_PYTHON)
    signals.restore(mask)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        _say(f"cannot run {argv[0]}: {error.strerror}")
    os._exit(_CANNOT)


def _say(text: str) -> None:
    os.write(2, f"{text}\n".encode(errors="surrogateescape"))
