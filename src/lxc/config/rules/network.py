"""Rules about network devices."""

from __future__ import annotations

from lxc.config.rules.rule import ERROR, NOTE, WARNING, Found, Rule, Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.config.net import Net
    from lxc.values.address import Address

_NEED_LINK = ("macvlan", "ipvlan", "vlan", "phys")
_WITHOUT_DEVICE = ("empty", "none")
_MULTICAST = 0xFF  # the first byte of the IPv6 address of a group
_OF_THE_KERNEL = ("lo", "all", "default")  # no names for devices: below /proc/sys/net they mean something
_MTU_MIN, _MTU_MIN_IPV6 = 68, 1280
_OF_A_DEVICE = ("link", "name", "hwaddr", "mtu", "ipv4.address", "ipv4.gateway", "ipv6.address", "ipv6.gateway")


def _devices(it: Subject, *kinds: str) -> Iterator[tuple[str, Net]]:
    """("lxc.net.N", device) of those of the types `kinds`, or of all that are devices."""
    for number, net in it.config.net.items():
        if net.type in kinds or (not kinds and net.type not in _WITHOUT_DEVICE and net.is_set("type")):
            yield f"lxc.net.{number}", net


def _no_type(it: Subject) -> Iterator[Found]:
    for number, net in it.config.net.items():
        if not net.type or not net.is_set("type"):
            key = next((key for key in net.KEYS if net.is_set(key)), "type")
            yield it.at(f"lxc.net.{number}.{key}", f"lxc.net.{number} has no type", f"lxc.net.{number}")


def _needs_link(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it, *_NEED_LINK):
        if not net.link:
            yield it.at(
                f"{name}.type", f"a device of type {net.type} is made of one of the host's: {name}.link is not set"
            )


def _loose_veth(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it, "veth"):
        if not net.link and net.veth_mode == "bridge" and not net.script_up:
            yield it.at(f"{name}.type", f"the host's end of the pair is attached to nothing: {name}.link is not set")


