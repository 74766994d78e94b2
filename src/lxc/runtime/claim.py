"""The address of a container's command socket: who listens there is its monitor, who only keeps it lets nobody else be.

Any local user may have it while the container is stopped, and would be asked instead of a monitor, or keep it from
being started: whoever is found there is believed only if the container could be his.
"""

from __future__ import annotations

import errno
import os

from lxc.errors import AlreadyRunning, Refused, StateError, StepError
from lxc.kernel import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.kernel.sockets import socket
    from lxc.kernel.unixdiag import Bound
    from lxc.runtime.place import Place


class Reserved(StateError):
    """Somebody keeps the address, and does not listen there."""


def listen(place: Place) -> socket:
    """Be the monitor.  Raises AlreadyRunning, Reserved, Refused; OSError."""
    return _taken(place, sockets.listen)


def reserve(place: Place) -> socket:
    """Let nobody be the monitor, until what is returned is closed.  Raises AlreadyRunning, Reserved, Refused; StepError."""
    try:
        return _taken(place, sockets.reserve)
    except OSError as error:
        raise StepError(f"keep others from starting {place.name}", error) from error


def check(connection: socket, place: Place) -> None:
    """Raise Refused, and close the connection, unless who listens at its other end may be the container's monitor."""
    believe(connection, f"the monitor of {place.name}", *_ours(place))


def believe(connection: socket, whose: str, *paths: str) -> None:
    """Raise Refused, and close the connection, unless it is root who listens, or we, or the owner of one of `paths`."""
    pid, uid, _ = sockets.peer_credentials(connection)
    if _is_one_of_us(uid, paths):
        return
    connection.close()
    raise Refused(
        f"process {pid} of user {uid} listens at the address of {whose}, and is not that",
        hint="end that process: it keeps the address from who should have it",
    )


def another(connection: socket) -> int:
    """The user who listens, if he is neither root nor we; else -1."""
    uid = sockets.peer_credentials(connection)[1]
    return -1 if uid in (0, os.geteuid()) else uid


def deaf(whose: str, address: bytes) -> Refused:
    """That who listens at the `address` of somebody takes no connections, as he would."""
    return Refused(f"a process listens at the address of {whose}, and takes no connections", hint=_which(address))


def _which(address: bytes) -> str:
    """How to find the process that has the address."""
    return f"ss -xap tells which process has @{address.decode(errors='replace')}"


def _taken(place: Place, take: Callable[[bytes], socket]) -> socket:
    try:
        return take(place.socket_name)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    try:
        connection = sockets.connect(place.socket_name)
    except ConnectionRefusedError:
        _refuse_keeper(place)
        raise Reserved(
            f"{place.name} is being copied, moved or destroyed, or somebody else keeps its monitor's address",
            hint=f"try again when that is done; {_which(place.socket_name)}",
        ) from None
    except BlockingIOError:
        raise deaf(f"the monitor of {place.name}", place.socket_name) from None
    check(connection, place)
    connection.close()
    raise AlreadyRunning("Container is already running")


def _refuse_keeper(place: Place) -> None:
    """Raise Refused if whoever keeps the address has no right to the container."""
    for it in _keepers(place):
        if not may_have(it.uid, place):
            pid = _holder(it.inode)
            raise Refused(
                f"{f'process {pid}' if pid else 'a process'} of user {it.uid} keeps the address of the monitor of "
                f"{place.name}, and has no right to that container",
                hint=f"end that process; {_which(place.socket_name)}",
            )


def keeper(place: Place) -> str:
    """Who keeps the address, and does not listen there, as far as we see: "process 12 (lxc-copy -n web -N shop)"."""
    for it in _keepers(place):
        pid = _holder(it.inode)
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
            return f"process {pid} ({words})"
        except OSError:
            continue  # it has ended, or we do not see it
    return "another process"


def _keepers(place: Place) -> list[Bound]:
    from lxc.kernel import unixdiag

    try:
        return [it for it in unixdiag.bound(unixdiag.CLOSED) if it.address == place.socket_name]
    except OSError:
        return []  # the kernel does not tell


def may_have(uid: int, place: Place) -> bool:
    """Whether a process of the user `uid` at the container's address could be its monitor, or who copies or removes it."""
    return _is_one_of_us(uid, _ours(place))


def _holder(inode: int) -> int:
    """The process that has the socket open; 0 if we cannot see it."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]":
                    return int(pid)
        except OSError:
            continue  # another's, or gone
    return 0


def _ours(place: Place) -> tuple[str, ...]:
    """Whose owners may be its monitor.  Not the container's directory: that may be its root's, whom others of the same ids are, too."""
    return place.config_file, place.lxcpath


def _is_one_of_us(uid: int, paths: tuple[str, ...]) -> bool:
    return uid in (0, os.geteuid()) or uid in _owners(paths)


def _owners(paths: tuple[str, ...]) -> set[int]:
    found = set()
    for path in paths:
        try:
            found.add(os.lstat(path).st_uid)
        except OSError:
            continue
    return found
