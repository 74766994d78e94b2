"""Configuring the container's network, from inside its namespace."""

from __future__ import annotations

from lxc.kernel import link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.network.plan import NetworkPlan


def configure(plan: NetworkPlan) -> None:
    if plan.loopback_up:
        link.set_up("lo")
