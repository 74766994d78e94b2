"""Devices of the host's that a container is given (`phys`), and that come back as they were.

In the container they are known by their number: their name is the container's
to change.  What has become of one while it was away is not trusted; only its
kind must be the same, for somebody could have put another in its place.
"""

from __future__ import annotations

from lxc import log
from lxc.kernel.fs import closing
from lxc.kernel.netlink import Channel
from lxc.network import namespace
from lxc.network.links import Link, Links, check_name
from lxc.network.namespace import visiting
from lxc.record import Record

_UNUSED = "phys%d"  # the kernel fills in a number


class Loan(Record):
    """A device, as it was on the host."""

    link: Link
    name: str  # in the container
    number: int  # of lxc.net.<number>


def lend(loan: Loan, home: Links, netns: int) -> int:
    """Move the device into the namespace `netns`.  Return its number there.  Raises OSError."""
    index = loan.link.index
    check_name(loan.name)
    home.remove_altnames(index, loan.link.altnames)
    home.change(index, netns_fd=netns, ifname=loan.name)
    with _links(netns) as there:
        return there.index(loan.name)


def bring_home(loan: Loan, index: int, netns: int) -> None:
    """Move it back to this process's namespace, and have it as it was there.

    `index` is its number away, 0 if it is not known to have gone.  What does not succeed is logged.
    """
    name = loan.link.name
    with Links(Channel()) as home:
        try:
            if _fetch(loan, index, netns, home):
                _restore(loan, home)
        except OSError as error:
            log.warn(f"the device {name}, which the container had, does not come back as it was: {error.strerror}")


def _fetch(loan: Loan, index: int, netns: int, home: Links) -> bool:
    """Return whether it is here now, under its name."""
    name, here = loan.link.name, home.find(loan.link.name)
    if not index and here and here.index == loan.link.index:
        return True  # it never left
    with _links(netns) as there:
        found = there.at(index) if index else there.find(loan.name) or there.find(name)
        if not found or found.kind != loan.link.kind:
            log.warn(f"the device {name}, which the container had, is not there any more")
            return False
        there.remove_altnames(found.index, found.altnames)
        with closing(namespace.own()) as fd:
            there.change(found.index, netns_fd=fd, ifname=_UNUSED if here else name)
    if here:
        log.warn(f"another device is called {name} by now: the container's has come back under another name")
    return not here


def _restore(loan: Loan, home: Links) -> None:
    was, found = loan.link, home.find(loan.link.name)
    if not found:
        return
    if found.mtu != was.mtu:
        home.change(found.index, mtu=was.mtu)
    if found.address != was.address:
        home.change(found.index, address=was.address)
    home.add_altnames(found.index, tuple(name for name in was.altnames if name not in found.altnames))


def _links(netns: int) -> Links:
    with visiting(netns):
        return Links(Channel())
