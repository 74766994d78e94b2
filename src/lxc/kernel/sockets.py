"""Unix sockets with credentials and descriptors: unix(7), on the C module that `socket` is made of."""

from __future__ import annotations

import os
from _socket import (
    AF_UNIX,
    SCM_RIGHTS,
    SO_PASSCRED,
    SO_PEERCRED,
    SO_RCVTIMEO,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
    socketpair,
)

__all__ = ["AF_UNIX", "SOCK_STREAM", "connect", "listen", "pair", "peer_credentials", "receive", "send", "socket"]

SCM_CREDENTIALS = 2  # not in the socket module before Python 3.13
_MOST_DESCRIPTORS = 253  # SCM_MAX_FD


def listen(name: bytes) -> socket:
    """A socket listening at the abstract address `name` (without its leading NUL).  Raises OSError(EADDRINUSE)."""
    listener = socket(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        listener.bind(b"\0" + name)
        listener.listen(100)
    except OSError:
        listener.close()
        raise
    return listener


def connect(name: bytes) -> socket:
    """A socket connected to the abstract address `name`.  Raises ConnectionRefusedError if nobody listens there."""
    connection = socket(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC)
    try:
        connection.connect(b"\0" + name)
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


def set_receive_timeout(connection: socket, seconds: float) -> None:
    """SO_RCVTIMEO; 0 waits forever."""
    whole = int(seconds)
    timeval = whole.to_bytes(8, "little") + int((seconds - whole) * 1_000_000).to_bytes(8, "little")
    connection.setsockopt(SOL_SOCKET, SO_RCVTIMEO, timeval)


def pass_credentials(connection: socket) -> None:
    """SO_PASSCRED: have the kernel attach the sender's credentials to what is received."""
    connection.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)


def send(connection: socket, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send all of `data`, with `descriptors` attached to its first byte (at most 253)."""
    attached = b"".join(fd.to_bytes(4, "little") for fd in descriptors)
    ancillary = [(SOL_SOCKET, SCM_RIGHTS, attached)] if descriptors else []
    sent = connection.sendmsg([data], ancillary)
    if sent < len(data):
        connection.sendall(data[sent:])


def receive(connection: socket, size: int) -> tuple[bytes, tuple[int, ...]]:
    """Receive up to `size` bytes and the descriptors that come with them, close-on-exec; the caller closes those.

    Returns (b"", ()) at the end of the stream.
    """
    data, ancillary, _flags, _address = connection.recvmsg(size, 24 + 4 * _MOST_DESCRIPTORS + 64, 0x40000000)
    descriptors: list[int] = []
    for level, kind, content in ancillary:
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            descriptors += (int.from_bytes(content[at : at + 4], "little") for at in range(0, len(content) & ~3, 4))
    return data, tuple(descriptors)
