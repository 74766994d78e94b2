"""What a client of the fork server wants, and what is said to it: `server` draws the conversation.

The layout is that of native/client/worker.c.
"""

from __future__ import annotations

import os
import sys

from lxc import log
from lxc.kernel import fs, signals, sockets
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket

HELLO, REFUSED, ENDED, KILLED = (ord(letter) for letter in "YNXK")
_LARGEST = 8 << 20  # bytes of words and environment: the kernel takes 6 MiB at most
_MOST_NUMBERS = 240
_USUAL = 16 << 10  # bytes of a whole request, or the first of them
_HEADER = 2 * 8 + 6 * 4 + 4 * _MOST_NUMBERS


class Refused(Exception):
    """The client is to run by itself."""


class Request(Record):
    words: list[str]
    environment: dict[bytes, bytes]
    umask: int
    blocked: frozenset[int]
    directory: int
    mailbox: int  # where the client finds our pid once we have begun
    numbers: tuple[int, ...]  # which descriptors
    descriptors: tuple[int, ...]  # …these become
    terminal: int  # the client's controlling terminal, -1 if it has none

    @property
    def lowest(self) -> int:
        """The first descriptor after those to place."""
        return max((2, *self.numbers)) + 1


def hear(connection: socket, pid: int, key: int) -> Request:
    """The request of process `pid`.  Raises Refused, OSError."""
    raw, descriptors = _receive(connection, pid, _HEADER, _USUAL)
    view = memoryview(raw[:_HEADER]).cast("I")
    umask, size, words, variables, count, has_terminal = view[4:10]
    if int.from_bytes(raw[:8], sys.byteorder) != key:
        raise Refused("its installation is another")
    if size > _LARGEST or count > _MOST_NUMBERS or len(descriptors) != 2 + count + has_terminal:
        raise Refused("its request is malformed")
    text = raw[_HEADER:]
    if len(text) < size:
        text += _receive(connection, pid, size - len(text), size - len(text))[0]
    strings = text.split(b"\0", words)
    if len(text) != size or len(strings) != words + 1 or not words:
        raise Refused("its request is malformed")
    blocked = int.from_bytes(raw[8:16], sys.byteorder)
    return Request(
        [os.fsdecode(word) for word in strings[:words]],
        _environment(strings[words], variables),
        umask & 0o777,
        frozenset(number for number in signals.ALL if blocked >> (number - 1) & 1) if blocked else frozenset(),
        descriptors[0],
        descriptors[1],
        tuple(view[10 : 10 + count]),
        descriptors[2 : 2 + count],
        descriptors[-1] if has_terminal else -1,
    )


def _environment(text: bytes, variables: int) -> dict[bytes, bytes]:
    """What `text` says, which often is what the client before had.  Raises Refused."""
    global _last
    if _last[0] != (text, variables):
        pairs = text.split(b"\0")
        if len(pairs) != variables + 1:
            raise Refused("its request is malformed")
        given = reversed(pairs[:variables])  # of several of one name the first counts, as for getenv(3)
        _last = (text, variables), dict([pair.split(b"=", 1) for pair in given if b"=" in pair])
    return _last[1]


_last: tuple[tuple[bytes, int], dict[bytes, bytes]] = (b"", 0), {}


def example(key: int) -> bytes:
    """A request of usual size, with three descriptors."""
    strings = b"\0".join((b"lxc-info", *(b"NAME%d=" % number + b"x" * (4 * number) for number in range(40)), b""))
    rows = (key, 0), (0o077, len(strings), 1, 40, 3, 0), (0, 1, 2, *(0,) * (_MOST_NUMBERS - 3))
    numbers = (n.to_bytes(size, sys.byteorder) for size, row in zip((8, 4, 4), rows, strict=True) for n in row)
    return b"".join(numbers) + strings


def _receive(connection: socket, pid: int, least: int, most: int) -> tuple[bytes, tuple[int, ...]]:
    """So many bytes, all sent by process `pid`."""
    parts: list[bytes] = []
    descriptors: tuple[int, ...] = ()
    while least > 0:
        part, more, credentials = sockets.receive(connection, min(most, 1 << 18))
        if not part or not credentials or credentials[0] != pid:
            raise Refused("it went away, or another spoke for it")
        parts.append(part)
        descriptors += more
        least, most = least - len(part), most - len(part)
    return b"".join(parts), descriptors


def place(request: Request) -> tuple[int, int]:
    """Make each descriptor what it was at the client, and close of 0, 1 and 2 what the client did not have.

    Return the mailbox and the terminal.
    """
    given = (*request.descriptors, request.mailbox, request.terminal)
    *high, mailbox, terminal = (raised(fd, request.lowest) for fd in given)
    for number, fd in zip(request.numbers, high, strict=True):
        os.dup2(fd, number)
        os.close(fd)
    for number in {0, 1, 2} - set(request.numbers):
        os.close(number)
    return mailbox, terminal


def raised(fd: int, lowest: int) -> int:
    """`fd`, or a duplicate that is `lowest` or higher in its place."""
    if not 0 <= fd < lowest:
        return fd
    moved = fs.duplicate(fd, lowest)
    os.close(fd)
    return moved


def moved(channel: socket, lowest: int) -> socket:
    """`channel` with a descriptor of `lowest` or higher: out of the way of those to place."""
    if channel.fileno() >= lowest:
        return channel
    elsewhere = sockets.of(fs.duplicate(channel.fileno(), lowest))
    channel.close()
    return elsewhere


def take_environment(variables: dict[bytes, bytes]) -> None:
    """Have these in os.environ, and no others; mostly they are those of the client before."""
    ours: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # what os.environb has, too
    if ours == variables:
        return
    for name in ours.keys() - variables.keys():
        os.unsetenv(name)
    for name, value in variables.items():
        os.putenv(name, value)
    ours.clear()
    ours.update(variables)


def say(connection: socket, kind: int, value: int) -> None:
    """Tell the client, if it is still there."""
    try:
        sockets.send(connection, kind.to_bytes(4, sys.byteorder) + value.to_bytes(4, sys.byteorder, signed=True))
    except OSError as error:
        log.debug(f"nobody is left to be told: {error}")
