"""Clocks of a container's own: what it reads, in it and attached to it, with and without ids of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.conftest import CONFIG, MAPPED, PEER, Lxc

pytestmark = pytest.mark.root

HOUR = 3600


def started(lxc: Lxc, box: str, *settings: str, peer: bool = False) -> None:
    lxc.ok("lxc-start", "-n", box, *(word for setting in settings for word in ("-s", setting)), peer=peer)


def uptime(lxc: Lxc, box: str) -> float:
    return float(lxc.attach(box, "cat", "/proc/uptime").split()[0])


@pytest.mark.parametrize("ids", ["", MAPPED])
@pytest.mark.parametrize(
    ("offset", "seconds"), [("10h", 36000), ("5m", 300), ("-1s", -1), ("1500000000ns", 1.5), ("2500ms", 2.5)]
)
def test_the_boot_clock_is_shifted(lxc: Lxc, ids: str, offset: str, seconds: float) -> None:
    box = lxc.create("box", CONFIG + ids)
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    started(lxc, box, f"lxc.time.offset.boot = {offset}", f"lxc.time.offset.monotonic = {offset}")
    seen = uptime(lxc, box)
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before - 0.02 <= seen - seconds <= after + 0.02
    pid = lxc.init_pid(box)
    assert os.readlink(f"/proc/{pid}/ns/time") != os.readlink("/proc/self/ns/time")
    offsets = {
        line.split()[0]: line.split()[1:] for line in Path(f"/proc/{pid}/timens_offsets").read_text().splitlines()
    }
    assert offsets["boottime"] == offsets["monotonic"] == [str(int(seconds // 1)), str(round(seconds % 1 * 10**9))]


def test_without_offsets_time_is_the_hosts(lxc: Lxc, box: str) -> None:
    started(lxc, box)
    assert os.readlink(f"/proc/{lxc.init_pid(box)}/ns/time") == os.readlink("/proc/self/ns/time")


def test_a_time_namespace_may_be_asked_for_by_name(lxc: Lxc, box: str) -> None:
    started(lxc, box, "lxc.namespace.clone = mnt pid uts ipc net cgroup time")
    assert os.readlink(f"/proc/{lxc.init_pid(box)}/ns/time") != os.readlink("/proc/self/ns/time")


def test_hooks_are_told_of_it(lxc: Lxc, box: str) -> None:
    hook = f"lxc.hook.start-host = sh -c 'readlink $LXC_TIME_NS $LXC_CGROUP_NS >{lxc.path}/told'"
    started(lxc, box, "lxc.time.offset.boot = 1h", hook)
    pid = lxc.init_pid(box)
    assert (lxc.path / "told").read_text().split() == [
        os.readlink(f"/proc/{pid}/ns/{name}") for name in ("time", "cgroup")
    ]


def test_it_is_shared_with_another_container(lxc: Lxc, box: str) -> None:
    started(lxc, box, "lxc.time.offset.boot = 10h")
    other = lxc.create("other")
    started(lxc, other, f"lxc.namespace.share.time = {box}")
    first, second = (os.readlink(f"/proc/{lxc.init_pid(name)}/ns/time") for name in (box, other))
    assert first == second
    assert uptime(lxc, other) > 10 * HOUR


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["lxc.time.offset.boot = -9999h"], "the clock would be negative"),
        (
            ["lxc.time.offset.boot = 1s", "lxc.namespace.keep = time"],
            "only be shifted in a time namespace of the container's own",
        ),
        (["lxc.time.offset.boot = 1s", "lxc.namespace.clone = mnt pid"], "add it to lxc.namespace.clone"),
        (
            ["lxc.time.offset.boot = 1s", f"lxc.namespace.share.time = {os.getpid()}"],
            "another's time namespace cannot be shifted",
        ),
    ],
)
def test_what_cannot_be_is_refused(lxc: Lxc, box: str, settings: list[str], said: str) -> None:
    words = [word for setting in settings for word in ("-s", setting)]
    refused = lxc.run("lxc-start", "-n", box, *words)
    assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr


@pytest.mark.parity
def test_the_peer_shifts_it_by_as_much(lxc: Lxc, box: str) -> None:
    assert PEER.exists()
    seen = []
    for peer in (True, False):
        started(lxc, box, "lxc.time.offset.boot = 5h", "lxc.time.offset.monotonic = 70m", peer=peer)
        seen.append(Path(f"/proc/{lxc.init_pid(box)}/timens_offsets").read_text())
        lxc.ok("lxc-stop", "-n", box, "-k", peer=peer)
    assert seen[0] == seen[1]
