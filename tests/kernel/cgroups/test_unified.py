"""Limits, places, device rules and live changes on a host of the unified layout: this one, or one made of a part of it."""

from __future__ import annotations

import pytest
from tests.conftest import CONFIG, MAPPED
from tests.kernel.cgroups.test_limits import COMMON, has_common_devices, refusal, tried
from tests.kernel.cgroups.test_live import LOOP, said
from tests.kernel.cgroups.test_places import INNER
from tests.unified import UnifiedLxc

pytestmark = pytest.mark.root


def unified_program(lxc: UnifiedLxc, name: str, *rules: str) -> None:
    lxc.extend(name, "".join(f"lxc.cgroup2.devices.{rule}\n" for rule in rules))
    lxc.start(name)


def test_debian_s_common_configuration_allows_its_devices_and_no_other(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + f"lxc.include = {COMMON}\n")
    unified.start(name)
    has_common_devices(unified, name)


def test_values_are_in_the_payload_s_files(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup2.cgroup.max.depth = 3\nlxc.cgroup2.cgroup.max.descendants = 5\n")
    unified.start(name)
    cgroup = unified.cgroup(f"lxc.payload.{name}")
    assert (cgroup / "cgroup.max.depth").read_text() == "3\n"
    assert (cgroup / "cgroup.max.descendants").read_text() == "5\n"


@pytest.mark.parametrize(
    ("rules", "works", "fails"),
    [
        (["allow = c 1:3 rwm"], ["echo > /dev/null"], ["head -c 1 /dev/zero", "mknod /tmp/x c 1 5"]),
        (["allow = a", "deny = c 1:5 w"], ["head -c 1 /dev/zero"], ["echo > /dev/zero", "echo 1<> /dev/zero"]),
        (["deny = a"], ["true"], ["echo > /dev/null", "mknod /tmp/x c 1 3", "mknod /tmp/x b 7 0"]),
        (["allow = c 1:* r", "allow = b *:* m", "allow = c 1:3 rwm"],
         ["head -c 1 /dev/zero", "mknod /tmp/x b 7 0", "echo > /dev/null"], ["echo > /dev/zero", "mknod /tmp/y c 7 0"]),
        (["deny = a # all of them", "allow = c 1:5 rwm # /dev/zero"], ["head -c 1 /dev/zero"], ["echo > /dev/null"]),
        (["deny = a", "allow = /dev/zero r", "allow = c 1:3 rwm"], ["head -c 1 /dev/zero"], ["echo > /dev/zero"]),
    ],
)  # fmt: skip
def test_a_program_decides_on_devices(
    unified: UnifiedLxc, rules: list[str], works: list[str], fails: list[str]
) -> None:
    name = unified.create()
    unified_program(unified, name, *rules)
    assert [script for script in works if not tried(unified, name, script)] == []
    assert [script for script in fails if tried(unified, name, script)] == []


def test_rules_of_version_1_are_translated(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup.devices.deny = c 1:5 rwm\n")
    unified.start(name)
    assert tried(unified, name, "echo > /dev/null")
    assert not tried(unified, name, "head -c 1 /dev/zero")


def test_what_has_no_translation_is_refused_with_the_spelling_of_version_2(
    unified: UnifiedLxc,
) -> None:
    assert refusal(unified, "lxc.cgroup.memory.swappiness = 1\n") == (
        "lxc-start: {name}: {where}: lxc.cgroup.memory.swappiness: on a host of the unified layout say it as "
        "lxc.cgroup2.memory.swap.max = 0 to have none swapped\n"
    )


def test_a_malformed_rule_is_refused(unified: UnifiedLxc) -> None:
    assert refusal(unified, "lxc.cgroup2.devices.allow = c 1:3\n") == (
        "lxc-start: {name}: {where}: lxc.cgroup2.devices.allow: expected a, or b|c MAJOR:MINOR ACCESS, got 'c 1:3'\n"
    )


def test_a_reboot_has_the_limits_again(unified: UnifiedLxc) -> None:
    text = "lxc.cgroup2.cgroup.max.depth = 3\nlxc.cgroup2.devices.allow = c 1:3 rwm\n"
    name = unified.create(config=CONFIG + text)
    unified.start(name)
    before = unified.init_pid(name)
    unified.ok("lxc-stop", "-n", name, "-r", "-t", "30")
    assert unified.init_pid(name) != before
    assert unified.cgroup(f"lxc.payload.{name}/cgroup.max.depth").read_text() == "3\n"
    assert not tried(unified, name, "head -c 1 /dev/zero")


def test_processes_are_born_in_their_cgroups(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + INNER.replace("TAG", unified.tag))
    unified.start(name)
    pid = unified.init_pid(name)
    assert f"0::/c-{unified.tag}/in\n" in unified.sh(f"cat /proc/{pid}/cgroup")
    assert unified.attach(name, "cat", "/proc/1/cgroup").splitlines()[-1] == "0::/"
    unified.ok("lxc-freeze", "-n", name)
    assert "frozen 1" in unified.cgroup(f"c-{unified.tag}/cgroup.events").read_text()
    assert unified.state(name) == "FROZEN"
    unified.ok("lxc-unfreeze", "-n", name)
    unified.ok("lxc-stop", "-n", name, "-k")
    assert not unified.cgroup(f"c-{unified.tag}").exists()
    assert not unified.cgroup(f"m-{unified.tag}").exists()


def test_a_killed_container_takes_all_that_it_made_along(unified: UnifiedLxc) -> None:
    name = unified.create()
    unified.start(name)
    unified.attach(
        name,
        "sh",
        "-c",
        "mkdir -p /sys/fs/cgroup/a/b; sleep 1000 > /dev/null 2>&1 < /dev/null & echo $! > /sys/fs/cgroup/a/b/cgroup.procs",
    )
    assert unified.cgroup(f"lxc.payload.{name}/a/b/cgroup.procs").read_text()
    unified.ok("lxc-freeze", "-n", name)
    unified.ok("lxc-stop", "-n", name, "-k")
    assert not unified.cgroup(f"lxc.payload.{name}").exists()
    assert not unified.cgroup(f"lxc.monitor.{name}").exists()


def test_rules_for_devices_are_added_to_the_program(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup2.devices.deny = a\nlxc.cgroup2.devices.allow = c 1:3 rwm\n")
    unified.start(name)
    assert not tried(unified, name, LOOP)
    unified.ok("lxc-cgroup", name, "devices.allow", "/dev/zero r")
    assert tried(unified, name, LOOP)
    assert not tried(unified, name, "echo > /dev/zero")
    unified.ok("lxc-cgroup", name, "devices.deny", "c 1:5 r")
    assert not tried(unified, name, LOOP)
    unified.ok("lxc-cgroup", name, "devices.allow", "a")
    assert tried(unified, name, LOOP)
    unified.ok("lxc-cgroup", name, "devices.deny", "a")
    assert not tried(unified, name, "echo > /dev/null")


def test_debian_s_client_adds_them_as_well(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup2.devices.allow = c 1:3 rwm\n")
    unified.start(name)
    unified.ok("lxc-cgroup", "-n", name, "devices.allow", "c 1:5 rw", peer=True)
    assert tried(unified, name, LOOP)
    unified.ok("lxc-cgroup", "-n", name, "devices.deny", "a", peer=True)
    assert not tried(unified, name, LOOP)


def test_ours_adds_them_to_debian_s(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup2.devices.deny = a\nlxc.cgroup2.devices.allow = c 1:3 rwm\n")
    unified.ok("lxc-start", "-n", name, peer=True)
    assert not tried(unified, name, LOOP)
    unified.ok("lxc-cgroup", name, "devices.allow", "c 1:5 rwm")
    assert tried(unified, name, LOOP)


def test_a_container_without_rules_gets_its_first(unified: UnifiedLxc) -> None:
    name = unified.create()
    unified.start(name)
    unified.ok("lxc-cgroup", name, "devices.deny", "c 1:5 rwm")
    assert not tried(unified, name, LOOP)
    assert tried(unified, name, "echo > /dev/null")


def test_added_rules_outlive_a_reboot(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup2.devices.deny = c 1:7 rwm\n")
    unified.start(name)
    unified.ok("lxc-cgroup", name, "devices.deny", "a")
    unified.ok("lxc-cgroup", name, "devices.allow", "c 1:5 rwm")
    unified.ok("lxc-stop", "-n", name, "-r", "-t", "30")
    assert tried(unified, name, LOOP)
    assert not tried(unified, name, "head -c 1 /dev/urandom")


def test_what_is_no_rule_is_told(unified: UnifiedLxc) -> None:
    name = unified.create()
    unified.start(name)
    assert said(unified, "lxc-cgroup", name, "devices.allow", "c 1 r") == (
        f"lxc-cgroup: {name}: Failed to assign 'c 1 r' value to 'devices.allow' for '{name}': cannot set devices.allow: "
        "expected MAJOR:MINOR, each a number or *, got '1'\n"
    )


def test_a_device_is_allowed_by_the_program(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup2.devices.allow = c 1:3 rwm\n")
    unified.start(name)
    unified.ok("lxc-device", name, "add", "/dev/zero", "/dev/z")
    assert tried(unified, name, "head -c 1 /dev/z")
    unified.ok("lxc-device", name, "del", "/dev/z")
    assert not tried(unified, name, LOOP)


def test_a_container_with_ids_of_its_own_may_make_cgroups_and_not_raise_its_limits(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + MAPPED + "lxc.cgroup2.cgroup.max.depth = 3\n")
    unified.start(name)
    payload = unified.cgroup(f"lxc.payload.{name}")
    delegated = ("", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
    assert {(payload / file).stat().st_gid for file in delegated} == {100000}
    assert (payload / "cgroup.max.depth").stat().st_gid == 0
    assert tried(unified, name, "mkdir -p /sys/fs/cgroup/a/b")
    assert not tried(unified, name, "mkdir -p /sys/fs/cgroup/a/b/c/d")
    assert not tried(unified, name, "echo max > /sys/fs/cgroup/cgroup.max.depth")


def test_what_is_delegated_is_the_inner_one_if_there_is_one(unified: UnifiedLxc) -> None:
    name = unified.create(config=CONFIG + MAPPED + INNER.replace("TAG", unified.tag))
    unified.start(name)
    limiting = unified.cgroup(f"c-{unified.tag}")
    assert (limiting.stat().st_gid, (limiting / "in").stat().st_gid) == (0, 100000)
    assert tried(unified, name, "mkdir /sys/fs/cgroup/a && echo 1 > /sys/fs/cgroup/a/cgroup.freeze")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("mkdir {0}/t && echo threaded > {0}/t/cgroup.type", "Operation not supported"),
        ("echo 0 > {0}/cgroup.max.descendants", "Resource temporarily unavailable"),
    ],
)
def test_a_container_that_lets_nobody_into_its_cgroup_can_be_attached_to_without(
    unified: UnifiedLxc, script: str, why: str
) -> None:
    name = unified.create()
    unified.start(name)
    unified.sh(script.format(f"/sys/fs/cgroup/lxc.payload.{name}"))
    done = unified.run("lxc-attach", "-n", name, "--", "true")
    assert done.returncode == 1
    assert f"cannot make a process in the cgroup of {name}: {why}\n" in done.stderr
    assert done.stderr.endswith("attach with -eCGROUP\n")
    unified.ok("lxc-attach", "-n", name, "-eCGROUP", "--", "true")


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_where_cgroups_may_not_be_as_deep_nothing_is_left_of_the_way(unified: UnifiedLxc, depth: int) -> None:
    name = unified.create(config=CONFIG + f"lxc.cgroup.dir = {unified.below}a/b/c\n")
    before = set(unified.base.iterdir())
    (unified.base / "cgroup.max.depth").write_text(str(depth))
    done = unified.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "Resource temporarily unavailable\n  raise cgroup.max.descendants, or cgroup.max.depth" in done.stderr
    assert set(unified.base.iterdir()) == before
