"""--trace: what it says of a run is what happened, with the fork server and without it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Lxc, opened, until
from tests.kernel.runtime.test_killed_monitor import monitor_of

pytestmark = pytest.mark.root

SERVED = pytest.mark.parametrize("served", ["0", "only"])


def environment(served: str) -> dict[str, str]:
    return {**os.environ, "LXC_FORKSERVER": served}


@pytest.fixture
def box(lxc: Lxc) -> str:
    """A container, and a server, which the first command leaves behind for the next."""
    name = lxc.create()
    words = "lxc-start", "-n", name, "--dry-run"
    until(
        lambda: lxc.ok(*words, env=environment("1")) and not lxc.run(*words, env=environment("only")).returncode,
        "it serves",
    )
    return name


class Trace:
    """What was written: the phases of each process, in the order in which they began."""

    def __init__(self, path: Path) -> None:
        events: list[dict[str, Any]] = json.loads(path.read_text())
        names = {each["pid"]: each["args"]["name"].split()[0] for each in events if each["ph"] == "M"}
        self.pids = {name: pid for pid, name in names.items()}
        self.events = sorted((each for each in events if each["ph"] == "X"), key=lambda each: each["ts"])

    def phases(self, process: str) -> list[str]:
        return [each["name"] for each in self.events if each["pid"] == self.pids[process]]

    def span(self, process: str, *phases: str) -> tuple[int, int]:
        """From the beginning of the first of `phases` to the end of the last, in microseconds."""
        chosen = [
            each
            for each in self.events
            if each["pid"] == self.pids[process] and each["name"] in (phases or self.phases(process))
        ]
        return chosen[0]["ts"], max(each["ts"] + each["dur"] for each in chosen)


def mounted(init: int) -> list[str]:
    """The targets of a container's mounts below its root, oldest first: numbers of mounts are used again, their order is not."""
    return [line.split()[4].strip("/") for line in Path(f"/proc/{init}/mountinfo").read_text().splitlines()]


@SERVED
def test_a_start_is_told_by_starter_monitor_and_init(lxc: Lxc, box: str, served: str) -> None:
    path = lxc.path / "trace"
    lxc.ok("lxc-start", "-n", box, "--trace", str(path), env=environment(served))
    trace, init = Trace(path), lxc.init_pid(box)
    status = Path(f"/proc/{init}/status").read_text()
    assert trace.pids.keys() == {"lxc-start", "monitor", "init"}
    assert trace.pids["init"] == init
    assert trace.pids["monitor"] == int(re.findall(r"PPid:\s+(\d+)", status)[0])
    began, _ = trace.span("lxc-start", "claim the command socket, make the cgroups")
    whole = next(each for each in trace.events if each["name"] == "lxc-start")
    monitor = trace.span("monitor", "make init", "wait until its program runs")
    inside = trace.span("init")
    ended = whole["ts"] + whole["dur"]
    assert whole["ts"] < began < monitor[0] < inside[0] < inside[1] < monitor[1] < ended


@SERVED
def test_phases_of_init_are_in_the_order_of_what_they_made(lxc: Lxc, box: str, served: str) -> None:
    path = lxc.path / "trace"
    lxc.ok("lxc-start", "-n", box, "--trace", str(path), env=environment(served))
    told = [phase.split()[-1] for phase in Trace(path).phases("init") if re.match("mount .* (dev|proc|sys)", phase)]
    there = [target for target in mounted(lxc.init_pid(box)) if target in told]
    assert len(there) > 5
    assert there == [target for target in told if target in there]


@SERVED
def test_the_monitor_of_a_container_that_runs_has_let_go_of_the_trace(lxc: Lxc, box: str, served: str) -> None:
    path = lxc.path / "trace"
    lxc.ok("lxc-start", "-n", box, "--trace", str(path), env=environment(served))
    written = path.read_text()
    monitor = monitor_of(lxc.init_pid(box))
    assert monitor in Trace(path).pids.values()
    assert str(path) not in opened(monitor)
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert path.read_text() == written


@SERVED
def test_a_command_that_is_executed_is_told_to_its_end(lxc: Lxc, box: str, served: str) -> None:
    path = lxc.path / "trace"
    lxc.ok("lxc-execute", "-n", box, "--trace", str(path), "--", "true", env=environment(served))
    trace = Trace(path)
    assert trace.phases("monitor")[-1] == "take it down"
    assert trace.span("monitor", "serve it")[0] >= trace.span("init")[1]


@SERVED
def test_an_attached_process_is_told_and_has_no_way_to_the_trace(lxc: Lxc, box: str, served: str) -> None:
    lxc.start(box)
    path = lxc.path / "trace"
    shown = lxc.ok(
        "lxc-attach", "-n", box, "--trace", str(path), "--", "ls", "-l", "/proc/self/fd", env=environment(served)
    )
    assert "trace" not in shown
    assert f"join the namespaces of {box}" in Trace(path).phases("attached")


def test_a_start_that_fails_is_told_up_to_the_step_that_failed(lxc: Lxc) -> None:
    name = lxc.create(config="lxc.net.0.type = empty\nlxc.mount.entry = /nowhere mnt none bind 0 0\n")
    path = lxc.path / "trace"
    assert lxc.run("lxc-start", "-n", name, "--trace", str(path)).returncode == 1
    assert Trace(path).phases("init")[-1] == "mount --bind /nowhere mnt"


def test_a_trace_that_cannot_be_written_is_said_before_anything_is_done(lxc: Lxc, box: str) -> None:
    done = lxc.run("lxc-start", "-n", box, "--trace", f"{lxc.path}/nowhere/trace")
    assert (done.returncode, done.stderr) == (
        1,
        f"lxc-start: {box}: cannot write the trace {lxc.path}/nowhere/trace: No such file or directory\n",
    )
    assert lxc.state(box) == "STOPPED"


@pytest.mark.parametrize("tool", ["lxc-info", "lxc-freeze", "lxc-unfreeze", "lxc-stop -k"])
def test_other_commands_tell_what_they_ask_the_monitor(lxc: Lxc, box: str, tool: str) -> None:
    lxc.start(box)
    path = lxc.path / "trace"
    command, *words = tool.split()
    lxc.ok(command, "-n", box, *words, "--trace", str(path))
    assert any(phase.isupper() for phase in Trace(path).phases(command))


@SERVED
def test_of_those_that_are_started_together_each_has_rows_of_its_own(lxc: Lxc, box: str, served: str) -> None:
    lxc.extend(box, "lxc.start.auto = 1\n")
    lxc.ok("lxc-autostart", "--trace", str(lxc.path / "t"), env=environment(served))
    trace = Trace(lxc.path / "t")
    assert {"lxc-autostart", "start", "monitor", "init"} <= set(trace.pids)
    assert "decide" in trace.phases("start")
    assert "make init" in trace.phases("monitor")
    assert "decide" not in trace.phases("lxc-autostart")
