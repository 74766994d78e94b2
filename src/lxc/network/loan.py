"""Devices of the host's that a container is given (`phys`), and that come back as they were.

In the container they are known by their number: their name is the container's
to change.  What has become of one while it was away is not trusted; only its
kind must be the same, for somebody could have put another in its place.

A wireless device goes with its radio, and so does all else that is the radio's;
what the container has added to a radio is removed before it comes back.
"""

from __future__ import annotations

import errno

from lxc import log
from lxc.kernel import rtnetlink
from lxc.kernel.fs import closing
from lxc.kernel.netlink import Channel
from lxc.kernel.nl80211 import Wireless
from lxc.network import namespace
from lxc.network.ends import invented
from lxc.network.links import Link, Links
from lxc.network.moving import links_in, wireless_in
from lxc.record import Record

_UNUSED = "phys%d"  # the kernel fills in a number
_MANNERS = rtnetlink.IFF_NOARP | rtnetlink.IFF_PROMISC | rtnetlink.IFF_ALLMULTI | rtnetlink.IFF_MULTICAST


class Loan(Record):
    """A device, as it was on the host."""

    link: Link
    name: str  # in the container
    number: int  # of lxc.net.<number>
    radio: int = -1  # of a wireless device
    is_alone: bool = True  # on its radio


def lend(loan: Loan, home: Links, netns: int) -> int:
    """Move the device into the namespace `netns`.  Return its number there.  Raises OSError."""
    index = loan.link.index
    home.remove_altnames(index, loan.link.altnames)
    if loan.radio < 0:
        home.change(index, netns_fd=netns, ifname=loan.name)
        with links_in(netns) as there:
            return there.index(loan.name)
    with Wireless() as here, wireless_in(netns) as away, links_in(netns) as there:
        here.move(loan.radio, netns)
        arrived = _of_radio(loan.radio, index, away)
        if not arrived:
            raise OSError(errno.ENODEV, f"its radio has no {loan.link.name} any more")
        there.change(arrived, ifname=loan.name)
        return arrived


def bring_home(loan: Loan, index: int, netns: int) -> None:
    """Move it back to this process's namespace, and have it as it was there.

    `index` is its number away, 0 if it is not known to have gone.  What does not succeed is logged.
    """
    name = loan.link.name
    with Links(Channel()) as home:
        try:
            _restore(loan, _fetch(loan, index, netns, home), home)
        except OSError as error:
            log.warn(f"the device {name}, which the container had, does not come back as it was: {error.strerror}")


def _fetch(loan: Loan, index: int, netns: int, home: Links) -> int:
    """Return its number here, 0 if it does not come.  It has its name, or if that is taken another."""
    name, here = loan.link.name, home.find(loan.link.name)
    if not index and here and here.index == loan.link.index:
        return here.index  # it never left
    with links_in(netns) as there:
        found = there.at(index) if index else there.find(loan.name) or there.find(name)
        if not found and here and here.kind == loan.link.kind and here.index in (index, loan.link.index):
            return here.index  # it has come back already: whoever brought it was killed then
        if not found or found.kind != loan.link.kind:
            log.warn(f"the device {name}, which the container had, is not there any more")
            return 0
        there.remove_altnames(found.index, found.altnames)
        if here:
            log.warn(f"another device is called {name} by now: the container's comes back under another name")
        if loan.radio >= 0:
            return _fetch_radio(loan, found.index, netns, there, home)
        passing = invented() if here else name  # it is known here by a name that nothing else has
        with closing(namespace.own()) as fd:
            there.change(found.index, netns_fd=fd, ifname=passing)
    came = home.find(passing)
    if came and here:
        home.change(came.index, ifname=_UNUSED)
    return came.index if came else 0


def _fetch_radio(loan: Loan, index: int, netns: int, there: Links, home: Links) -> int:
    """The radio of the device that is number `index` there; return the device's number here, 0 if it does not come."""
    with Wireless() as here, wireless_in(netns) as away, closing(namespace.own()) as fd:
        for other in away.interfaces(loan.radio) if loan.is_alone else ():
            if other != index:
                away.delete(other)
        there.set_up(index, is_up=False)
        there.change(index, ifname=_UNUSED)  # the name that it has there is nothing for the host to see
        away.move(loan.radio, fd)
        index = _of_radio(loan.radio, index, here)
    if index and not home.find(loan.link.name):
        home.change(index, ifname=loan.link.name)
    return index


def _of_radio(radio: int, index: int, place: Wireless) -> int:
    """The number of the device that was number `index` before its radio was moved to `place`; 0 if there is none."""
    found = place.interfaces(radio)
    return index if index in found else min(found, default=0)  # a number that is in use there has become another


def _restore(loan: Loan, index: int, home: Links) -> None:
    was, found = loan.link, home.at(index) if index else None
    if not found:
        return
    changed = was.flags ^ found.flags
    if changed & _MANNERS:
        home.change(found.index, flags=was.flags, change=changed & _MANNERS)
    if (found.group, found.alias, found.txqlen) != (was.group, was.alias, was.txqlen):
        home.change(found.index, group=was.group, ifalias=was.alias, txqlen=was.txqlen)
    if found.mtu != was.mtu:
        home.change(found.index, mtu=was.mtu)
    if found.address != was.address:
        home.change(found.index, address=was.address)
    home.add_altnames(found.index, tuple(name for name in was.altnames if name not in found.altnames))
