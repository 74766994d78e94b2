"""The messages of rtnetlink: byte for byte what pyroute2 builds, and what is read of those that are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lxc.kernel import rtnetlink
from lxc.kernel.rtnetlink import Message, pack, unpack

CREATE = rtnetlink.NLM_F_REQUEST | rtnetlink.NLM_F_ACK | rtnetlink.NLM_F_CREATE | rtnetlink.NLM_F_EXCL
MAC = "fe:01:02:03:04:05"


def theirs(make: type, kind: int, fields: dict[str, Any], *attributes: tuple[str, Any]) -> bytes:
    """The message as pyroute2 builds it."""
    message = make()
    message.update(fields)
    message["attrs"] = list(attributes)
    message["header"].update(type=kind, flags=CREATE, sequence_number=9, pid=0)
    message.encode()
    return bytes(message.data)


def info(kind: str, *data: tuple[str, Any]) -> tuple[str, Any]:
    return "IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": list(data)})]}


LINKS = {
    "up": ({"index": 4, "flags": 1, "change": 1}, {"index": 4, "flags": 1, "change": 1}, ()),
    "veth, whose peer is born elsewhere": (
        {
            "flags": 1, "change": 1, "ifname": "vethAbCdEf", "address": MAC, "mtu": 1500, "master": 7,
            "n_txqueues": 2, "n_rxqueues": 3,
            "linkinfo": {
                "kind": "veth", "veth": {"peer": {"ifname": "eth0", "mtu": 1500, "netns_fd": 12, "n_rxqueues": 2}},
            },
        },
        {"flags": 1, "change": 1},
        (
            ("IFLA_IFNAME", "vethAbCdEf"), ("IFLA_ADDRESS", MAC), ("IFLA_MTU", 1500), ("IFLA_MASTER", 7),
            ("IFLA_NUM_TX_QUEUES", 2), ("IFLA_NUM_RX_QUEUES", 3),
            info("veth", ("VETH_INFO_PEER", {"attrs": [
                ("IFLA_IFNAME", "eth0"), ("IFLA_MTU", 1500), ("IFLA_NET_NS_FD", 12), ("IFLA_NUM_RX_QUEUES", 2),
            ]})),
        ),
    ),
    "macvlan": (
        {"ifname": "eth1", "link": 3, "netns_fd": 12, "linkinfo": {"kind": "macvlan", "macvlan": {"mode": 4}}},
        {},
        (("IFLA_IFNAME", "eth1"), ("IFLA_LINK", 3), ("IFLA_NET_NS_FD", 12),
         info("macvlan", ("IFLA_MACVLAN_MODE", "bridge"))),
    ),
    "ipvlan": (
        {"ifname": "eth1", "link": 3, "linkinfo": {"kind": "ipvlan", "ipvlan": {"mode": 2}}},
        {},
        (("IFLA_IFNAME", "eth1"), ("IFLA_LINK", 3),
         info("ipvlan", ("IFLA_IPVLAN_MODE", 2))),
    ),
    "vlan": (
        {"ifname": "eth1", "link": 3, "linkinfo": {"kind": "vlan", "vlan": {"id": 4094}}},
        {},
        (("IFLA_IFNAME", "eth1"), ("IFLA_LINK", 3), info("vlan", ("IFLA_VLAN_ID", 4094))),
    ),
    "moved by process": (
        {"index": 9, "netns_pid": 4711, "ifname": "eth0"},
        {"index": 9},
        (("IFLA_NET_NS_PID", 4711), ("IFLA_IFNAME", "eth0")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LINKS)
def test_links(case: str) -> None:
    ours, fields, attributes = LINKS[case]
    assert pack(Message(rtnetlink.RTM_NEWLINK, CREATE, ours, 9)) == theirs(
        ifinfmsg, rtnetlink.RTM_NEWLINK, fields, *attributes
    )


def test_the_isolation_of_an_ipvlan_is_a_number_of_two_bytes() -> None:
    """pyroute2 does not know it: struct nla_policy of the kernel's ipvlan does, IFLA_IPVLAN_FLAGS is 2."""

    def built(**data: int) -> bytes:
        return pack(Message(rtnetlink.RTM_NEWLINK, CREATE, {"linkinfo": {"kind": "ipvlan", "ipvlan": data}}))

    assert built(mode=2, flags=1)[-8:] == bytes((6, 0, 2, 0, 1, 0, 0, 0))
    assert built(mode=2)[-8:] == bytes((6, 0, 1, 0, 2, 0, 0, 0))


def test_alternative_names() -> None:
    ours = {"index": 5, "properties": {"altnames": ("a-long-alternative-name", "another")}}
    names = [("IFLA_ALT_IFNAME", name) for name in ours["properties"]["altnames"]]  # type: ignore[index]
    expected = theirs(ifinfmsg, rtnetlink.RTM_NEWLINKPROP, {"index": 5}, ("IFLA_PROP_LIST", {"attrs": names}))
    assert pack(Message(rtnetlink.RTM_NEWLINKPROP, CREATE, ours, 9)) == expected


def test_vlans_of_a_bridge_port() -> None:
    ours = {"family": 7, "index": 5, "bridge_port": {"flags": 1, "vlans": ((6, 100), (0, 200))}}
    port = [("IFLA_BRIDGE_FLAGS", 1)]
    port += [("IFLA_BRIDGE_VLAN_INFO", {"flags": flags, "vid": vid}) for flags, vid in ((6, 100), (0, 200))]  # type: ignore[misc]
    expected = theirs(ifinfmsg, rtnetlink.RTM_NEWLINK, {"family": 7, "index": 5}, ("IFLA_AF_SPEC", {"attrs": port}))
    assert pack(Message(rtnetlink.RTM_NEWLINK, CREATE, ours, 9)) == expected


