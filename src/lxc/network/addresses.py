"""The interfaces and addresses of another process's network namespace, as rtnetlink(7) tells them.

A netlink socket belongs for life to the namespace it was made in.  So only the
making of one happens over there; asking, and reading what a hostile container
may have named its interfaces, happens here.
"""

from __future__ import annotations

import errno
import os
from _socket import SOCK_RAW, socket

from lxc.kernel import process, rtnetlink, sockets
from lxc.kernel.netlink import AF_NETLINK, Channel
from lxc.network.namespace import visiting
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FAMILIES = {2: "inet", 10: "inet6"}


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
        """The addresses as sorted text: by default all but those of `lo` and the link-local ones, as LXC's get_ips."""
        return tuple(
            sorted(
                address.text
                for address in self.all_addresses
                if (address.interface == interface if interface else address.interface != "lo")
                and family in ("", address.family)
                and (address.family == "inet" or address.scope == scope)
            )
        )


def interfaces(pidfd: int, *, addressed: bool = False) -> Interfaces:
    """What the network namespace of the process `pidfd` has; `addressed`: no interfaces that have no address.

    The list of all waits for whoever changes a device in any namespace of the host; what has an address is told at once.
    Raises OSError.
    """
    with channel(pidfd) as there:
        if not addressed:
            links = {
                message.fields["index"]: message.fields["ifname"]
                for message in there.dump(rtnetlink.RTM_GETLINK, ext_mask=rtnetlink.RTEXT_FILTER_SKIP_STATS)
                if "ifname" in message.fields
            }
        messages = there.dump(rtnetlink.RTM_GETADDR)
        if addressed:
            links = {index: there.name_of(index) for index in {message.fields.get("index", 0) for message in messages}}
        found = (parse(message.fields, links) for message in messages)
        return Interfaces(tuple(sorted(set(links.values()))), tuple(address for address in found if address))


def channel(pidfd: int) -> Channel:
    """A netlink channel to the network namespace of the process `pidfd`; the caller closes it.  Raises OSError."""
    try:
        with visiting(pidfd):
            return Channel()
    except PermissionError:
        return _channel_of_child(pidfd)


def _channel_of_child(pidfd: int) -> Channel:
    """As `channel`, for a caller who may not go there and come back: a child goes, and ends."""
    ours, theirs = sockets.pair()
    pid = os.fork()
    if pid == 0:
        try:
            _enter(pidfd)
            made = socket(AF_NETLINK, SOCK_RAW, 0)
            sockets.send(theirs, b"\0", (made.fileno(),))
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
    return Channel(descriptors[0])


def _enter(pidfd: int) -> None:
    """Go there for good: as one who may, else as one of the container's user namespace.  Raises OSError."""
    try:
        process.setns(pidfd, process.CLONE_NEWNET)
    except PermissionError as error:
        try:
            process.setns(pidfd, process.CLONE_NEWUSER | process.CLONE_NEWNET)
        except OSError as second:
            if second.errno == errno.EINVAL:  # the user namespace is ours already
                raise error from None
            raise


def parse(fields: Mapping[str, Any], links: Mapping[int, str]) -> Address | None:
    """The address in a message; None if it is neither IPv4 nor IPv6, or of no known link."""
    family = _FAMILIES.get(fields.get("family", 0), "")
    # Of a point-to-point link, `address` is the other end.
    text, index = fields.get("local", fields.get("address", "")), fields.get("index", 0)
    if not family or not text or (":" in text) != (family == "inet6") or not links.get(index):
        return None
    is_link_local = family == "inet6" and text[:3] in ("fe8", "fe9", "fea", "feb") and text[4:5] == ":"
    return Address(links[index], family, text, index if is_link_local else 0)
