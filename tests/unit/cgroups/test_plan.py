"""Where a container's cgroups are made, from the texts of /proc on all kinds of hosts."""

import pytest

from lxc.cgroups.plan import CgroupPlan, Hierarchy, Layout, Write, last_rules, layout, scope

UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
HYBRID = """\
25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 23 0:28 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
33 31 0:30 / /sys/fs/cgroup/systemd rw,nosuid shared:10 - cgroup cgroup rw,xattr,name=systemd
34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/freezer rw,nosuid shared:12 - cgroup cgroup rw,freezer
"""
HYBRID_OF_PID_1 = "3:freezer:/\n2:cpu,cpuacct:/\n1:name=systemd:/init.scope\n0::/init.scope\n"
HYBRID_OF_A_SHELL = (
    "3:freezer:/\n2:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/a.scope\n0::/user.slice/a.scope\n"
)
LEGACY = "\n".join(line for line in HYBRID.splitlines() if "cgroup2" not in line)


def placed(mountinfo: str, base: str, origin: str = "") -> list[str]:
    found = layout(mountinfo, base, origin or base)
    return [
        f"{h.mount} {','.join(h.controllers) or 'unified'} base={h.base} origin={h.origin}" for h in found.hierarchies
    ]


def test_a_host_with_version_2_only_has_one_hierarchy() -> None:
    found = layout(UNIFIED, "0::/\n", "0::/user.slice/b.scope\n")
    assert found == Layout((Hierarchy("/sys/fs/cgroup", (), "", "user.slice/b.scope"),))
    assert found.name == "unified"
    assert found.unified is found.hierarchies[0]


def test_a_hybrid_host_has_all_its_hierarchies_in_the_order_of_mounting() -> None:
    assert placed(HYBRID, HYBRID_OF_PID_1, HYBRID_OF_A_SHELL) == [
        "/sys/fs/cgroup/unified unified base= origin=user.slice/a.scope",
        "/sys/fs/cgroup/systemd name=systemd base= origin=user.slice/a.scope",
        "/sys/fs/cgroup/cpu,cpuacct cpu,cpuacct base= origin=user.slice",
        "/sys/fs/cgroup/freezer freezer base= origin=",
    ]
    assert layout(HYBRID, HYBRID_OF_PID_1, HYBRID_OF_A_SHELL).name == "hybrid"


def test_a_host_with_version_1_only_has_no_unified_hierarchy() -> None:
    found = layout(LEGACY, HYBRID_OF_PID_1, HYBRID_OF_PID_1)
    assert (found.name, found.unified, len(found.hierarchies)) == ("legacy", None, 3)


