"""Each limit holds against a program in the container that does all it can to break it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, until

pytestmark = pytest.mark.root
BOTH = [
    pytest.param(1, marks=pytest.mark.hybrid, id="legacy"),
    pytest.param(2, marks=pytest.mark.unified, id="unified"),
]
MIB = 1 << 20


def running(lxc: Lxc, version: int, *limits: str) -> str:
    family = "lxc.cgroup" if version == 1 else "lxc.cgroup2"
    name = lxc.create(config=CONFIG + "".join(f"{family}.{limit}\n" for limit in limits))
    lxc.start(name)
    return name


def payload(name: str, version: int, file: str) -> Path:
    controller = f"/{file.partition('.')[0]}" if version == 1 else ""
    return Path(f"/sys/fs/cgroup{controller}/lxc.payload.{name}/{file}")


def table(path: Path) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in path.read_text().splitlines()}


def inside(lxc: Lxc, name: str, script: str) -> subprocess.CompletedProcess[str]:
    return lxc.run("lxc-attach", "-n", name, "--", "sh", "-c", script)


@pytest.mark.parametrize("version", BOTH)
def test_a_fork_bomb_gets_no_more_processes_than_there_may_be(lxc: Lxc, version: int) -> None:
    name = running(lxc, version, "pids.max = 40")
    bomb = "bomb() { sleep 1000 & bomb & bomb & wait; }; bomb"
    bombs = [lxc.spawn("lxc-attach", "-n", name, "--", "sh", "-c", bomb) for _ in range(3)]
    current, events = payload(name, version, "pids.current"), payload(name, version, "pids.events")
    seen = 0

    def has_met_the_limit() -> bool:
        nonlocal seen
        seen = max(seen, int(current.read_text()))
        return table(events)["max"] > 0

    until(has_met_the_limit, "the bombs meet the limit")
    assert max([seen, *(int(current.read_text()) for _ in range(500))]) <= 40
    lxc.ok("lxc-stop", "-n", name, "-k")
    for each in bombs:
        each.communicate(timeout=20)
    assert not current.exists()


@pytest.mark.parametrize("version", BOTH)
def test_an_allocator_is_killed_and_nothing_else_is(lxc: Lxc, version: int) -> None:
    limit = "memory.limit_in_bytes" if version == 1 else "memory.max"
    name = running(lxc, version, f"{limit} = 64M", *(["memory.swap.max = 0"] if version == 2 else []))
    done = inside(lxc, name, "dd if=/dev/zero of=/dev/null bs=300M count=1")
    assert done.returncode == 128 + 9
    if version == 1:
        assert int(payload(name, 1, "memory.max_usage_in_bytes").read_text()) <= 64 * MIB
        assert int(payload(name, 1, "memory.failcnt").read_text()) > 0
    else:
        assert table(payload(name, 2, "memory.events"))["oom_kill"] > 0
    assert inside(lxc, name, "dd if=/dev/zero of=/dev/null bs=8M count=1").returncode == 0
    assert lxc.state(name) == "RUNNING"


@pytest.mark.parametrize("version", BOTH)
def test_a_spinner_gets_its_share_of_a_processor(lxc: Lxc, version: int) -> None:
    """A fifth of one; what the machine does besides can make it less, never more."""
    limits = ["cpu.cfs_period_us = 100000", "cpu.cfs_quota_us = 20000"] if version == 1 else ["cpu.max = 20000 100000"]
    name = running(lxc, version, *limits)
    before, used_before_us, began = table(payload(name, version, "cpu.stat")), used_us(name, version), time.monotonic()
    inside(lxc, name, "for i in 1 2 3; do timeout 1 sh -c 'while :; do :; done' & done; wait")
    elapsed_us = (time.monotonic() - began) * 1e6
    assert table(payload(name, version, "cpu.stat"))["nr_throttled"] > before["nr_throttled"]
    assert used_us(name, version) - used_before_us <= elapsed_us * 0.2 + 500_000  # a period more for each processor


def used_us(name: str, version: int) -> int:
    """What a container has had of the processors."""
    if version == 1:
        return int(Path(f"/sys/fs/cgroup/cpuacct/lxc.payload.{name}/cpuacct.usage").read_text()) // 1000
    return table(payload(name, version, "cpu.stat"))["usage_usec"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    """A block device of 16 MiB."""
    image = tmp_path / "image"
    image.write_bytes(bytes(16 * MIB))
    device = subprocess.run(
        ["losetup", "--find", "--show", "--direct-io=off", image], capture_output=True, text=True, check=True
    ).stdout.strip()
    yield device
    until(
        lambda: subprocess.run(["losetup", "-d", device], check=False, capture_output=True).returncode == 0,
        "it is free",
    )


@pytest.mark.parametrize("version", BOTH)
def test_a_writer_is_held_to_its_rate(lxc: Lxc, disk: str, version: int) -> None:
    numbers = Path(f"/sys/block/{Path(disk).name}/dev").read_text().strip()
    rate = f"{numbers} {MIB}" if version == 1 else f"{numbers} wbps={MIB}"
    name = running(lxc, version, f"{'blkio.throttle.write_bps_device' if version == 1 else 'io.max'} = {rate}")
    lxc.ok("lxc-device", "-n", name, "--", "add", disk, "/dev/disk")
    began = time.monotonic()
    done = inside(lxc, name, "dd if=/dev/zero of=/dev/disk bs=256k count=12 oflag=direct")
    elapsed = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert elapsed >= 2  # three MiB at one each second, the first of which is free
    if version == 1:
        lines = payload(name, 1, "blkio.throttle.io_service_bytes").read_text().splitlines()
        assert f"{numbers} Write {3 * MIB}" in lines
    else:
        assert f"wbytes={3 * MIB}" in payload(name, 2, "io.stat").read_text()


@pytest.mark.parametrize("version", BOTH)
def test_nodes_of_all_devices_open_none_that_is_not_allowed(lxc: Lxc, version: int) -> None:
    name = running(lxc, version, "devices.deny = a", "devices.allow = c *:* m", "devices.allow = b *:* m",
                   "devices.allow = c 1:3 rwm")  # fmt: skip
    script = """
        opened=
        for kind in c b; do for major in 1 4 5 7 8 10 136 254; do for minor in $(seq 0 15); do
            mknod /tmp/node $kind $major $minor || echo "mknod $kind $major:$minor"
            (exec 3< /tmp/node) 2> /dev/null && opened="$opened $kind$major:$minor"
            (exec 3> /tmp/node) 2> /dev/null && opened="$opened $kind$major:$minor"
            rm /tmp/node
        done; done; done
        echo $opened
    """
    assert inside(lxc, name, script).stdout == "c1:3 c1:3\n"
