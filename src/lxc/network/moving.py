"""A network device from one namespace to another, while both are in use."""

from __future__ import annotations

import errno

from lxc import log
from lxc.errors import NotFound, StepError
from lxc.kernel.netlink import Channel
from lxc.kernel.nl80211 import Wireless
from lxc.network.links import Link, Links, is_name
from lxc.network.namespace import visiting
from lxc.record import Record


class Side(Record):
    """A network namespace that a device leaves, or comes to: its devices, and its open file."""

    links: Links
    netns: int


def links_in(netns: int) -> Links:
    """The devices of the network namespace `netns`, an open file.  The caller closes them.  Raises OSError."""
    with visiting(netns):
        return Links(Channel())


def wireless_in(netns: int) -> Wireless:
    """What is wireless there.  The caller closes it.  Raises OSError."""
    with visiting(netns):
        return Wireless()


def move(name: str, source: Side, target: Side, called: str = "", *, with_altnames: bool = True) -> None:
    """Move the device `name` from `source` to `target`, where it is `called` so ("": as it is).

    A wireless device takes along all that is its radio's.
    It arrives down, without addresses.  Raises NotFound, StepError; then it is in `source`.
    """
    step = f"move the network device {name}"
    try:
        found = source.links.find(name)
        if not found:
            raise NotFound(f"there is no network device {name}")
        called = called or found.name
        if not is_name(called):
            raise StepError(step, f"{called!r} cannot be the name of a network device")
        radio, leaving = _leaving(found, source)
        for taken in (called, found.name) if radio >= 0 else (called,):
            if target.links.find(taken):
                raise StepError(step, f"there is a network device {taken} already, where it would go")
        try:
            for each in leaving:
                dropped = (altname for altname in each.altnames if altname == called or not with_altnames)
                source.links.remove_altnames(each.index, tuple(dropped))
            _carry(found, radio, source, target, called)
        except OSError:
            _take_back(leaving, radio, source, target)
            raise
    except OSError as error:
        hint = "root may do that" if error.errno == errno.EPERM else ""
        raise StepError(step, error, hint=hint) from error


def _leaving(link: Link, source: Side) -> tuple[int, tuple[Link, ...]]:
    """The radio of the device, -1 if it has none, and the devices that go if it does, itself first."""
    with wireless_in(source.netns) as air:
        radio = air.radio(link.index)
        others = [index for index in air.interfaces(radio) if index != link.index] if radio >= 0 else []
    found = (source.links.at(index) for index in others)
    return radio, (link, *(other for other in found if other))


def _carry(link: Link, radio: int, source: Side, target: Side, called: str) -> None:
    if radio < 0:
        source.links.change(link.index, netns_fd=target.netns, ifname=called)
        return
    with wireless_in(source.netns) as air:
        air.move(radio, target.netns)
    if called != link.name:
        target.links.change(target.links.index(link.name), ifname=called)


def _take_back(leaving: tuple[Link, ...], radio: int, source: Side, target: Side) -> None:
    """Have them in `source`, with their names, after a failure: the kernel renames what it has moved already.

    What does not succeed is logged.
    """
    link = leaving[0]
    try:
        there = None if source.links.at(link.index) else target.links.find(link.name)
        if there and there.kind == link.kind:
            target.links.remove_altnames(there.index, there.altnames)
            _carry(there, radio, target, source, link.name)
        for each in leaving:
            back = source.links.find(each.name)
            if back:
                missing = (altname for altname in each.altnames if altname not in back.altnames)
                source.links.add_altnames(back.index, tuple(missing))
    except OSError as error:
        log.warn(f"the network device {link.name} is not as it was before it was to be moved: {error.strerror}")
