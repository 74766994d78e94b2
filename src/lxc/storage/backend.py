"""What every kind of storage can do; the module that knows one is loaded when a container needs it.

detects   is this what `lxc.rootfs.path` names?                       looks at the host; not for all kinds
attach    make a mountable thing of it                                in the monitor, before each life
mount     make a detached mount of that                               in init, with the host's files in sight
"""

from __future__ import annotations

from lxc.record import Record
from lxc.storage.plan import MODULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, cast

    from lxc.storage.plan import RootPlan


class Attached(Record):
    """What the monitor keeps while the container lives, and undoes when nothing uses it any more."""

    device: str = ""  # the block device, where there is one
    descriptors: tuple[int, ...] = ()
    made: tuple[str, ...] = ()  # directories, outermost first; those that are empty then are removed
    nbd: str = ""  # the network block device to disconnect


if TYPE_CHECKING:

    class Backend(Protocol):
        def detects(self, path: str) -> bool: ...

        def attach(self, plan: RootPlan) -> Attached: ...

        def mount(self, plan: RootPlan) -> int: ...


def of(driver: str) -> Backend:
    """The module that knows `driver`, one of plan.MODULES."""
    module = __import__(f"lxc.storage.{MODULES[driver]}", fromlist=["mount"])
    return cast("Backend", module) if TYPE_CHECKING else module
