"""The messages of rtnetlink(7), as declared fields: to bytes and back.  No input or output.

A message is its type, its flags, and values by name.  A table for each family
of messages says which of them are in the fixed part, which are attributes, of
which number and kind:

    pack(Message(RTM_NEWADDR, NLM_F_CREATE, {"family": 2, "index": 3, "prefixlen": 24, "local": "10.0.3.5"}))

Addresses are text here, as ip(8) writes them.  What a message has beyond the
tables is skipped when it is read; what the kernel or a container has made wrong
in it, too.  Numbers and layouts are those of linux/rtnetlink.h, if_link.h,
if_addr.h, neighbour.h, if_bridge.h and netlink.h.
"""

from __future__ import annotations

import sys
from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from _struct import Struct
from _struct import error as StructError  # type: ignore[attr-defined]  # typeshed has it in `struct` only

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

AF_BRIDGE, NLMSG_ERROR, NLMSG_DONE = 7, 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x4, 0x10
NLM_F_DUMP, NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x300, 0x100, 0x200, 0x400, 0x800
NEW = NLM_F_CREATE | NLM_F_EXCL  # what is made must not be there yet
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200  # of an error
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109
IFF_UP, IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI, IFF_MULTICAST = 0x1, 0x80, 0x100, 0x200, 0x1000
RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST = 254, 3, 1
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK = 0, 253
NTF_PROXY, NUD_PERMANENT = 0x8, 0x80
BRIDGE_FLAGS_MASTER, BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_UNTAGGED = 1, 0x2, 0x4
RTEXT_FILTER_SKIP_STATS = 8

_HEADER = Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = Struct("=HH")  # struct rtattr: length, type
_NESTED, _NUMBER = 0x8000, 0x3FFF  # of an attribute's type
_ERROR = Struct("=i")


class Kind(Record):
    """How a value is written as the content of an attribute, and read from it.

    Both raise ValueError, KeyError, OSError or StructError for what is none.
    """

    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    flag: int = 0  # set in the attribute's type
    repeats: bool = False  # the value is a tuple, and each item an attribute


class Family(Record):
    """The messages of some types: what is in their fixed part, and their attributes (number, kind)."""

    layout: Struct
    names: tuple[str, ...]
    attributes: Mapping[str, tuple[int, Kind]]


class Message(Record):
    """One message; `fields` has the values by name, those of the fixed part that are missing are 0."""

    type: int
    flags: int
    fields: Mapping[str, Any]
    sequence: int = 0
    port: int = 0


def _number(size: int) -> Kind:
    return Kind(
        lambda value: value.to_bytes(size, sys.byteorder), lambda raw: int.from_bytes(raw[:size], sys.byteorder)
    )


