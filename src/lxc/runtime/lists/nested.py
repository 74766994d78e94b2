"""The containers in a container: looked for in its files, and in its network namespace, without entering it.

Who owns a container decides what its files say and what answers in it, so

  * files are opened below its root by descriptor, no link leads out (openat2(2), RESOLVE_IN_ROOT), and none but
    regular files are read, to a limit,
  * no configuration of its is parsed: `lxc.include` would read the host's files.  Three keys are picked out,
  * what answers on a monitor's address says what a container wants us to believe of it; it has a second for the
    one fixed-size answer it is asked for, and after the first silence nobody else is asked,
  * a child of ours does all that, and is not waited for if the container's files keep it waiting.
"""

from __future__ import annotations

import itertools
import marshal
import os
from _socket import AF_UNIX, SOCK_STREAM, socket

from lxc import log
from lxc.config.lines import assignment
from lxc.errors import LxcError, NotRunning
from lxc.kernel import fs, process, sockets
from lxc.kernel.fs import closing
from lxc.network import namespace
from lxc.record import Record
from lxc.runtime import client, commands, errand
from lxc.runtime.commands import Request
from lxc.runtime.lists import listing
from lxc.runtime.lists.inventory import CONFIGURED, Row
from lxc.runtime.place import Place
from lxc.runtime.place import place as place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.runtime.lists.inventory import Choice

_IN_ROOT = fs.RESOLVE_IN_ROOT | fs.RESOLVE_NO_MAGICLINKS
_MOST, _MOST_BYTES, _PATIENCE = 1024, 1 << 20, 1


class Inside(Record):
    """A container that is looked into.  The descriptors are closed by whoever lists what is in it."""

    root: int  # its root directory
    pidfd: int = -1  # of its init; -1 if it does not run
    pid: int = 0


def rows(place: Place, row: Row, depth: int, choice: Choice) -> Iterator[Row]:
    """The wanted containers in the container `row`, which is at `place`, and in those, down to `depth` levels.

    Each directly after the one it is in; a thousand at most, for a container may claim to be in itself.
    None if it cannot be looked into.
    """
    try:
        inside = _running(client.init_pid(place), client.init_pidfd(place))
    except NotRunning:
        inside = _stopped(place)
    except (LxcError, OSError):
        return
    if not inside:
        return

    def look() -> bytes:
        found = _Listing(place.lxcpath, choice).rows(inside, (*row.within, row.name), depth)
        return marshal.dumps([tuple(each.__dict__.values()) for each in itertools.islice(found, _MOST)])

    try:
        yield from itertools.starmap(Row, marshal.loads(errand.run(look, (inside.root, inside.pidfd))))
    except OSError as error:
        log.warn(f"the containers in {place.name} are not listed: {error.strerror}")
    finally:
        _close(inside)


class _Listing:
    """One look into a container of ours."""

    def __init__(self, lxcpath: str, choice: Choice) -> None:
        self._lxcpath, self._choice = lxcpath, choice
        self._is_answered = True  # until the first silence

    def rows(self, inside: Inside, within: tuple[str, ...], depth: int) -> Iterator[Row]:
        """What is in `inside`, which is closed."""
        try:
            active = _active(inside, self._lxcpath)
            for name in self._choice.names(_defined(inside, self._lxcpath), active):
                settings = _settings(inside, self._lxcpath, name)
                row = self._row(inside, Row(name, within), settings, is_active=name in active)
                if not self._choice.accepts(row):
                    continue
                yield row
                deeper = self._deeper(inside, row, settings) if depth > 1 else None
                if deeper:
                    yield from self.rows(deeper, (*within, name), depth - 1)
        finally:
            _close(inside)

    def _row(self, inside: Inside, row: Row, settings: dict[str, str], *, is_active: bool) -> Row:
        if is_active:
            number, useless = self._ask(inside, row.name, commands.GET_STATE)
            fs.close(useless)
            row = row.replace(state=commands.STATES[number] if number in range(len(commands.STATES)) else "RUNNING")
        if not self._choice.needs & CONFIGURED:
            return row
        return row.replace(
            autostart=settings.get("lxc.start.auto") == "1",
            groups=tuple(settings.get("lxc.group", "").splitlines()),
            unprivileged="lxc.idmap" in settings,
        )

    def _deeper(self, inside: Inside, row: Row, settings: dict[str, str]) -> Inside | None:
        """The container `row` in the container `inside`: by its init, if the monitor gives that, else by its files."""
        if row.state != "STOPPED":
            _, pidfd = self._ask(inside, row.name, commands.GET_INIT_PIDFD)
            if pidfd >= 0:
                return _running(_pid(pidfd), pidfd)
        path = settings.get("lxc.rootfs.path", "").removeprefix("dir:")
        try:
            return Inside(_open(inside, path, os.O_PATH | os.O_DIRECTORY)) if path.startswith("/") else None
        except OSError:
            return None

    def _ask(self, inside: Inside, name: str, command: int) -> tuple[int, int]:
        """What the monitor answers: a number and a descriptor, which the caller closes; each -1 if there is none."""
        if not self._is_answered:
            return -1, -1
        try:
            number, descriptors = _exchange(inside, place_of(name, self._lxcpath), command)
        except BlockingIOError:  # its queue is full, or it does not say anything
            self._is_answered = False
            return -1, -1
        except (LxcError, OSError):
            return -1, -1
        fs.close(*descriptors[1:])
        return number, descriptors[0] if descriptors else -1


