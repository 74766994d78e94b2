"""A container without a devpts of its own has the host's terminals."""

from pathlib import Path

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root


def test_without_pty_max_a_getty_runs_on_a_terminal_of_the_host(lxc: Lxc, box: str) -> None:
    lxc.start(box, "-s", "lxc.pty.max=0", "-s", "lxc.tty.max=2")
    until(lambda: "getty" in lxc.attach(box, "ps"), "the system has booted")
    numbers = lxc.attach(box, "stat", "-c", "%t", "/dev/tty1", "/dev/tty2").split()
    assert numbers == ["88", "88"]  # 136: UNIX98_PTY_SLAVE_MAJOR
    assert not list((Path("/proc") / str(lxc.init_pid(box)) / "root/dev/pts").iterdir())
    lxc.ok("lxc-stop", "-n", box, "-k")
    lxc.start(box, "-s", "lxc.pty.max=0", "-s", "lxc.tty.max=2", "-s", "lxc.tty.dir=lxc")
    assert lxc.attach(box, "readlink", "/dev/tty1").strip() == "lxc/tty1"
