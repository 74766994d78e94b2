"""Starts by a worker of the fork server that has each monitor in its memory until it rests, and does the next."""

import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.conftest import PATIENCE, Lxc, as_often, opened, until
from tests.kernel.runtime.test_beside import inits
from tests.kernel.runtime.test_forkserver import Server
from tests.kernel.runtime.test_forkserver import server as server  # a fixture
from tests.kernel.runtime.test_killed_monitor import monitor_of
from tests.kernel.runtime.test_rest import rests

pytestmark = pytest.mark.root

MANY = 1000  # mounts, for a start that takes a while


@pytest.fixture
def boxes(lxc: Lxc) -> list[str]:
    return [lxc.create(f"box{number}") for number in range(5)]


@pytest.fixture
def long(lxc: Lxc, boxes: list[str]) -> str:
    """One whose start takes long, without anybody else's program."""
    with lxc.config(boxes[0]).open("a") as file:
        for number in range(MANY):
            file.write(f"lxc.mount.entry = tmpfs mnt/{number} tmpfs create=dir 0 0\n")
    return boxes[0]


def begun(server: Server, name: str) -> "subprocess.Popen[str]":
    """A start of it that has come to making the container."""
    starting = server.spawn("lxc-start", "-n", name)
    until(lambda: inits(name) or starting.poll() is not None, "it is at it")
    assert starting.poll() is None
    return starting


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_one_worker_starts_one_after_the_other_and_each_monitor_rests_at_once(server: Server, boxes: list[str]) -> None:
    before = server.processes()
    monitors = []
    for box in boxes:
        done = server.run("lxc-start", "-n", box)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        monitors.append(monitor_of(server.lxc.init_pid(box)))
        until(lambda: rests(monitors[-1]), "the monitor rests", patience=1)
        until(server.is_at_rest, "the worker has come back")
    workers = {parent_of(monitor) for monitor in monitors}
    assert workers <= set(server.processes())
    assert len(workers) < len(boxes)
    assert set(before) <= set(server.processes())
    for monitor, box in zip(monitors, boxes, strict=True):
        until(
            lambda monitor=monitor: sum("socket:" in file for file in opened(monitor)) == 1,
            "it has only its own socket",
        )
        assert sum("signalfd" in file for file in opened(monitor)) == 1
        assert (os.getsid(monitor), os.readlink(f"/proc/{monitor}/cwd")) == (monitor, "/")
        assert server.lxc.attach(box, "hostname") == f"{box}\n"
        assert server.run("lxc-stop", "-n", box, "-k").returncode == 0
    until(lambda: not any(Path(f"/proc/{monitor}").exists() for monitor in monitors), "none is left to be reaped")
    for worker in workers:
        assert {os.readlink(f"/proc/{worker}/fd/{fd}") for fd in (0, 1, 2)} == {"/dev/null"}
        assert len(os.listdir(f"/proc/{worker}/fd")) == 6  # with its socket, the server's, and the signal of children


def test_the_container_and_its_monitor_outlive_the_worker(server: Server, boxes: list[str]) -> None:
    assert server.run("lxc-start", "-n", boxes[0]).returncode == 0
    monitor = monitor_of(server.lxc.init_pid(boxes[0]))
    os.kill(parent_of(monitor), signal.SIGKILL)
    until(lambda: parent_of(monitor) not in server.processes(), "it is another's child")
    assert server.lxc.attach(boxes[0], "hostname") == f"{boxes[0]}\n"
    assert server.run("lxc-start", "-n", boxes[1]).returncode == 0
    for box in boxes[:2]:
        assert server.run("lxc-stop", "-n", box, "-k").returncode == 0
    until(lambda: not server.lxc.leftovers(), "nothing is left")


def test_what_fails_is_told_leaves_nothing_and_the_worker_goes_on(server: Server, boxes: list[str]) -> None:
    before = server.processes()
    server.lxc.extend(boxes[0], "lxc.mount.entry = /nonexistent mnt none bind 0 0\n")
    directly = server.run("lxc-start", "-n", boxes[0], wish="0")
    for _ in range(3):
        failed = server.run("lxc-start", "-n", boxes[0])
        assert (failed.returncode, failed.stdout, failed.stderr) == (1, "", directly.stderr)
        assert "/nonexistent" in failed.stderr
        assert not server.lxc.leftovers()
    assert server.run("lxc-start", "-n", boxes[1]).returncode == 0
    assert server.run("lxc-start", "-n", boxes[1]).returncode == 0  # it runs already
    assert server.run("lxc-start", "-n", boxes[2], "--dry-run").returncode == 0
    until(server.is_at_rest, "the worker has come back")
    assert set(before) <= set(server.processes())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_who_is_ended_while_its_start_goes_on_has_it_undone(server: Server, long: str, number: int) -> None:
    starting = begun(server, long)
    starting.send_signal(number)
    assert starting.wait(PATIENCE) != 0
    until(lambda: not server.lxc.leftovers(), "it is undone")
    until(lambda: not server.workers(), "nobody is at it")


