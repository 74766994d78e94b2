"""The container's view of its cgroups."""

from __future__ import annotations

import os

from lxc.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.cgroups.plan import CgroupPlan


def join(tasks: tuple[int, ...]) -> None:
    """Enter the version 1 cgroups whose `tasks` files are open (`outside.open_tasks`), and close them.  Waits for nobody."""
    for fd in tasks:
        os.write(fd, b"0")
        os.close(fd)


def enter(plan: CgroupPlan) -> tuple[int, ...]:
    """Make the cgroups that init is in now the root of what the container sees (cgroup_namespaces(7)).

    Return a descriptor of that namespace, if there is one, for the monitor, which may not be able to open it.
    """
    if not plan.has_namespace:
        return ()
    process.unshare(process.CLONE_NEWCGROUP)
    return (os.open("/proc/self/ns/cgroup", os.O_RDONLY | os.O_CLOEXEC),)
