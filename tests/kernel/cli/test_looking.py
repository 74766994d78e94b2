"""lxc-ls, lxc-info, lxc-wait: what they tell of containers that run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root

MONITOR = """
import os, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + sys.argv[1] + "/command")
listener.listen(0 if sys.argv[2] == "full" else 9)
print("ready", flush=True)
while sys.argv[2] in ("full", "silent"):
    time.sleep(1000)
while True:
    connection, _ = listener.accept()
    number = int.from_bytes(connection.recv(16)[:4], sys.byteorder)
    answer = bytes(8) + (6 if number == 3 else 0).to_bytes(8, sys.byteorder)
    pidfd = [os.pidfd_open(int(sys.argv[3]))] if number in (3, 18) else []
    socket.send_fds(connection, [answer[:4] if sys.argv[2] == "short" else answer], pidfd)
    connection.close()
"""


@pytest.fixture
def running(lxc: Lxc, box: str) -> str:
    """The name of a container that runs, in two groups."""
    lxc.extend(box, "lxc.group = web,db\nlxc.group = onboot\nlxc.start.auto = 1\n")
    lxc.start(box)
    return box


def test_the_table_tells_what_the_monitor_and_the_kernel_say(lxc: Lxc, running: str) -> None:
    (row,) = json.loads(
        lxc.ok("lxc-ls", "--format", "json", "-F", "NAME,STATE,PID,RAM,SWAP,GROUPS,AUTOSTART,INTERFACE,IPV4")
    )
    assert row.pop("pid") == lxc.init_pid(running)
    assert row.pop("ram") > 100_000
    assert row.pop("swap") >= 0
    assert row == {
        "name": running,
        "state": "RUNNING",
        "groups": ["web", "db", "onboot"],
        "autostart": True,
        "interface": ["lo"],
        "ipv4": [],
    }


def test_states_choose(lxc: Lxc, running: str) -> None:
    def listed(*words: str) -> list[str]:
        return lxc.ok("lxc-ls", "-1", *words).split()

    stopped = lxc.create("idle")
    assert listed() == sorted([running, stopped])
    assert (listed("--running"), listed("--active"), listed("--stopped"), listed("--frozen")) == (
        [running],
        [running],
        [stopped],
        [],
    )
    lxc.ok("lxc-freeze", "-n", running)
    assert (listed("--running"), listed("--frozen"), listed("--stopped")) == ([running], [running], [stopped])
    assert lxc.state(running) == "FROZEN"
    lxc.ok("lxc-freeze", "-n", running)
    lxc.ok("lxc-unfreeze", "-n", running)
    lxc.ok("lxc-unfreeze", "-n", running)
    assert (listed("--frozen"), lxc.state(running)) == ([], "RUNNING")


def test_a_container_without_configuration_is_listed_while_it_runs(lxc: Lxc, running: str) -> None:
    lxc.config(running).rename(lxc.path / "aside")
    try:
        assert lxc.ok("lxc-ls", "-1").split() == [running]
        assert lxc.ok("lxc-ls", "-1", "--defined").split() == []
        assert lxc.ok("lxc-ls", "-f", "-F", "GROUPS").split() == ["GROUPS", "web,db,", "onboot"]
        assert lxc.state(running) == "RUNNING"
    finally:
        (lxc.path / "aside").rename(lxc.config(running))


def test_a_broken_configuration_does_not_hide_a_running_container(lxc: Lxc, running: str) -> None:
    before = lxc.config(running).read_text()
    lxc.config(running).write_text("lxc.nope = 1\n")
    assert lxc.state(running) == "RUNNING"
    assert lxc.ok("lxc-ls", "-f", "-F", "AUTOSTART").split() == ["AUTOSTART", "1"]
    lxc.config(running).write_text(before)


@pytest.mark.timeout(30)
def test_a_container_whose_configuration_is_a_pipe_holds_up_nobody(lxc: Lxc, box: str) -> None:
    trap = lxc.path / "trap"
    trap.mkdir()
    os.mkfifo(trap / "config")
    done = lxc.run("lxc-ls", "-f", "-F", "NAME,GROUPS")
    assert done.stdout.split() == ["NAME", "GROUPS", box, "-"]
    assert "trap/config: cannot read the configuration: it is a named pipe, and no regular file" in done.stderr
    for words in (["lxc-info", "trap"], ["lxc-start", "trap"], ["lxc-destroy", "trap"], ["lxc-start", box, "-s", f"lxc.mount.fstab={trap}/config"],
                  ["lxc-start", box, "-s", f"lxc.seccomp.profile={trap}/config"]):  # fmt: skip
        refused = lxc.run(*words)
        assert (refused.returncode, "it is a named pipe" in refused.stderr) == (1, True), refused
    lxc.ok("lxc-destroy", box)  # though it looks at all the others


def test_info_measures(lxc: Lxc, running: str) -> None:
    facts = json.loads(lxc.ok("lxc-info", "-n", running, "--format", "json"))
    assert (facts["name"], facts["state"], facts["pid"]) == (running, "RUNNING", lxc.init_pid(running))
    lxc.attach(running, "/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
    assert (
        json.loads(lxc.ok("lxc-info", "-n", running, "-S", "--format", "json"))["cpu_ns"] > facts["cpu_ns"] + 10_000_000
    )
    assert facts["memory_bytes"] > 0 < facts["kmem_bytes"]
    lxc.attach(running, "/bin/dd", "if=/dev/zero", "of=/dev/shm/file", "bs=1M", "count=8")

    def grown() -> bool:
        now = json.loads(lxc.ok("lxc-info", "-n", running, "-S", "--format", "json"))
        return bool(now["memory_bytes"] > facts["memory_bytes"] + 7 * 2**20)

    until(grown, "what is in its memory counts")


@pytest.mark.command("strace")
def test_one_connection_to_the_monitor_tells_all(lxc: Lxc, running: str, tmp_path: Path) -> None:
    """Its answers come with the state; a monitor of LXC's, which gives the state alone, is asked for each."""
    for tool, words in (("lxc-info", ("-n", running)), ("lxc-ls", ("-f",))):
        trace = tmp_path / tool
        command = ["strace", "-f", "-e", "trace=connect", "-o", str(trace), *lxc.command(tool, *words)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "LXC_FORKSERVER": "0"})
        assert trace.read_text().count(f'@"{lxc.path}/{running}/command') == 1


