"""What limits a container: the kernel has what the configuration says, and says why where it has not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CONFIG, Lxc

import lxc as package

if TYPE_CHECKING:
    from tests.unified import UnifiedLxc

pytestmark = [pytest.mark.root, pytest.mark.hybrid]
COMMON = "/usr/share/lxc/config/common.conf"
OURS = f"{Path(package.__file__).parent}/share/config/common.conf"


def refusal(lxc: Lxc, line: str) -> str:
    """What lxc-start says of a container with `line`; {name} is its name, {where} the line's place."""
    name = lxc.create(config=CONFIG + line)
    done = lxc.run("lxc-start", "-n", name)
    assert done.returncode == 1
    lines = lxc.config(name).read_text().splitlines()
    number = 1 + max(i for i, each in enumerate(lines) if each in line.splitlines())
    return done.stderr.replace(f"{lxc.config(name)}:{number}", "{where}").replace(name, "{name}")


def payload(name: str, file: str) -> Path:
    return Path(f"/sys/fs/cgroup/{file.partition('.')[0]}/lxc.payload.{name}/{file}")


VALUES = [
    ("pids.max", "55", "55"),
    ("memory.limit_in_bytes", "200M", "209715200"),
    ("memory.soft_limit_in_bytes", "100M", "104857600"),
    ("memory.swappiness", "7", "7"),
    ("cpu.shares", "333", "333"),
    ("cpu.cfs_quota_us", "50000", "50000"),
    ("cpu.cfs_period_us", "50000", "50000"),
    ("cpuset.cpus", "0", "0"),
    ("cpuset.mems", "0", "0"),
    ("cpuset.memory_migrate", "1", "1"),
    ("freezer.state", "THAWED", "THAWED"),
]


def test_values_are_in_the_payload_s_files_before_the_container_runs(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + "".join(f"lxc.cgroup.{file} = {value}\n" for file, value, _ in VALUES))
    lxc.start(name)
    assert {file: payload(name, file).read_text().strip() for file, _, _ in VALUES} == {
        file: expected for file, _, expected in VALUES
    }


def test_the_limits_are_those_of_the_payload_not_of_the_monitor(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + "lxc.cgroup.pids.max = 55\n")
    lxc.start(name)
    assert Path(f"/sys/fs/cgroup/pids/lxc.monitor.{name}/pids.max").read_text() == "max\n"
    assert lxc.attach(name, "cat", "/proc/self/cgroup").splitlines()[0].endswith(":/")


def test_memory_and_swap_may_be_given_in_any_order(lxc: Lxc) -> None:
    text = "lxc.cgroup.memory.memsw.limit_in_bytes = 300M\nlxc.cgroup.memory.limit_in_bytes = 200M\n"
    name = lxc.create(config=CONFIG + text)
    lxc.start(name)
    assert payload(name, "memory.memsw.limit_in_bytes").read_text() == "314572800\n"


def test_the_last_of_several_values_holds(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + "lxc.cgroup.pids.max = 55\nlxc.cgroup.pids.max = 66\n")
    lxc.start(name)
    assert payload(name, "pids.max").read_text() == "66\n"


def test_a_new_cpuset_has_its_parent_s_processors_and_memory(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + f"lxc.cgroup.dir = way-{lxc.tag}/b\n")
    lxc.start(name)
    root = Path("/sys/fs/cgroup/cpuset")
    for file in ("cpuset.cpus", "cpuset.mems"):
        below = {path.read_text() for path in root.glob(f"way-{lxc.tag}/**/{file}")}
        assert below == {(root / file).read_text()}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "lxc.cgroup.pids.max = many\n",
            "lxc-start: {name}: cannot set lxc.cgroup.pids.max: write 'many' to "
            "/sys/fs/cgroup/pids/lxc.payload.{name}/pids.max (hybrid layout): Invalid argument\n"
            "  set in {where}\n  expected a number of processes, or max\n",
        ),
        (
            "lxc.cgroup.pids.most = 1\n",
            "lxc-start: {name}: cannot set lxc.cgroup.pids.most: write '1' to "
            "/sys/fs/cgroup/pids/lxc.payload.{name}/pids.most (hybrid layout): No such file or directory\n"
            "  set in {where}\n  there is no pids.most; pids has pids.current pids.events pids.max pids.peak\n",
        ),
        (
            "lxc.cgroup.cpuset.cpus = 4077\n",
            "lxc-start: {name}: cannot set lxc.cgroup.cpuset.cpus: write '4077' to "
            "/sys/fs/cgroup/cpuset/lxc.payload.{name}/cpuset.cpus (hybrid layout): Numerical result out of range\n"
            "  set in {where}\n  expected numbers and ranges of processors that the cgroup above has, such as 0-3,7\n",
        ),
        (
            "lxc.cgroup.pids.current = 1\n",
            "lxc-start: {name}: cannot set lxc.cgroup.pids.current: write '1' to "
            "/sys/fs/cgroup/pids/lxc.payload.{name}/pids.current (hybrid layout): Invalid argument\n"
            "  set in {where}\n  the kernel does not take this value\n",
        ),
        (
            "lxc.cgroup.devices.allow = everything\n",
            "lxc-start: {name}: cannot set lxc.cgroup.devices.allow: write 'everything' to "
            "/sys/fs/cgroup/devices/lxc.payload.{name}/devices.allow (hybrid layout): Invalid argument\n"
            "  set in {where}\n  expected a, or b|c MAJOR:MINOR ACCESS\n",
        ),
        (
            "lxc.cgroup.freezer.state = FROZEN\n",
            "lxc-start: {name}: {where}: lxc.cgroup.freezer.state: the container would be frozen before it runs: "
            "leave it out, and freeze it by lxc-freeze\n",
        ),
        (
            "lxc.cgroup.devices.allow = /dev/nothing rw\n",
            "lxc-start: {name}: {where}: lxc.cgroup.devices.allow: there is no device /dev/nothing\n",
        ),
    ],
)
def test_what_is_refused_says_which_and_why_and_where(lxc: Lxc, line: str, said: str) -> None:
    assert refusal(lxc, line) == said
    assert lxc.leftovers() == []


