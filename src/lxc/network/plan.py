"""Which devices the container has.  Pure.

So far: nothing (`lo` down), `empty` (`lo`, up if asked for), `none` (the starter's own network).
"""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class NetworkPlan(Record):
    has_namespace: bool = True
    loopback_up: bool = False

    def __str__(self) -> str:
        return "ip link set lo up" if self.loopback_up else ""


def plan(devices: Iterable[tuple[str, bool]]) -> NetworkPlan:
    """The plan for `devices`, (type, up) each."""
    all_devices = tuple(devices)
    own = not all_devices or any(kind != "none" for kind, _ in all_devices)
    return NetworkPlan(own, own and any(up for kind, up in all_devices if kind != "none"))
