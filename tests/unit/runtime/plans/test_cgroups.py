"""Where a container's cgroups are, and which of its limits a host of each layout puts in force."""

from __future__ import annotations

from pathlib import Path

import pytest

import lxc
from lxc.cgroups.plan import CgroupPlan, Hierarchy, Layout
from lxc.config import document
from lxc.errors import ConfigError
from lxc.runtime.place import Place
from lxc.runtime.plans import cgroups as plan_cgroups
from lxc.runtime.plans.cgroups import Host

SHARE = Path(lxc.__file__).parent / "share/config"
V1 = tuple(
    Hierarchy(f"/sys/fs/cgroup/{name}", tuple(name.split(","))) for name in ("cpu,cpuacct", "memory", "pids", "devices")
)
LEGACY = Host(Layout(V1))
HYBRID = Host(Layout((*V1, Hierarchy("/sys/fs/cgroup/unified", ()))))
UNIFIED = Host(Layout((Hierarchy("/sys/fs/cgroup", ()),)), ("cpu", "memory", "pids", "io", "cpuset"))


def planned(text: str, host: Host = HYBRID) -> tuple[CgroupPlan, tuple[str, ...]]:
    return plan_cgroups.plan(Place("web", "/var/lib/lxc"), document.parse(text, "config")[0], host)


def written(text: str, host: Host) -> list[str]:
    return [line for line in str(planned(text, host)[0]).splitlines() if line.startswith("echo")]


def refused(text: str, host: Host) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        planned(text, host)
    return list(caught.value.mistakes)


def test_what_was_chosen_is_for_who_asks_the_very_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "lxc.cgroup.pids.max = 5\nlxc.cgroup2.memory.max = 1G\n"
    first = planned(text)
    monkeypatch.setattr(plan_cgroups, "_chosen", lambda *_: pytest.fail("worked out again"))
    assert planned(text) == first
    monkeypatch.undo()
    moved = planned(f"\n{text}")
    assert [each.where for each in moved[0].limits] == ["config:2"]
    assert moved[1] != first[1]  # a warning with another place
    assert planned(text, LEGACY)[0].layout == LEGACY.layout
    assert planned("lxc.cgroup.pids.max = 6\n")[0].limits[0].value == "6"
    assert planned(text) == first


@pytest.mark.parametrize("host", [LEGACY, HYBRID], ids=["legacy", "hybrid"])
def test_version_1_is_written_in_order_where_it_is_mounted(host: Host) -> None:
    text = "lxc.cgroup.pids.max = 5\nlxc.cgroup.cpu.shares = 3\nlxc.cgroup.pids.max = 6\n"
    assert written(text, host) == [
        "echo 5 > /sys/fs/cgroup/pids/lxc.payload.web/pids.max",
        "echo 3 > /sys/fs/cgroup/cpu,cpuacct/lxc.payload.web/cpu.shares",
        "echo 6 > /sys/fs/cgroup/pids/lxc.payload.web/pids.max",
    ]


def test_memory_is_limited_before_memory_and_swap_together() -> None:
    text = "lxc.cgroup.memory.memsw.limit_in_bytes = 2M\nlxc.cgroup.memory.limit_in_bytes = 1M\n"
    assert [line.split()[1] for line in written(text, HYBRID)] == ["1M", "2M"]


def test_version_2_is_written_in_order_on_a_unified_host() -> None:
    text = "lxc.cgroup2.memory.max = 1G\nlxc.cgroup2.cgroup.max.depth = 3\nlxc.cgroup2.pids.max = 5\n"
    assert written(text, UNIFIED) == [
        "echo 1G > /sys/fs/cgroup/lxc.payload.web/memory.max",
        "echo 3 > /sys/fs/cgroup/lxc.payload.web/cgroup.max.depth",
        "echo 5 > /sys/fs/cgroup/lxc.payload.web/pids.max",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("memory.limit_in_bytes = 1G", ["1G memory.max"]),
        ("memory.limit_in_bytes = -1", ["max memory.max"]),
        ("cpu.shares = 512", ["50 cpu.weight"]),
        ("cpu.cfs_quota_us = 50000", ["50000 100000 cpu.max"]),
        ("cpu.cfs_quota_us = 50000\nlxc.cgroup.cpu.cfs_period_us = 200000", ["50000 200000 cpu.max"]),
        ("memory.limit_in_bytes = 1M\nlxc.cgroup.memory.memsw.limit_in_bytes = 3M", ["1M memory.max", "2097152 memory.swap.max"]),
        ("pids.max = 7", ["7 pids.max"]),
        ("cpuset.cpus = 0", ["0 cpuset.cpus"]),
        ("blkio.throttle.write_bps_device = 8:0 1000", ["8:0 wbps=1000 io.max"]),
        ("memory.use_hierarchy = 1", []),
    ],
)  # fmt: skip
def test_version_1_is_translated_for_a_unified_host_where_version_2_has_the_same(old: str, new: list[str]) -> None:
    lines = written(f"lxc.cgroup.{old}\n", UNIFIED)
    assert [line.removeprefix("echo ").replace(" > /sys/fs/cgroup/lxc.payload.web/", " ") for line in lines] == new


