"""What the variables of /etc/default/lxc-net make."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network, IPv6Network

import pytest

from lxc.bridge.settings import settings, unique_local_prefix, usual_range

MACHINE_ID = b"0123456789abcdef0123456789abcdef\n"


def test_without_any_they_are_lxcs() -> None:
    found = settings({}, MACHINE_ID)
    assert (found.use, found.bridge, found.mac) == (True, "lxcbr0", "10:66:6a:00:00:00")
    assert (found.ipv4, found.network) == (IPv4Interface("10.0.3.1/24"), IPv4Network("10.0.3.0/24"))
    assert (found.dhcp_range, found.dhcp_max, found.dhcp_conf) == ("10.0.3.2,10.0.3.254", "253", "/dev/null")
    assert (found.dhcp_ping, found.domain, found.use_nft) == (True, "", True)


def test_the_ipv6_network_follows_from_the_machine() -> None:
    """As `{ echo LXC_IPV6_PREFIX; cat /etc/machine-id; } | sha256sum` begins."""
    assert unique_local_prefix(MACHINE_ID) == "fd93:8934:3f4e:855b"
    found = settings({}, MACHINE_ID)
    assert str(found.ipv6) == "fd93:8934:3f4e:855b::1/64"
    assert found.ipv6_network == IPv6Network("fd93:8934:3f4e:855b::/64")


def test_what_is_not_set_follows_from_what_is() -> None:
    found = settings({"LXC_ADDR": "10.9.8.1", "LXC_NETMASK": "255.255.254.0", "LXC_IPV6_PREFIX": "fd00:1:2:3"})
    assert found.network == IPv4Network("10.9.8.0/23")
    assert found.dhcp_range == "10.9.8.2,10.9.9.254"
    assert str(found.ipv6) == "fd00:1:2:3::1/64"


def test_everything_may_be_set() -> None:
    found = settings({
        "USE_LXC_BRIDGE": "false", "LXC_BRIDGE": "br7", "LXC_BRIDGE_MAC": "2:0:0:0:0:A", "LXC_ADDR": "10.1.0.1",
        "LXC_NETMASK": "16", "LXC_NETWORK": "10.0.0.0/8", "LXC_DHCP_RANGE": "10.1.0.9,10.1.0.10,1h", "LXC_DHCP_MAX": "2",
        "LXC_DHCP_CONFILE": "/etc/d.conf", "LXC_DHCP_PING": "false", "LXC_DOMAIN": "lxc", "LXC_USE_NFT": "false",
        "LXC_IPV6_NAT": "true", "LXC_IPV6_ADDR": "fd01::5", "LXC_IPV6_MASK": "96", "LXC_IPV6_NETWORK": "fd01::/48",
    })  # fmt: skip
    assert (found.use, found.bridge, found.mac, str(found.ipv4)) == (False, "br7", "02:00:00:00:00:0a", "10.1.0.1/16")
    assert (found.network, found.dhcp_range) == (IPv4Network("10.0.0.0/8"), "10.1.0.9,10.1.0.10,1h")
    assert (found.dhcp_max, found.dhcp_conf, found.dhcp_ping) == ("2", "/etc/d.conf", False)
    assert (found.domain, found.use_nft) == ("lxc", False)
    assert (str(found.ipv6), found.ipv6_network) == ("fd01::5/96", IPv6Network("fd01::/48"))


@pytest.mark.parametrize(
    ("given", "has"),
    [
        ({"LXC_IPV6_ENABLE": "false"}, (True, False, False)),
        ({"LXC_IPV6_ADDR": ""}, (True, False, False)),
        ({"LXC_IPV6_NAT": "false"}, (True, True, False)),
        ({"LXC_ADDR": ""}, (False, True, True)),
    ],
)
def test_a_family_may_be_left_out(given: dict[str, str], has: tuple[bool, bool, bool]) -> None:
    found = settings(given)
    assert (found.ipv4 is not None, found.ipv6 is not None, found.ipv6_network is not None) == has


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LXC_BRIDGE", "sixteen-letters-"), ("LXC_BRIDGE", "a/b"), ("LXC_BRIDGE", "a b"), ("LXC_BRIDGE", "br%d"), ("LXC_ADDR", "10.0.3"),
        ("LXC_ADDR", "fd00::1"), ("LXC_NETMASK", "255.0.255.0"), ("LXC_NETMASK", "33"), ("LXC_NETWORK", "10.0.3.1/24"),
        ("LXC_BRIDGE_MAC", "11:00:00:00:00:00"), ("LXC_BRIDGE_MAC", "10:66"), ("LXC_BRIDGE_MAC", "x"),
        ("LXC_BRIDGE_MAC", "-2:0:0:0:0:0"),
        ("LXC_IPV6_ADDR", "10.0.3.1"), ("LXC_IPV6_MASK", "129"), ("LXC_IPV6_NETWORK", "x"), ("LXC_DHCP_RANGE", "a b"),
        ("LXC_BRIDGE", "br*"), ("LXC_BRIDGE", "br+"), ("LXC_DHCP_MAX", "many"), ("LXC_DHCP_MAX", "-1"), ("LXC_DHCP_MAX", " 5"),
        ("LXC_NETMASK", "x"), ("LXC_IPV6_MASK", "x"), ("LXC_IPV6_PREFIX", "fd00::"), ("LXC_IPV6_PREFIX", "x"),
        ("LXC_NETMASK", "0"), ("LXC_IPV6_MASK", "0"), ("LXC_ADDR", "10.0.3.0"), ("LXC_ADDR", "10.0.3.255"), ("LXC_ADDR", "0.0.0.0"),
        ("LXC_ADDR", "127.0.0.1"), ("LXC_ADDR", "224.0.0.1"), ("LXC_IPV6_ADDR", "fd00::"), ("LXC_IPV6_ADDR", "ff02::1"),
        ("LXC_IPV6_ADDR", "::1"), ("LXC_IPV6_ADDR", "fd00::1%eth0"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        settings({name: value})


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"LXC_NETMASK": "255.255.255.255"}, "LXC_NETMASK"),
        ({"LXC_NETMASK": "32", "LXC_DHCP_RANGE": "10.0.3.2,10.0.3.9"}, "LXC_NETMASK"),
        ({"LXC_IPV6_MASK": "128"}, "LXC_IPV6_MASK"),
    ],
)
def test_a_network_has_room_for_a_container_beside_the_bridge(given: dict[str, str], names: str) -> None:
    with pytest.raises(ValueError, match=f"^{names}: expected room for the bridge and a container, got "):
        settings(given)
    settings(given | {"LXC_ADDR": "", "LXC_IPV6_ENABLE": "false"})


def test_of_two_addresses_the_container_has_the_one_that_the_bridge_has_not() -> None:
    for mask in ("31", "30"):
        assert settings({"LXC_NETMASK": mask, "LXC_ADDR": "10.0.3.5"}).dhcp_range in (
            "10.0.3.4,10.0.3.4",
            "10.0.3.6,10.0.3.6",
        )
    assert settings({"LXC_NETMASK": "31", "LXC_ADDR": "10.0.3.4"}).dhcp_range == "10.0.3.5,10.0.3.5"


def test_addresses_are_given_away_on_the_longer_side_of_the_bridges_own() -> None:
    assert usual_range(IPv4Interface("10.0.3.254/24")) == "10.0.3.1,10.0.3.253"
    assert usual_range(IPv4Interface("10.0.3.100/24")) == "10.0.3.101,10.0.3.254"
