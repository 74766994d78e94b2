"""One device of the configuration, before anything is decided about it: its keys, and the places that they were set at.  Pure."""

from __future__ import annotations

from lxc.errors import StepError
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from lxc.values.address import Address as Network

    class Configured(Protocol):
        """The keys below lxc.net.N."""

        type: str
        flags: str
        link: str
        name: str
        hwaddr: str
        mtu: int
        l2proxy: bool
        ipv4_address: tuple[Network, ...]
        ipv4_gateway: str
        ipv6_address: tuple[Network, ...]
        ipv6_gateway: str
        veth_mode: str
        veth_pair: str
        veth_n_rxqueues: int
        veth_n_txqueues: int
        veth_ipv4_route: tuple[Network, ...]
        veth_ipv6_route: tuple[Network, ...]
        veth_vlan_id: int | None
        veth_vlan_tagged_id: tuple[int, ...]
        vlan_id: int
        macvlan_mode: str
        ipvlan_mode: str
        ipvlan_isolation: str

        def is_set(self, name: str) -> bool: ...


class Wish(Record):
    number: int
    device: Configured
    where_all: Callable[[str], tuple[str, ...]]

    def where(self, key: str) -> str:
        places = self.places(key)
        return places[-1] if places else ""

    def places(self, key: str) -> tuple[str, ...]:
        return self.where_all(f"lxc.net.{self.number}.{key}")

    def fail(self, key: str, why: str, hint: str = "") -> StepError:
        where = self.where(key) or self.where("type")
        return StepError(f"make the network device lxc.net.{self.number}", why, where=where, hint=hint)
