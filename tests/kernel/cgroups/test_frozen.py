"""Containers that have frozen themselves, or a part of themselves: nobody waits for them for ever."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import Lxc, until
from tests.kernel.runtime.test_killed_monitor import monitor_of
from tests.kernel.runtime.test_rest import rests
from tests.unified import UnifiedLxc

pytestmark = pytest.mark.root
MOUNTED = "lxc.mount.auto = cgroup:rw:force\n"
AWAKE = "lxc.hook.pre-start = /bin/true\n"
FREEZER = "/sys/fs/cgroup/freezer"
ITSELF = f"echo FROZEN > {FREEZER}/freezer.state"
A_PART = f"mkdir {FREEZER}/x && echo 1 > {FREEZER}/x/tasks && echo FROZEN > {FREEZER}/x/freezer.state"


@pytest.mark.hybrid
@pytest.mark.parametrize(("script", "part"), [(ITSELF, "."), (A_PART, "x")], ids=["itself", "a part"])
@pytest.mark.parametrize("is_awake", [True, False])
def test_what_has_frozen_itself_is_killed(lxc: Lxc, script: str, part: str, is_awake: bool) -> None:
    name = lxc.create()
    lxc.extend(name, MOUNTED + AWAKE * is_awake)
    lxc.start(name)
    if not is_awake:
        monitor = monitor_of(lxc.init_pid(name))
        until(lambda: rests(monitor), "its monitor rests")
    script = f"sleep 600 & {script}"
    inside = subprocess.Popen(lxc.command("lxc-attach", "-n", name, "--", "sh", "-c", script))
    state = Path(f"{FREEZER}/lxc.payload.{name}/{part}/freezer.state")
    try:
        # FREEZING it stays if somebody waits for a child that is about to execute (vfork(2)), and was frozen first
        until(lambda: state.exists() and state.read_text() in ("FROZEN\n", "FREEZING\n"), "it is frozen")
        lxc.ok("lxc-stop", "-n", name, "-k", timeout=15)
    finally:
        if state.exists():
            state.write_text("THAWED")
        inside.wait(15)


CALL = "import lxc, sys; sys.exit(lxc.Container(sys.argv[1], sys.argv[2]).attach_wait({}) != 0)"
ATTACHING = {
    "a command": ("lxc-attach", "-n", "{name}", "--", "true"),
    "the API": ("python3", "-c", CALL.format("lxc.attach_run_command, ['true']"), "{name}", "{path}"),
    "a function": ("python3", "-c", CALL.format("lambda _: 0, None"), "{name}", "{path}"),
}


@pytest.mark.parametrize("server", ["1", "0"], ids=["with a server", "without"])
@pytest.mark.parametrize("part", ["", "/.lxc"])
@pytest.mark.parametrize("how", ATTACHING)
def test_who_attaches_to_what_has_frozen_itself_does_not_wait(
    unified: UnifiedLxc, how: str, part: str, server: str
) -> None:
    name = unified.create()
    unified.start(name)
    payload = unified.cgroup(f"lxc.payload.{name}")
    (payload / ".lxc").mkdir()
    tool, *words = (word.format(name=name, path=unified.path) for word in ATTACHING[how])
    path = ("-P", str(unified.path)) if tool == "lxc-attach" else ()
    attach = unified.on_host("env", f"LXC_FORKSERVER={server}", "timeout", "15", str(unified.bin / tool), *path, *words)
    freeze = payload / part.strip("/") / "cgroup.freeze"
    freeze.write_text("1")
    try:
        done = subprocess.run(attach, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1, done.stderr
        assert (
            tool != "lxc-attach"
            or "control group is frozen, though not by lxc-freeze\n  lxc-freeze, and" in done.stderr
        )
        until(lambda: not (payload / ".lxc/cgroup.procs").read_text(), "nothing of it is left")
    finally:
        freeze.write_text("0")
    assert subprocess.run(attach, stdin=subprocess.DEVNULL, timeout=60).returncode == 0


@pytest.mark.hybrid
@pytest.mark.parametrize("server", ["1", "0"], ids=["with a server", "without"])
@pytest.mark.parametrize("more", [(), ("-u", "1")], ids=["shares memory", "a copy"])
def test_nor_does_the_freezer_of_version_1_hold_who_attaches(
    lxc: Lxc, box: str, more: tuple[str, ...], server: str
) -> None:
    lxc.start(box, "--", "/bin/busybox", "sleep", "1000")
    cgroup = Path(f"{FREEZER}/lxc.payload.{box}")
    before = (cgroup / "tasks").read_text()
    (cgroup / "freezer.state").write_text("FROZEN")  # as the container can, without our knowing of it
    attach = lxc.command("lxc-attach", "-n", box, *more, "--", "true")
    told = ["env", f"LXC_FORKSERVER={server}", "timeout", "1", *attach]
    try:
        assert subprocess.run(told, stdin=subprocess.DEVNULL, timeout=15, check=False).returncode == 124
    finally:
        (cgroup / "freezer.state").write_text("THAWED")
    until(lambda: (cgroup / "tasks").read_text() == before, "nothing of it is left")


def test_what_is_told_of_a_frozen_container_can_be_done(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    lxc.ok("lxc-freeze", "-n", box)
    said = lxc.run("lxc-attach", "-n", box, "--", "true").stderr
    assert "attach with -eCGROUP\n" in said
    lxc.ok("lxc-attach", "-n", box, "-eCGROUP", "--", "true")
