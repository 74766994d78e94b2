"""The monitor's end of the command socket: connections, requests, and clients that wait for a state.

Any local user can connect, and must be taken for hostile: he is refused without
being listened to, who asks is checked on every request, every length before it
is believed, and nobody who does not read or write holds up the container.  What
the requests mean is the monitor's.
"""

from __future__ import annotations

import os
import time

from lxc import log
from lxc.kernel import fs, sockets
from lxc.loop import BROKEN, READABLE, WRITABLE
from lxc.runtime import commands, strangers
from lxc.runtime.commands import Reply, Request
from lxc.runtime.place import monitor_fifo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.kernel.sockets import socket
    from lxc.loop import Loop
    from lxc.runtime.place import Place

    Answer = Callable[[Request, "Connection"], Reply | None]

_EPERM = 1
_MOST_STRANGERS = 16  # connections of users who may not ask anything; the oldest goes
_MOST_AT_ONCE = 16  # connections that are accepted before anything else
_MOST_WAITING = 40  # while it rests: more than these are too many for the program that it is then
_SECOND = 64  # bytes, at most, that come with descriptors; what they say does not matter
_SECONDS_OF_PEACE = 0.05  # after descriptors ran out


class Connection:
    """A client.  `keep` says that the connection stays open after the answer."""

    def __init__(self, channel: socket) -> None:
        self.channel = channel
        self.incoming = b""
        self.outgoing = b""
        self.is_stranger = not _is_allowed(sockets.peer_credentials(channel))
        self.is_trusted = True  # every part of the request came from someone who may ask
        self.keep = False
        self.wanted: tuple[int, ...] = ()  # int[8] of ADD_STATE_CLIENT
        self.awaits: Callable[[tuple[int, ...]], Reply] | None = None  # takes the descriptors of the next message

    @property
    def fd(self) -> int:
        return self.channel.fileno()


