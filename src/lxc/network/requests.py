"""Each step of the plan, as requests to the kernel.  Used on both sides: by the monitor on the host, by init inside."""

from __future__ import annotations

import errno
import os

from lxc import log
from lxc.errors import StepError
from lxc.kernel import rtnetlink
from lxc.kernel.fs import closing
from lxc.network.links import Links
from lxc.network.steps import (
    BITS,
    Address,
    DefaultVlan,
    HardwareAddress,
    Neighbour,
    Require,
    Route,
    Step,
    Sysctl,
    Up,
    Vlan,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FAMILIES = {"ipv4": 2, "ipv6": 10}  # AF_INET, AF_INET6


def perform(step: Step, links: Links) -> None:
    """Do `step` in the namespace that `links` are of.  Raises OSError, StepError."""
    if isinstance(step, (Sysctl, Require)):
        _set(step) if isinstance(step, Sysctl) else _require(step)
        return
    index, request = links.index(step.device), links.channel.request
    match step:
        case Up():
            links.set_up(index)
        case HardwareAddress():
            links.change(index, address=_full(step.address))
        case Address():
            request(rtnetlink.RTM_NEWADDR, rtnetlink.NEW, **_address(step, index))
        case Route():
            _add_route(step, index, links)
        case Neighbour():
            flags = rtnetlink.NLM_F_CREATE | rtnetlink.NLM_F_REPLACE
            request(rtnetlink.RTM_NEWNEIGH, flags, **_neighbour(step, index))
        case Vlan():
            flags = rtnetlink.BRIDGE_VLAN_INFO_PVID | rtnetlink.BRIDGE_VLAN_INFO_UNTAGGED if step.untagged else 0
            request(rtnetlink.RTM_SETLINK, **_port(index, flags, step.vid))
        case DefaultVlan():
            bridge = links.find(step.bridge)
            if bridge and bridge.default_pvid not in (0, step.kept):
                request(rtnetlink.RTM_DELLINK, **_port(index, 0, bridge.default_pvid))


def undo(step: Step, links: Links) -> None:
    """Undo `step`, if it is one that outlives its device.  Raises OSError."""
    match step:
        case Route():
            links.channel.request(rtnetlink.RTM_DELROUTE, **_route(step, links.index(step.device)))
        case Neighbour():
            links.channel.request(rtnetlink.RTM_DELNEIGH, **_neighbour(step, links.index(step.device)))


def _set(step: Sysctl) -> None:
    try:
        with closing(os.open(step.path, os.O_WRONLY | os.O_CLOEXEC)) as file:
            os.write(file, step.value.encode())
    except OSError as error:
        if not step.optional or error.errno not in (errno.ENOENT, errno.EACCES, errno.EROFS):
            raise
        log.info(f"left out: {step}: {error.strerror}")


def _require(step: Require) -> None:
    with closing(os.open(step.path, os.O_RDONLY | os.O_CLOEXEC)) as file:
        found = os.read(file, 64).decode().strip()
    if found != step.value:
        what, hint = f"answer for the container on {step.device}", f"it must be {step.value}: {step.command}"
        raise StepError(what, f"{step.path} is {found}", where=step.where, hint=hint)


def _full(address: str) -> str:
    """A hardware address with two digits in each group."""
    return ":".join(part.rjust(2, "0") for part in address.split(":"))


def _family(text: str) -> int:
    return FAMILIES["ipv6" if ":" in text else "ipv4"]


def _address(step: Address, index: int) -> dict[str, Any]:
    broadcast = {"broadcast": step.broadcast} if step.broadcast else {}
    return {
        "family": _family(step.address), "prefixlen": step.prefix, "index": index,
        "local": step.address, "address": step.address, **broadcast,
    }  # fmt: skip


def _add_route(step: Route, index: int, links: Links) -> None:
    """Add a route; if its gateway is in none of the device's networks, a route to that first."""
    fields = _route(step, index)
    try:
        links.channel.request(rtnetlink.RTM_NEWROUTE, rtnetlink.NEW, **fields)
    except OSError as error:
        if not step.gateway or error.errno == errno.EEXIST:
            raise
        to_gateway = Route(step.family, step.device, step.gateway, BITS[step.family])
        links.channel.request(rtnetlink.RTM_NEWROUTE, rtnetlink.NEW, **_route(to_gateway, index))
        links.channel.request(rtnetlink.RTM_NEWROUTE, rtnetlink.NEW, **fields)


def _route(step: Route, index: int) -> dict[str, Any]:
    to = {"dst": step.to} if step.to else {}
    gateway = {"gateway": step.gateway} if step.gateway else {}
    scope = rtnetlink.RT_SCOPE_UNIVERSE if step.gateway or not step.to else rtnetlink.RT_SCOPE_LINK
    return {
        "family": FAMILIES[step.family], "dst_len": step.prefix, "table": rtnetlink.RT_TABLE_MAIN,
        "protocol": rtnetlink.RTPROT_BOOT, "scope": scope, "type": rtnetlink.RTN_UNICAST, "oif": index, **to, **gateway,
    }  # fmt: skip


def _neighbour(step: Neighbour, index: int) -> dict[str, Any]:
    return {
        "family": _family(step.address), "index": index, "state": rtnetlink.NUD_PERMANENT,
        "flags": rtnetlink.NTF_PROXY, "dst": step.address,
    }  # fmt: skip


def _port(index: int, flags: int, vid: int) -> dict[str, Any]:
    port = {"flags": rtnetlink.BRIDGE_FLAGS_MASTER, "vlans": ((flags, vid),)}
    return {"family": rtnetlink.AF_BRIDGE, "index": index, "bridge_port": port}
