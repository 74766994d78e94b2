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
    layout = plan.layout(
        read("/proc/self/mountinfo"), read(f"/proc/{who}/cgroup"), read("/proc/self/cgroup"), relative=relative
    )
    usable = tuple(h for h in layout.hierarchies if os.access(h.directory(h.base), os.W_OK))
    log.debug(f"cgroups: {Layout(usable).name} layout, {', '.join(h.mount for h in usable) or 'no hierarchy'}")
    return Layout(usable)
