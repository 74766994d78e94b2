"""Ports of an Open vSwitch bridge, by ovs-vsctl(8).  Runs on the host."""

from __future__ import annotations

import os

from lxc.errors import StepError

_PROGRAM = "ovs-vsctl"
_NO_VLAN = -1


def add_port(bridge: str, port: str, vlan_id: int | None, tagged: tuple[int, ...], where: str) -> None:
    """Make the device `port` one of `bridge`'s, in the VLANs given.  Raises StepError, and leaves no port then."""
    if vlan_id == _NO_VLAN and not tagged:
        what, hint = f"make {port} a port of {bridge}", "leave veth.vlan.id = none out, or set veth.vlan.tagged.id"
        raise StepError(what, "an Open vSwitch port is in a VLAN", where=where, hint=hint)
    vlans = vlan_arguments(vlan_id, tagged)
    _run(where, "add-port", bridge, port)
    try:
        if vlans:
            _run(where, "set", "port", port, *vlans)
    except StepError:
        delete_port(bridge, port)
        raise


def delete_port(bridge: str, port: str) -> None:
    """Forget the port, if it is one.  Raises StepError."""
    _run("", "--if-exists", "del-port", bridge, port)


def vlan_arguments(vlan_id: int | None, tagged: tuple[int, ...]) -> tuple[str, ...]:
    """ovs-vsctl's settings for a port whose untagged traffic is of VLAN `vlan_id`, beside `tagged` ones."""
    if vlan_id is None and not tagged:
        return ()
    trunks = (f"trunks={','.join(map(str, tagged))}",)
    if vlan_id in (None, _NO_VLAN):
        return ("vlan_mode=trunk", *trunks)
    if tagged:
        return ("vlan_mode=native-untagged", f"tag={vlan_id}", *trunks)
    return ("vlan_mode=access", f"tag={vlan_id}")


def _run(where: str, *arguments: str) -> None:
    from lxc import programs  # nobody else's start needs it

    argv = (_PROGRAM, *arguments)
    try:
        status, said = programs.spawn(_PROGRAM, argv, os.environ)
    except FileNotFoundError:
        why = f"it is no bridge of the kernel's, and there is no {_PROGRAM} that could make it a port of another"
        hint = "set the link to a bridge, or install Open vSwitch (openvswitch-switch)"
        raise StepError(" ".join(argv), why, where=where, hint=hint) from None
    if status:
        words = " / ".join(said.split("\n")).strip(" /")
        raise StepError(" ".join(argv), words or f"it ended with status {status}", where=where)
