"""A start that takes long: it is seen, nothing waits for it in vain, and it can be given up at any time."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from tests.conftest import PATIENCE, Lxc, until

pytestmark = pytest.mark.root

HOOKS = ["pre-start", "pre-mount", "mount", "autodev", "start-host", "stop", "post-stop"]  # of the host
SLEEP = f"sleep {10_000_000 + os.getpid()}"  # nobody else's
Slow = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def slow(lxc: Lxc, box: str, tmp_path: Path) -> Iterator[Slow]:
    """`slow(kind, *words)` starts the container with a hook that does not end; it is at it."""
    script, at = tmp_path / "hook", tmp_path / "at"
    script.write_text(f"#!/bin/sh\necho $$ >{at}\n{SLEEP} &\nwait\n")
    script.chmod(0o755)

    def begin(kind: str, *words: str, server: str = "1") -> "subprocess.Popen[str]":
        environment = os.environ | {"LXC_FORKSERVER": server}
        process = lxc.spawn("lxc-start", "-n", box, "-s", f"lxc.hook.{kind}={script}", *words, env=environment)
        if HOOKS.index(kind) < HOOKS.index("stop"):
            until(lambda: at.exists() and at.read_text().endswith("\n"), "the hook is at it")
        return process

    yield begin
    lxc.run("lxc-stop", "-n", box, "-k")
    until(lambda: not lxc.leftovers(), "nothing is left")
    assert not sleeping()


def sleeping() -> list[int]:
    """What hooks have begun."""
    words = SLEEP.encode().replace(b" ", b"\0") + b"\0"
    return [int(pid) for pid in os.listdir("/proc") if pid.isdecimal() and _command(pid) == words]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("server", ["1", "0"])
@pytest.mark.parametrize("kind", HOOKS[:5])
def test_it_is_seen_and_killed_at_once(lxc: Lxc, box: str, slow: Slow, kind: str, server: str) -> None:
    starting = slow(kind, server=server)
    assert lxc.state(box) == "STARTING"
    assert lxc.ok("lxc-stop", "-n", box, "-k") == ""
    assert lxc.state(box) == "STOPPED"
    _, said = starting.communicate(timeout=PATIENCE)
    assert (starting.returncode, "it was stopped while it was being started" in said) == (1, True)


def test_the_foreground_sees_it_too(lxc: Lxc, box: str, slow: Slow) -> None:
    starting = slow("pre-start", "-F")
    lxc.ok("lxc-stop", "-n", box, "-k")
    _, said = starting.communicate(timeout=PATIENCE)
    assert (starting.returncode, "it was stopped while it was being started" in said) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_its_monitor_gives_it_up(lxc: Lxc, box: str, slow: Slow, number: int) -> None:
    starting = slow("mount")
    title = f"[lxc monitor] {lxc.path} {box}".encode()
    first = min(int(pid) for pid in os.listdir("/proc") if pid.isdecimal() and _command(pid).rstrip(b"\0") == title)
    os.kill(first, number)
    _, said = starting.communicate(timeout=PATIENCE)
    assert starting.returncode
    assert f"interrupted by {signal.Signals(number).name}" in said


@pytest.mark.parametrize("kind", ["stop", "post-stop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_what_comes_after_the_end_ends_the_hook(
    lxc: Lxc, slow: Slow, tmp_path: Path, kind: str, number: int
) -> None:
    """And no more: what is to be undone is undone."""
    running = slow(kind, "-F", "--", "/bin/busybox", "true")
    until(lambda: (tmp_path / "at").exists(), "the hook is at it")
    running.send_signal(number)
    running.communicate(timeout=PATIENCE)
    assert lxc.leftovers() == []
    until(lambda: not sleeping(), "the hook has been ended")


SERVED = ["1"] if os.environ.get("LXC_TESTS_KILL_SERVER") != "1" else []  # surely
INTERRUPTIONS = [
    case
    for case in product([(), ("-F",)], ["1", "0"], [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL])
    if case[0] != ("-F",)
    or case[1] in SERVED
    or case[2] != signal.SIGKILL  # that is its monitor's end, which can end nothing any more
]


@pytest.mark.parametrize(("words", "server", "number"), INTERRUPTIONS)
def test_who_interrupts_it_gets_the_exit_status_for_that(
    slow: Slow, words: tuple[str, ...], server: str, number: int
) -> None:
    """As of any other program: a shell's loop ends with it.  And the hook, at once."""
    starting = slow("pre-start", *words, server=server)
    starting.send_signal(number)
    starting.communicate(timeout=PATIENCE)
    assert starting.returncode in (128 + number, -number)
    until(lambda: not sleeping(), "the hook has been ended")


@pytest.mark.parametrize(
    "line",
    [
        "lxc-attach -- true",
        "lxc-stop -t 1",
        "lxc-stop -r -t 1",
        "lxc-freeze",
        "lxc-console",
        "lxc-device add /dev/null",
    ],
)
def test_what_needs_an_init_is_refused_and_changes_nothing(lxc: Lxc, box: str, slow: Slow, line: str) -> None:
    slow("start-host")
    tool, *words = line.split()
    done = lxc.run(tool, "-n", box, *words)
    assert done.returncode != 0
    assert done.stderr.startswith(f"{tool}: ")
    assert lxc.state(box) == "STARTING"


def test_lists_show_it_with_what_there_is(lxc: Lxc, box: str, slow: Slow) -> None:
    slow("pre-start")
    listed = lxc.ok("lxc-ls", "-f", "-F", "NAME,STATE,PID,IPV4").splitlines()[1].split()
    assert listed == [box, "STARTING", "-", "-"]
    assert lxc.ok("lxc-info", "-n", box).splitlines() == [
        f"Name:           {box}",
        "State:          STARTING",
    ]


@pytest.mark.parametrize("kind", ["stop", "post-stop"])
def test_an_end_that_takes_long_is_seen_and_waited_for(lxc: Lxc, box: str, slow: Slow, kind: str) -> None:
    assert slow(kind, "-s", "lxc.init.cmd=/bin/sleep 1000").wait(PATIENCE) == 0
    os.kill(lxc.init_pid(box), signal.SIGKILL)
    until(lambda: lxc.state(box) == "STOPPING", "it ends")
    assert lxc.ok("lxc-ls", "-f", "-F", "NAME,STATE,PID,IPV4").splitlines()[1].split()[1:] == [
        "STOPPING",
        "-",
        "-",
    ]
    assert lxc.run("lxc-stop", "-n", box, "-t", "1", "--nokill").returncode == 1
    os.kill(*sleeping(), signal.SIGKILL)
    until(lambda: lxc.state(box) == "STOPPED", "it has ended")


@pytest.mark.hybrid
def test_it_is_killed_also_if_somebody_has_frozen_it_on_its_way(lxc: Lxc, box: str, slow: Slow) -> None:
    starting = slow("mount")
    state = Path(f"/sys/fs/cgroup/freezer/lxc.payload.{box}/freezer.state")
    state.write_text("FROZEN")
    try:
        lxc.ok("lxc-stop", "-n", box, "-k", timeout=PATIENCE)
    finally:
        if state.exists():
            state.write_text("THAWED")
    assert starting.wait(PATIENCE) == 1
