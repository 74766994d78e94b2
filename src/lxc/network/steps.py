"""Each thing that is done for a container's devices: a record that prints itself as a line for ip(8) or a like.  Pure."""

from __future__ import annotations

import errno

from lxc.record import Record

PAIR = "vethXXXXXX"  # the host's end of a pair, until it has a name
BITS = {"ipv4": 32, "ipv6": 128}  # of an address
_NETNS = "INIT"  # as ip-link(8) has it: the pid of a process in the namespace


class Veth(Record):
    """Make a pair: one end in the container, one on the host, which is a port of `bridge` if that is given."""

    name: str
    pair: str = PAIR
    bridge: str = ""
    mtu: int = 0  # 0 is that of `mtu_of`
    mtu_of: str = ""
    n_rxqueues: int = 0
    n_txqueues: int = 0
    vlan_id: int | None = None
    vlan_tagged: tuple[int, ...] = ()
    where: str = ""
    where_link: str = ""

    def __str__(self) -> str:
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        master = f" master {self.bridge}" if self.bridge else ""
        mirrored = _queues(self.n_txqueues, self.n_rxqueues)
        peer = f"name {self.name}{mtu}{_queues(self.n_rxqueues, self.n_txqueues)} netns {_NETNS}"
        return f"ip link add {self.pair}{mtu}{mirrored}{master} up type veth peer {peer}"


class Granted(Record):
    """Have lxc-user-nic(1) make a pair for an ordinary user, whose other end is a port of `bridge`, or of none."""

    name: str
    bridge: str
    lxcpath: str
    container: str
    pair: str = PAIR
    where: str = ""
    where_link: str = ""

    def __str__(self) -> str:
        words = (self.lxcpath, self.container, _NETNS, "veth", self.bridge or "none", self.name)
        return f"lxc-user-nic create {' '.join(words)}"


class Stacked(Record):
    """Make a device on top of the host's device `link`; `options` are of its type, by the names of rtnetlink's fields."""

    type: str
    name: str
    link: str
    mtu: int = 0
    options: tuple[tuple[str, int], ...] = ()
    shown: str = ""
    where: str = ""
    where_link: str = ""

    def __str__(self) -> str:
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        return f"ip link add link {self.link} name {self.name}{mtu} netns {_NETNS} type {self.type} {self.shown}"


class Move(Record):
    """Give the container the host's own device `link`, or with "prefix+" the last whose name begins so."""

    name: str
    link: str
    mtu: int = 0
    where: str = ""
    where_link: str = ""

    def __str__(self) -> str:
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        return f"ip link set {self.link}{mtu} netns {_NETNS} name {self.name}"


class Mtu(Record):
    """The size of packets of the host's own device, before it goes."""

    device: str
    mtu: int
    where: str = ""

    def __str__(self) -> str:
        return f"ip link set {self.device} mtu {self.mtu}"


class Parameter(Record):
    """A kernel parameter of a device of the host's, and its value."""

    family: str  # "ipv4", "ipv6"
    device: str
    name: str
    value: str

    @property
    def path(self) -> str:
        return f"/proc/sys/net/{self.family}/conf/{self.device}/{self.name}"

    @property
    def command(self) -> str:
        return f"sysctl -w net/{self.family}/conf/{self.device}/{self.name}={self.value}"


class Sysctl(Parameter):
    """Set it."""

    optional: bool = False  # a kernel without that family has none, and a container's may not be written
    where: str = ""

    def __str__(self) -> str:
        return self.command


class Require(Parameter):
    """It must be so already, for it is the administrator's to set."""

    where: str = ""

    def __str__(self) -> str:
        return f"test $(cat {self.path}) = {self.value}"


class DefaultVlan(Record):
    """Take a port out of its bridge's default VLAN, unless that is VLAN `kept`."""

    device: str
    bridge: str
    kept: int
    where: str = ""

    def __str__(self) -> str:
        return f"bridge vlan del dev {self.device} vid $(cat /sys/class/net/{self.bridge}/bridge/default_pvid)"


