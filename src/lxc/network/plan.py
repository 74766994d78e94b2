"""Which devices the container has, and each thing that is done for them, as steps.  Pure.

A step prints itself as a line for ip(8), bridge(8) or sysctl(8).  For a device
they are done in this order, on two sides:

    outside    before    what answers for it on the host (l2proxy)
               make      it is made in the container's network namespace, with its name; a device of the host's is moved
               after     what concerns the host's end of a pair
    inside     its addresses, up, its routes

Two things are known when they are done only: what a host's end without a
configured name is called, which is PAIR here, and the address of a bridge that
is the gateway (`auto`).
"""

from __future__ import annotations

from lxc.network import tenant as tenants
from lxc.network.steps import (
    BITS,
    PAIR,
    Address,
    DefaultVlan,
    Granted,
    HardwareAddress,
    Making,
    Move,
    Neighbour,
    Require,
    Route,
    Stacked,
    Step,
    Sysctl,
    Up,
    Veth,
    Vlan,
)
from lxc.network.tenant import Tenant
from lxc.network.wishes import Wish
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lxc.network.wishes import Configured
    from lxc.values.address import Address as Network


_NO_VLAN = -1  # lxc.net.N.veth.vlan.id = none
_NO_NAMES = (".", "..", "all", "default")  # the latter are directories of sysctl(8)
_NEED_LINK = ("macvlan", "ipvlan", "vlan", "phys")
_MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
_IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
_IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}


class Device(Record):
    """lxc.net.<number>, and all that is done for it."""

    number: int
    type: str
    link: str = ""
    name: str = ""  # in the container
    make: Making | None = None
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    inside: tuple[Step, ...] = ()
    where: str = ""  # of its type

    @property
    def pair(self) -> str:
        return self.make.pair if isinstance(self.make, (Veth, Granted)) else ""

    def paired(self, pair: str) -> Device:
        """The same, with the name of the host's end."""
        if not isinstance(self.make, (Veth, Granted)):
            return self
        after = (
            step if isinstance(step, (HardwareAddress, Address, Up)) or step.device != self.pair else step.replace(device=pair)
            for step in self.after
        )  # fmt: skip
        return self.replace(make=self.make.replace(pair=pair), after=tuple(after))

    def called(self, link: str) -> Device:
        """The same, of the host's device `link`, with its name."""
        assert isinstance(self.make, Move)
        name = link if self.name == self.link else self.name
        inside = (step.replace(device=name) for step in self.inside)
        return self.replace(link=link, name=name, make=self.make.replace(link=link, name=name), inside=tuple(inside))

    def __str__(self) -> str:
        making = (self.make,) if self.make else ()
        steps: tuple[Step | Making, ...] = (*self.before, *making, *self.after, *self.inside)
        return "\n".join(f"{step}  # {step.where}" if step.where else str(step) for step in steps)


class NetworkPlan(Record):
    has_namespace: bool = True  # of its own
    devices: tuple[Device, ...] = ()
    loopback_up: bool = False
    warnings: tuple[str, ...] = ()
    owner: str = ""  # its monitor's address, which no other container has: what a killed one left is known by it

    def inside(self) -> tuple[Step, ...]:
        """What is done in the container's network namespace, in this order."""
        steps: tuple[Step, ...] = (Up("lo"),) if self.loopback_up else ()
        return sum((device.inside for device in self.devices), steps)

    @property
    def is_granted(self) -> bool:
        """Whether lxc-user-nic takes part, which looks at init as the user who starts it."""
        return any(isinstance(device.make, Granted) for device in self.devices)

    def without_namespace(self) -> NetworkPlan:
        """Of a container that shares somebody's network namespace: nothing is done to that."""
        numbers = ", ".join(f"lxc.net.{device.number}" for device in self.devices)
        if not numbers:
            return NetworkPlan(self.has_namespace)
        text = f"{numbers}: without a network namespace of its own the container gets no devices"
        return NetworkPlan(self.has_namespace, warnings=(text,))

    def __str__(self) -> str:
        lines = ("ip link set lo up" if self.loopback_up else "", *map(str, self.devices))
        return "\n".join(line for line in lines if line)


def plan(
    devices: Mapping[int, Configured], where: Callable[[str], tuple[str, ...]], tenant: Tenant | None = None
) -> NetworkPlan:
    """The plan for the devices lxc.net.<number>; `where` gives the places (file:line) that a key was set at.

    Raises StepError for a device that cannot be.
    """
    if devices and all(device.type == "none" for device in devices.values()):
        return NetworkPlan(has_namespace=False)
    wishes = [Wish(number, device, where) for number, device in sorted(devices.items()) if device.type != "none"]
    for wish in wishes:
        _check(wish)
        if tenant:
            tenants.check(wish)
    names = _names(wishes)
    made = (_device(wish, names[wish.number]) for wish in wishes)
    return NetworkPlan(
        True,
        tuple(_granted(device, tenant) for device in made) if tenant else tuple(made),
        any(wish.device.flags for wish in wishes),
        tuple(warning for wish in wishes for warning in tenants.without_effect(wish)) if tenant else (),
    )


