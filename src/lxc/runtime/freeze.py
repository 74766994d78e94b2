"""Freezing and thawing a running container."""

from __future__ import annotations

from lxc.cgroups import outside as cgroups
from lxc.cgroups import stopping
from lxc.errors import LxcError, NotRunning, StateError
from lxc.runtime import client, commands
from lxc.runtime.place import undefined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place


def freeze(place: Place, timeout: float = -1) -> None:
    """Freeze every process of the container, and wait up to `timeout` seconds (-1: forever) until they are.

    A frozen container is fine.  Raises NotRunning, NoInit, StateError if it does not come to that (it is thawed again).
    """
    state = client.state(place)
    if state == "STOPPED":
        raise NotRunning(f"{place.name} is not running")
    if state in ("STARTING", "STOPPING", "ABORTING"):
        raise client.no_init(place)
    if state == "FROZEN":
        return
    client.publish_state(place, commands.FREEZING)
    try:
        is_frozen = _set(place, is_on=True, timeout=timeout)
    except (OSError, LxcError):
        client.publish_state(place, commands.RUNNING)
        raise
    if not is_frozen:
        _set(place, is_on=False, timeout=timeout)
        client.publish_state(place, commands.RUNNING)
        raise StateError(
            f"{place.name} did not freeze within {timeout:g} s: one of its processes is stuck in the kernel"
        )
    client.publish_state(place, commands.FROZEN)


def unfreeze(place: Place, timeout: float = -1) -> None:
    """Thaw the container; one that is not frozen, or not running, is fine.  Raises NotFound, StateError."""
    state = client.state(place)
    if state == "STOPPED" and not place.is_defined:
        raise undefined(place)
    if state not in ("FROZEN", "FREEZING"):
        return
    client.publish_state(place, commands.THAWED)
    if not _set(place, is_on=False, timeout=timeout):
        raise StateError(f"{place.name} did not thaw within {timeout:g} s")
    client.publish_state(place, commands.RUNNING)


def _set(place: Place, *, is_on: bool, timeout: float) -> bool:
    return stopping.set_frozen(
        cgroups.find(), lambda controller: client.limit_cgroup(place, controller), is_on=is_on, timeout=timeout
    )