def test_a_host_without_cgroups_has_the_layout_none() -> None:
    assert layout("25 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "", "").name == "none"


def test_containers_are_made_beside_the_scope_of_init_not_in_it() -> None:
    """A cgroup with processes (version 2) cannot hand controllers on to those below it."""
    assert placed(UNIFIED, "0::/init.scope\n") == ["/sys/fs/cgroup unified base= origin=init.scope"]
    assert placed(UNIFIED, "0::/machine/init.scope\n") == [
        "/sys/fs/cgroup unified base=machine origin=machine/init.scope"
    ]


def test_a_cgroup_called_init_scope_of_another_hierarchy_is_like_any_other() -> None:
    mountinfo = "35 31 0:32 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
    assert placed(mountinfo, "3:freezer:/init.scope\n") == [
        "/sys/fs/cgroup/freezer freezer base=init.scope origin=init.scope"
    ]


def test_in_a_container_that_sees_only_its_own_part_paths_are_relative_to_that() -> None:
    """Without a cgroup namespace /proc/PID/cgroup tells the host's path, and the mount's root is a part of it."""
    mountinfo = UNIFIED.replace(" / /sys", " /lxc.payload.outer /sys")
    assert placed(mountinfo, "0::/lxc.payload.outer/inner\n", "0::/lxc.payload.outer\n") == [
        "/sys/fs/cgroup unified base=inner origin="
    ]


def test_a_name_that_only_begins_like_the_mounts_root_is_not_below_it() -> None:
    mountinfo = UNIFIED.replace(" / /sys", " /lxc.payload.a /sys")
    assert placed(mountinfo, "0::/lxc.payload.abc\n") == [
        "/sys/fs/cgroup unified base=lxc.payload.abc origin=lxc.payload.abc"
    ]


def test_a_mount_of_a_hierarchy_elsewhere_is_somebody_elses() -> None:
    elsewhere = UNIFIED.replace("/sys/fs/cgroup", "/mnt/cgroup")
    assert placed(UNIFIED + elsewhere, "0::/\n") == ["/sys/fs/cgroup unified base= origin="]
    assert placed(elsewhere, "0::/\n") == []
    assert placed(UNIFIED.replace("/sys/fs/cgroup", "/sys/fs/cgroups"), "0::/\n") == []


def test_of_two_mounts_of_a_hierarchy_the_later_hides_the_other() -> None:
    below = UNIFIED.replace(" / /sys", " /outer /sys")
    assert placed(UNIFIED + below, "0::/outer/x\n") == ["/sys/fs/cgroup unified base=x origin=x"]


def test_a_hierarchy_that_pid_1_is_not_in_is_left_alone() -> None:
    assert placed(HYBRID, "3:freezer:/\n") == ["/sys/fs/cgroup/freezer freezer base= origin="]


def test_a_cgroup_may_have_colons_in_its_name() -> None:
    assert placed(UNIFIED, "0::/a:b/c\n") == ["/sys/fs/cgroup unified base=a:b/c origin=a:b/c"]


@pytest.mark.parametrize("end", ["\f", "\v", "\r", "\x1e", "\x85", "\u2028"])
def test_a_cgroups_name_does_not_end_its_line(end: str) -> None:
    """But for the line feed, which the kernel takes in none."""
    assert placed(UNIFIED, f"0::/x{end}0::\n") == [f"/sys/fs/cgroup unified base=x{end}0:: origin=x{end}0::"]


def test_controllers_mounted_together_are_found_by_each_of_them() -> None:
    found = layout(HYBRID, HYBRID_OF_PID_1, HYBRID_OF_PID_1)
    together = found.with_controller("cpuacct")
    assert together
    assert together == found.with_controller("cpu")
    assert together.mount == "/sys/fs/cgroup/cpu,cpuacct"
    assert found.with_controller("memory") is None
    assert found.with_controller("unified") is None


@pytest.mark.parametrize(("base", "path"), [("", "x"), ("a/b", "a/b/x")])
def test_names_are_below_the_base_and_directories_below_the_mount(base: str, path: str) -> None:
    hierarchy = Hierarchy("/c", (), base)
    assert hierarchy.below_base("x") == path
    assert hierarchy.directory_of("x") == f"/c/{path}"
    assert hierarchy.directory("") == "/c"


def test_both_names_get_the_same_suffix_up_to_999() -> None:
    names = list(CgroupPlan(Layout(), "/p/n", "lxc.monitor.n", "lxc.payload.n").names())
    assert names[:2] == [("lxc.monitor.n", "lxc.payload.n"), ("lxc.monitor.n-1", "lxc.payload.n-1")]
    assert names[-1] == ("lxc.monitor.n-999", "lxc.payload.n-999")
    assert len(names) == 1000


DENY_ALL, ALLOW_ALL, NULL = (
    Write("devices.deny", "a"), Write("devices.allow", "a *:* rwm"), Write("devices.allow", "c 1:3 rwm"),
)  # fmt: skip


@pytest.mark.parametrize(("rules", "last", "denies"), [
    ((), (), False), ((NULL,), (NULL,), False), ((NULL, DENY_ALL, NULL), (DENY_ALL, NULL), True),
    ((ALLOW_ALL, DENY_ALL), (DENY_ALL,), True), ((DENY_ALL, NULL, ALLOW_ALL), (ALLOW_ALL,), False),
    ((Write("devices.deny", "c 1:3 w"),), (Write("devices.deny", "c 1:3 w"),), False),
])  # fmt: skip
def test_a_rule_for_all_devices_makes_those_before_it_be_forgotten(
    rules: tuple[Write, ...], last: tuple[Write, ...], denies: bool
) -> None:
    assert last_rules(rules) == last
    assert CgroupPlan(Layout(), "/p/n", "m", "p", devices=rules).denies_devices is denies


def test_only_what_is_called_as_ours_is_a_scope_of_ours() -> None:
    names = ("/a/lxc-x.scope", "/lxc-x.scope/a", "/a/x.scope", "/a/lxc-x", "/")
    assert [scope(name) for name in names] == ["lxc-x.scope", "", "", "", ""]


def test_who_is_where_starters_are_in_a_scope_of_ours_is_taken_to_be_in_the_scope() -> None:
    for starter, at in (("lxc-x.scope/init", "lxc-x.scope"), ("x.scope/init", "x.scope/init"), ("init", "init")):
        assert placed(UNIFIED, f"0::/{starter}\n") == [f"/sys/fs/cgroup unified base={at} origin={starter}"]


def test_a_plan_prints_a_directory_within_the_payload_and_a_fixed_way() -> None:
    found = layout(UNIFIED, "0::/\n", "0::/\n")
    assert str(CgroupPlan(found, "/p/n", "a/m", "a/p", inner="ns", is_fixed=True)).splitlines() == [
        "# control groups, unified layout",
        "mkdir -p /sys/fs/cgroup/a/m",
        "mkdir -p /sys/fs/cgroup/a/p",
        "mkdir /sys/fs/cgroup/a/p/ns",
    ]


def test_a_plan_prints_what_will_be_made_where() -> None:
    mountinfo = "".join(line for line in HYBRID.splitlines(True) if "cgroup2" in line or "freezer" in line)
    found = layout(mountinfo, "3:freezer:/f\n0::/\n", "0::/\n")
    assert str(CgroupPlan(found, "/p/n", "lxc.monitor.n", "lxc.payload.n")).splitlines() == [
        "# control groups, hybrid layout; a suffix -1 … is added to names that are taken",
        "mkdir /sys/fs/cgroup/unified/lxc.monitor.n",
        "mkdir /sys/fs/cgroup/unified/lxc.payload.n",
        "mkdir /sys/fs/cgroup/freezer/f/lxc.monitor.n",
        "mkdir /sys/fs/cgroup/freezer/f/lxc.payload.n",
    ]
