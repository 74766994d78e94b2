"""The bridge's dnsmasq: one process, known by its pid file, its command line and its user."""

from __future__ import annotations

import os

from lxc import programs
from lxc.bridge.plan import PID_FILE
from lxc.errors import LxcError
from lxc.kernel import polling, process, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = f"--pid-file={PID_FILE}"
_USERS = ("lxc-dnsmasq", "dnsmasq", "nobody")
_PATIENCE_MS = 5000


def user() -> str:
    """Whom it is run as."""
    return next((name for name in _USERS if _uid(name) >= 0), "root")


def _uid(name: str) -> int:
    """A user's uid, -1 if there is no such user."""
    from pwd import getpwnam

    try:
        return getpwnam(name).pw_uid
    except KeyError:
        return -1


def pid() -> int:
    """The pid of the server, 0 if it does not run.  What a pid file says is not believed: the process must be it.

    Nor is the command line alone of a process that no pid file names: any user can give his own one like it.
    """
    noted = next((number for number in _noted() if _is_it(number)), 0)
    everybody = map(int, filter(str.isdecimal, os.listdir("/proc")))
    return noted or next((number for number in everybody if _is_it(number) and _is_its_users(number)), 0)


def _is_it(number: int) -> bool:
    """Whether it is our dnsmasq: that of a container's own lxc-net looks the same, and is in another network."""
    try:
        is_here = os.path.samefile(f"/proc/{number}/ns/net", "/proc/self/ns/net")
    except PermissionError:
        is_here = True  # to a user it shows no more
    except OSError:
        is_here = False
    return is_here and _OURS in command_line(number)


def _is_its_users(number: int) -> bool:
    try:
        with open(f"/proc/{number}/status", "rb") as file:
            real = next(line.split()[1] for line in file if line.startswith(b"Uid:"))
    except OSError:
        return False
    return int(real) in (0, _uid(user()))


def is_running(argv: Sequence[str]) -> bool:
    """Whether it runs with just these arguments."""
    number = pid()
    return bool(number) and command_line(number)[1:] == list(argv)[1:]


def command_line(number: int) -> list[str]:
    """The words that the process was started with; none if it is gone."""
    try:
        with open(f"/proc/{number}/cmdline", "rb") as file:
            return os.fsdecode(file.read()).split("\0")[:-1]
    except OSError:
        return []


def start(argv: Sequence[str]) -> None:
    """Start it; return once it serves.  One that runs with other arguments is ended before.

    Raises LxcError with its own words.
    """
    stop()
    leases = [word.partition("=")[2] for word in argv if word.startswith("--dhcp-leasefile=")]
    for path in leases:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    done = programs.run(argv)
    if done.status != 0:
        why = done.complaint.removeprefix("dnsmasq: ")
        hint = "another server has that port on all addresses: have it listen on single ones" if "in use" in why else ""
        raise LxcError(why, hint=hint)


def stop() -> None:
    """End it, if it runs."""
    number = pid()
    if number:
        _end(number)
    try:
        os.unlink(PID_FILE)
    except FileNotFoundError:
        pass


def _end(number: int) -> None:
    try:
        pidfd = process.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        if not _is_it(number):
            return  # it has ended, and another process has its number
        for signal in (signals.SIGTERM, signals.SIGKILL):
            process.pidfd_send_signal(pidfd, signal)
            if polling.events(pidfd, _PATIENCE_MS):
                return
    except ProcessLookupError:
        return
    finally:
        os.close(pidfd)


def _noted() -> list[int]:
    try:
        with open(PID_FILE) as file:
            text = file.read(32).strip()
    except OSError:
        return []
    return [int(text)] if text.isascii() and text.isdecimal() else []