@pytest.mark.parametrize(
    ("family", "prefix", "text", "broadcast"),
    [(2, 24, "10.0.3.5", "10.0.3.255"), (10, 64, "fd00::5", ""), (2, 32, "192.0.2.1", "")],
)
def test_addresses(family: int, prefix: int, text: str, broadcast: str) -> None:
    fields = {"family": family, "prefixlen": prefix, "index": 3}
    more = {"broadcast": broadcast} if broadcast else {}
    attributes = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
    attributes += [("IFA_BROADCAST", broadcast)] if broadcast else []
    ours = Message(rtnetlink.RTM_NEWADDR, CREATE, {**fields, "local": text, "address": text, **more}, 9)
    assert pack(ours) == theirs(ifaddrmsg, rtnetlink.RTM_NEWADDR, fields, *attributes)


@pytest.mark.parametrize(
    ("family", "attributes"),
    [
        (2, {"gateway": "10.0.3.1", "oif": 3}),
        (10, {"gateway": "fe80::1", "oif": 3}),
        (2, {"oif": 3}),
        (2, {"dst": "10.0.3.1", "oif": 3}),
    ],
)
def test_routes(family: int, attributes: dict[str, Any]) -> None:
    fields = {"family": family, "table": 254, "scope": 253, "type": 1}
    fields |= {"dst_len": 32} if "dst" in attributes else {}
    names = {"gateway": "RTA_GATEWAY", "oif": "RTA_OIF", "dst": "RTA_DST"}
    expected = theirs(
        rtmsg,
        rtnetlink.RTM_NEWROUTE,
        {**fields, "proto": 3},
        *((names[name], value) for name, value in attributes.items()),
    )
    assert pack(Message(rtnetlink.RTM_NEWROUTE, CREATE, {**fields, "protocol": 3, **attributes}, 9)) == expected


@pytest.mark.parametrize(("family", "address"), [(2, "10.0.3.1"), (10, "fd00::1")])
def test_proxied_neighbours(family: int, address: str) -> None:
    fields = {"family": family, "state": 0x80, "flags": 8}
    expected = theirs(ndmsg, rtnetlink.RTM_NEWNEIGH, {**fields, "ifindex": 3}, ("NDA_DST", address))
    assert pack(Message(rtnetlink.RTM_NEWNEIGH, CREATE, {**fields, "index": 3, "dst": address}, 9)) == expected


def test_what_the_kernel_says_is_read() -> None:
    link = {
        "family": 0, "type": 1, "index": 2, "flags": 0x1003, "change": 0, "ifname": "br0", "mtu": 1500, "address": MAC,
        "linkinfo": {"kind": "bridge", "bridge": {"vlan_filtering": 1, "default_pvid": 1}},
        "properties": {"altnames": ("one", "two")},
    }  # fmt: skip
    address = {"family": 10, "prefixlen": 64, "flags": 0x80, "scope": 0, "index": 2, "local": "fd00::5"}
    data = pack(Message(rtnetlink.RTM_NEWLINK, 2, link, 7, 31)) + pack(Message(rtnetlink.RTM_NEWADDR, 2, address, 7))
    assert list(unpack(data)) == [
        Message(rtnetlink.RTM_NEWLINK, 2, link, 7, 31),
        Message(rtnetlink.RTM_NEWADDR, 2, address, 7),
    ]


@pytest.mark.parametrize("capped", [True, False])
def test_an_error_has_its_number_and_the_kernels_words(capped: bool) -> None:
    request = pack(Message(rtnetlink.RTM_GETLINK, 5, {"ifname": "x"}, 9))
    text = b"VLAN device already exists\0"
    words = (len(text) + 4).to_bytes(2, "little") + b"\x01\0" + text.ljust(28, b"\0")
    body = (-17).to_bytes(4, "little", signed=True) + (request[:16] if capped else request) + words
    flags = rtnetlink.NLM_F_ACK_TLVS | (rtnetlink.NLM_F_CAPPED if capped else 0)
    head = b"".join((
        (16 + len(body)).to_bytes(4, "little"), b"\x02\0", flags.to_bytes(2, "little"), b"\x09\0\0\0", bytes(4),
    ))  # fmt: skip
    (error,) = unpack(head + body)
    assert error.fields == {"error": 17, "said": "VLAN device already exists"}


def test_an_acknowledgement_is_an_error_of_nothing() -> None:
    (done,) = unpack(b"\x24\0\0\0\x02\0\0\x01\x09\0\0\0\0\0\0\0" + bytes(20))
    assert (done.type, done.fields) == (rtnetlink.NLMSG_ERROR, {"error": 0})


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    kinds = (rtnetlink.RTM_NEWLINK, rtnetlink.RTM_NEWADDR, rtnetlink.RTM_NEWROUTE, rtnetlink.NLMSG_ERROR)
    for kind in kinds:
        for flags in (0, rtnetlink.NLM_F_ACK_TLVS):
            head = (16 + len(data)).to_bytes(4, "little") + kind.to_bytes(2, "little") + flags.to_bytes(2, "little")
            list(unpack(head + bytes(8) + data))
    list(unpack(data))


@pytest.mark.parametrize("name", ["ifnaem", "netns"])
def test_a_field_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        pack(Message(rtnetlink.RTM_NEWLINK, 0, {name: 1}))