def test_what_version_2_cannot_say_is_refused_with_what_it_can() -> None:
    assert refused("lxc.cgroup.memory.swappiness = 1\nlxc.cgroup.cpuacct.usage = 0\n", UNIFIED) == [
        "config:1: lxc.cgroup.memory.swappiness: on a host of the unified layout say it as "
        "lxc.cgroup2.memory.swap.max = 0 to have none swapped",
        "config:2: lxc.cgroup.cpuacct.usage: on a host of the unified layout say it as a file of lxc.cgroup2.cpu",
    ]


def test_what_is_said_for_both_versions_is_taken_from_the_host_s_own() -> None:
    text = "lxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup.memory.swappiness = 1\nlxc.cgroup2.memory.max = 2G\n"
    plan, warnings = planned(text, UNIFIED)
    assert [(each.file, each.value) for each in plan.limits] == [("memory.max", "2G")]
    assert warnings == ("config:2: lxc.cgroup.memory.swappiness has no effect: this host is of the unified layout",)
    plan, warnings = planned("lxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup2.memory.max = 2G\n", HYBRID)
    assert [(each.file, each.value) for each in plan.limits] == [("memory.limit_in_bytes", "1G")]
    assert warnings == ()


@pytest.mark.parametrize("host", [LEGACY, HYBRID], ids=["legacy", "hybrid"])
def test_version_2_has_no_effect_elsewhere_and_that_is_said_once_for_each_controller(host: Host) -> None:
    text = "lxc.cgroup2.memory.max = 2G\nlxc.cgroup2.memory.high = 1G\nlxc.cgroup2.devices.deny = a\n"
    plan, warnings = planned(text, host)
    assert plan.limits == () == plan.devices
    assert [warning.split(" has")[0] for warning in warnings] == [
        "config:1: lxc.cgroup2.memory.max", "config:3: lxc.cgroup2.devices.deny",
    ]  # fmt: skip
    assert all(f"of the {host.layout.name} layout" in warning for warning in warnings)


def test_version_2_has_no_effect_where_no_cgroup_can_be_written_to() -> None:
    assert planned("lxc.cgroup2.memory.max = 2G\n", Host(Layout(())))[1] == (
        "config:1: lxc.cgroup2.memory.max has no effect: "
        "the cgroups of this host, if it has any, cannot be written to from here",
    )


@pytest.mark.parametrize("host", [LEGACY, HYBRID, UNIFIED], ids=["legacy", "hybrid", "unified"])
@pytest.mark.parametrize("names", [["common.conf"], ["common.conf", "userns.conf"]], ids=" ".join)
def test_what_we_ship_has_its_effect_on_each_host(names: list[str], host: Host) -> None:
    plan, warnings = planned("".join(f"lxc.include = {SHARE}/{name}\n" for name in names), host)
    assert bool(plan.device_rules) is (len(names) == 1)
    assert warnings == ()


def test_a_controller_that_is_not_there_is_told_with_the_layout() -> None:
    assert refused("lxc.cgroup.rdma.max = 1\n", LEGACY) == [
        "config:1: lxc.cgroup.rdma.max: this host, of the legacy layout, has no controller rdma; "
        "it has: cpu, cpuacct, memory, pids, devices"
    ]
    assert refused("lxc.cgroup2.rdma.max = 1\n", UNIFIED) == [
        "config:1: lxc.cgroup2.rdma.max: this host, of the unified layout, has no controller rdma; "
        "it has: cpu, memory, pids, io, cpuset"
    ]
    assert "it has: none" in refused("lxc.cgroup.pids.max = 1\n", Host(Layout()))[0]


def test_device_rules_of_version_1_come_after_the_other_limits() -> None:
    plan, _ = planned("lxc.cgroup.devices.deny = a\nlxc.cgroup.pids.max = 1\nlxc.cgroup.devices.allow = c 1:3 rwm\n")
    assert [each.file for each in plan.limits] == ["pids.max"]
    assert plan.device_rules.splitlines() == [
        "echo a > /sys/fs/cgroup/devices/lxc.payload.web/devices.deny",
        "echo c 1:3 rwm > /sys/fs/cgroup/devices/lxc.payload.web/devices.allow",
    ]


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("lxc.cgroup2.devices.allow = c 1:3 rwm\n", "denied, but allowed are: c 1:3 rwm"),
        ("lxc.cgroup2.devices.deny = a\n", "denied"),
        ("lxc.cgroup.devices.deny = c 1:3 rwm\n", "allowed, but denied are: c 1:3 rwm"),
        ("lxc.cgroup.devices.deny = a\nlxc.cgroup2.devices.allow = a\n", "allowed"),
    ],
)
def test_device_rules_are_a_program_on_a_unified_host(text: str, head: str) -> None:
    plan, warnings = planned(text, UNIFIED)
    assert plan.device_rules.splitlines()[:2] == [
        "# attached to /sys/fs/cgroup/lxc.payload.web",
        f"# eBPF: devices are {head}",
    ]
    assert warnings == ()