def test_waiting_ends_when_the_state_comes(lxc: Lxc, running: str) -> None:
    assert lxc.run("lxc-wait", "-n", running, "-s", "STOPPED", "-t", "0").returncode == 1
    assert lxc.run("lxc-wait", "-n", running, "-s", "FROZEN|RUNNING").returncode == 0
    waiting = lxc.spawn("lxc-wait", "-n", running, "-s", "STOPPED")
    lxc.ok("lxc-stop", "-n", running, "-k")
    assert waiting.wait(60) == 0
    assert lxc.run("lxc-wait", "-n", running, "-s", "STOPPED").returncode == 0


def test_waiting_for_a_container_to_start_ends(lxc: Lxc, box: str) -> None:
    waiting = lxc.spawn("lxc-wait", "-n", box, "-s", "RUNNING", "-t", "60")
    lxc.start(box)
    assert waiting.wait(60) == 0


@pytest.fixture
def nest(lxc: Lxc, running: str) -> Path:
    """The container path as `running` sees it, with the container `in` in it."""
    inside: Path = lxc.rootfs(running) / str(lxc.path).lstrip("/")
    (inside / "in").mkdir(parents=True)
    (inside / "in/config").write_text("lxc.group = x\n")
    return inside


def fake_monitor(lxc: Lxc, running: str, how: str) -> Iterator[None]:
    """Something in `running` that listens where the monitor of `in` would."""
    pid = str(lxc.init_pid(running))
    words = ["nsenter", "-t", pid, "-n", "/usr/bin/python3", "-c", MONITOR, f"{lxc.path}/in", how, pid]
    child = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert child.stdout
    assert child.stdout.readline() == b"ready\n"
    yield
    child.kill()
    child.communicate()


def nested(lxc: Lxc, *words: str) -> list[tuple[str, str]]:
    rows = json.loads(lxc.ok("lxc-ls", *words, "--format", "json", "-F", "NAME,STATE"))
    return [("/".join((*row["within"], row["name"])), row["state"]) for row in rows]


def test_containers_in_a_running_container_are_found(lxc: Lxc, running: str, nest: Path) -> None:
    assert nested(lxc, "--nesting") == [(running, "RUNNING"), (f"{running}/in", "STOPPED")]


def test_a_nested_monitor_tells_the_state_and_its_init(lxc: Lxc, running: str, nest: Path) -> None:
    """This one says that its init is the outer one: what is in it is what is in the outer one."""
    for _ in fake_monitor(lxc, running, "frozen"):
        assert nested(lxc, "--nesting=2") == [
            (running, "RUNNING"),
            (f"{running}/in", "FROZEN"),
            (f"{running}/in/in", "FROZEN"),
        ]
        assert nested(lxc, "--nesting=9")[-1][0] == running + 9 * "/in"


@pytest.mark.parametrize("how", ["silent", "full", "short"])
def test_a_nested_monitor_that_does_not_answer_holds_nobody_up(lxc: Lxc, running: str, nest: Path, how: str) -> None:
    for _ in fake_monitor(lxc, running, how):
        assert nested(lxc, "--nesting")[:2] == [(running, "RUNNING"), (f"{running}/in", "RUNNING")]


def test_a_container_in_the_hosts_network_has_no_claim_to_the_hosts_containers(
    lxc: Lxc, nest: Path, running: str
) -> None:
    """Its monitors' addresses could not be told from ours."""
    lxc.ok("lxc-stop", "-n", running, "-k")
    config = lxc.config(running)
    config.write_text(
        config.read_text()
        .replace("lxc.net.0.type = empty", "lxc.net.0.type = none")
        .replace("lxc.net.0.flags = up\n", "")
        + "lxc.init.cmd = /bin/sleep 100000\n"  # busybox's init would run udhcpc, and that flush the host's addresses
    )
    lxc.start(running)
    assert nested(lxc, "--nesting") == [(running, "RUNNING"), (f"{running}/in", "STOPPED")]


def test_looking_leaves_no_descriptor_in_the_container(lxc: Lxc, running: str, nest: Path) -> None:
    pid = lxc.init_pid(running)
    before = os.listdir(f"/proc/{pid}/fd")
    nested(lxc, "--nesting")
    assert os.listdir(f"/proc/{pid}/fd") == before
