"""A network device from one namespace to another, while both are in use."""

from __future__ import annotations

import errno

from lxc.errors import NotFound, StepError
from lxc.kernel.netlink import Channel
from lxc.kernel.nl80211 import Wireless
from lxc.network.links import Links, check_name
from lxc.network.namespace import visiting


def links_in(netns: int) -> Links:
    """The devices of the network namespace `netns`, an open file.  The caller closes them.  Raises OSError."""
    with visiting(netns):
        return Links(Channel())


def wireless_in(netns: int) -> Wireless:
    """What is wireless there.  The caller closes it.  Raises OSError."""
    with visiting(netns):
        return Wireless()


def move(name: str, source: Links, air: Wireless, target: Links, netns: int, called: str) -> None:
    """Move the device `name` of `source` to the namespace `netns`, which is that of `target`, where it is `called` so.

    `air` is of the same namespace as `source`: a wireless device takes along all that is its radio's.
    It arrives down, without addresses.  Raises NotFound, StepError.
    """
    step = f"move the network device {name}"
    try:
        check_name(called)
        found = source.find(name)
        if not found:
            raise NotFound(f"there is no network device {name}")
        radio = air.radio(found.index)
        # The kernel would move it first, and then find that its name cannot be changed.
        for taken in (called, name) if radio >= 0 else (called,):
            if target.find(taken):
                raise StepError(step, f"there is a network device {taken} already, where it would go")
        if radio < 0:
            source.change(found.index, netns_fd=netns, ifname=called)
            return
        air.move(radio, netns)
        if called != name:
            target.change(target.index(name), ifname=called)
    except OSError as error:
        hint = "root may do that" if error.errno == errno.EPERM else ""
        raise StepError(step, error.strerror or str(error), hint=hint) from error
