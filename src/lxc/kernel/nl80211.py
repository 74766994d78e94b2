"""Wireless devices, by nl80211 over generic netlink: which radio an interface is of, and to what namespace that goes.

An interface of a radio is nowhere but where its radio is: the kernel moves all of one radio's, or none.
Numbers and layouts are those of linux/genetlink.h and nl80211.h.
"""

from __future__ import annotations

import errno
import os
from _struct import Struct

from lxc.kernel.netlink import NETLINK_GENERIC, Channel
from lxc.kernel.rtnetlink import TEXT, U16, U32, Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_HEADER = Struct("=BBxx")  # struct genlmsghdr: command, version
_NAMES = ("command", "version")
_CONTROL, _GET_FAMILY = 0x10, 3
_GET_INTERFACE, _DELETE_INTERFACE, _SET_NAMESPACE = 5, 8, 49
_RESOLVE = {_CONTROL: Family(_HEADER, _NAMES, {"id": (1, U16), "name": (2, TEXT)})}
WIRELESS = Family(_HEADER, _NAMES, {"radio": (1, U32), "interface": (3, U32), "netns_fd": (219, U32)})
_NOTWIRELESS = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)


class Wireless:
    """What is wireless in this network namespace; closing this closes its channel."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._channel: Channel | None = None
        self._type = _family() if os.path.exists("/sys/module/cfg80211") else 0  # asking alone would load it
        if self._type:
            self._channel = Channel(protocol=NETLINK_GENERIC, families={self._type: WIRELESS})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._channel:
            self._channel.close()

    def radio(self, interface: int) -> int:
        """The number of the radio that the network device of number `interface` is of; -1 for another kind of device."""
        if not self._channel:
            return -1
        try:
            (found,) = self._channel.request(self._type, command=_GET_INTERFACE, interface=interface)
        except OSError as error:
            if error.errno in _NOTWIRELESS:
                return -1
            raise
        return int(found.fields["radio"])

    def interfaces(self, radio: int) -> tuple[int, ...]:
        """The numbers of the network devices of that radio."""
        if not self._channel:
            return ()
        found = (message.fields for message in self._channel.dump(self._type, command=_GET_INTERFACE))
        return tuple(fields["interface"] for fields in found if fields.get("radio") == radio and "interface" in fields)

    def move(self, radio: int, netns: int) -> None:
        """Move the radio, with all its network devices, to the namespace `netns`, an open file.  Raises OSError."""
        if self._channel:
            self._channel.request(self._type, command=_SET_NAMESPACE, radio=radio, netns_fd=netns)

    def delete(self, interface: int) -> None:
        """Remove a network device from its radio.  Raises OSError."""
        if self._channel:
            self._channel.request(self._type, command=_DELETE_INTERFACE, interface=interface)


def _family() -> int:
    """The number that nl80211 has in this kernel; 0 if it has none."""
    with Channel(protocol=NETLINK_GENERIC, families=_RESOLVE) as control:
        try:
            (found,) = control.request(_CONTROL, command=_GET_FAMILY, version=1, name="nl80211")
        except OSError as error:
            if error.errno == errno.ENOENT:
                return 0
            raise
    return int(found.fields["id"])
