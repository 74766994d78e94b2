"""The container's view of its cgroups."""

from __future__ import annotations

from lxc.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.cgroups.plan import CgroupPlan


def enter(plan: CgroupPlan) -> None:
    """Make the cgroups that init is in now the root of what the container sees (cgroup_namespaces(7))."""
    if plan.has_namespace:
        process.unshare(process.CLONE_NEWCGROUP)