@pytest.mark.parametrize("words", [(), ("-F",), ("-L", "/dev/null")])  # the worker's lodger; the worker itself, twice
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_ended_while_its_cgroups_are_made_has_them_undone(
    server: Server, boxes: list[str], words: tuple[str, ...], number: int
) -> None:
    top = f"deep-{server.lxc.tag}"
    server.lxc.extend(boxes[0], f"lxc.cgroup.dir = {'/'.join([top, *'abcdefghij' * 15])}\n")  # that takes a while
    starting = server.spawn("lxc-start", "-n", boxes[0], *words)
    found = lambda: any(top in names for _, names, _ in os.walk("/sys/fs/cgroup"))  # noqa: E731  # others come and go
    until(lambda: found() or starting.poll() is not None, "it is at it")
    starting.send_signal(number)
    _, said = starting.communicate(timeout=PATIENCE)
    assert starting.returncode in (128 + number, -number), said
    until(lambda: not server.lxc.leftovers(), "it is undone")


@pytest.mark.parametrize("attempt", range(as_often(6)))
def test_a_worker_that_is_killed_amid_a_start_is_told_of_and_leaves_nothing_half_done(
    server: Server, long: str, attempt: int
) -> None:
    """Its monitor, which goes on, sees at the end that nobody waits; at the last moment, it may not."""
    starting = begun(server, long)
    time.sleep(random.random() * 0.03)
    workers = [pid for pid in server.workers() if Path(f"/proc/{pid}/task").stat().st_nlink > 3]  # not its monitor
    if starting.poll() is None and workers:
        os.kill(workers[0], signal.SIGKILL)
    _, told = starting.communicate(timeout=PATIENCE)
    assert starting.returncode in (0, -signal.SIGKILL)
    assert ("killed" in told) == (starting.returncode != 0)
    until(lambda: not server.lxc.leftovers() or server.lxc.state(long) == "RUNNING", "it is undone, or done")
    if server.lxc.state(long) == "RUNNING":
        assert server.lxc.attach(long, "hostname") == f"{long}\n"
        server.lxc.ok("lxc-stop", "-n", long, "-k")
    until(lambda: not server.lxc.leftovers(), "nothing is left")


def test_one_that_stays_in_the_foreground_uses_the_worker_up(server: Server, boxes: list[str]) -> None:
    """Also if monitors have been in its memory."""
    assert server.run("lxc-start", "-n", boxes[0]).returncode == 0
    staying = server.spawn("lxc-start", "-n", boxes[1], "-F")
    until(lambda: server.lxc.state(boxes[1]) == "RUNNING", "it runs")
    assert monitor_of(server.lxc.init_pid(boxes[1])) in server.workers()
    assert server.run("lxc-stop", "-n", boxes[1], "-k").returncode == 0
    staying.wait(PATIENCE)
    assert server.run("lxc-start", "-n", boxes[2]).returncode == 0
    assert server.lxc.attach(boxes[0], "hostname") == f"{boxes[0]}\n"


def test_a_trace_shows_the_monitor_beside_who_has_made_it(server: Server, boxes: list[str], tmp_path: Path) -> None:
    import json

    trace = tmp_path / "trace"
    assert server.run("lxc-start", "-n", boxes[0], "--trace", str(trace)).returncode == 0
    events = json.loads(trace.read_text())
    rows = {event["args"]["name"]: event["pid"] for event in events if event["name"] == "process_name"}
    assert set(rows) == {"lxc-start", f"monitor of {boxes[0]}", "init"}
    assert rows[f"monitor of {boxes[0]}"] == monitor_of(server.lxc.init_pid(boxes[0]))
    assert {event["name"] for event in events if event["pid"] == rows["lxc-start"]} >= {"make the monitor", "lxc-start"}


def test_a_monitor_that_cannot_rest_at_once_keeps_the_memory_and_another_worker_comes(
    server: Server, boxes: list[str]
) -> None:
    """Here because it may not write as much as it takes: the sheet."""
    command = " ".join(server.command("lxc-start", "-n", boxes[0]))
    for _ in range(2):
        options = server.options("only", {})
        subprocess.run(["bash", "-c", f"ulimit -Sf 1; exec {command}"], check=True, **options)  # type: ignore[call-overload]
        init = server.lxc.init_pid(boxes[0])
        monitor = monitor_of(init)
        time.sleep(0.1)
        assert not rests(monitor)
        assert monitor not in server.processes()  # by its title
        assert parent_of(monitor) not in server.processes()
        most = resource.prlimit(monitor, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(monitor, resource.RLIMIT_FSIZE, (most, most))
        until(lambda monitor=monitor: rests(monitor), "it rests later")
        assert server.lxc.init_pid(boxes[0]) == init
        assert server.lxc.attach(boxes[0], "hostname") == f"{boxes[0]}\n"
        assert server.run("lxc-start", "-n", boxes[1]).returncode == 0
        for box in boxes[:2]:
            assert server.run("lxc-stop", "-n", box, "-k").returncode == 0
