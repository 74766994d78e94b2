"""The interfaces and addresses of another process's network namespace, as rtnetlink(7) tells them.

A netlink socket belongs for life to the namespace it was made in.  So only the
making of one happens over there; asking, and reading what a hostile container
may have named its interfaces, happens here.
"""

from __future__ import annotations

import os
import sys
from _socket import AF_INET, AF_INET6, SOCK_RAW, inet_ntop, socket

from lxc.kernel import process, sockets
from lxc.network.namespace import visiting
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

AF_NETLINK = 16  # _socket has it on machines whose compiler had it
_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_GETADDR = 16, 18, 20, 22
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSGHDR, _IFINFOMSG, _IFADDRMSG, _RTATTR = 16, 16, 8, 4  # sizes of the structures
_IFLA_IFNAME, _IFA_ADDRESS, _IFA_LOCAL = 3, 1, 2
_FAMILIES = {AF_INET: ("inet", 4), AF_INET6: ("inet6", 16)}
_MOST = 1 << 16  # messages read; who has more addresses is out to fill our memory
_BUFFER = 1 << 16


class Address(Record):
    """An address of an interface; `scope` is the interface's index for an IPv6 link-local address, otherwise 0."""

    interface: str
    family: str  # "inet" or "inet6"
    text: str
    scope: int = 0


class Interfaces(Record):
    """What a network namespace has: the names are those the container gave, and may contain any character."""

    names: tuple[str, ...] = ()
    all_addresses: tuple[Address, ...] = ()

    def addresses(self, interface: str = "", family: str = "", scope: int = 0) -> tuple[str, ...]:
        """The addresses as text: by default all but those of `lo` and the link-local ones, as LXC's get_ips."""
        return tuple(
            address.text
            for address in self.all_addresses
            if (address.interface == interface if interface else address.interface != "lo")
            and family in ("", address.family)
            and (address.family == "inet" or address.scope == scope)
        )


def interfaces(pidfd: int) -> Interfaces:
    """What the network namespace of the process `pidfd` has.  Raises OSError.

    The process calling this must have one thread.
    """
    channel = _channel(pidfd)
    try:
        links = dict(_links(channel))
        found = tuple(_addresses(channel, links))
    finally:
        channel.close()
    return Interfaces(tuple(sorted(set(links.values()))), found)


def _channel(pidfd: int) -> socket:
    """A netlink socket of the network namespace of `pidfd`; the caller closes it."""
    try:
        with visiting(pidfd):
            return socket(AF_NETLINK, SOCK_RAW, 0)
    except PermissionError:
        return _channel_of_child(pidfd)


def _channel_of_child(pidfd: int) -> socket:
    """As `_channel`, for a caller without privilege: a child becomes one of the container's user namespace first."""
    ours, theirs = sockets.pair()
    pid = os.fork()
    if pid == 0:
        try:
            process.setns(pidfd, process.CLONE_NEWUSER | process.CLONE_NEWNET)
            channel = socket(AF_NETLINK, SOCK_RAW, 0)
            sockets.send(theirs, b"\0", (channel.fileno(),))
        except OSError as error:
            sockets.send(theirs, (error.errno or 1).to_bytes(1, "little"))
        finally:
            os._exit(0)
    theirs.close()
    try:
        answer, descriptors, _ = sockets.receive(ours, 1)
    finally:
        ours.close()
        os.waitpid(pid, 0)
    if not descriptors:
        number = answer[0] if answer else 1
        raise OSError(number, os.strerror(number), "network namespace")
    return socket(AF_NETLINK, SOCK_RAW, 0, descriptors[0])


def _links(channel: socket) -> Iterator[tuple[int, str]]:
    """(index, name) of each interface."""
    for message in _dump(channel, _RTM_GETLINK, _RTM_NEWLINK):
        for kind, content in _attributes(message, _IFINFOMSG):
            if kind == _IFLA_IFNAME:
                yield _number(message[4:8]), content.rstrip(b"\0").decode(errors="surrogateescape")


def _addresses(channel: socket, links: dict[int, str]) -> Iterator[Address]:
    for message in _dump(channel, _RTM_GETADDR, _RTM_NEWADDR):
        address = parse_address(message, links)
        if address:
            yield address


def parse_address(message: bytes, links: dict[int, str]) -> Address | None:
    """The address in a struct ifaddrmsg with its attributes; None if it is neither IPv4 nor IPv6, or of no known link."""
    if len(message) < _IFADDRMSG or message[0] not in _FAMILIES:
        return None
    index, (family, size) = _number(message[4:8]), _FAMILIES[message[0]]
    raw = dict(_attributes(message, _IFADDRMSG))
    content = raw.get(_IFA_LOCAL, raw.get(_IFA_ADDRESS, b""))  # of a point-to-point link, ADDRESS is the other end
    if len(content) != size or index not in links:
        return None
    is_link_local = family == "inet6" and content[0] == 0xFE and content[1] & 0xC0 == 0x80
    return Address(links[index], family, inet_ntop(message[0], content), index if is_link_local else 0)


def _dump(channel: socket, request: int, answer: int) -> Iterator[bytes]:
    """The bodies of the messages of type `answer` that the kernel gives for `request`."""
    size = _NLMSGHDR + _IFINFOMSG
    header = ((size, 4), (request, 2), (_NLM_F_REQUEST | _NLM_F_DUMP, 2), (request, 4), (0, 4))
    channel.send(b"".join(number.to_bytes(width, sys.byteorder) for number, width in header) + bytes(_IFINFOMSG))
    count = 0
    while count < _MOST:
        for kind, body in messages(channel.recv(_BUFFER)):
            count += 1
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                number = -int.from_bytes(body[:4], sys.byteorder, signed=True)
                raise OSError(number, os.strerror(number), "rtnetlink")
            if kind == answer:
                yield body


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each netlink message in `data`: netlink(7)."""
    while len(data) >= _NLMSGHDR:
        length = _number(data[:4])
        if not _NLMSGHDR <= length <= len(data):
            return
        yield _number(data[4:6]), data[_NLMSGHDR:length]
        data = data[_aligned(length) :]


def _attributes(message: bytes, skip: int) -> Iterator[tuple[int, bytes]]:
    """(type, content) of each attribute after the `skip` bytes of the fixed part: rtnetlink(7), struct rtattr."""
    data = message[_aligned(skip) :]
    while len(data) >= _RTATTR:
        length = _number(data[:2])
        if not _RTATTR <= length <= len(data):
            return
        yield _number(data[2:4]), data[_RTATTR:length]
        data = data[_aligned(length) :]


def _number(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