def test_a_controller_that_is_not_mounted_is_told_before_anything_starts(lxc: Lxc) -> None:
    assert refusal(lxc, "lxc.cgroup.nonsense.max = 1\n").startswith(
        "lxc-start: {name}: {where}: lxc.cgroup.nonsense.max: this host, of the hybrid layout, has no controller nonsense; it has: "
    )


def test_limits_of_version_2_have_no_effect_here_and_the_log_says_so(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + "lxc.cgroup2.pids.max = 55\nlxc.cgroup2.nonsense.max = 1\n")
    lxc.start(name, "-o", str(lxc.path / "log"), "-l", "WARN")
    assert payload(name, "pids.max").read_text() == "max\n"
    assert (lxc.path / "log").read_text().count("has no effect: this host, of the hybrid layout") == 2


# ---- devices --------------------------------------------------------------------------------------------------------


def tried(lxc: Lxc, name: str, script: str) -> bool:
    return lxc.run("lxc-attach", "-n", name, "--", "sh", "-c", script).returncode == 0


@pytest.mark.parametrize("path", [COMMON, OURS], ids=["debians", "ours"])
def test_a_common_configuration_allows_its_devices_and_no_other(lxc: Lxc, path: str) -> None:
    name = lxc.create(config=CONFIG + f"lxc.include = {path}\n")
    lxc.start(name)
    has_common_devices(lxc, name)
    assert tried(lxc, name, "mknod /tmp/console c 5 1 && test -c /dev/console && : > /dev/console")
    assert tried(lxc, name, ": > /tmp/console") == (path == COMMON)  # it is the host's


def has_common_devices(lxc: Lxc, name: str) -> None:
    assert tried(lxc, name, "echo > /dev/null && head -c 1 /dev/zero > /dev/null && head -c 1 /dev/urandom > /dev/null")
    assert tried(lxc, name, "mknod /tmp/kmsg c 1 11 && mknod /tmp/loop b 7 0")
    assert not tried(lxc, name, "cat /tmp/kmsg")
    assert not tried(lxc, name, ": > /tmp/kmsg")
    assert not tried(lxc, name, "head -c 1 /tmp/loop")


def test_rules_for_devices_are_applied_in_their_order(lxc: Lxc) -> None:
    text = "".join(
        f"lxc.cgroup.devices.{rule}\n"
        for rule in ("deny = a", "allow = c 1:* rwm", "deny = c 1:* w", "allow = c 5:* rwm")
    )
    name = lxc.create(config=CONFIG + text)
    lxc.start(name)
    listed = Path(f"/sys/fs/cgroup/devices/lxc.payload.{name}/devices.list").read_text().split("\n")
    assert listed == ["c 1:* rm", "c 5:* rwm", ""]


def test_a_rule_may_name_a_device_by_its_file(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = /dev/zero r\n")
    lxc.start(name)
    assert Path(f"/sys/fs/cgroup/devices/lxc.payload.{name}/devices.list").read_text() == "c 1:5 r\n"


def test_a_container_that_may_use_no_device_starts(lxc: Lxc) -> None:
    """Rules come into force when its devices are made."""
    name = lxc.create(config=CONFIG + "lxc.cgroup.devices.deny = a\n")
    lxc.start(name)
    assert lxc.state(name) == "RUNNING"


def test_the_plan_prints_each_write_and_the_program(lxc: Lxc, unified: UnifiedLxc) -> None:
    text = "lxc.cgroup.pids.max = 5\nlxc.cgroup.devices.deny = a\n"
    name = lxc.create(config=CONFIG + text)
    plan = lxc.ok("lxc-start", "-n", name, "--dry-run")
    assert f"echo 5 > /sys/fs/cgroup/pids/lxc.payload.{name}/pids.max\n" in plan
    assert f"echo a > /sys/fs/cgroup/devices/lxc.payload.{name}/devices.deny\n" in plan
    name = unified.create(config=CONFIG + "lxc.cgroup2.devices.allow = c 1:3 rwm\n")
    plan = unified.ok("lxc-start", "-n", name, "--dry-run")
    assert "# eBPF: devices are denied, but allowed are: c 1:3 rwm\n#     0: r2 = *(u32 *)(r1 + 0)\n" in plan


@pytest.mark.parametrize("size", ["1", str(1 << 64)])  # the kernel takes the remainder
def test_memory_that_is_not_enough_to_start_with_is_told_with_its_line(lxc: Lxc, size: str) -> None:
    assert refusal(lxc, f"lxc.cgroup.pids.max = 9\nlxc.cgroup.memory.limit_in_bytes = {size}\n") == (
        "lxc-start: {name}: cannot start {name}: the container's init ended before it was ready\n"
        "  set in {where}\n"
        f"  this is probably due to lxc.cgroup.memory.limit_in_bytes = {size}: raise it, or leave it out\n"
    )
    assert lxc.leftovers() == []
