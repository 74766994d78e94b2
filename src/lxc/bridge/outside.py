"""Making the bridge, and taking it away: the plan's steps, done, looked at, and undone.

What is there already is left as it is, so that all of it may be repeated.  The
bridge that we make bears our name (ip link show: alias); one that was there
before is used, and keeps what it had.
"""

from __future__ import annotations

import errno
import os
from _socket import AF_INET, AF_INET6

from lxc import log, programs
from lxc.bridge import firewall, server
from lxc.bridge.firewall import Iptables, Table
from lxc.bridge.plan import Address, Bridge, Dnsmasq, Facts, Step, Sysctl, Up
from lxc.errors import LxcError, Refused, Unsupported
from lxc.kernel import netlink, rtnetlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from lxc.bridge.settings import Settings

_RTPROT_RA = 9  # linux/rtnetlink.h


def facts(settings: Settings) -> Facts:
    """What this host has of what the bridge needs."""
    nft = programs.find("nft")
    return Facts(
        nft=nft if nft and programs.run((nft, "-j", "list", "tables")).status == 0 else "",
        iptables=programs.find("iptables"),
        dnsmasq=programs.find("dnsmasq"),
        dnsmasq_user=server.user(),
        has_ipv6=_has_ipv6(settings.bridge),
        advertised=_advertised(settings.bridge),
    )


def _has_ipv6(bridge: str) -> bool:
    own = f"/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6"
    path = own if os.path.exists(own) else "/proc/sys/net/ipv6/conf/default/disable_ipv6"
    return os.path.exists(path) and _content(path) == "0"


def _advertised(bridge: str) -> tuple[str, ...]:
    """The devices with a default route that the kernel has learnt from a router, and would forget if it forwards."""
    with netlink.Channel() as channel:
        routes = channel.dump(rtnetlink.RTM_GETROUTE, family=AF_INET6)
        learnt = {each.fields.get("oif") for each in routes if _is_learnt(each.fields)}
        links = (each.fields for each in channel.dump(rtnetlink.RTM_GETLINK))
        names = [link["ifname"] for link in links if link["index"] in learnt and link["ifname"] != bridge]
    return tuple(name for name in names if _content(f"/proc/sys/net/ipv6/conf/{name}/accept_ra") != "0")


def _is_learnt(fields: Mapping[str, Any]) -> bool:
    return (fields["family"], fields["protocol"], fields["dst_len"]) == (AF_INET6, _RTPROT_RA, 0)


def _content(path: str) -> str:
    with open(path) as file:
        return file.read().strip()


