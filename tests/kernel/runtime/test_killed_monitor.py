"""What a killed monitor left goes with the container's next start, or with the container."""

import os
import signal

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root


def kill_monitor(lxc: Lxc, box: str) -> int:
    """Kill the monitor of a running container; the pid of its init, which goes with it."""
    pid = lxc.init_pid(box)
    with open(f"/proc/{pid}/stat") as file:
        monitor = int(file.read().split()[3])
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
