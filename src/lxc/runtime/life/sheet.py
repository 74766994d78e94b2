"""What a monitor that rests writes down for the program that it becomes, and what that notes down.  Pure.

The layouts are those of native/client/rest.c, and rest.h, in the machine's own byte order.
"""

from __future__ import annotations

import errno
import os
import sys

from lxc.record import Record
from lxc.runtime.commands import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxc.runtime.commands import Request

_MOST_LENT = 20  # descriptors with an answer
_LONGEST_ANSWER = 1 << 14  # bytes
_MOST_REMOVED = 32  # hierarchies
_HEAD = 48  # bytes of struct head


class Removal(Record):
    """What is left of the container when its init has ended, if there is nothing to undo but that."""

    fifo: str  # what lxc-monitord reads: if it does, it is to be told
    cgroups: tuple[tuple[str, str, str], ...]  # as `cgroups.outside.to_be_removed` says
    has_unified: bool
    requests: bytes = b""  # to the kernel's network, of which what fails does not matter


class Left(Record):
    """A connection as it was left."""

    fd: int
    incoming: bytes
    is_trusted: bool
    keep: bool


def text(
    init: int,
    init_pidfd: int,
    listener: int,
    stop_signal: int,
    consoles: tuple[int, int],
    answers: Sequence[tuple[Request, Reply | None]],
    waiting: Sequence[tuple[int, ...]] = (),
    removal: Removal | None = None,
) -> bytes:
    """The sheet: its size, struct head, who waits for a state (descriptor, int[8] of what is wanted), and `answers`.

    Each of these is a struct answer, the request and the reply.  Behind them is the `removal`, its requests first.

    Without a reply the request ends the connection; beside others it is invalid.  Of `consoles` the output of the first
    is dropped, that of the second wakes; -1 is none.
    """
    rows = [_row(*pair) for pair in answers if not pair[1] or _fits(pair[1])]
    removed, has_unified, texts = _texts(removal)
    requests = removal.requests if removal else b""
    known = b"".join((*(_numbers(4, *each) for each in waiting), *rows, requests))
    first = len(rows), len(waiting), init, init_pidfd, listener, stop_signal, *consoles, has_unified, removed
    written = b"".join((_numbers(4, *first, _HEAD + len(known), len(requests)), known, texts))
    return _numbers(8, len(written)) + written


def rest_of(sheet: bytes) -> bytes:
    """What is written behind the text."""
    return sheet[8 + int.from_bytes(sheet[:8], sys.byteorder) :]


def happened(note: bytes) -> tuple[int, tuple[Left, ...]]:
    """What was noted down: the wait status of init, -1 if it lives, and the connections."""
    status, count = _integers(note[:8])
    left, at = list[Left](), 8
    for _ in range(count):
        fd, is_trusted, keep, size = _integers(note[at : at + 16])
        at += 16 + size
        left.append(Left(fd, note[at - size : at], bool(is_trusted), bool(keep)))
    return status, tuple(left)


def _texts(removal: Removal | None) -> tuple[int, bool, bytes]:
    if not removal or len(removal.cgroups) > _MOST_REMOVED:
        return 0, False, b""
    texts = removal.fifo, *(path for paths in removal.cgroups for path in paths)
    return len(removal.cgroups), removal.has_unified, b"".join(os.fsencode(text) + b"\0" for text in texts)


def _fits(reply: Reply) -> bool:
    return len(reply.descriptors) <= _MOST_LENT and len(reply.payload) <= _LONGEST_ANSWER


def _row(request: Request, reply: Reply | None) -> bytes:
    said = reply or Reply(-errno.EINVAL)
    lent = (*said.descriptors, *(-1,) * (_MOST_LENT - len(said.descriptors)))
    return b"".join(
        (
            _numbers(4, request.command, len(request.payload), len(said.payload), len(said.descriptors)),
            _numbers(8, said.number),
            _numbers(4, said.ret, reply is None, *lent),
            request.payload,
            said.payload,
        )
    )


def _numbers(size: int, *numbers: int) -> bytes:
    return b"".join(number.to_bytes(size, sys.byteorder, signed=True) for number in numbers)


def _integers(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 4], sys.byteorder, signed=True) for at in range(0, len(data), 4))
