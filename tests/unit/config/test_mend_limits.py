"""--fix on limits and rules for devices: what a start puts in force stays the same, on a host of either version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lxc.cgroups.plan import Hierarchy, Layout
from lxc.config import document, mend
from lxc.config.rules.rule import Host
from lxc.errors import ConfigError
from lxc.runtime.place import Place
from lxc.runtime.plans import cgroups as plan_cgroups

if TYPE_CHECKING:
    from pathlib import Path

    from lxc.cgroups.plan import CgroupPlan

V1 = tuple(
    Hierarchy(f"/sys/fs/cgroup/{name}", (name,)) for name in ("cpu", "cpuset", "memory", "pids", "devices", "blkio")
)
UNIFIED = plan_cgroups.Host(
    Layout((Hierarchy("/sys/fs/cgroup", ()),)), ("cpu", "cpuset", "memory", "pids", "io", "hugetlb")
)
HYBRID = plan_cgroups.Host(Layout((*V1, Hierarchy("/sys/fs/cgroup/unified", ()))))

DEVICES = st.builds(
    "lxc.{}.devices.{} = {}".format,
    st.sampled_from(["cgroup", "cgroup2"]),
    st.sampled_from(["allow", "deny"]),
    st.sampled_from(["a", "a *:* rwm", "a  *:*  rwm", "c 1:5 rwm", "c 1:5 w", "b *:* m", "x", '" c 1:3 rwm"']),
)
OLD = ["pids.max = 4", "pids.max = 5", "memory.limit_in_bytes = 1G", "memory.limit_in_bytes = -1", "freezer.state = X"]
OLD += ["memory.memsw.limit_in_bytes = 2G", "memory.memsw.limit_in_bytes = 1M", "memory.use_hierarchy = 1"]
OLD += ["memory.soft_limit_in_bytes = 1G", "cpu.shares = 512", "cpuacct.usage = 0", "hugetlb.2MB.limit_in_bytes = 0"]
OLD += ["cpu.cfs_quota_us = 5000", "cpu.cfs_period_us = 50000", "cpu.rt_runtime_us = 1", 'cpuset.cpus = " 0-1"']
OLD += ["blkio.weight = 5", "blkio.throttle.read_bps_device = 8:0 9", "blkio.throttle.write_bps_device = 8:0 7"]
NEW = ["pids.max = 6", "memory.max = 2G", "memory.high = 1G", "cpu.weight = 7", "cpu.max = 7 8", "io.max = 8:0 rbps=3"]
FILES = ["", ".", ".devices.allow", ".devices.deny", ".devices"]
FILES += [f".{each.partition(' ')[0]}" for each in OLD + NEW]
LIMITS = st.sampled_from([f"lxc.cgroup.{each}" for each in OLD] + [f"lxc.cgroup2.{each}" for each in NEW])
CLEARED = st.builds("lxc.cgroup{}{} =".format, st.sampled_from(["", "2"]), st.sampled_from(FILES))
LINES = st.lists(st.one_of(DEVICES, LIMITS, CLEARED, st.just("lxc.include = {more}")), max_size=7)
TEXTS = LINES.map("\n".join)


def decided(config: str, path: str, host: plan_cgroups.Host) -> CgroupPlan | None:
    """What a start puts in force of the limits; None if it is refused."""
    try:
        return plan_cgroups.plan(Place("web", "/var/lib/lxc"), document.parse(config, path)[0], host)[0]
    except ConfigError:
        return None


def limits(plan: CgroupPlan) -> object:
    """The last value of each file, or of each device in it; and the devices that are allowed."""
    values = {
        (each.file, each.value.partition("=")[0] if "=" in each.value else ""): each.value for each in plan.limits
    }
    policy = plan.policy and (plan.policy.allows, frozenset(plan.policy.exemptions))
    return values, [(each.file, each.value) for each in plan.devices], policy


def same(text: str, more: str, directory: Path) -> None:
    (directory / "more").write_text(more)
    path, text = str(directory / "config"), text.replace("{more}", str(directory / "more"))
    for layout, host in (("unified", UNIFIED), ("hybrid", HYBRID)):
        after = mend.mended(path, text, Host(layout=layout)).document.text
        before_plan, after_plan = decided(text, path, host), decided(after, path, host)
        if before_plan is None or after_plan is None:
            assert before_plan == after_plan, after
        else:
            assert limits(before_plan) == limits(after_plan), after


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


RULED = "lxc.cgroup2.devices.deny = a\nlxc.cgroup2.devices.allow = c 1:5 rwm\nlxc.cgroup.devices.allow = a"
LOST = "lxc.cgroup.pids.max = 4\nlxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup2 ="


@given(text=TEXTS, more=TEXTS.filter(lambda text: "include" not in text))
@settings(max_examples=1000, deadline=None)
@example(text=RULED, more="")
@example(text=LOST, more="")
@example(text="lxc.cgroup.devices.deny = a\nlxc.cgroup2.devices.deny =", more="")
@example(text="lxc.cgroup.devices.deny = c 1:5 rwm\nlxc.cgroup2.devices.allow =", more="")
@example(text="lxc.cgroup.pids.max = 4\nlxc.include = {more}", more="lxc.cgroup2.pids.max =")
@example(text="lxc.include = {more}\nlxc.cgroup.devices.allow = c 1:5 rwm", more="lxc.cgroup.devices.deny = a")
@example(text="lxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup.memory.soft_limit_in_bytes = 1G", more="")
def test_what_is_mended_limits_the_same(text: str, more: str, directory: Path) -> None:
    same(text, more, directory)
