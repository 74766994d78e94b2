"""What a killed monitor left goes with the container's next start, or with the container."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root


def monitor_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().split()[3])


def kill_monitor(lxc: Lxc, box: str) -> int:
    """Kill the monitor of a running container; the pid of its init, which goes with it."""
    pid = lxc.init_pid(box)
    monitor = monitor_of(pid)
    os.kill(monitor, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{pid}"), "init is gone with its monitor")
    until(lambda: not os.path.exists(f"/proc/{monitor}"), "the monitor is gone")
    return pid


def test_destroying_removes_the_control_groups_too(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    kill_monitor(lxc, box)
    assert any("lxc.payload" in left for left in lxc.leftovers())
    lxc.ok("lxc-destroy", "-n", box)
    until(lambda: not lxc.leftovers(), "nothing is left")


def test_starting_takes_the_same_names_again(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    kill_monitor(lxc, box)
    lxc.start(box)
    assert not any(left.endswith("-1") for left in lxc.leftovers())
    lxc.ok("lxc-stop", "-n", box, "-k")


TRACE = """
import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
assert libc.ptrace(0x4206, int(sys.argv[1]), 0, 0) == 0  # PTRACE_SEIZE
print("traced", flush=True)
time.sleep(100)
"""


def test_one_that_is_being_traced_ends_all_the_same(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    monitor = monitor_of(lxc.init_pid(box))
    with subprocess.Popen([sys.executable, "-c", TRACE, str(monitor)], stdout=subprocess.PIPE, text=True) as tracer:
        assert tracer.stdout is not None
        assert tracer.stdout.readline() == "traced\n"
        try:
            lxc.ok("lxc-stop", "-n", box, "-k")
            assert not lxc.leftovers()
        finally:
            tracer.kill()
