"""sock_diag(7): the unix sockets of our network namespace that have an abstract address, and whose they are."""

from __future__ import annotations

import os
from _socket import SOCK_RAW, socket

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LISTENING, CLOSED = 10, 7  # states, as of TCP; one that is bound, and no more, is closed
_AF_NETLINK, _AF_UNIX, _SOCK_DIAG, _BY_FAMILY = 16, 1, 4, 20
_REQUEST_DUMP, _ERROR, _DONE = 0x301, 2, 3
_SHOW_NAME, _SHOW_UID = 0x01, 0x40
_NAME, _UID = 0, 7  # attributes of the answer
_LARGEST = 1 << 16


class Bound(Record):
    address: bytes  # without its leading NUL
    state: int
    inode: int
    uid: int  # -1: the kernel (before Linux 5.3) does not tell


def bound(*states: int) -> Iterator[Bound]:
    """Those in one of `states`.  Raises OSError where the kernel cannot tell."""
    wanted = sum(1 << state for state in states)
    body = bytes((_AF_UNIX, 0, 0, 0)) + _words(wanted, 0, _SHOW_NAME | _SHOW_UID, 0xFFFFFFFF, 0xFFFFFFFF)
    connection = socket(_AF_NETLINK, SOCK_RAW | os.O_CLOEXEC, _SOCK_DIAG)
    try:
        connection.send(_words(16 + len(body), _BY_FAMILY | _REQUEST_DUMP << 16, 1, 0) + body)
        while True:
            data, (sender, _groups) = connection.recvfrom(_LARGEST)
            if sender:
                continue  # not the kernel's
            at = 0
            while at + 16 <= len(data):
                size, kind = _number(data, at, 4), _number(data, at + 4, 2)
                if kind == _DONE or size < 16:
                    return
                if kind == _ERROR:
                    code = -int.from_bytes(data[at + 16 : at + 20], "little", signed=True)
                    raise OSError(code, os.strerror(code))
                found = _parsed(data[at + 16 : at + size])
                if found:
                    yield found
                at += size + 3 & ~3
    finally:
        connection.close()


def _parsed(message: bytes) -> Bound | None:
    """What a struct unix_diag_msg and its attributes say; None if the address is not abstract."""
    name, uid, at = b"", -1, 16
    while at + 4 <= len(message):
        size, kind = _number(message, at, 2), _number(message, at + 2, 2)
        if size < 4:
            break
        if kind == _NAME:
            name = message[at + 4 : at + size]
        elif kind == _UID:
            uid = _number(message, at + 4, 4)
        at += size + 3 & ~3
    return Bound(name[1:], message[2], _number(message, 4, 4), uid) if name[:1] == b"\0" else None


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)
