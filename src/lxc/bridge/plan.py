"""What `lxc-net start` makes, step by step.  Pure.

Each step prints itself as a line of a script, and says its purpose in words.
"""

from __future__ import annotations

import shlex

from lxc.bridge import firewall
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.bridge.settings import Settings

RUN = "/run/lxc"
PID_FILE = f"{RUN}/dnsmasq.pid"
UP_FILE = f"{RUN}/network_up"
LOCK_FILE = f"{RUN}/lxc-net.lock"  # only root can open it, and so lock it
_LEASES = "/var/lib/misc/dnsmasq.{}.leases"


class Facts(Record):
    """What this host has."""

    nft: str  # path of the program; "" where there is none, or it does not work, or knows no JSON
    iptables: str
    dnsmasq: str
    dnsmasq_user: str
    has_ipv6: bool  # the kernel has it, and it is not disabled for the bridge
    advertised: tuple[str, ...] = ()  # devices through which routers tell this host its way (RFC 4861)


class Bridge(Record):
    name: str
    mac: str

    @property
    def purpose(self) -> str:
        return f"make the bridge {self.name}"

    def __str__(self) -> str:
        return f"ip link add {self.name} address {self.mac} type bridge"


class Up(Record):
    name: str

    @property
    def purpose(self) -> str:
        return f"bring {self.name} up"

    def __str__(self) -> str:
        return f"ip link set {self.name} up"


class Sysctl(Record):
    """A setting of the kernel's; one that `is_optional` is passed over where the kernel does not have it."""

    name: str  # as a path below /proc/sys, for the names of devices may contain dots
    value: str
    is_optional: bool = False

    @property
    def purpose(self) -> str:
        return f"set {self.name} to {self.value}"

    def __str__(self) -> str:
        return f"echo {self.value} >/proc/sys/{self.name}"


class Address(Record):
    bridge: str
    address: str
    prefix: int
    broadcast: str = ""

    @property
    def purpose(self) -> str:
        return f"give {self.bridge} the address {self.address}/{self.prefix}"

    def __str__(self) -> str:
        broadcast = f" broadcast {self.broadcast}" if self.broadcast else ""
        return f"ip address add {self.address}/{self.prefix}{broadcast} dev {self.bridge}"


class Dnsmasq(Record):
    """The server for DHCP and DNS, which goes into the background by itself."""

    argv: tuple[str, ...]

    @property
    def purpose(self) -> str:
        return "start dnsmasq"

    def __str__(self) -> str:
        return shlex.join(self.argv)


Step = Bridge | Up | Sysctl | Address | firewall.Table | firewall.Iptables | Dnsmasq


def plan(settings: Settings, facts: Facts) -> tuple[Step, ...]:
    """The steps from nothing to a bridge that serves."""
    if not facts.has_ipv6:
        settings = settings.replace(ipv6=None, ipv6_network=None)
    bridge = settings.bridge
    steps: list[Step] = [Bridge(bridge, settings.mac)]
    if settings.ipv4:
        steps.append(Sysctl("net/ipv4/ip_forward", "1"))
        broadcast = str(settings.ipv4.network.broadcast_address) if settings.ipv4.network.prefixlen < 31 else ""
        steps.append(Address(bridge, str(settings.ipv4.ip), settings.ipv4.network.prefixlen, broadcast))
    steps.append(Sysctl(f"net/ipv6/conf/{bridge}/accept_dad", "0", is_optional=True))
    if settings.ipv6:
        # a host that forwards no longer listens to routers, unless it is told to
        steps += (Sysctl(f"net/ipv6/conf/{device}/accept_ra", "2") for device in facts.advertised)
        steps.append(Sysctl("net/ipv6/conf/all/forwarding", "1"))
        steps.append(Sysctl(f"net/ipv6/conf/{bridge}/autoconf", "0"))
        steps.append(Address(bridge, str(settings.ipv6.ip), settings.ipv6.network.prefixlen))
    steps.append(Up(bridge))
    steps += firewall.tables(settings) if facts.nft and settings.use_nft else firewall.iptables(settings)
    if settings.ipv4 or settings.ipv6:
        steps.append(Dnsmasq(dnsmasq(settings, facts)))
    return tuple(steps)


def dnsmasq(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """Its command line, in LXC's order."""
    words = [facts.dnsmasq or "dnsmasq", f"--conf-file={settings.dhcp_conf}"]
    if settings.domain:
        words += ["-s", settings.domain, "-S", f"/{settings.domain}/"]
    if not settings.dhcp_ping:
        words.append("--no-ping")
    words += ["-u", facts.dnsmasq_user, "--strict-order", "--bind-interfaces", f"--pid-file={PID_FILE}"]
    if settings.ipv4:
        words += ["--listen-address", str(settings.ipv4.ip), "--dhcp-range", settings.dhcp_range]
    words += [f"--dhcp-lease-max={settings.dhcp_max}", "--dhcp-no-override", "--except-interface=lo"]
    words += [f"--interface={settings.bridge}", f"--dhcp-leasefile={leases(settings.bridge)}", "--dhcp-authoritative"]
    if settings.ipv6:
        words += [f"--dhcp-range={settings.ipv6.ip},ra-only", "--listen-address", str(settings.ipv6.ip)]
    return tuple(words)


def leases(bridge: str) -> str:
    """The file in which dnsmasq notes who has which address."""
    return _LEASES.format(bridge)
