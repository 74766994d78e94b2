"""Speaking netlink(7) with the kernel: one request, and what it answers.  The messages are those of `rtnetlink`, or similar.

A channel belongs for life to the network namespace that it was made in, from
wherever it is used.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from _socket import MSG_TRUNC, SOCK_RAW, socket

from lxc.kernel import rtnetlink
from lxc.kernel.rtnetlink import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Self

    from lxc.kernel.rtnetlink import Family

AF_NETLINK, NETLINK_ROUTE, NETLINK_GENERIC = 16, 0, 16  # _socket has them on machines whose compiler had them
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
# The names that one may give a device have 64 KiB, and there is more to it; what malloc(3) would map anew each time is from 128 on.
_BUFFER = 96 << 10
_MOST = 1 << 16  # messages read of one answer; who has more is out to fill our memory
_ATTEMPTS = 5
_SIOCGIFNAME, _IFNAMSIZ, _IFREQ = 0x8910, 16, 40  # struct ifreq: name, and a union that begins with the index


class Channel:
    """A netlink socket; whoever makes one closes it, or has `with` do that."""

    def __init__(
        self, descriptor: int = -1, protocol: int = NETLINK_ROUTE, families: Mapping[int, Family] = rtnetlink.FAMILIES
    ) -> None:
        """Make one in this network namespace, or take over the open socket `descriptor`.  Raises OSError."""
        if descriptor >= 0:
            self._socket = socket(AF_NETLINK, SOCK_RAW, protocol, descriptor)
        else:
            self._socket = socket(AF_NETLINK, SOCK_RAW | os.O_CLOEXEC, protocol)
        self._families = families
        self._sequence = 0
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def request(self, kind: int, flags: int = 0, /, **fields: Any) -> tuple[Message, ...]:
        """Have the kernel do one thing, and return what it answers beside that it did it.

        Raises OSError, with what the kernel has to say beyond the error's number (NETLINK_EXT_ACK, Linux 4.12).
        """
        self._send(kind, flags | rtnetlink.NLM_F_ACK, fields)
        return tuple(self._answer())

    def dump(self, kind: int, /, **fields: Any) -> tuple[Message, ...]:
        """All that the kernel has of a kind: RTM_GETLINK, RTM_GETADDR …  Raises OSError."""
        for _ in range(_ATTEMPTS):
            self._send(kind, rtnetlink.NLM_F_DUMP, fields)
            found = tuple(self._answer())
            if not any(message.flags & rtnetlink.NLM_F_DUMP_INTR for message in found):
                return found
        raise InterruptedError(errno.EINTR, "it changes faster than it can be read", "rtnetlink")

    def name_of(self, index: int) -> str:
        """The name of the interface `index` (netdevice(7), SIOCGIFNAME), "" if it is gone."""
        request = bytes(_IFNAMSIZ) + index.to_bytes(4, sys.byteorder)
        try:
            answer = fcntl.ioctl(self._socket, _SIOCGIFNAME, request.ljust(_IFREQ, b"\0"))
        except OSError:
            return ""
        return answer[:_IFNAMSIZ].split(b"\0", 1)[0].decode(errors="surrogateescape")

    def _send(self, kind: int, flags: int, fields: dict[str, Any]) -> None:
        self._sequence += 1
        message = Message(kind, flags | rtnetlink.NLM_F_REQUEST, fields, self._sequence)
        self._socket.sendto(rtnetlink.pack(message, self._families), (0, 0))

    def _answer(self) -> Iterator[Message]:
        """What the kernel says to the last request, up to its end."""
        for count, message in enumerate(self._messages()):
            if message.type in (rtnetlink.NLMSG_ERROR, rtnetlink.NLMSG_DONE):
                _raise(message.fields)
                return
            if count == _MOST:
                raise OSError(errno.EMSGSIZE, f"there are more than {_MOST}", "rtnetlink")
            yield message

    def _messages(self) -> Iterator[Message]:
        """The kernel's messages to the last request: whoever shares the namespace could send us some of his own."""
        while True:
            data, _, flags, address = self._socket.recvmsg(_BUFFER)
            if address[0] != 0:
                continue
            if flags & MSG_TRUNC:
                raise OSError(errno.EMSGSIZE, "the kernel's answer is longer than it can be", "rtnetlink")
            yield from (
                message for message in rtnetlink.unpack(data, self._families) if message.sequence == self._sequence
            )


def _raise(fields: Mapping[str, Any]) -> None:
    number = fields.get("error", 0)
    if number:
        said = fields.get("said", "").rstrip(". ")
        raise OSError(number, f"{os.strerror(number)}: {said}" if said else os.strerror(number))