def _check(wish: Wish) -> None:
    """Raise StepError for what cannot work."""
    device = wish.device
    if not device.type or not device.is_set("type"):
        key = "flags" if wish.where("flags") else "name" if wish.where("name") else "link"
        raise wish.fail(key, "it has no type", f"begin it with lxc.net.{wish.number}.type")
    if device.type in _NEED_LINK and not device.link:
        hint = f"set lxc.net.{wish.number}.link"
        raise wish.fail("type", f"a device of type {device.type} is made of one of the host's, and none is set", hint)
    if device.type == "empty" and device.name not in ("", "lo"):
        raise wish.fail("name", f"the type empty has the loopback device only, which cannot be called {device.name}")
    for key, name in (("name", device.name), ("veth.pair", device.veth_pair)):
        if name in _NO_NAMES or any(char in "/:" or char.isspace() for char in name):
            hint = "a name has no slash, colon or blank in it, and is not . or .., all or default"
            raise wish.fail(key, f"no network device can be called {name}", hint)
    if "%" in device.veth_pair:
        why = f"no network device can be called {device.veth_pair}"
        raise wish.fail("veth.pair", why, "leave veth.pair out, and a name that nothing has is chosen")
    for family, gateway, addresses in _families(device):
        if gateway and not device.flags:
            hint = f"set lxc.net.{wish.number}.flags = up"
            raise wish.fail(f"{family}.gateway", f"a gateway ({gateway}) needs a device that is up", hint)
        if gateway and not addresses and not gateway.lower().startswith("fe80:"):
            hint = f"set lxc.net.{wish.number}.{family}.address"
            raise wish.fail(f"{family}.gateway", f"a gateway ({gateway}) needs an {family} address", hint)
        if gateway == "auto" and (device.type not in ("veth", "macvlan", "ipvlan") or not device.link):
            why = "only a veth, macvlan or ipvlan device with a link finds its gateway by itself"
            raise wish.fail(f"{family}.gateway", why, "write the gateway's address")
    if device.l2proxy and device.type == "ipvlan" and device.ipvlan_mode != "l3s":
        raise wish.fail("l2proxy", f"it needs ipvlan.mode = l3s, and has {device.ipvlan_mode}")
    if device.type == "veth":
        _check_vlans(wish)
    if device.type == "vlan" and not 1 <= device.vlan_id <= 4094:
        raise wish.fail("vlan.id", f"VLANs are 1 to 4094, not {device.vlan_id}")


def _check_vlans(wish: Wish) -> None:
    device = wish.device
    if device.veth_vlan_id is None and not device.veth_vlan_tagged_id:
        return
    key = "veth.vlan.id" if device.veth_vlan_id is not None else "veth.vlan.tagged.id"
    if device.veth_mode != "bridge" or not device.link:
        hint = f"set lxc.net.{wish.number}.link to a bridge, and leave veth.mode = router out"
        raise wish.fail(key, "VLANs are of a bridge, and it is on none", hint)
    if device.veth_vlan_id in device.veth_vlan_tagged_id:
        raise wish.fail("veth.vlan.tagged.id", f"VLAN {device.veth_vlan_id} is its untagged one already")


def _granted(device: Device, tenant: Tenant) -> Device:
    """The same as an ordinary user gets it: nothing is done on the host but by lxc-user-nic."""
    veth = device.make
    if not isinstance(veth, Veth):
        return device
    make = Granted(
        veth.name, device.link, tenant.lxcpath, tenant.container, where=veth.where, where_link=veth.where_link
    )
    return device.replace(make=make, before=(), after=())


def _names(wishes: list[Wish]) -> dict[int, str]:
    """What each is called in the container: first those with a name of their own, so that none of these is taken."""
    taken, names = {"lo"}, dict[int, str]()
    for is_second in (False, True):
        for wish in wishes:
            wanted = _wanted(wish.device)
            if wish.device.type == "empty":
                names[wish.number] = "lo"
            elif (wanted in ("", "eth%d")) is is_second:
                names[wish.number] = name = _free(wanted or "eth%d", taken)
                if name in taken:
                    raise wish.fail("name", f"another device is called {name} already")
                taken.add(name)
    return names


def _wanted(device: Configured) -> str:
    return device.name or (device.link if device.type == "phys" else "")


def _free(template: str, taken: set[str]) -> str:
    """As the kernel makes a name of one with %d: the lowest number that gives a free one."""
    if "%d" not in template:
        return template
    number = 0
    while template.replace("%d", str(number)) in taken:
        number += 1
    return template.replace("%d", str(number))


def _device(wish: Wish, name: str) -> Device:
    device = wish.device
    return Device(
        wish.number,
        device.type,
        device.link,
        name,
        _make(wish, name),
        tuple(_l2proxy(wish)) if device.l2proxy and device.link else (),
        tuple(_host_end(wish)) if device.type == "veth" else (),
        tuple(_inside(wish, name)),
        wish.where("type"),
    )


