"""System calls that keep the interpreter's lock, which Python's own let go of.

In a process whose other threads compute, whoever has let go of it gets it back when each of them has had a turn: five
milliseconds for each (sys.setswitchinterval).  None of these waits long, nor for somebody who needs that lock.
"""

from __future__ import annotations

import os
from _socket import AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET
from select import POLLIN

from lxc.kernel import sockets
from lxc.kernel._libc import bind
from lxc.kernel.c import Structure, addressof, byref, c_char_p, c_int, c_long, c_size_t, c_uint, c_void_p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket

_HEADER = 16  # bytes of struct cmsghdr


class _Part(Structure):
    """struct iovec."""

    _fields_ = [("base", c_char_p), ("size", c_size_t)]


class _Message(Structure):
    """struct msghdr."""

    _fields_ = [
        ("name", c_void_p), ("name_size", c_uint), ("parts", c_void_p), ("count", c_size_t),
        ("control", c_char_p), ("control_size", c_size_t), ("flags", c_int),
    ]  # fmt: skip


_socketpair = bind("socketpair", c_int, c_int, c_int, c_void_p, keeps_lock=True)
_sendmsg = bind("sendmsg", c_int, c_void_p, c_int, returns=c_long, keeps_lock=True)
_close = bind("close", c_int, keeps_lock=True)
_poll = bind("poll", c_void_p, c_size_t, c_int, keeps_lock=True)
_isatty = bind("isatty", c_int, keeps_lock=True)
_waitpid = bind("waitpid", c_int, c_void_p, c_int, keeps_lock=True)


def pair() -> tuple[socket, socket]:
    """`sockets.pair`.  Raises OSError."""
    ends = (c_int * 2)()
    _socketpair(AF_UNIX, SOCK_STREAM | os.O_CLOEXEC, 0, byref(ends))
    return sockets.of(ends[0]), sockets.of(ends[1])


def send(connection: socket, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """`sockets.send`; what the kernel does not take at once is sent without the lock.  Raises OSError."""
    part = _Part(data, len(data))
    message = _Message(parts=addressof(part), count=1)
    if descriptors:
        size = _HEADER + 4 * len(descriptors)
        words = (size.to_bytes(8, "little"), *(number.to_bytes(4, "little") for number in (SOL_SOCKET, SCM_RIGHTS)))
        rights = b"".join(fd.to_bytes(4, "little") for fd in descriptors)
        message.control = b"".join((*words, rights, bytes(-size % 8)))
        message.control_size = size + -size % 8
    try:
        sent = _sendmsg(connection.fileno(), byref(message), MSG_DONTWAIT | MSG_NOSIGNAL)
    except BlockingIOError:
        sockets.send(connection, data, descriptors)
        return
    if sent < len(data):
        connection.sendall(data[sent:])


def close(connection: socket) -> None:
    """Close it.  Raises OSError."""
    _close(connection.detach())


def isatty(fd: int) -> bool:
    """Whether that is a terminal (isatty(3)); False if it is nothing."""
    return bool(_isatty(fd))


def reaped(pid: int, milliseconds: int) -> int | None:
    """The wait status of `pid`, a child of ours that ends so soon; None if it does not.  Raises ChildProcessError."""
    status = c_int()
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        polled = (c_int * 2)(pidfd, POLLIN)  # struct pollfd
        if not _poll(byref(polled), 1, milliseconds):
            return None
        _waitpid(pid, byref(status), os.WNOHANG)
        return status.value
    except InterruptedError:
        return None
    finally:
        _close(pidfd)
