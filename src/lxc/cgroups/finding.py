"""Which control group hierarchies this host has for us.  Runs everywhere; loads nothing that acts."""

from __future__ import annotations

import os

from lxc import log
from lxc.cgroups import plan
from lxc.cgroups.files import read
from lxc.cgroups.plan import Layout


def find(*, relative: bool = False) -> Layout:
    """The hierarchies that this process may make cgroups in: below pid 1's or, `relative` or not root, its own."""
    who = "self" if relative or os.geteuid() else "1"
    own = read("/proc/self/cgroup")
    layout = _layout(read("/proc/self/mountinfo"), own if who == "self" else read(f"/proc/{who}/cgroup"), own, relative)
    usable = tuple(h for h in layout.hierarchies if os.access(h.directory(h.base), os.W_OK))
    if len(usable) < len(layout.hierarchies):
        layout = Layout(usable)
    log.debug(f"cgroups: {layout.name} layout, {', '.join(h.mount for h in usable) or 'no hierarchy'}")
    return layout


_last: tuple[tuple[str, str, str, bool], Layout] | None = None


def _layout(mountinfo: str, base: str, origin: str, relative: bool) -> Layout:
    """As `plan.layout`, which mostly is asked the same again."""
    global _last
    asked = mountinfo, base, origin, relative
    if not _last or _last[0] != asked:
        _last = asked, plan.layout(mountinfo, base, origin, relative=relative)
    return _last[1]