def _make(wish: Wish, name: str) -> Making | None:
    device = wish.device
    if device.type == "empty":
        return None
    where, where_link = wish.where("type"), wish.where("link")
    if device.type == "veth":
        return Veth(
            name,
            device.veth_pair or PAIR,
            device.link if device.veth_mode == "bridge" else "",
            device.mtu,
            device.link,
            device.veth_n_rxqueues,
            device.veth_n_txqueues,
            device.veth_vlan_id,
            device.veth_vlan_tagged_id,
            where,
            where_link,
        )
    if device.type == "phys":
        return Move(name, device.link, device.mtu, where, where_link)
    options, shown = _options(device)
    return Stacked(device.type, name, device.link, device.mtu, options, shown, where, where_link)


def _options(device: Configured) -> tuple[tuple[tuple[str, int], ...], str]:
    if device.type == "macvlan":
        mode = device.macvlan_mode or "private"
        return (("mode", _MACVLAN_MODES[mode]),), f"mode {mode}"
    if device.type == "ipvlan":
        mode, isolation = device.ipvlan_mode or "l2", device.ipvlan_isolation or "bridge"
        flags = (("flags", _IPVLAN_FLAGS[isolation]),) if isolation != "bridge" else ()
        return (("mode", _IPVLAN_MODES[mode]), *flags), f"mode {mode} {isolation}"
    return (("id", device.vlan_id),), f"id {device.vlan_id}"


def _l2proxy(wish: Wish) -> Iterator[Step]:
    """The host answers for its addresses on the link; of an ipvlan, only if it has routes to them."""
    device, where = wish.device, wish.where("l2proxy")
    for family, _, addresses in _families(device):
        if not addresses:
            continue
        if family == "ipv6":
            yield Require(family, device.link, "proxy_ndp", "1", where)
        yield Require(family, device.link, "forwarding", "1", where)
        for each, place in zip(addresses, wish.places(f"{family}.address"), strict=True):
            yield Neighbour(family, device.link, each.address, where=place)
            if device.type == "ipvlan":
                yield Route(family, "lo", each.address, BITS[family], where=place)


def _host_end(wish: Wish) -> Iterator[Step]:
    device, pair = wish.device, wish.device.veth_pair or PAIR
    if device.veth_mode == "bridge" and device.link:
        if not device.veth_ipv6_route:  # which need it
            yield Sysctl("ipv6", pair, "disable_ipv6", "1", optional=True, where=wish.where("link"))
        yield from _vlans(wish, pair)
    for family, routes in (("ipv4", device.veth_ipv4_route), ("ipv6", device.veth_ipv6_route)):
        for route, place in zip(routes, wish.places(f"veth.{family}.route"), strict=True):
            yield Route(family, pair, route.address, route.prefix, where=place)
    if device.veth_mode == "router":
        yield from _router(wish, pair)


def _vlans(wish: Wish, pair: str) -> Iterator[Step]:
    device, where = wish.device, wish.where("veth.vlan.id")
    if device.veth_vlan_id is not None:
        yield DefaultVlan(pair, device.link, device.veth_vlan_id, where)
        if device.veth_vlan_id != _NO_VLAN:
            yield Vlan(pair, device.veth_vlan_id, untagged=True, where=where)
    for vid, place in zip(device.veth_vlan_tagged_id, wish.places("veth.vlan.tagged.id"), strict=True):
        yield Vlan(pair, vid, where=place)


def _router(wish: Wish, pair: str) -> Iterator[Step]:
    """The host's end is the gateway: it answers for that address, forwards, and knows where the container's are."""
    for family, gateway, addresses in _families(wish.device):
        where = wish.where(f"{family}.gateway")
        if gateway and gateway != "dev":
            if family == "ipv6":
                yield Require(family, "all", "forwarding", "1", where)
                yield Sysctl(family, pair, "proxy_ndp", "1", where=where)
            yield Sysctl(family, pair, "forwarding", "1", where=where)
            is_auto = gateway == "auto"
            yield Neighbour(family, pair, "" if is_auto else gateway, wish.device.link if is_auto else "", where)
        for each, place in zip(addresses, wish.places(f"{family}.address"), strict=True):
            yield Route(family, pair, each.address, BITS[family], where=place)


def _inside(wish: Wish, name: str) -> Iterator[Step]:
    device = wish.device
    if device.hwaddr:
        yield HardwareAddress(name, device.hwaddr, wish.where("hwaddr"))
    for family, _, addresses in _families(device):
        for each, place in zip(addresses, wish.places(f"{family}.address") if addresses else (), strict=True):
            broadcast = "" if each.broadcast == "0.0.0.0" else each.broadcast
            yield Address(name, each.address, each.prefix, broadcast, place)
    if device.flags and name != "lo":
        yield Up(name, wish.where("flags"))
    for family, gateway, _ in _families(device):
        if gateway == "auto":
            yield Route(family, name, auto=device.link, where=wish.where(f"{family}.gateway"))
        elif gateway:
            where = wish.where(f"{family}.gateway")
            yield Route(family, name, gateway="" if gateway == "dev" else gateway, where=where)


def _families(device: Configured) -> tuple[tuple[str, str, tuple[Network, ...]], ...]:
    return ("ipv4", device.ipv4_gateway, device.ipv4_address), ("ipv6", device.ipv6_gateway, device.ipv6_address)