def test_without_device_rules_there_is_no_program() -> None:
    plan, _ = planned("lxc.cgroup2.pids.max = 1\n", UNIFIED)
    assert plan.policy is None
    assert plan.device_rules == ""


def test_a_malformed_device_rule_is_refused_with_its_line() -> None:
    assert refused("lxc.cgroup2.devices.allow = c 1 rwm\nlxc.cgroup2.devices.deny = garbage\n", UNIFIED) == [
        "config:1: lxc.cgroup2.devices.allow: expected MAJOR:MINOR, each a number or *, got '1'",
        "config:2: lxc.cgroup2.devices.deny: expected a, or b|c MAJOR:MINOR ACCESS, got 'garbage'",
    ]


def test_a_device_may_be_named_by_its_file() -> None:
    nodes = {"/dev/fuse": "c 10:229"}
    plan, _ = planned("lxc.cgroup.devices.allow = /dev/fuse rw\n", HYBRID.replace(nodes=nodes))
    assert [each.value for each in plan.devices] == ["c 10:229 rw"]
    plan, _ = planned("lxc.cgroup2.devices.allow = /dev/fuse\n", UNIFIED.replace(nodes=nodes))
    assert "allowed are: c 10:229 rwm" in plan.device_rules
    assert refused("lxc.cgroup2.devices.allow = /dev/nothing rw\n", UNIFIED) == [
        "config:1: lxc.cgroup2.devices.allow: there is no device /dev/nothing"
    ]


@pytest.mark.parametrize(
    ("text", "pattern", "monitor", "container"),
    [
        ("", "", "lxc.monitor.web", "lxc.payload.web"),
        ("lxc.cgroup.dir = a/b\n", "", "a/b/lxc.monitor.web", "a/b/lxc.payload.web"),
        ("", "lxc/%n", "lxc/web/monitor", "lxc/web/payload"),
        ("lxc.cgroup.dir = a\n", "lxc/%n", "a/lxc.monitor.web", "a/lxc.payload.web"),
        ("lxc.cgroup.dir.monitor = m\nlxc.cgroup.dir.container = c/d\n", "", "m", "c/d"),
        ("lxc.cgroup.dir.monitor = m\nlxc.cgroup.dir.container = c\nlxc.cgroup.dir.container.inner = i\n", "x", "m", "c/i"),
    ],
)  # fmt: skip
def test_places(text: str, pattern: str, monitor: str, container: str) -> None:
    plan, _ = planned(text, HYBRID.replace(pattern=pattern))
    assert (plan.monitor, plan.container) == (monitor, container)


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("lxc.cgroup.dir = a\nlxc.cgroup.dir.container = b\n",
         ["config:2: lxc.cgroup.dir.container cannot be combined with lxc.cgroup.dir"]),
        ("lxc.cgroup.dir.monitor = a\n", ["config:1: lxc.cgroup.dir.monitor needs lxc.cgroup.dir.container, too"]),
        ("lxc.cgroup.dir.container = a\n", ["config:1: lxc.cgroup.dir.container needs lxc.cgroup.dir.monitor, too"]),
        ("lxc.cgroup.dir.container.inner = a\n",
         ["config:1: lxc.cgroup.dir.container.inner needs lxc.cgroup.dir.monitor, too"]),
        ("lxc.cgroup.dir.container = a/b\nlxc.cgroup.dir.monitor = a//./b\n",
         ["config:2: lxc.cgroup.dir.monitor leads into the container's cgroup"]),
        ("lxc.cgroup.dir.container = a/b\nlxc.cgroup.dir.monitor = a/b/c\n",
         ["config:2: lxc.cgroup.dir.monitor leads into the container's cgroup"]),
    ],
)  # fmt: skip
def test_places_that_exclude_each_other(text: str, mistakes: list[str]) -> None:
    assert refused(text, HYBRID) == mistakes


def test_names_of_the_user_s_get_no_suffix() -> None:
    plan, _ = planned("lxc.cgroup.dir.monitor = m\nlxc.cgroup.dir.container = c\n")
    assert list(plan.names()) == [("m", "c")]
    assert len(list(planned("lxc.cgroup.dir = d\n")[0].names())) == 1000
