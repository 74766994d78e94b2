"""Which control group hierarchies this host has for us.  Runs everywhere; loads nothing that acts."""

from __future__ import annotations

import os

from lxc import log
from lxc.cgroups import plan
from lxc.cgroups.files import read
from lxc.cgroups.plan import Layout


def find(*, relative: bool = False) -> Layout:
    """The hierarchies that this process may make cgroups in: below pid 1's or, `relative` or not root, its own."""
    global _last
    is_root = os.geteuid() == 0
    origin = read("/proc/self/cgroup")
    base = read("/proc/1/cgroup") if is_root and not relative else origin
    asked = base, origin, relative, _mounts() if is_root else ""
    known = _last  # which another thread may replace
    if asked[-1] and known and known[0] == asked:
        return known[1]
    layout = plan.layout(read("/proc/self/mountinfo"), base, origin, relative=relative)
    usable = tuple(h for h in layout.hierarchies if os.access(h.directory(h.base), os.W_OK))
    if len(usable) < len(layout.hierarchies):
        layout = Layout(usable)
    log.debug(f"cgroups: {layout.name} layout, {', '.join(h.mount for h in usable) or 'no hierarchy'}")
    _last = asked, layout
    return layout


_last: tuple[tuple[str, str, bool, bytes | str], Layout] | None = None  # what was asked, and found


def _mounts() -> bytes | str:
    """What changes with what is mounted; "" for who looks for the first time, and perhaps the last."""
    if not _last:
        return ""
    from lxc.kernel import mount

    try:
        return mount.listmount()
    except OSError:  # an old kernel
        return read("/proc/self/mountinfo")
