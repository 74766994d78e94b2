"""Unix sockets with credentials and descriptors: unix(7), on the C module that `socket` is made of."""

from __future__ import annotations

import errno
import os
import time
from _socket import (
    AF_UNIX,
    MSG_CTRUNC,
    MSG_NOSIGNAL,
    MSG_PEEK,
    SCM_RIGHTS,
    SO_PASSCRED,
    SO_PEERCRED,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    SOL_SOCKET,
    socketpair,
)
from _socket import socket as socket

_SO_PEERPIDFD = 77
SCM_CREDENTIALS = 2  # not in the socket module before Python 3.13
_MOST_DESCRIPTORS = 253  # SCM_MAX_FD
_MSG_CMSG_CLOEXEC = 0x40000000
_LONGEST_WAIT = (1 << 31) - 1  # seconds


def listen(name: bytes) -> socket:
    """A socket listening at the abstract address `name` (without its leading NUL).  Raises OSError(EADDRINUSE).

    What is received on its connections comes with the sender's credentials, from the first connection on: they
    take that from the listener as it is when they are made, which can be long before they are accepted.
    """
    return _listen(b"\0" + name, 100)


def listen_at(path: str) -> socket:
    """A socket listening at `path`, as `listen` has it."""
    return _listen(os.fsencode(path), 1000)


def of(fd: int) -> socket:
    """The stream socket that the descriptor `fd` is; closing it closes that."""
    return socket(AF_UNIX, SOCK_STREAM, 0, fd)


def _listen(address: bytes, backlog: int) -> socket:
    listener = socket(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        pass_credentials(listener)
        listener.bind(address)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def has_more(connection: socket) -> bool:
    """Whether who is connected has said something that is not read yet; False if no more is to come.  Raises BlockingIOError."""
    return bool(connection.recv(1, MSG_PEEK))


def accept(listener: socket) -> socket:
    """accept(2): the next connection, non-blocking, close-on-exec.  Raises BlockingIOError if there is none."""
    fd, _address = listener._accept()  # type: ignore[attr-defined]  # what socket.socket.accept() is made of
    connection = socket(AF_UNIX, SOCK_STREAM, 0, fd)
    connection.setblocking(False)
    return connection


def reserve(name: bytes) -> socket:
    """A socket that keeps everybody else from listening at the abstract address `name`, and refuses who connects.

    Raises OSError(EADDRINUSE).
    """
    holder = socket(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC)
    try:
        holder.bind(b"\0" + name)
    except OSError:
        holder.close()
        raise
    return holder


def connect(name: bytes, patience: float = 2) -> socket:
    """A socket connected to the abstract address `name`.

    Raises ConnectionRefusedError if nobody listens there, BlockingIOError if who does takes nobody for `patience`
    seconds: anybody can listen there, and have a full queue.
    """
    connection = socket(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC)
    try:
        connection.setsockopt(SOL_SOCKET, SO_SNDTIMEO, _timeval(patience))
        connection.connect(b"\0" + name)
        connection.setsockopt(SOL_SOCKET, SO_SNDTIMEO, _timeval(0))
    except OSError:
        connection.close()
        raise
    return connection


def connect_packets(address: bytes, patience: float) -> socket:
    """A SOCK_SEQPACKET connected to `address`, a path or a NUL and an abstract name.

    Connecting, sending and receiving each take at most `patience` seconds.  Raises OSError.
    """
    connection = socket(AF_UNIX, SOCK_SEQPACKET | os.O_CLOEXEC)
    try:
        for option in (SO_SNDTIMEO, SO_RCVTIMEO):
            connection.setsockopt(SOL_SOCKET, option, _timeval(patience))
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def pair() -> tuple[socket, socket]:
    """socketpair(2), SOCK_STREAM, close-on-exec."""
    one, other = socketpair(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC)
    return one, other


def peer_credentials(connection: socket) -> tuple[int, int, int]:
    """SO_PEERCRED: (pid, uid, gid) of the process that connected or made the pair."""
    raw = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)
    pid, uid, gid = (int.from_bytes(raw[at : at + 4], "little", signed=at == 0) for at in (0, 4, 8))
    return pid, uid, gid


def peer_pidfd(connection: socket) -> int:
    """SO_PEERPIDFD (Linux 6.5): a pidfd of the process of `peer_credentials`; the caller closes it.  Raises OSError."""
    return int.from_bytes(connection.getsockopt(SOL_SOCKET, _SO_PEERPIDFD, 4), "little")