def _no_link(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        if it.host.devices is not None and net.link and net.link not in it.host.devices and not net.link.endswith("+"):
            yield it.at(f"{name}.link", f"this host has no network device {net.link}", net.link)


def _vlan_zero(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it, "vlan"):
        if not net.vlan_id or net.vlan_id > 4094:
            key = f"{name}.vlan.id" if net.is_set("vlan.id") else f"{name}.type"
            yield it.at(key, f"{name}.vlan.id is {net.vlan_id}, and 1 to 4094 are VLANs")


def _group_address(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        first = net.hwaddr.partition(":")[0]
        if first and int(first, 16) & 1:
            yield it.at(f"{name}.hwaddr", f"{net.hwaddr} is the address of a group of devices, for {first} is odd")


def _same(it: Subject, key: str) -> Iterator[tuple[str, str, str]]:
    """(the later device, the earlier, value) of those that have the same value of `key`."""
    seen: dict[str, str] = {}
    for name, net in _devices(it):
        value = net.get_item(key)
        if value and value in seen:
            yield name, seen[value], value
        seen.setdefault(value, name)


def _same_name(it: Subject) -> Iterator[Found]:
    for name, first, value in _same(it, "name"):
        yield it.at(f"{name}.name", f"{first} is called {value} already", value)


def _kernel_s_name(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        if net.name in _OF_THE_KERNEL:
            yield it.at(f"{name}.name", f"no device can be called {net.name}", net.name)


def _loopback_link(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        if net.link == "lo":
            yield it.at(f"{name}.link", f"lo is no device that one of type {net.type} could be made of, or attached to")


def _same_hwaddr(it: Subject) -> Iterator[Found]:
    for name, first, value in _same(it, "hwaddr"):
        yield it.at(f"{name}.hwaddr", f"{first} has the address {value} already")


def _no_prefix(it: Subject) -> Iterator[Found]:
    for one in it.assignments:
        if one.key.endswith((".ipv4.address", ".ipv6.address")) and one.value and "/" not in one.value:
            default = "its last octet decides, for LXC on most machines" if ".ipv4" in one.key else "64"
            yield Found(one.where, f"{one.value} has no prefix length, and gets one: {default}", one.value)


def _families(net: Net) -> Iterator[tuple[str, str, tuple[Address, ...]]]:
    yield "ipv4", net.ipv4_gateway, net.ipv4_address
    yield "ipv6", net.ipv6_gateway, net.ipv6_address


def _gateway_alone(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        for family, gateway, addresses in _families(net):
            if gateway and not addresses and not gateway.lower().startswith("fe80:"):
                yield it.at(
                    f"{name}.{family}.gateway", f"a gateway needs an address: {name}.{family}.address is not set"
                )


def _gateway_down(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        for family, gateway, _ in _families(net):
            if gateway and not net.flags:
                yield it.at(f"{name}.{family}.gateway", f"a gateway needs a device that is up: {name}.flags is not set")


def _gateway_far(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        for family, gateway, addresses in _families(net):
            if gateway in ("", "auto", "dev") or gateway.lower().startswith("fe80:") or not addresses:
                continue
            if net.veth_mode != "router" and not any(_contains(each, gateway) for each in addresses):
                key = f"{name}.{family}.gateway"
                yield it.at(key, f"{gateway} is in none of the networks of this device's addresses", gateway)


def _number(address: str) -> int:
    from _socket import AF_INET, AF_INET6, inet_pton

    return int.from_bytes(inet_pton(AF_INET6 if ":" in address else AF_INET, address), "big")


def _host_bits(network: Address) -> int:
    return (128 if ":" in network.address else 32) - network.prefix


def _contains(network: Address, address: str) -> bool:
    return (_number(network.address) ^ _number(address)) >> _host_bits(network) == 0


def _network_as_address(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        key = f"{name}.ipv4.address"
        for address, where in zip(net.ipv4_address, it.config.places(key), strict=True):
            bits = _host_bits(address)
            host = _number(address.address) & ((1 << bits) - 1)
            if bits > 1 and host in (0, (1 << bits) - 1):
                what = "the broadcast address of its network" if host else "the network itself"
                yield Found(where, f"{address} is {what}, which no device can have", str(address))


def _impossible_address(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        for address, where in zip(net.ipv6_address, it.config.places(f"{name}.ipv6.address"), strict=True):
            number = _number(address.address)
            if number in (0, 1) or number >> 120 == _MULTICAST:
                what = "of a group" if number > 1 else "the loopback device's" if number else "nobody's"
                yield Found(where, f"{address.address} is {what}, which no device can be given", address.address)


def _same_address(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        for family, _, addresses in _families(net):
            seen: set[object] = set()
            for address, where in zip(addresses, it.config.places(f"{name}.{family}.address"), strict=True):
                number = _number(address.address)
                same = (number, address.prefix) if family == "ipv4" else number
                if same in seen:
                    yield Found(where, f"the device has {address.address} already", str(address))
                seen.add(same)


def _is_down(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        if not net.flags and not (net.ipv4_gateway or net.ipv6_gateway):
            yield it.at(f"{name}.type", f"the container finds the device down: {name}.flags is not set")


def _two_gateways(it: Subject) -> Iterator[Found]:
    for family in ("ipv4", "ipv6"):
        key = f"{family}.gateway"
        names = [name for name, net in _devices(it) if net.is_set(key)]
        for name in names[1:]:
            yield it.at(f"{name}.{key}", f"{names[0]} has the default route already")


def _small_mtu(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        least = _MTU_MIN_IPV6 if net.ipv6_address else _MTU_MIN
        if net.mtu and net.mtu < least:
            yield it.at(
                f"{name}.mtu", f"{net.mtu} is too small: {'IPv6' if net.ipv6_address else 'IPv4'} needs {least}"
            )


def _no_device(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it, *_WITHOUT_DEVICE):
        for key in _OF_A_DEVICE:
            if net.is_set("type") and net.is_set(key):
                full = f"{name}.{key}"
                yield it.at(
                    full, f"a device of type {net.type} has no {key}: this has no effect, or fails the start", full
                )


def _vlans_of_nothing(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it, "veth"):
        for key in ("veth.vlan.id", "veth.vlan.tagged.id"):
            if net.is_set(key) and (net.veth_mode != "bridge" or not net.link):
                yield it.at(f"{name}.{key}", "VLANs are of a bridge, and the device is on none", f"{name}.{key}")


def _l2proxy_mode(it: Subject) -> Iterator[Found]:
    for name, net in _devices(it):
        if net.l2proxy and not net.link:
            yield it.at(
                f"{name}.l2proxy", f"there is no device to answer on: {name}.link is not set", f"{name}.l2proxy"
            )
        elif net.l2proxy and net.type == "ipvlan" and net.ipvlan_mode != "l3s":
            yield it.at(
                f"{name}.l2proxy", f"ipvlan needs mode l3s for it, and has {net.ipvlan_mode}", f"{name}.l2proxy"
            )


def _none_among_others(it: Subject) -> Iterator[Found]:
    kinds = {net.type for net in it.config.net.values()}
    for name, _ in _devices(it, "none") if len(kinds) > 1 else ():
        yield it.at(
            f"{name}.type", "beside other devices it means nothing: the container has a network of its own", "none"
        )


RULES = (
    Rule("net-without-type", ERROR, "A network device without a type cannot be made.",
         "Begin it with lxc.net.N.type.", _no_type),
    Rule("net-needs-link", ERROR, "Devices of these types are made of a device of the host.",
         "Set lxc.net.N.link.", _needs_link),
    Rule("veth-without-link", NOTE, "A pair with a loose end connects the container with nothing but the host.",
         "Set lxc.net.N.link to a bridge.", _loose_veth),
    Rule("link-missing", ERROR, "The device or bridge must exist when the container starts.",
         "Make it, such as with lxc-net, or correct lxc.net.N.link.", _no_link),
    Rule("vlan-id", ERROR, "Only 1 to 4094 are VLANs.", "Set lxc.net.N.vlan.id.", _vlan_zero),
    Rule("hwaddr-of-group", ERROR, "The kernel refuses the address of a group for a device.",
         "Make the second digit even: 02:… is for addresses of one's own.", _group_address),
    Rule("same-name", ERROR, "Two devices cannot have one name.", "Give each a name of its own.", _same_name),
    Rule("name-of-kernel", ERROR, "The kernel keeps the names lo, all and default to itself.", "Choose another.",
         _kernel_s_name),
    Rule("link-to-loopback", ERROR, "The loopback device has no part in other devices.",
         "Set lxc.net.N.link to a bridge or a device of the host.", _loopback_link),
    Rule("same-hwaddr", WARNING, "Two devices with one address take each other's packets.",
         "Write x for random digits: 10:66:6a:xx:xx:xx.", _same_hwaddr),
    Rule("address-without-prefix", WARNING, "The size of the network is guessed.", "Write ADDRESS/PREFIX.", _no_prefix),
    Rule("gateway-without-address", ERROR, "The start fails for a gateway on a device without an address.",
         "Set an address, or leave the gateway out.", _gateway_alone),
    Rule("gateway-of-down-device", ERROR, "The start fails for a gateway on a device that is not brought up.",
         "Set lxc.net.N.flags = up.", _gateway_down),
    Rule("gateway-elsewhere", WARNING, "A gateway outside of the device's networks can be reached by chance only.",
         "Correct the gateway or the prefix, or write dev.", _gateway_far),
    Rule("address-of-network", ERROR, "The first and the last address of a network are not for devices.",
         "Use one between them.", _network_as_address),
    Rule("impossible-address", ERROR, "The start fails for an address that the kernel gives to no device.",
         "Use one of the network that the device is in.", _impossible_address),
    Rule("same-address", ERROR, "The start fails for an address that the device has already.", "Leave one out.",
         _same_address),
    Rule("device-down", NOTE, "Without flags = up the container has to bring the device up itself.",
         "Set lxc.net.N.flags = up.", _is_down),
    Rule("two-gateways", WARNING, "A network has one default route of a kind.", "Leave all but one out.",
         _two_gateways),
    Rule("small-mtu", ERROR, "Internet protocols need packets of a certain size.", "Use 1500, or leave it out.",
         _small_mtu),
    Rule("key-of-no-device", WARNING, "The types empty and none make no device that could have it.",
         "Leave it out, or use another type.", _no_device),
    Rule("vlans-without-bridge", ERROR, "Only ports of a bridge have VLANs.",
         "Set lxc.net.N.link to a bridge, and leave veth.mode = router out.", _vlans_of_nothing),
    Rule("l2proxy-mode", ERROR, "Answering for addresses needs a device, and of ipvlan a mode, that can.",
         "Set lxc.net.N.link, and lxc.net.N.ipvlan.mode = l3s.", _l2proxy_mode),
    Rule("none-among-others", WARNING, "The type none shares the host's network only if it is the only one.",
         "Leave one of them out.", _none_among_others),
)  # fmt: skip
