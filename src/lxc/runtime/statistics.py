"""What a running container uses: its cgroups by the monitor's word, their numbers from the kernel."""

from __future__ import annotations

from lxc import log
from lxc.cgroups import finding, statistics
from lxc.errors import LxcError
from lxc.runtime import client
from lxc.runtime.lists import listing
from lxc.runtime.place import place as place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.cgroups.plan import Layout
    from lxc.cgroups.statistics import Detail, Directory, Usage
    from lxc.runtime.place import Place


def usage(place: Place, layout: Layout) -> Usage:
    """What the container uses now.  Raises NotRunning, StateError."""
    return statistics.usage(directory(place, layout))


def details(lxcpath: str) -> dict[str, Detail]:
    """What each running container in `lxcpath` has used and uses now, by name."""
    layout, found = finding.find(), {}
    for name in listing.active(lxcpath):
        try:
            found[name] = statistics.detail(directory(place_of(name, lxcpath), layout))
        except (LxcError, OSError) as error:
            log.info(f"{name}: {error}")  # it has just ended, or is not ours to look at
    return found


def directory(place: Place, layout: Layout) -> Directory:
    """Where the container's cgroup of each controller is.  The monitor is asked once for each hierarchy."""
    found: dict[str, str] = {}
    known: dict[str, str] = {}  # by controller

    def of(controller: str) -> str:
        if controller in known:
            return known[controller]
        hierarchy = layout.home(controller)
        if hierarchy is None:
            return ""
        if hierarchy.mount not in found:
            cgroup = client.limit_cgroup(place, "" if hierarchy.is_unified else controller)
            found[hierarchy.mount] = "" if cgroup is None else hierarchy.directory(cgroup.strip("/"))
        return known.setdefault(controller, found[hierarchy.mount])

    return of
