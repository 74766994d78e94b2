"""What keeps containers on the bridge from the network, and what to do about it."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network

from lxc import programs
from lxc.bridge import firewall, outside
from lxc.bridge.outside import Hands
from lxc.bridge.plan import UP_FILE, Dnsmasq
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.bridge.plan import Facts
    from lxc.bridge.service import Status
    from lxc.bridge.settings import Settings


_SLAAC = 64  # bits of a network in which hosts make their own addresses (RFC 4862)


class Finding(Record):
    """What is wrong, and what to do, a sentence each."""

    what: str
    remedy: str


def findings(status: Status) -> list[Finding]:
    """All that is wrong, the causes before what follows from them."""
    settings = status.settings
    if not settings.use:
        return [
            Finding("the bridge is not wanted", 'set USE_LXC_BRIDGE="true" in /etc/default/lxc-net, and lxc-net start')
        ]
    facts = outside.facts(settings)
    with Hands(facts) as hands:
        overlapping = tuple(_overlapping(settings, hands))
    return [
        *_lacking(facts, settings),
        *_settings(settings),
        *overlapping,
        *_not_done(status),
        *_port(status),
        *_rules_of_others(facts, settings),
        *_full(status),
    ]


def _lacking(facts: Facts, settings: Settings) -> Iterator[Finding]:
    if not facts.dnsmasq:
        yield Finding(
            "there is no dnsmasq, which gives containers their addresses", "install it (Debian: dnsmasq-base)"
        )
    if not (facts.nft and settings.use_nft) and not facts.iptables:
        yield Finding("there is neither nft nor iptables, so there is no NAT", "install nftables")
    if settings.ipv6 and not facts.has_ipv6:
        what = "IPv6 is disabled on this host, and containers do without"
        yield Finding(what, f"sysctl net.ipv6.conf.{settings.bridge}.disable_ipv6=0, or LXC_IPV6_ENABLE=false")


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.ipv4 and settings.network and settings.ipv4.ip not in settings.network:
        what = f"LXC_ADDR {settings.ipv4.ip} is not in LXC_NETWORK {settings.network}: containers' packets are not masqueraded"
        yield Finding(what, f"set LXC_NETWORK={settings.ipv4.network}, or leave it away")
    if settings.ipv6 and settings.ipv6.network.prefixlen > _SLAAC:
        what = f"LXC_IPV6_MASK: containers give themselves no address in {settings.ipv6.network}, which is smaller than a /{_SLAAC}"
        yield Finding(what, f"LXC_IPV6_MASK={_SLAAC}, or an lxc.net.N.ipv6.address in each container's configuration")
    if not settings.ipv4:
        return
    for text in settings.dhcp_range.split(",")[:2]:
        try:
            address = ip_address(text)
        except ValueError:
            continue  # dnsmasq knows more words than addresses
        if address not in settings.ipv4.network:
            what = f"LXC_DHCP_RANGE: {address} is not in the bridge's network {settings.ipv4.network}"
            yield Finding(what, "leave LXC_DHCP_RANGE away: it follows from LXC_ADDR")


def _overlapping(settings: Settings, hands: Hands) -> Iterator[Finding]:
    own = [each.network for each in (settings.ipv4, settings.ipv6) if each]
    for text, prefix in hands.addresses(settings.bridge, others=True):
        network = ip_network(f"{text}/{prefix}", strict=False)
        for ours in own:
            if network.version == ours.version and not network.is_link_local and network.overlaps(ours):
                what = f"this host has the address {text}/{prefix}, too, in the bridge's network {ours}"
                yield Finding(what, "give the bridge another network: LXC_ADDR, LXC_NETMASK in /etc/default/lxc-net")


def _not_done(status: Status) -> Iterator[Finding]:
    if not status.is_noted:
        yield Finding("the bridge has not been started", "lxc-net start")
        return
    for step in status.missing:
        yield Finding(f"somebody has undone what was to {step.purpose}", "lxc-net start does it again")


def _port(status: Status) -> Iterator[Finding]:
    ipv4 = status.settings.ipv4
    if not ipv4 or not any(isinstance(step, Dnsmasq) for step in status.missing):
        return
    own = {_in_proc(str(ipv4.ip)), "00000000"}
    if any(address in own and port == "0035" for address, port in _bound()):
        what = f"port 53 of {ipv4.ip}, which dnsmasq needs, is taken by another server"
        yield Finding(what, "find it with ss -lpnu, and have it listen on single addresses (BIND: listen-on)")


def _in_proc(address: str) -> str:
    """An IPv4 address as /proc/net/udp has it."""
    from sys import byteorder

    return f"{int.from_bytes(ip_address(address).packed, byteorder):08X}"


def _bound() -> Iterator[list[str]]:
    with open("/proc/net/udp") as file:
        next(file)
        yield from (line.split()[1].split(":") for line in file)


def _rules_of_others(facts: Facts, settings: Settings) -> Iterator[Finding]:
    listing = programs.run((facts.nft, "-j", "list", "ruleset")).output if facts.nft else ""
    bridge = settings.bridge
    for chain in firewall.droppers(listing, bridge):
        what = f"the nftables chain {chain} drops what is forwarded, and has no rule for {bridge}"
        rules = (f'nft insert rule {chain} {way} "{bridge}" accept' for way in ("iifname", "oifname"))
        docker = (
            f"; Docker keeps: iptables -I DOCKER-USER -i {bridge} -j ACCEPT, and -o"
            if chain.endswith(" FORWARD")
            else ""
        )
        yield Finding(what, f"{' && '.join(rules)}{docker}")
    for program in ("iptables", "iptables-legacy"):
        if _is_legacy(program) and _drops(program, bridge):
            what = f"{program}'s chain FORWARD drops what is forwarded, and has no rule for {bridge}"
            yield Finding(what, " && ".join(f"{program} -I FORWARD {way} {bridge} -j ACCEPT" for way in ("-i", "-o")))
            break
    if os.path.isdir("/run/firewalld"):
        yield Finding(
            f"firewalld may reject what comes from {bridge}",
            f"firewall-cmd --permanent --zone=trusted --add-interface={bridge} && firewall-cmd --reload",
        )


def _is_legacy(program: str) -> bool:
    """Whether its rules are none of nftables', which shows those of the other kind itself."""
    return "legacy" in programs.run((program, "-V")).output


def _drops(program: str, bridge: str) -> bool:
    rules = programs.run((program, "-w", "-S", "FORWARD")).output.split("\n")
    return "-P FORWARD DROP" in rules and not any(f" {bridge} " in rule and "-j ACCEPT" in rule for rule in rules)


def _full(status: Status) -> Iterator[Finding]:
    most = status.settings.dhcp_max
    if most.isdecimal() and status.leases >= int(most) > 0:
        what = f"all {most} addresses are given away"
        yield Finding(what, f"raise LXC_DHCP_MAX and LXC_DHCP_RANGE, or stop containers ({UP_FILE} tells the settings)")
