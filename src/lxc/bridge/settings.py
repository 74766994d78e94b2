"""How the bridge is to be, as /etc/default/lxc-net says."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from lxc.bridge import variables
from lxc.errors import ConfigError
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

_MACHINE_ID = "/etc/machine-id"
_IFNAMSIZ = 16
NAMES = (
    "USE_LXC_BRIDGE", "LXC_BRIDGE", "LXC_BRIDGE_MAC", "LXC_ADDR", "LXC_NETMASK", "LXC_NETWORK", "LXC_DHCP_RANGE",
    "LXC_DHCP_MAX", "LXC_DHCP_CONFILE", "LXC_DHCP_PING", "LXC_DOMAIN", "LXC_USE_NFT", "LXC_IPV6_ENABLE", "LXC_IPV6_NAT",
    "LXC_IPV6_PREFIX", "LXC_IPV6_ADDR", "LXC_IPV6_MASK", "LXC_IPV6_NETWORK",
)  # fmt: skip


class Settings(Record):
    """How the bridge is to be.  A family of addresses that it has none of is None; networks are what is masqueraded."""

    use: bool
    bridge: str
    mac: str
    ipv4: IPv4Interface | None
    network: IPv4Network | None
    dhcp_range: str
    dhcp_max: str
    dhcp_conf: str
    dhcp_ping: bool
    domain: str
    use_nft: bool
    ipv6: IPv6Interface | None
    ipv6_network: IPv6Network | None  # None: not masqueraded


def read() -> dict[str, str]:
    """The variables that this host's files set.  Raises ConfigError."""
    given = variables.read(NAMES)
    try:
        settings(given)
    except ValueError as error:
        raise ConfigError(f"{variables.directory()}/lxc-net: {error}") from None
    return given


def machine_id() -> bytes:
    """What /etc/machine-id holds; nothing if there is none."""
    try:
        with open(_MACHINE_ID, "rb") as file:
            return file.read(256)
    except OSError:
        return b""


def settings(given: Mapping[str, str], machine_id: bytes = b"") -> Settings:
    """The settings that these variables make.  Raises ValueError, which names the variable."""
    bridge = given.get("LXC_BRIDGE") or "lxcbr0"
    # the kernel puts a number in the place of %d; nft and iptables take a name with such an end for many
    if len(os.fsencode(bridge)) >= _IFNAMSIZ or {*bridge} & {*"/%"} or bridge.split() != [bridge] or bridge[-1] in "*+":
        raise ValueError(f"LXC_BRIDGE: {bridge!r} cannot be the name of a network device")
    ipv4 = ipv6 = None
    address = given.get("LXC_ADDR", "10.0.3.1")
    if address:
        _parsed(IPv4Address, "LXC_ADDR", address)
        ipv4 = _parsed(IPv4Interface, "LXC_NETMASK", f"{address}/{given.get('LXC_NETMASK') or 24}")
        _refuse_unusable("LXC_ADDR", "LXC_NETMASK", ipv4)
    network = _parsed(IPv4Network, "LXC_NETWORK", given["LXC_NETWORK"]) if given.get("LXC_NETWORK") else None
    prefix = given.get("LXC_IPV6_PREFIX") or unique_local_prefix(machine_id)
    address6 = given.get("LXC_IPV6_ADDR", f"{prefix}::1") if _is_true(given, "LXC_IPV6_ENABLE") else ""
    if address6:
        name = "LXC_IPV6_ADDR" if "LXC_IPV6_ADDR" in given else "LXC_IPV6_PREFIX"
        _parsed(IPv6Address, name, address6)
        ipv6 = _parsed(IPv6Interface, "LXC_IPV6_MASK", f"{address6}/{given.get('LXC_IPV6_MASK') or 64}")
        _refuse_unusable(name, "LXC_IPV6_MASK", ipv6)
    network6 = None
    if ipv6 and _is_true(given, "LXC_IPV6_NAT"):
        text = given.get("LXC_IPV6_NETWORK")
        network6 = _parsed(IPv6Network, "LXC_IPV6_NETWORK", text) if text else ipv6.network
    return Settings(
        use=_is_true(given, "USE_LXC_BRIDGE"),
        bridge=bridge,
        mac=_mac(given.get("LXC_BRIDGE_MAC") or "10:66:6a:00:00:00"),
        ipv4=ipv4,
        network=network or (ipv4.network if ipv4 else None),
        dhcp_range=_range(given.get("LXC_DHCP_RANGE") or (usual_range(ipv4) if ipv4 else "")),
        dhcp_max=_number("LXC_DHCP_MAX", given.get("LXC_DHCP_MAX") or "253"),
        dhcp_conf=given.get("LXC_DHCP_CONFILE") or "/dev/null",
        dhcp_ping=given.get("LXC_DHCP_PING") != "false",
        domain=given.get("LXC_DOMAIN", ""),
        use_nft=_is_true(given, "LXC_USE_NFT"),
        ipv6=ipv6,
        ipv6_network=network6,
    )


