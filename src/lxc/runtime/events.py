"""What happens to the containers of some paths, as lxc-monitord passes it on."""

from __future__ import annotations

import os
import select
import time

from lxc.errors import NotRunning
from lxc.kernel import fs, process, signals, sockets
from lxc.record import Record
from lxc.runtime import claim, commands
from lxc.runtime.monitord import QUIT, Monitord, address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lxc.kernel.sockets import socket

_RETRIES = (0.01, 0.05, 0.1)  # seconds


class Event(Record):
    """A container is in another state (a number of `commands.STATES`), or its init has ended with an exit code."""

    lxcpath: str
    name: str
    state: int = -1
    exit_code: int = -1  # 0 as well for what was ended by a signal


def follow(lxcpaths: Sequence[str]) -> Iterator[Event]:
    """What happens from now on, without end.  Raises NotRunning when an lxc-monitord ends, OSError, LxcError."""
    connections = {connection.fileno(): (connection, path) for path in lxcpaths for connection in [_joined(path)]}
    pending = dict.fromkeys(connections, b"")
    ready = select.poll()
    for fd in connections:
        ready.register(fd, select.POLLIN)
    try:
        while True:
            for fd, _ in ready.poll():
                connection, path = connections[fd]
                data = connection.recv(16 * commands.MESSAGE)
                if not data:
                    raise NotRunning(f"lxc-monitord of {path} has ended")
                data = pending[fd] + data
                while len(data) >= commands.MESSAGE:
                    yield from _event(path, data[: commands.MESSAGE])
                    data = data[commands.MESSAGE :]
                pending[fd] = data
    finally:
        for connection, _ in connections.values():
            connection.close()


def quit_monitord(lxcpath: str) -> None:
    """Have the lxc-monitord of a path end.  Raises NotRunning if there is none, OSError."""
    connection = _connected(lxcpath)
    try:
        connection.sendall(QUIT)
    finally:
        connection.close()


def _event(lxcpath: str, message: bytes) -> Iterator[Event]:
    kind, name, value = commands.read_state_message(message)
    if kind == commands.STATE_MESSAGE and 0 <= value < len(commands.STATES):
        yield Event(lxcpath, name, state=value)
    elif kind == commands.EXIT_CODE_MESSAGE:
        yield Event(lxcpath, name, exit_code=value >> 8 & 0xFF)


def _joined(lxcpath: str) -> socket:
    """A connection to the lxc-monitord of a path, which is started if there is none."""
    try:
        return _believed(lxcpath)
    except ConnectionRefusedError:
        _start(lxcpath)
    return _connected(lxcpath)


def _believed(lxcpath: str) -> socket:
    whose = f"the lxc-monitord of {lxcpath}"
    try:
        connection = sockets.connect(address(lxcpath))
    except BlockingIOError:
        raise claim.deaf(whose, address(lxcpath)) from None
    claim.believe(connection, whose, lxcpath)
    return connection


def _connected(lxcpath: str) -> socket:
    for pause in (*_RETRIES, 0):
        try:
            return _believed(lxcpath)
        except ConnectionRefusedError:
            time.sleep(pause)
    raise NotRunning(f"no lxc-monitord of {lxcpath} answers")


def _start(lxcpath: str) -> None:
    """Start one, a child of nobody's, and return when it listens, or has found that there is one."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _be_monitord(lxcpath, writer)
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    os.read(reader, 1)
    os.close(reader)


def _be_monitord(lxcpath: str, writer: int) -> None:
    """In a process of its own; `writer` is told when it listens.  Does not return."""
    try:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        writer = fs.duplicate(writer, 3)
        os.dup2(writer, 3)
        fs.close_range(4, fs.HIGHEST)
        os.chdir("/")
        signals.block(signals.ALL)
        process.set_title(f"lxc-monitord {lxcpath}")
        monitord = Monitord(lxcpath)
        os.write(3, b"S")
        os.close(3)
        monitord.serve(forever=False)
    finally:
        os._exit(0)