def set_receive_timeout(connection: socket, seconds: float) -> None:
    """SO_RCVTIMEO; 0 waits forever, and so, nearly, does what is longer than a kernel counts."""
    connection.setsockopt(SOL_SOCKET, SO_RCVTIMEO, _timeval(min(seconds, _LONGEST_WAIT)))


def _timeval(seconds: float) -> bytes:
    whole = int(seconds)
    return whole.to_bytes(8, "little") + int((seconds - whole) * 1_000_000).to_bytes(8, "little")


def pass_credentials(connection: socket) -> None:
    """SO_PASSCRED: have the kernel attach the sender's credentials to what is received."""
    connection.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)


def send(
    connection: socket,
    data: bytes,
    descriptors: tuple[int, ...] = (),
    *,
    credentials: tuple[int, int, int] | None = None,
) -> None:
    """Send all of `data`, with `descriptors` (at most 253) and (pid, uid, gid) attached to its first byte."""
    sent = send_some(connection, data, descriptors, credentials)
    if sent < len(data):
        connection.sendall(data[sent:])


def send_some(
    connection: socket,
    data: bytes,
    descriptors: tuple[int, ...] = (),
    credentials: tuple[int, int, int] | None = None,
) -> int:
    """sendmsg(2): like `send`, but return how much of `data` the kernel took.  SIGPIPE is never raised."""
    ancillary: list[tuple[int, int, bytes]] = []
    if descriptors:
        ancillary.append((SOL_SOCKET, SCM_RIGHTS, b"".join(fd.to_bytes(4, "little") for fd in descriptors)))
    if credentials:
        raw = b"".join(number.to_bytes(4, "little") for number in credentials)
        ancillary.append((SOL_SOCKET, SCM_CREDENTIALS, raw))
    return connection.sendmsg([data], ancillary, MSG_NOSIGNAL)


def receive(connection: socket, size: int) -> tuple[bytes, tuple[int, ...], tuple[int, int, int] | None]:
    """Receive up to `size` bytes, the descriptors that come with them (close-on-exec; the caller closes them) and,
    after `pass_credentials`, the sender's (pid, uid, gid).  Returns (b"", (), …) at the end of the stream.
    """
    return _receive(connection, size)[:3]


def _receive(connection: socket, size: int) -> tuple[bytes, tuple[int, ...], tuple[int, int, int] | None, bool]:
    """As `receive`, and whether descriptors are missing, for which there was no room in this process."""
    room = 24 + 4 * _MOST_DESCRIPTORS + 64
    data, ancillary, flags, _address = connection.recvmsg(size, room, _MSG_CMSG_CLOEXEC)
    descriptors: list[int] = []
    credentials = None
    for level, kind, content in ancillary:
        numbers = [int.from_bytes(content[at : at + 4], "little") for at in range(0, len(content) & ~3, 4)]
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            descriptors += numbers
        elif level == SOL_SOCKET and kind == SCM_CREDENTIALS and len(numbers) == 3:
            credentials = (numbers[0], numbers[1], numbers[2])
    return data, tuple(descriptors), credentials, bool(flags & MSG_CTRUNC)


def receive_exactly(connection: socket, size: int, patience: float | None = None) -> tuple[bytes, tuple[int, ...]]:
    """Like `receive`, but go on until `size` bytes have come or the stream has ended; descriptors of all parts.

    Who has begun to speak has `patience` seconds for all of it, unless that is None; then the connection's timeout is
    another.  Raises OSError(EMFILE) if there is no room for a descriptor, BlockingIOError; all are closed then.
    """
    data, descriptors = b"", tuple[int, ...]()
    deadline = None if patience is None else time.monotonic() + patience
    try:
        while len(data) < size:
            if data and deadline is not None:
                _set_deadline(connection, deadline)
            part, more, _credentials, are_missing = _receive(connection, size - len(data))
            data, descriptors = data + part, descriptors + more
            if are_missing:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            if not part:
                break
    except OSError:
        close_all(descriptors)
        raise
    return data, descriptors


def close_all(descriptors: tuple[int, ...]) -> None:
    """Close what has come with a message, and is not wanted."""
    for fd in descriptors:
        os.close(fd)


def _set_deadline(connection: socket, deadline: float) -> None:
    """Wait no longer than that.  Raises BlockingIOError if it is over."""
    left = deadline - time.monotonic()
    if left < 1e-6:  # what is less would be 0, and that for ever
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    set_receive_timeout(connection, left)
