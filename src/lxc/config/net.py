"""The keys below `lxc.net.<n>`: one network device of a container."""

from __future__ import annotations

from lxc.config.key import many, one, wiping
from lxc.config.table import Table
from lxc.values import address
from lxc.values.plain import Choice, Range, flag, positive, text

# The keys that are for one type of device only begin with its name.
_TYPED = ("veth", "macvlan", "ipvlan", "vlan")


def up(value: str) -> str:
    """`up`, or any text: it means the same."""
    return "up"


def _or_nothing(value: int | None) -> str:
    return "" if not value else str(value)


def _vlan(value: int | None) -> str:
    return "" if value is None else str(value)


class Net(Table):
    type = wiping(
        "type", Choice("empty", "veth", "macvlan", "ipvlan", "phys", "vlan", "none"), "empty",
        "Kind of device: `veth` a pair, one end of which stays on the host; `macvlan`, `ipvlan` and `vlan` ones made of "
        "the host's device `link`; `phys` that device itself; `empty` the loopback device only; `none` the host's own "
        "network. Must come first: it forgets all that was said of this device before.",
        lambda value: value or "(null)", "",
    )  # fmt: skip
    flags = one("flags", up, "", "`up` to bring the device up; without it the container finds it down.")
    link = one("link", address.device, "", "The bridge or device of the host that this device is attached to.")
    name = one("name", address.device, "", "Its name inside the container; otherwise `eth` and the lowest free number.")
    hwaddr = one("hwaddr", address.hwaddr, "", "Its MAC address; otherwise the kernel makes one up.")
    mtu = one("mtu", Range(1, 2**31 - 1), 0, "Its maximum transfer unit, in bytes.", _or_nothing)
    l2proxy = one("l2proxy", flag, False, "1 to answer for its addresses on `link` (ARP and NDP proxy).")
    ipv4_address = many("ipv4.address", address.ipv4, "An IPv4 address of it.", end="", between="\n")
    ipv4_gateway = one("ipv4.gateway", address.ipv4_gateway, "", "Where the container's default IPv4 route leads.")
    ipv6_address = many("ipv6.address", address.ipv6, "An IPv6 address of it.", end="", between="\n")
    ipv6_gateway = one("ipv6.gateway", address.ipv6_gateway, "", "Where the container's default IPv6 route leads.")
    script_up = one("script.up", text, "", "Command run on the host when the device has been made.")
    script_down = one("script.down", text, "", "Command run on the host when the device is about to go.")

    veth_mode = one(
        "veth.mode", Choice("bridge", "router"), "bridge",
        "`bridge` attaches the host's end to `link`; `router` routes to it and answers for its gateway.",
    )  # fmt: skip
    veth_pair = one("veth.pair", address.device, "", "Name of the host's end; otherwise a random one.")
    veth_n_rxqueues = one("veth.n_rxqueues", positive, 0, "Number of its receive queues.", _or_nothing)
    veth_n_txqueues = one("veth.n_txqueues", positive, 0, "Number of its transmit queues.", _or_nothing)
    veth_ipv4_route = many(
        "veth.ipv4.route", address.ipv4_route, "A network that the host reaches through it.", end="", between="\n"
    )
    veth_ipv6_route = many(
        "veth.ipv6.route", address.ipv6_route, "A network that the host reaches through it.", end="", between="\n"
    )
    veth_vlan_id = one(
        "veth.vlan.id", address.vlan_id, None, "VLAN of its untagged traffic on the bridge; -1 is `none`.", _vlan
    )
    veth_vlan_tagged_id = many(
        "veth.vlan.tagged.id", Range(0, 4094), "A VLAN it sees tagged on the bridge.", end="", between="\n"
    )
    vlan_id = one("vlan.id", Range(0, 65535), 0, "The VLAN that it is.")
    macvlan_mode = one(
        "macvlan.mode", Choice("private", "vepa", "bridge", "passthru"), "private",
        "Whom it can talk to on the same `link`: nobody, others by way of the switch, others directly, or it is alone.",
    )  # fmt: skip
    ipvlan_mode = one("ipvlan.mode", Choice("l3", "l3s", "l2"), "l2", "The layer at which packets are handed over.")
    ipvlan_isolation = one(
        "ipvlan.isolation", Choice("bridge", "private", "vepa"), "bridge", "Whom it can talk to on the same `link`."
    )

    def refuses(self, name: str) -> str:
        kind, dot, _ = name.partition(".")
        if not dot or kind not in _TYPED or kind == self.type:
            return ""
        return f"is for devices of type {kind}; this one's type is {self.type or 'not set'}"