class Server:
    def __init__(self, listener: socket, loop: Loop, answer: Answer, closed: Callable[[int], None]) -> None:
        """Serve `listener`.  `answer(request, connection)` gives the reply, None for none; `closed(fd)` hears of ends."""
        self._listener, self._loop, self._answer, self._closed = listener, loop, answer, closed
        self._connections: dict[int, Connection] = {}
        self._strangers: list[Connection] = []
        self._leaving: list[socket] | None = None  # while some are accepted: strangers', to be let go of together
        loop.watch(listener.fileno(), self._accept)

    @property
    def descriptor(self) -> int:
        """The listener's."""
        return self._listener.fileno()

    @property
    def may_rest(self) -> bool:
        """Whether nobody is connected but a few who wait for a state."""
        return len(self._connections) <= _MOST_WAITING and all(
            connection.wanted and not connection.outgoing for connection in self._connections.values()
        )

    def waiting(self) -> list[tuple[int, ...]]:
        """Of who waits for a state: the descriptor, and what is wanted (int[8] of ADD_STATE_CLIENT)."""
        return [(fd, *connection.wanted) for fd, connection in self._connections.items()]

    def adopt(self, fd: int, incoming: bytes, *, is_trusted: bool, keep: bool) -> None:
        """Serve a connection that another server had, which has read `incoming` of a request.

        One to `keep` waits for a state, if that was the request, or for the end.
        """
        connection = self._connected(sockets.of(fd))
        connection.is_trusted, connection.keep = is_trusted, keep
        self._loop.watch(fd, lambda events: self._serve(connection, events))
        if keep and incoming:
            connection.wanted = commands.wanted_states(incoming[commands.HEADER :])
        elif incoming:
            connection.incoming = incoming
            self._serve(connection, READABLE)

    def tell_state(self, name: str, state: int) -> None:
        """Tell those who wait for `state`; each is told once, and its connection ends."""
        for connection in list(self._connections.values()):
            if connection.wanted and connection.wanted[state]:
                connection.keep, connection.wanted = False, ()
                self._send(connection, commands.state_message(name, state))

    def close_all(self) -> None:
        """Stop listening, then end every connection: who waits for that can start or destroy the container at once."""
        self._loop.forget(self._listener.fileno())
        self._listener.close()
        for connection in list(self._connections.values()):
            self._end(connection)

    def drop_waiting(self) -> None:
        """End the connections that wait for a state, but those that asked to survive a reboot."""
        for connection in list(self._connections.values()):
            if connection.wanted and connection.wanted[commands.RUNNING] != 2:
                self._end(connection)

    def _accept(self, _events: int) -> None:
        leaving: list[socket] = []
        self._leaving = leaving
        try:
            for _ in range(_MOST_AT_ONCE):
                self._welcome(sockets.accept(self._listener))
        except BlockingIOError:
            pass  # that was all
        except OSError as error:  # out of descriptors: let those that are open end first
            log.warn(f"cannot accept a connection: {error.strerror}")
            if self._strangers:
                self._end(self._strangers[0])
            time.sleep(_SECONDS_OF_PEACE)
        finally:
            self._leaving = None
            if leaving:
                strangers.let_go(*leaving)

    def _welcome(self, channel: socket) -> None:
        connection = self._connected(channel)
        fd = connection.fd
        self._serve(connection, READABLE)  # most have spoken already, and go when they have their answer
        if self._connections.get(fd) is connection and not self._loop.watches(fd):
            self._loop.watch(fd, lambda events: self._serve(connection, events))

    def _connected(self, channel: socket) -> Connection:
        """One connection more; if it is one stranger too many, the oldest goes."""
        connection = Connection(channel)
        self._connections[connection.fd] = connection
        if connection.is_stranger:
            self._strangers.append(connection)
            if len(self._strangers) > _MOST_STRANGERS:
                self._end(self._strangers[0])
        return connection

    def _serve(self, connection: Connection, events: int) -> None:
        try:
            if events & WRITABLE and connection.outgoing:
                self._flush(connection)
            elif events & READABLE:
                self._read(connection)
            elif events & BROKEN:
                self._end(connection)
        except BlockingIOError:
            return  # there is no more of it yet
        except OSError as error:
            log.debug(f"a client went away: {error.strerror}")
            self._end(connection)

    def _refuse(self, connection: Connection) -> None:
        """Answer a stranger who has spoken, or is gone.  Raises BlockingIOError if he has not."""
        if sockets.has_more(connection.channel):
            self._send(connection, commands.encode(Reply(-_EPERM)))
        else:
            self._end(connection)

    def _read(self, connection: Connection) -> None:
        """Read what is there of a request, and answer it when it is whole.  Raises BlockingIOError if it is not."""
        if connection.is_stranger:
            self._refuse(connection)
            return
        if connection.awaits:
            self._take(connection, connection.awaits)
            return
        while (missing := _missing(connection.incoming)) > 0:
            data, descriptors, credentials = sockets.receive(connection.channel, missing)
            fs.close(*descriptors)  # no request that we serve comes with one
            if not data:
                self._end(connection)
                return
            connection.incoming += data
            connection.is_trusted = connection.is_trusted and _is_allowed(credentials)
        if missing < 0:
            log.warn("a client announced more than a request can have; its connection is closed")
            self._end(connection)
        else:
            self._request(connection)

    def _take(self, connection: Connection, awaits: Callable[[tuple[int, ...]], Reply]) -> None:
        """The second half of a request, which is descriptors.

        Whose message it is does not matter: it comes on a connection whose request was allowed, from a process that
        may be on its way into the container and be nobody here.
        """
        data, descriptors, _ = sockets.receive(connection.channel, _SECOND)
        try:
            if not data:
                self._end(connection)
                return
            connection.keep, connection.awaits = False, None
            self._send(connection, commands.encode(awaits(descriptors)))
        finally:
            fs.close(*descriptors)

    def _request(self, connection: Connection) -> None:
        command, _, number = commands.read_header(connection.incoming[: commands.HEADER])
        request = Request(command, number, connection.incoming[commands.HEADER :])
        connection.incoming = b""
        if not connection.is_trusted:
            reply: Reply | None = Reply(-_EPERM)
        else:
            try:
                reply = self._answer(request, connection)
            except ValueError as error:
                log.warn(f"malformed {commands.NAMES.get(command, command)}: {error}")
                self._end(connection)
                return
        if reply:
            self._send(connection, commands.encode(reply), reply.descriptors)
            fs.close(*reply.given)

    def _send(self, connection: Connection, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
        """Send what can be sent at once, the rest when the client has read it; then end, or serve on."""
        try:
            sent = sockets.send_some(connection.channel, data, descriptors)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._end(connection)
            return
        connection.outgoing = data[sent:]
        self._sent(connection)

    def _flush(self, connection: Connection) -> None:
        sent = sockets.send_some(connection.channel, connection.outgoing)
        connection.outgoing = connection.outgoing[sent:]
        self._sent(connection)

    def _sent(self, connection: Connection) -> None:
        if connection.outgoing:
            self._loop.watch(connection.fd, lambda events: self._serve(connection, events), WRITABLE)
        elif connection.keep:
            self._loop.watch(connection.fd, lambda events: self._serve(connection, events))
        else:
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        if connection.fd not in self._connections:
            return
        fd = connection.fd
        del self._connections[fd]
        self._loop.forget(fd)
        if connection.is_stranger:
            self._strangers.remove(connection)
            if self._leaving is None:
                strangers.let_go(connection.channel)
            else:
                self._leaving.append(connection.channel)
        else:
            connection.channel.close()
        self._closed(fd)


def tell_monitord(place: Place, value: int, kind: int = commands.STATE_MESSAGE) -> None:
    """Tell lxc-monitord, if it reads its fifo, of a state of `place`, or with EXIT_CODE_MESSAGE of a wait status."""
    path = monitor_fifo(place.lxcpath)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # there is none, or nobody reads it
    try:
        os.write(fd, commands.state_message(place.name, value, kind))
    except OSError as error:
        log.debug(f"cannot write to {path}: {error.strerror}")
    finally:
        os.close(fd)


def _missing(incoming: bytes) -> int:
    """How many bytes the request in `incoming` still lacks; -1 if it announces what no request may."""
    if len(incoming) < commands.HEADER:
        return commands.HEADER - len(incoming)
    _, length, _ = commands.read_header(incoming[: commands.HEADER])
    if not 0 <= length <= commands.LONGEST:
        return -1
    return commands.HEADER + length - len(incoming)


def _is_allowed(credentials: tuple[int, int, int] | None) -> bool:
    """Root, or the user and group that the monitor runs as."""
    if credentials is None:
        return False
    _, uid, gid = credentials
    return uid == 0 or (uid == os.geteuid() and gid == os.getegid())