class Vlan(Record):
    """Make a port of a bridge a member of a VLAN."""

    device: str
    vid: int
    untagged: bool = False
    where: str = ""

    def __str__(self) -> str:
        return f"bridge vlan add dev {self.device} vid {self.vid}{' pvid untagged' * self.untagged}"


class HardwareAddress(Record):
    device: str
    address: str
    where: str = ""

    def __str__(self) -> str:
        return f"ip link set {self.device} address {self.address}"


class Address(Record):
    device: str
    address: str
    prefix: int
    broadcast: str = ""
    where: str = ""

    def __str__(self) -> str:
        broadcast = f" broadcast {self.broadcast}" if self.broadcast else ""
        return f"ip address add {self.address}/{self.prefix}{broadcast} dev {self.device}"


class Up(Record):
    device: str
    where: str = ""

    def __str__(self) -> str:
        return f"ip link set {self.device} up"


class Route(Record):
    """A route to a network; to everywhere, if `to` is "".  Its gateway is looked for on `auto` if that is given."""

    family: str
    device: str
    to: str = ""
    prefix: int = 0
    gateway: str = ""
    auto: str = ""
    where: str = ""

    def __str__(self) -> str:
        to = f"{self.to}/{self.prefix}" if self.to else "default"
        gateway = self.gateway or (f"ADDRESS_OF_{self.auto}" if self.auto else "")
        via = f" via {gateway}" if gateway else ""
        version = "" if self.family == "ipv4" else " -6"
        return f"ip{version} route add {to}{via} dev {self.device}"


class Neighbour(Record):
    """Answer on `device` for an address; for that of the device `auto`, if that is given."""

    family: str
    device: str
    address: str
    auto: str = ""
    where: str = ""

    def __str__(self) -> str:
        version = "" if self.family == "ipv4" else " -6"
        return f"ip{version} neighbour add proxy {self.address or f'ADDRESS_OF_{self.auto}'} dev {self.device}"


Step = Sysctl | Require | DefaultVlan | Vlan | HardwareAddress | Address | Up | Route | Neighbour
Making = Veth | Granted | Stacked | Move


def _queues(rx: int, tx: int) -> str:
    return f" numrxqueues {rx}" * bool(rx) + f" numtxqueues {tx}" * bool(tx)


def hint(step: Record, number: int | None) -> str:
    """What to do about a step that failed with errno `number`; "" if there is nothing to say."""
    if isinstance(step, Route) and number == errno.EINVAL and step.to and not step.gateway:
        return f"{step.to} is an address in a network of /{step.prefix}: write that of the network"
    if isinstance(step, Route) and number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL):
        return f"{step.gateway} must be reachable through {step.device}: correct the gateway, or the addresses' prefix"
    if isinstance(step, Route) and number == errno.EEXIST and not step.to:
        return "there is a default route already: leave out all gateways but one"
    if isinstance(step, (Veth, Stacked, Mtu)) and step.mtu and number == errno.EINVAL:
        link = f", and {step.link} has that or more" if isinstance(step, Stacked) else ""
        return f"see whether a device of its kind can have an MTU of {step.mtu}{link}"
    if isinstance(step, HardwareAddress) and number == errno.EADDRNOTAVAIL and not step.address.strip("0:"):
        return "it is no address: leave hwaddr out, and the kernel chooses one"
    if isinstance(step, HardwareAddress) and number == errno.EADDRNOTAVAIL:
        return "the second digit must be even: with an odd one it is the address of a group of devices"
    if isinstance(step, HardwareAddress) and number == errno.EOPNOTSUPP:
        return "a device of this type has the address of its link: leave hwaddr out"
    if isinstance(step, Move) and number == errno.EINVAL:
        return "loopback and bridges, among others, stay in the namespace that they were made in"
    if isinstance(step, (Veth, Stacked)) and number == errno.EOPNOTSUPP:
        kind = step.type if isinstance(step, Stacked) else "veth"
        return f"this kernel has no devices of type {kind}: load its module, or use another type"
    if isinstance(step, Stacked) and number == errno.EBUSY:
        return f"{step.link} is used already by something that wants it for itself"
    return ""
