"""The network that a container finds: what is in it is the same, whoever has made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import until
from tests.lab import Lab

pytestmark = [pytest.mark.root, pytest.mark.parity]

MAC = "hwaddr = 10:66:6a:00:00:05"
V4, V6 = "ipv4.address = 10.77.0.5/24", "ipv6.address = fd77::5/64"
VETH, WIRE = "type = veth\nlink = br0", "link = wire0\nflags = up"
DEVICES = {  # the keys of lxc.net.0; after --, those of lxc.net.1
    "nothing": "",
    "empty": "type = empty",
    "empty, up": "type = empty\nflags = up",
    "veth, down": VETH,
    "veth": f"{VETH}\nflags = up",
    "veth, loose": "type = veth\nflags = up",
    "veth, with a hardware address": f"{VETH}\nflags = up\n{MAC}",
    "veth, with a name": f"{VETH}\nflags = up\nname = lan7",
    "veth, with a name for the kernel to complete": f"{VETH}\nflags = up\nname = lan%d",
    "veth, small packets": f"{VETH}\nflags = up\nmtu = 1300",
    "veth, many queues": f"{VETH}\nflags = up\nveth.n_rxqueues = 3\nveth.n_txqueues = 4",
    "veth, IPv4": f"{VETH}\nflags = up\n{V4}\nipv4.gateway = 10.77.0.1",
    "veth, IPv4 with another broadcast address": f"{VETH}\nflags = up\nipv4.address = 10.77.0.5/24 10.77.0.9",
    "veth, two of IPv4": f"{VETH}\nflags = up\n{V4}\nipv4.address = 10.78.0.5/16",
    "veth, IPv4 without broadcast": f"{VETH}\nflags = up\nipv4.address = 10.77.0.5/32",
    "veth, a gateway outside": f"{VETH}\nflags = up\nipv4.address = 10.77.0.5/32\nipv4.gateway = 10.99.0.1",
    "veth, a gateway found": f"{VETH}\nflags = up\n{V4}\nipv4.gateway = auto\n{V6}\nipv6.gateway = auto",
    "veth, a device as gateway": f"{VETH}\nflags = up\n{V4}\nipv4.gateway = dev\n{V6}\nipv6.gateway = dev",
    "veth, IPv6": f"{VETH}\nflags = up\n{V6}\nipv6.gateway = fd77::1",
    "veth, a link-local gateway": f"{VETH}\nflags = up\n{V6}\nipv6.gateway = fe80::1",
    "veth, IPv6 outside": f"{VETH}\nflags = up\nipv6.address = fd77::5/128\nipv6.gateway = fd99::1",
    "veth, addresses, but down": f"{VETH}\n{V4}\n{V6}",
    "veth, routed": f"type = veth\nveth.mode = router\nflags = up\n{V4}\nipv4.gateway = 169.254.0.1",
    "two veth": f"{VETH}\nflags = up\n{V4}\n--\n{VETH}\nflags = up\nipv4.address = 10.79.0.5/24",
    "two veth, the second has the first's name": f"{VETH}\nflags = up\n--\n{VETH}\nname = eth0",
    "macvlan": f"type = macvlan\n{WIRE}",
    "macvlan, all": f"type = macvlan\n{WIRE}\nmacvlan.mode = bridge\nname = mac0\nmtu = 1280\n{MAC}\n{V4}\nipv4.gateway = 10.77.0.1",
    "macvlan, passing through": f"type = macvlan\n{WIRE}\nmacvlan.mode = passthru",
    "macvlan, a gateway found": f"type = macvlan\nlink = br0\nflags = up\n{V4}\nipv4.gateway = auto",
    "a device of the host's": "type = phys\nlink = wire1\nflags = up",
    "a device of the host's, all": f"type = phys\nlink = wire1\nflags = up\nname = card\nmtu = 1280\n{MAC}\n{V4}\n{V6}",
    "different ones": f"{VETH}\nflags = up\n--\ntype = macvlan\n{WIRE}\n{V4}",
}  # fmt: skip
NEEDING_A_MODULE = {
    "vlan": "type = vlan\nlink = wire0\nflags = up\nvlan.id = 7\nipv4.address = 10.77.0.5/24",
    "ipvlan": f"type = ipvlan\n{WIRE}\nipvlan.mode = l2\nipvlan.isolation = bridge\n{V4}",
    "ipvlan, layer 3": f"type = ipvlan\n{WIRE}\nipvlan.mode = l3\nipvlan.isolation = private\n{V4}",
    "ipvlan, layer 3 and source": f"type = ipvlan\n{WIRE}\nipvlan.mode = l3s\nipvlan.isolation = vepa\n{V4}\nmtu = 1400",
}
_OF_A_LINK = (
    "ifname",
    "flags",
    "mtu",
    "operstate",
    "linkmode",
    "link_type",
    "txqlen",
    "num_tx_queues",
    "num_rx_queues",
)
_OF_AN_ADDRESS = ("family", "local", "prefixlen", "scope", "label")
_OF_A_ROUTE = ("type", "dst", "gateway", "dev", "protocol", "scope", "prefsrc", "metric", "flags")


def view(lab: Lab, name: str, text: str) -> list[object]:
    """What the container finds."""

    def shown(*words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(lab.inside(name, "ip", "-d", "-j", *words) or "[]")
        return found

    links = [
        (
            {key: link.get(key) for key in _OF_A_LINK},
            link["address"] if MAC in text else "",
            link.get("linkinfo", {}).get("info_kind"),
            {
                key: value
                for key, value in link.get("linkinfo", {}).get("info_data", {}).items()
                if key != "usedbcqueuelen"
            },
        )
        for link in shown("link")
    ]
    addresses = [
        {key: address.get(key) for key in (*_OF_AN_ADDRESS, *(("broadcast",) if "10.77.0.9" in text else ()))}
        for link in shown("address")
        for address in link["addr_info"]
        if not address["local"].startswith("fe80")  # made of the hardware address, which is random
    ]
    routes = [
        {key: route.get(key) for key in _OF_A_ROUTE}
        for words in (("-4", "route", "show", "table", "all"), ("-6", "route"))
        for route in shown(*words)
        if not route["dst"].startswith("fe80") and (route["type"] != "broadcast" or "10.77.0.9" in text)
    ]  # the peer's broadcast addresses lack the network's part: see docs/differences.toml
    return [links, addresses, sorted(routes, key=str)]


def lives(lab: Lab, text: str, *, peer: bool) -> list[object]:
    """Start a container with these keys, look at it, and stop it."""
    devices = [block for block in text.split("--\n") if block]
    keys = "".join(
        f"lxc.net.{number}.{line}\n" for number, block in enumerate(devices) for line in block.strip().splitlines()
    )
    name = lab.box_of(keys, "theirs" if peer else "ours")
    lab.ok("lxc-start", "-n", name, peer=peer)
    until(lambda: b"sleep" in Path(f"/proc/{lab.init_pid(name)}/cmdline").read_bytes(), "its program runs")
    until(lambda: _has_settled(lab, name), "its devices have settled")
    found = view(lab, name, text)
    lab.ok("lxc-stop", "-n", name, "-k", peer=peer)
    until(lambda: {"wire0", "wire1"} <= set(lab.links()), "the host has its devices back")
    for device in ("wire0", "wire1"):
        lab.at_home("ip", "link", "set", device, "up")
    return found


def _has_settled(lab: Lab, name: str) -> bool:
    """What is up and has somebody at its other end has a carrier, and its link-local address; an ipvlan does not tell."""
    return all(
        "UP" not in link["flags"]
        or "LOOPBACK" in link["flags"]
        or link["operstate"] not in ("DOWN", "UNKNOWN")
        or link.get("linkinfo", {}).get("info_kind") == "ipvlan"
        for link in lab.links(name).values()
    )


@pytest.mark.parametrize("what", DEVICES)
def test_the_container_finds_the_same(lab: Lab, what: str) -> None:
    assert lives(lab, DEVICES[what], peer=False) == lives(lab, DEVICES[what], peer=True)


@pytest.mark.link_kind("vlan")
@pytest.mark.link_kind("ipvlan")
@pytest.mark.parametrize("what", NEEDING_A_MODULE)
def test_the_container_finds_the_same_of_what_needs_a_module(lab: Lab, what: str) -> None:
    text = NEEDING_A_MODULE[what]
    assert lives(lab, text, peer=False) == lives(lab, text, peer=True)


def test_addresses_are_told_in_the_same_order(lab: Lab) -> None:
    """Scripts take the first line of lxc-info -iH."""
    veth = "type = veth\nlxc.net.N.link = br0\nlxc.net.N.flags = up\nlxc.net.N."
    first = f"{veth}ipv4.address = 192.168.1.5/24\nlxc.net.N.ipv6.address = fd77::9/64\n"
    second = f"{veth}ipv4.address = 10.77.0.5/24\nlxc.net.N.ipv4.address = 9.0.0.10/24\n"
    name = lab.box_of("".join(f"lxc.net.N.{text}".replace("N", str(n)) for n, text in enumerate((first, second))))
    lab.ok("lxc-start", "-n", name)
    for words in (("lxc-info", "-n", name, "-iH"), ("lxc-ls", "-f", "-F", "name,ipv4,ipv6")):
        assert lab.ok(*words) == lab.ok(*words, peer=True)
    assert lab.ok("lxc-info", "-n", name, "-iH").splitlines()[0] == "10.77.0.5"
