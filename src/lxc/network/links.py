"""The network devices of one network namespace, asked for by name or number over a channel to it."""

from __future__ import annotations

import errno
import os

from lxc.kernel import rtnetlink
from lxc.kernel.netlink import Channel
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from lxc.kernel.rtnetlink import Message

_GONE = (errno.ENODEV, errno.ENXIO)


class Link(Record):
    """A network device, as the kernel describes it."""

    index: int
    name: str
    kind: str = ""  # "veth", "bridge"; "" is a physical device, or one of a kind without a name
    mtu: int = 0  # bytes
    address: str = ""
    is_up: bool = False
    altnames: tuple[str, ...] = ()
    vlan_filtering: bool = False  # of a bridge
    default_pvid: int = 0
    peer_netns: int | None = None  # the number of the namespace that its other end is in; -1: that namespace is dying
    flags: int = 0  # IFF_*
    group: int = 0
    alias: str = ""
    txqlen: int = 0


class Links:
    """The devices of the namespace that `channel` is of; closing this closes it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._indexes: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def all(self) -> tuple[Link, ...]:
        """Every device, in the kernel's order.  Raises OSError."""
        found = self.channel.dump(rtnetlink.RTM_GETLINK, ext_mask=rtnetlink.RTEXT_FILTER_SKIP_STATS)
        return tuple(_link(message.fields) for message in found if "ifname" in message.fields)

    def find(self, name: str) -> Link | None:
        """The device `name`; None if there is none.  Raises OSError."""
        return self._ask(ifname=name) if len(os.fsencode(name)) < 16 else None

    def at(self, index: int) -> Link | None:
        """The device of number `index`; None if there is none.  Raises OSError."""
        return self._ask(index=index)

    def index(self, name: str) -> int:
        """The number of the device `name`, which stays as it is while this is used.  Raises OSError(ENODEV)."""
        if name not in self._indexes:
            found = self.find(name)
            if not found:
                raise OSError(errno.ENODEV, f"there is no network device {name}")
            self._indexes[name] = found.index
        return self._indexes[name]

    def addresses(self, index: int, family: int) -> tuple[str, ...]:
        """The addresses of family AF_INET or AF_INET6 of the device `index`, in the kernel's order.  Raises OSError."""
        found = (message.fields for message in self.channel.dump(rtnetlink.RTM_GETADDR, family=family))
        ours = (fields for fields in found if fields.get("index") == index and fields.get("family") == family)
        return tuple(text for fields in ours if (text := fields.get("local", fields.get("address", ""))))

    def change(self, index: int, /, **fields: Any) -> None:
        """Change what `fields` say of the device `index`.  Raises OSError."""
        self.channel.request(rtnetlink.RTM_NEWLINK, index=index, **fields)

    def set_up(self, index: int, *, is_up: bool = True) -> None:
        self.change(index, flags=rtnetlink.IFF_UP * is_up, change=rtnetlink.IFF_UP)

    def add_altnames(self, index: int, names: tuple[str, ...]) -> None:
        if names:
            flags = rtnetlink.NEW | rtnetlink.NLM_F_APPEND
            self.channel.request(rtnetlink.RTM_NEWLINKPROP, flags, index=index, properties={"altnames": names})

    def remove_altnames(self, index: int, names: tuple[str, ...]) -> None:
        if names:
            self.channel.request(rtnetlink.RTM_DELLINKPROP, index=index, properties={"altnames": names})

    def _ask(self, **which: Any) -> Link | None:
        try:
            answer = self.channel.request(rtnetlink.RTM_GETLINK, ext_mask=rtnetlink.RTEXT_FILTER_SKIP_STATS, **which)
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise
        return _first(answer)


def is_name(name: str) -> bool:
    """Whether it can be the name of a device; with "%d" in it the kernel fills in a number.

    The kernel says so itself, but of a device that is moved and renamed at once, when it has moved it.
    """
    is_long = len(os.fsencode(name)) > 15
    rest = name.replace("%d", "", 1)
    return not is_long and name not in ("", ".", "..") and not any(c in "/:%" or c.isspace() for c in rest)


def _first(answer: tuple[Message, ...]) -> Link | None:
    return _link(answer[0].fields) if answer and "ifname" in answer[0].fields else None


def _link(fields: Mapping[str, Any]) -> Link:
    info = fields.get("linkinfo", {})
    bridge = info.get("bridge", {}) if info.get("kind") == "bridge" else {}
    return Link(
        fields["index"],
        fields["ifname"],
        info.get("kind", ""),
        fields.get("mtu", 0),
        fields.get("address", ""),
        bool(fields["flags"] & rtnetlink.IFF_UP),
        fields.get("properties", {}).get("altnames", ()),
        bool(bridge.get("vlan_filtering")),
        bridge.get("default_pvid", 0),
        fields.get("link_netnsid"),
        fields["flags"],
        fields.get("group", 0),
        fields.get("ifalias", ""),
        fields.get("txqlen", 0),
    )