class Hands:
    """`with Hands(facts) as hands:` what does the steps, in the network namespace that it was made in."""

    def __init__(self, facts: Facts, *, adopts: bool = False) -> None:
        """`adopts`: the bridge was made by LXC's own lxc-net, and so is ours."""
        self._facts, self._adopts = facts, adopts
        self._channel = netlink.Channel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    # ---- looking ------------------------------------------------------------------------------------------------

    def is_done(self, step: Step) -> bool:
        if isinstance(step, Bridge):
            link = self.bridge(step.name)
            return bool(link) and (not self.is_ours(link) or link.get("address") == step.mac) and self._is_marked(link)
        if isinstance(step, Up):
            return bool(self.bridge(step.name).get("flags", 0) & rtnetlink.IFF_UP)
        if isinstance(step, Sysctl):
            path = f"/proc/sys/{step.name}"
            return os.path.exists(path) and _content(path) == step.value
        if isinstance(step, Address):
            return (step.address, step.prefix) in self.addresses(step.bridge)
        if isinstance(step, Table):
            return step.is_in(self._listing(step))
        if isinstance(step, Iptables):
            return programs.run(step.argv("-C")).status == 0
        return server.is_running(step.argv)

    def link(self, name: str) -> Mapping[str, Any]:
        """The device of that name, empty if there is none."""
        try:
            return self._channel.request(rtnetlink.RTM_GETLINK, ifname=name)[0].fields
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return {}

    def bridge(self, name: str) -> Mapping[str, Any]:
        """The bridge of that name, empty if there is none.  Raises Refused if something else has that name."""
        link = self.link(name)
        kind = link.get("linkinfo", {}).get("kind", "") if link else "bridge"
        if kind != "bridge":
            what = f"it is of type {kind}" if kind else "it is a device of hardware's"
            raise Refused(f"{name} is no bridge: {what}", hint="set LXC_BRIDGE in /etc/default/lxc-net to another name")
        return link

    def is_ours(self, link: Mapping[str, Any]) -> bool:
        return link.get("ifalias") == firewall.OWNER or self._adopts

    def own(self, name: str) -> Mapping[str, Any]:
        """The bridge of that name if it is ours, else empty."""
        link = self.link(name)
        is_bridge = link.get("linkinfo", {}).get("kind") == "bridge"
        return link if is_bridge and self.is_ours(link) else {}

    def names_owner(self, step: Step) -> bool:
        """Whether what is there of a step tells whose it is."""
        return bool(self.own(step.bridge)) if isinstance(step, Address) else not isinstance(step, Iptables)

    def _is_marked(self, link: Mapping[str, Any]) -> bool:
        return link.get("ifalias") == firewall.OWNER or not self._adopts

    def ports(self, link: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the devices on a bridge."""
        links = (message.fields for message in self._channel.dump(rtnetlink.RTM_GETLINK))
        return tuple(sorted(each["ifname"] for each in links if each.get("master") == link.get("index")))

    def addresses(self, name: str, *, others: bool = False) -> tuple[tuple[str, int], ...]:
        """The addresses, with the lengths of their prefixes, of a device, or of all others."""
        index = self.link(name).get("index", -1)
        return tuple(
            (fields.get("local") or fields.get("address", ""), fields["prefixlen"])
            for fields in (message.fields for message in self._channel.dump(rtnetlink.RTM_GETADDR))
            if (fields["index"] == index) != others
        )

    # ---- doing --------------------------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Raises OSError, LxcError."""
        if isinstance(step, Bridge):
            self._make(step)
        elif isinstance(step, Up):
            self._set_flags(step.name, rtnetlink.IFF_UP)
        elif isinstance(step, Sysctl):
            self._write(step)
        elif isinstance(step, Address):
            broadcast = {"broadcast": step.broadcast} if step.broadcast else {}
            fields = {**self._address(step), "address": step.address, **broadcast}
            self._channel.request(rtnetlink.RTM_NEWADDR, rtnetlink.NEW, **fields)
        elif isinstance(step, Table):
            self._refuse_if_not_ours(step)
            self._run((self._facts.nft, "-j", "-f", "-"), step.commands())
        elif isinstance(step, Iptables):
            if not programs.find(step.program):
                hint = "install nftables (preferred), or iptables"
                raise Unsupported(f"this host has neither nft (with JSON) nor {step.program}", hint=hint)
            self._run(step.argv("-I" if step.is_first else "-A"))
        else:
            if not self._facts.dnsmasq:
                raise Unsupported("this host has no dnsmasq", hint="install it (Debian: dnsmasq-base)")
            server.start(step.argv)

    def _make(self, step: Bridge) -> None:
        link = self.bridge(step.name)
        if not link:
            made = {"ifname": step.name, "address": step.mac, "linkinfo": {"kind": "bridge"}}
            self._channel.request(rtnetlink.RTM_NEWLINK, rtnetlink.NEW, **made)
            link = self.bridge(step.name)
        self._channel.request(rtnetlink.RTM_NEWLINK, index=link["index"], ifalias=firewall.OWNER, address=step.mac)

    def _set_flags(self, name: str, flags: int) -> None:
        index = self.bridge(name).get("index", 0)
        self._channel.request(rtnetlink.RTM_NEWLINK, index=index, flags=flags, change=rtnetlink.IFF_UP)

    def _write(self, step: Sysctl) -> None:
        path = f"/proc/sys/{step.name}"
        if step.is_optional and not os.path.exists(path):
            return
        with open(path, "w") as file:
            file.write(step.value)

    def _address(self, step: Address) -> dict[str, Any]:
        """What the kernel knows it by."""
        family = AF_INET6 if ":" in step.address else AF_INET
        index = self.bridge(step.bridge).get("index", 0)
        return {"family": family, "prefixlen": step.prefix, "index": index, "local": step.address}

    # ---- undoing ------------------------------------------------------------------------------------------------

    def undo(self, step: Step) -> None:
        """Undo a step, if it is done, and ours as far as it tells.  What the kernel was set to stays: others may rely on it by now.

        Raises OSError, LxcError.
        """
        if isinstance(step, Dnsmasq):
            server.stop()
        elif isinstance(step, Iptables):
            self._refuse_if_gone(programs.find(step.program), step.program)
            if self.is_done(step):
                self._run(step.argv("-D"))
        elif isinstance(step, Table):
            self._refuse_if_gone(self._facts.nft, "nft")
            if self._is_ours(step):
                self._run((self._facts.nft, "delete", "table", step.family, firewall.TABLE))
        elif isinstance(step, Address):
            if self.is_done(step):
                self._channel.request(rtnetlink.RTM_DELADDR, **self._address(step))
        elif isinstance(step, Up):
            if self.own(step.name) and self.is_done(step):
                self._set_flags(step.name, 0)
        elif isinstance(step, Bridge):
            link = self.own(step.name)
            if link and not self.ports(link):
                self._channel.request(rtnetlink.RTM_DELLINK, index=link["index"])

    # ---- the firewall's programs --------------------------------------------------------------------------------

    def _listing(self, step: Table) -> str:
        """The table as it is, "" if there is none."""
        if not self._facts.nft:
            return ""
        done = programs.run((self._facts.nft, "-j", "list", "table", step.family, firewall.TABLE))
        return done.output if done.status == 0 else ""

    def _is_ours(self, step: Table) -> bool:
        """Whether there is such a table, and it is ours."""
        listing = self._listing(step)
        is_ours = bool(listing) and firewall.is_ours(listing, step)
        if listing and not is_ours:
            log.warn(f"the nftables table {step.family} {firewall.TABLE} is not ours, and is left as it is")
        return is_ours

    def _refuse_if_not_ours(self, step: Table) -> None:
        listing = self._listing(step)
        if listing and not firewall.is_ours(listing, step):
            name = f"{step.family} {firewall.TABLE}"
            hint = f"somebody else made it: rename it, or nft delete table {name}"
            raise Refused(f"there is an nftables table {name} that is not ours", hint=hint)

    def _refuse_if_gone(self, path: str, program: str) -> None:
        if not path:
            hint = "install it again, and then lxc-net stop"
            raise Unsupported(f"{program}, which has made it, is no longer on this host", hint=hint)

    def _run(self, argv: tuple[str, ...], given: str = "") -> None:
        done = programs.run(argv, given)
        if done.status != 0:
            raise LxcError(done.complaint)
