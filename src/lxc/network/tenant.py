"""What an ordinary user's container can have of a network: what lxc-user-nic(1) makes for the user.  Pure."""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.network.wishes import Wish

_ROOTS_ONLY = (
    "mtu", "l2proxy", "veth.mode", "veth.pair", "veth.n_rxqueues", "veth.n_txqueues", "veth.ipv4.route", "veth.ipv6.route",
)  # fmt: skip


class Tenant(Record):
    """An ordinary user's container: its devices are what lxc-user-nic(1) makes for its user."""

    lxcpath: str
    container: str


def check(wish: Wish) -> None:
    """Raise StepError for what an ordinary user cannot have, and would not do without unnoticed."""
    device = wish.device
    if device.type not in ("veth", "empty"):
        hint = "start it as root, or use the type veth with a link that /etc/lxc/lxc-usernet gives to the user"
        raise wish.fail("type", f"an ordinary user can have devices of type veth only, not {device.type}", hint)
    for key in ("veth.vlan.id", "veth.vlan.tagged.id"):
        if wish.where(key):
            raise wish.fail(key, "an ordinary user cannot choose the VLAN", "start it as root, or leave it out")


def without_effect(wish: Wish) -> Iterator[str]:
    """Keys that lxc-user-nic knows nothing of."""
    if wish.device.type == "veth":
        for key in _ROOTS_ONLY:
            if wish.where(key):
                yield f"{wish.where(key)}: lxc.net.{wish.number}.{key} has no effect: the user is not root"
