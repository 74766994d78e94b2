"""Init shares the monitor's memory until it executes, where it does nothing that is not ours to do."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import Lxc, as_often, ignored, until

pytestmark = pytest.mark.root

_KCMP = """
import ctypes, glob, os
monitor = os.getppid()
children = [pid for file in glob.glob(f"/proc/{monitor}/task/*/children") for pid in open(file).read().split()]
init = next(int(pid) for pid in children if int(pid) != os.getpid())
"""
SHARES = (
    _KCMP + "print(ctypes.CDLL(None).syscall(312, monitor, init, 1, 0, 0) == 0, file=open(OUT, 'w'))"
)  # kcmp(2), KCMP_VM
KILL = _KCMP + "os.kill(init, 9)"


def hook(tmp_path: Path, text: str) -> str:
    """What to configure for `text` to be run on the host while init is about to execute."""
    script = tmp_path / "hook"
    script.write_text(f"#!{sys.executable}\nOUT = {str(tmp_path / 'out')!r}\n{text}\n")
    script.chmod(0o755)
    return f"lxc.hook.start-host={script}"


@pytest.mark.parametrize(
    ("more", "shares"), [((), True), (("-s", "lxc.hook.mount=/bin/true"), False)], ids=["plain", "hook"]
)
def test_memory_is_shared_unless_others_programs_run_on_the_way(
    lxc: Lxc, box: str, tmp_path: Path, more: tuple[str, ...], shares: bool
) -> None:
    if os.uname().machine != "x86_64":
        shares = False
    lxc.start(box, "-s", hook(tmp_path, SHARES), *more)
    assert (tmp_path / "out").read_text().strip() == str(shares)
    monitor = int(Path(f"/proc/{lxc.init_pid(box)}/stat").read_text().split()[3])
    assert len(os.listdir(f"/proc/{monitor}/task")) == 1 + shares


def test_the_container_has_nothing_of_the_monitors_any_more(lxc: Lxc, box: str) -> None:
    lxc.start(box, "-s", "lxc.init.cmd=/bin/sleep 1000")
    pid = lxc.init_pid(box)
    assert "python" not in Path(f"/proc/{pid}/maps").read_text()
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert int(status["SigBlk"], 16) == 0
    assert int(ignored(status["SigIgn"]), 16) == 0
    assert status["Threads"] == "1"


@pytest.mark.parametrize("server", ["1", "0"])
def test_init_killed_while_it_waits_is_a_start_that_failed(lxc: Lxc, box: str, tmp_path: Path, server: str) -> None:
    environment = os.environ | {"LXC_FORKSERVER": server}
    done = lxc.run("lxc-start", "-n", box, "-s", hook(tmp_path, KILL), env=environment)
    assert done.returncode == 1
    assert "the container's init ended before it was ready" in done.stderr
    until(lambda: not lxc.leftovers(), "nothing is left")
    lxc.start(box)


@pytest.mark.parametrize("attempt", range(as_often(12)))
def test_init_killed_at_any_time_ends_in_an_answer_and_hinders_no_start(lxc: Lxc, box: str, attempt: int) -> None:
    starting = lxc.spawn("lxc-start", "-n", box)
    while starting.poll() is None and not (first := inits(box)):
        pass
    time.sleep(random.random() * 0.005)
    for pid in first or inits(box)[:1]:  # the start may have been faster than we
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, told = starting.communicate(timeout=20)
    assert (starting.returncode == 0) == (not told), told
    until(lambda: lxc.state(box) == "STOPPED", "it has ended")
    lxc.start(box)
    lxc.ok("lxc-stop", "-n", box, "-k")
    until(lambda: not lxc.leftovers(), "nothing is left")


def inits(box: str) -> list[int]:
    """The processes in the container's unified cgroup."""
    for place in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        with suppress(OSError):
            return [int(pid) for pid in Path(f"{place}/lxc.payload.{box}/cgroup.procs").read_text().split()]
    return []


def test_a_small_address_space_is_enough(lxc: Lxc, box: str) -> None:
    """A thread has the stack that it needs, not what RLIMIT_STACK allows."""
    environment = os.environ | {"LXC_FORKSERVER": "0"}
    command = " ".join(lxc.command("lxc-execute", "-n", box, "--", "true"))
    done = subprocess.run(["sh", "-c", f"ulimit -s 1000000 -v 60000; exec {command}"], env=environment, check=False)
    assert done.returncode == 0
