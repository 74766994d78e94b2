"""Configuring the container's devices, from inside its network namespace."""

from __future__ import annotations

from lxc.kernel.netlink import Channel
from lxc.network import requests
from lxc.network.links import Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.network.steps import Step


def devices() -> Links:
    """The devices of this process's network namespace; the caller closes what it gets.  Raises OSError."""
    return Links(Channel())


def perform(step: Step, links: Links) -> None:
    """Do one step of the plan.  Raises OSError."""
    requests.perform(step, links)