def _exchange(inside: Inside, place: Place, command: int) -> tuple[int, tuple[int, ...]]:
    """One request and its answer: the number, -1 if it is incomplete, and descriptors, which the caller closes.

    Raises OSError, BlockingIOError if it takes too long.
    """
    with namespace.visiting(inside.pidfd):
        connection = socket(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        connection.connect(b"\0" + place.socket_name)
        connection.setblocking(True)
        sockets.set_receive_timeout(connection, _PATIENCE)
        credentials = (os.getpid(), os.geteuid(), os.getegid())
        sockets.send(connection, commands.encode(Request(command)), credentials=credentials)
        raw, descriptors, _ = sockets.receive(connection, commands.HEADER)
    finally:
        connection.close()
    return commands.read_header(raw)[2] if len(raw) == commands.HEADER else -1, descriptors


def _running(pid: int, pidfd: int) -> Inside | None:
    """The container of the init `pid`; takes over `pidfd`."""
    try:
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        os.close(pidfd)
        return None
    inside = Inside(root, pidfd, pid)
    try:
        process.pidfd_send_signal(pidfd, 0)  # it lives still, so `pid` was its all the time
    except OSError:
        _close(inside)
        return None
    return inside


def _stopped(place: Place) -> Inside | None:
    """The root of a stopped container, if it is a directory of the host."""
    from lxc.config import document

    try:
        path = document.load(place.config_file)[0].get_item("lxc.rootfs.path").removeprefix("dir:")
        return Inside(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) if path.startswith("/") else None
    except (LxcError, OSError):
        return None


def _defined(inside: Inside, lxcpath: str) -> list[str]:
    """The names with a configuration."""
    try:
        with (
            closing(_open(inside, lxcpath, os.O_RDONLY | os.O_DIRECTORY)) as directory,
            os.scandir(directory) as entries,
        ):
            names = [entry.name for entry in itertools.islice(entries, _MOST) if not entry.name.startswith(".")]
    except OSError:
        return []
    return [name for name in names if _exists(inside, f"{lxcpath}/{name}/config")]


def _active(inside: Inside, lxcpath: str) -> list[str]:
    """The names with a monitor.  None can be told from ours if the container is in our network namespace."""
    if inside.pidfd < 0:
        return []
    try:
        if os.path.samefile("/proc/self/ns/net", f"/proc/{inside.pid}/ns/net"):
            return []
        with namespace.visiting(inside.pidfd):
            return listing.active(lxcpath)[:_MOST]
    except OSError:
        return []


def _settings(inside: Inside, lxcpath: str, name: str) -> dict[str, str]:
    """What the configuration file itself assigns, repeated keys joined by line breaks; nothing it includes."""
    found: dict[str, str] = {}
    for line in _read(inside, f"{lxcpath}/{name}/config").split("\n"):
        key, value = assignment(line)
        if value:
            found[key] = f"{found[key]}\n{value}" if key in found else value
    return found


def _read(inside: Inside, path: str) -> str:
    """The beginning of a regular file; "" if it is none."""
    try:
        return errand.contents(inside.root, path, _MOST_BYTES).decode(errors="surrogateescape")
    except OSError:
        return ""


def _exists(inside: Inside, path: str) -> bool:
    try:
        os.close(_open(inside, path, os.O_PATH))
    except OSError:
        return False
    return True


def _open(inside: Inside, path: str, flags: int) -> int:
    return fs.openat2(inside.root, path, flags, 0, _IN_ROOT)


def _pid(pidfd: int) -> int:
    """The process of a descriptor that claims to be a pidfd; 0 if it is none, or of no process that we can see."""
    with open(f"/proc/self/fdinfo/{pidfd}", "rb") as file:
        for line in file:
            if line.startswith(b"Pid:"):
                return max(0, int(line.split()[1]))
    return 0


def _close(inside: Inside) -> None:
    fs.close(inside.root, inside.pidfd)