def _pack_ip(text: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def _unpack_ip(raw: bytes) -> str:
    return inet_ntop({4: AF_INET, 16: AF_INET6}[len(raw)], raw)


def nested(attributes: Mapping[str, tuple[int, Kind]], flag: int = 0) -> Kind:
    """An attribute that holds attributes; its value is a mapping."""
    return Kind(
        lambda values: _pack_attributes(attributes, values), lambda raw: _unpack_attributes(attributes, raw), flag
    )


U8, U16, U32 = _number(1), _number(2), _number(4)
TEXT = Kind(
    lambda text: text.encode(errors="surrogateescape") + b"\0",
    lambda raw: raw.split(b"\0", 1)[0].decode(errors="surrogateescape"),
)
RAW = Kind(bytes, bytes)
IP = Kind(_pack_ip, _unpack_ip)
MAC = Kind(lambda text: bytes.fromhex(text.replace(":", "")), lambda raw: raw.hex(":"))
TEXTS = Kind(TEXT.pack, TEXT.unpack, repeats=True)
_PAIR = Struct("=HH")
VLANS = Kind(lambda pair: _PAIR.pack(*pair), _PAIR.unpack, repeats=True)  # struct bridge_vlan_info

# The data of each kind of device has a name of its own.  Of a message that is read, only the bridge's are there.
_BRIDGE = {"vlan_filtering": (7, U8), "default_pvid": (39, U16)}
_PEER = {"peer": (1, Kind(lambda fields: _pack_body(LINK, fields), bytes))}
_LINKINFO = {
    "kind": (1, TEXT),
    "bridge": (2, nested(_BRIDGE)),
    "veth": (2, nested(_PEER)),
    "vlan": (2, nested({"id": (1, U16)})),
    "macvlan": (2, nested({"mode": (1, U32)})),
    "ipvlan": (2, nested({"mode": (1, U16), "flags": (2, U16)})),
}

LINK: Family = Family(
    Struct("=BxHiII"),  # struct ifinfomsg
    ("family", "type", "index", "flags", "change"),
    {
        "address": (1, MAC),
        "ifname": (3, TEXT),
        "mtu": (4, U32),
        "link": (5, U32),
        "master": (10, U32),
        "txqlen": (13, U32),
        "linkinfo": (18, nested(_LINKINFO)),
        "ifalias": (20, TEXT),
        "netns_pid": (19, U32),
        "bridge_port": (26, nested({"flags": (0, U16), "vlans": (2, VLANS)})),
        "group": (27, U32),
        "netns_fd": (28, U32),
        "ext_mask": (29, U32),
        "n_txqueues": (31, U32),
        "n_rxqueues": (32, U32),
        "link_netnsid": (37, Kind(_ERROR.pack, lambda raw: _ERROR.unpack(raw)[0])),
        "properties": (52, nested({"altnames": (53, TEXTS)}, _NESTED)),
        "permanent_address": (54, MAC),
    },
)
ADDRESS = Family(
    Struct("=BBBBI"),  # struct ifaddrmsg
    ("family", "prefixlen", "flags", "scope", "index"),
    {"address": (1, IP), "local": (2, IP), "broadcast": (4, IP)},
)
ROUTE = Family(
    Struct("=BBBBBBBBI"),  # struct rtmsg
    ("family", "dst_len", "src_len", "tos", "table", "protocol", "scope", "type", "flags"),
    {"dst": (1, IP), "oif": (4, U32), "gateway": (5, IP), "priority": (6, U32), "prefsrc": (7, IP)},
)
NEIGHBOUR = Family(
    Struct("=BxxxiHBB"),  # struct ndmsg
    ("family", "index", "state", "flags", "type"),
    {"dst": (1, IP), "lladdr": (2, MAC)},
)
FAMILIES = {
    **dict.fromkeys((RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK, RTM_NEWLINKPROP, RTM_DELLINKPROP), LINK),
    **dict.fromkeys((RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR), ADDRESS),
    **dict.fromkeys((RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE), ROUTE),
    **dict.fromkeys((RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH), NEIGHBOUR),
}
_ENDS = (NLMSG_ERROR, NLMSG_DONE)
_EXTENDED = {"said": (1, TEXT), "offset": (2, U32)}  # the extended acknowledgement: NLMSGERR_ATTR_*


def pack(message: Message, families: Mapping[int, Family] = FAMILIES) -> bytes:
    """`message` as the kernel reads it; `families` are those of the message types.  Raises ValueError, KeyError or OSError for a value or name that is none."""
    body = _pack_body(families[message.type], message.fields)
    length = _HEADER.size + len(body)
    return _HEADER.pack(length, message.type, message.flags, message.sequence, message.port) + body


def unpack(data: bytes, families: Mapping[int, Family] = FAMILIES) -> Iterator[Message]:
    """The messages in `data`, which is one datagram of the kernel's.

    An error, or the acknowledgement that there was none, has the fields `error` (an errno, or 0) and perhaps `said`,
    the kernel's own words.  Of a message of unknown type nothing but the type is told.
    """
    while len(data) >= _HEADER.size:
        length, kind, flags, sequence, port = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            return
        body = data[_HEADER.size : length]
        family = families.get(kind)
        fields = _unpack_body(family, body) if family else _unpack_end(flags, body) if kind in _ENDS else {}
        yield Message(kind, flags, fields, sequence, port)
        data = data[_aligned(length) :]


def _pack_body(family: Family, fields: Mapping[str, Any]) -> bytes:
    fixed = family.layout.pack(*(fields.get(name, 0) for name in family.names))
    rest = {name: value for name, value in fields.items() if name not in family.names}
    return fixed.ljust(_aligned(len(fixed)), b"\0") + _pack_attributes(family.attributes, rest)


def _unpack_body(family: Family, body: bytes) -> dict[str, Any]:
    if len(body) < family.layout.size:
        return {}
    fields: dict[str, Any] = dict(zip(family.names, family.layout.unpack_from(body), strict=True))
    return fields | _unpack_attributes(family.attributes, body[_aligned(family.layout.size) :])


def _unpack_end(flags: int, body: bytes) -> dict[str, Any]:
    """Of struct nlmsgerr: the error, and what the kernel says of it.  Between them is the request, or its head."""
    if len(body) < _ERROR.size:
        return {"error": 0}
    fields: dict[str, Any] = {"error": -_ERROR.unpack_from(body)[0]}
    if flags & NLM_F_ACK_TLVS:
        length = _HEADER.unpack_from(body, _ERROR.size)[0] if len(body) >= _ERROR.size + _HEADER.size else 0
        skip = _ERROR.size + (_HEADER.size if flags & NLM_F_CAPPED else _aligned(length))
        fields |= _unpack_attributes(_EXTENDED, body[skip:])
    return fields


def _pack_attributes(table: Mapping[str, tuple[int, Kind]], values: Mapping[str, Any]) -> bytes:
    parts = []
    for name, value in values.items():
        number, kind = table[name]
        for each in value if kind.repeats else (value,):
            content = kind.pack(each)
            size = _ATTRIBUTE.size + len(content)
            parts.append((_ATTRIBUTE.pack(size, number | kind.flag) + content).ljust(_aligned(size), b"\0"))
    return b"".join(parts)


def _unpack_attributes(table: Mapping[str, tuple[int, Kind]], data: bytes) -> dict[str, Any]:
    known: dict[int, tuple[str, Kind]] = {}
    for name, (number, kind) in table.items():
        known.setdefault(number, (name, kind))
    found: dict[str, Any] = {}
    while len(data) >= _ATTRIBUTE.size:
        length, number = _ATTRIBUTE.unpack_from(data)
        if not _ATTRIBUTE.size <= length <= len(data):
            break
        name, kind = known.get(number & _NUMBER, ("", RAW))
        if name:
            try:
                value = kind.unpack(data[_ATTRIBUTE.size : length])
                found[name] = (*found.get(name, ()), value) if kind.repeats else value
            except (ValueError, KeyError, OSError, StructError):
                pass  # of this attribute there is nothing to be learnt
        data = data[_aligned(length) :]
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3
