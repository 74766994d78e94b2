"""Where a container's processes are and what limits them, beside what Debian's LXC does with the same configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, until

pytestmark = [pytest.mark.parity, pytest.mark.root, pytest.mark.hybrid]

# Files of a cgroup that tell of its past or of its processes, not of its limits.
LIVE = ("usage", "current", "peak", "stat", "failcnt", "procs", "tasks", "events", "pressure", "io_service", "slabinfo",
        "event_control", "force_empty", "reset_stats", "memory_pressure", "cgroup.kill", "cgroup.threads")  # fmt: skip
LIMITS = [
    "pids.max = 55", "pids.max = max", "memory.limit_in_bytes = 200M", "memory.soft_limit_in_bytes = 100M",
    "memory.limit_in_bytes = 200M\nlxc.cgroup.memory.memsw.limit_in_bytes = 300M",
    "memory.memsw.limit_in_bytes = 300M\nlxc.cgroup.memory.limit_in_bytes = 200M", "memory.swappiness = 3",
    "memory.oom_control = 1", "cpu.shares = 100", "cpu.cfs_quota_us = 30000", "cpu.cfs_period_us = 50000",
    "cpu.cfs_period_us = 50000\nlxc.cgroup.cpu.cfs_quota_us = 10000", "cpuset.cpus = 0", "cpuset.cpus = 0-1",
    "cpuset.mems = 0", "cpuset.memory_migrate = 1", "cpuset.sched_load_balance = 0", "freezer.state = THAWED",
    "devices.deny = a", "devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm",
    "devices.deny = c 1:5 rwm", "devices.deny = a *:* rwm\nlxc.cgroup.devices.allow = b 7:* rm",
    "devices.deny = a\nlxc.cgroup.devices.allow = /dev/null rwm", "blkio.throttle.read_bps_device = 7:0 1048576",
    "blkio.throttle.write_iops_device = 7:0 100",
]  # fmt: skip
INNER = "lxc.cgroup.dir.monitor = TAG-m\nlxc.cgroup.dir.container = TAG-c\nlxc.cgroup.dir.container.inner = in\n"
PLACES = [
    "", "lxc.cgroup.dir = TAG/a\n", "lxc.cgroup.dir = TAG\n", "lxc.cgroup.relative = 1\n",
    "lxc.cgroup.dir.monitor = TAG-m\nlxc.cgroup.dir.container = TAG-c\n",
    "lxc.cgroup.dir.monitor = TAG/m\nlxc.cgroup.dir.container = TAG/c/d\n",
    INNER,
    f"{INNER}lxc.cgroup.cpuset.cpus = 0\nlxc.cgroup.cpuset.mems = 0\n",
    f"{INNER}lxc.include = /usr/share/lxc/config/common.conf\n",
    f"{INNER}lxc.cgroup.devices.deny = c 1:5 rwm\n",
    f"{INNER}lxc.include = /usr/share/lxc/config/common.conf\nlxc.cgroup.devices.allow = a\n",
    "lxc.cgroup2.pids.max = 5\nlxc.cgroup2.memory.max = 1M\n", "lxc.namespace.keep = cgroup user\n",
    "lxc.include = /usr/share/lxc/config/common.conf\n",
]  # fmt: skip
CASES = [*(f"lxc.cgroup.{limit}\n" for limit in LIMITS), *PLACES]
REFUSED = ["pids.max = x", "pids.nothing = 1", "nothing.max = 1", "cpuset.cpus = 4000", "memory.limit_in_bytes = lots",
           "devices.deny = garbage", "pids.current = 1", "cpu.cfs_quota_us = 1"]  # fmt: skip


def cgroups(pid: int | str) -> dict[str, str]:
    lines = (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    return {controllers: path for _, controllers, path in lines}


def values(pid: int) -> dict[str, str]:
    """What is in the files of the cgroups that a process is in, and of those above that are not the root."""
    found = {}
    for controllers, cgroup in cgroups(pid).items():
        mount = Path("/sys/fs/cgroup", controllers.removeprefix("name=") or "unified")
        directory = mount / cgroup.strip("/")
        while mount.is_dir() and directory != mount:
            for path in sorted(directory.iterdir()):
                if path.is_file() and path.stat().st_mode & 0o400 and not any(word in path.name for word in LIVE):
                    found[str(path)] = path.read_text()
            directory = directory.parent
    return found


def seen(lxc: Lxc, name: str, *, peer: bool) -> object:
    lxc.ok("lxc-start", "-n", name, peer=peer)
    try:
        pid = lxc.init_pid(name)
        monitor = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        inside = lxc.ok("lxc-attach", "-n", name, "-e", "--", "cat", "/proc/1/cgroup", peer=peer)
        return cgroups(pid), cgroups(monitor), values(pid), inside
    finally:
        lxc.ok("lxc-stop", "-n", name, "-k", peer=peer)


def remove(tag: str) -> None:
    """What Debian's leaves of the way to its cgroups."""
    for path in sorted(Path("/sys/fs/cgroup").glob(f"*/{tag}*/**/"), reverse=True):
        path.rmdir()


@pytest.mark.parametrize("text", CASES, ids=[text.strip().replace("\n", ";") or "nothing" for text in CASES])
def test_processes_are_where_debian_s_are_and_limited_alike(lxc: Lxc, text: str) -> None:
    tag = f"lx{lxc.tag}"
    name = lxc.create(config=CONFIG + text.replace("TAG", tag))
    try:
        theirs = seen(lxc, name, peer=True)
        remove(tag)
        assert seen(lxc, name, peer=False) == theirs
    finally:
        remove(tag)


@pytest.mark.parametrize("limit", REFUSED)
def test_what_debian_s_refuses_is_refused(lxc: Lxc, limit: str) -> None:
    name = lxc.create(config=f"{CONFIG}lxc.cgroup.{limit}\n")
    assert lxc.run("lxc-start", "-n", name).returncode == 1
    assert lxc.leftovers() == []
    assert lxc.run("lxc-start", "-n", name, peer=True).returncode == 1
    until(lambda: lxc.state(name) == "STOPPED", "its monitor has ended")
    for path in Path("/sys/fs/cgroup").glob(f"*/lxc.*.{name}"):  # it leaves them sometimes
        path.rmdir()