def _is_true(given: Mapping[str, str], name: str) -> bool:
    """All switches are on unless the file says something else than true."""
    return given.get(name, "true") == "true"


def _parsed(kind: Callable[[str], T], name: str, text: str) -> T:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _refuse_unusable(name: str, mask: str, address: IPv4Interface | IPv6Interface) -> None:
    """Raise ValueError if that can be no bridge's address in its network: `name` and `mask` are its variables."""
    network = address.network
    if network.num_addresses == 1:
        raise ValueError(f"{mask}: expected room for the bridge and a container, got {address}, which is one address")
    if not network.prefixlen:
        raise ValueError(f"{mask}: expected a network, got {address}: all of the world would be on the bridge")
    is_networks = network.num_addresses > 2 and address.ip == network.network_address
    is_for_all = network.num_addresses > 2 and network.version == 4 and address.ip == network.broadcast_address
    if is_networks or is_for_all or address.ip.is_loopback or address.ip.is_multicast or address.ip.is_unspecified:
        raise ValueError(f"{name}: expected an address that a device can have, got {address}")
    if "%" in str(address):
        raise ValueError(f"{name}: expected an address without a zone, got {address}")


def _number(name: str, text: str) -> str:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{name}: expected a number, got {text!r}")
    return text


def _mac(text: str) -> str:
    parts = text.split(":")
    try:
        numbers = [int(part, 16) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 6 or not all(0 <= number < 256 for number in numbers) or numbers[0] & 1:
        raise ValueError(f"LXC_BRIDGE_MAC: expected the address of one device such as 10:66:6a:00:00:00, got {text!r}")
    return ":".join(f"{number:02x}" for number in numbers)


def _range(text: str) -> str:
    if text.split() != ([text] if text else []):
        raise ValueError(f"LXC_DHCP_RANGE: expected FIRST,LAST as dnsmasq(8) has it, got {text!r}")
    return text


def usual_range(ipv4: IPv4Interface) -> str:
    """The addresses to give away: the longer part of the network before or after the bridge's own."""
    rest = 1 if ipv4.network.prefixlen < 31 else 0  # addresses at both ends that are nobody's (RFC 3021)
    first, last, own = int(ipv4.network[rest]), int(ipv4.network[-1 - rest]), int(ipv4.ip)
    low, high = (own + 1, last) if last - own >= own - first else (first, own - 1)
    make = type(ipv4.ip)
    return f"{make(low)},{make(high)}"


def unique_local_prefix(machine_id: bytes) -> str:
    """The /64 that LXC derives from the machine's identity: private (RFC 4193), and another one on each machine."""
    from hashlib import sha256

    digits = sha256(b"LXC_IPV6_PREFIX\n" + machine_id).hexdigest()
    return f"fd{digits[:2]}:{digits[2:6]}:{digits[6:10]}:{digits[10:14]}"
