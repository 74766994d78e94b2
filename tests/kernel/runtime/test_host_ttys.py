"""A container without a devpts of its own has the host's terminals; one that is started from a terminal never has that."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, until
from tests.kernel.runtime.terminal import Terminal

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


@pytest.mark.parametrize("pty_max", [0, 1024])
def test_without_a_console_the_starters_terminal_stays_outside_too(lxc: Lxc, pty_max: int) -> None:
    """Whoever is root in there could type into it, and would own it."""
    box = lxc.create(config=f"{CONFIG}lxc.console.path = none\nlxc.pty.max = {pty_max}\n")
    script = 'read x; echo "<$x>"; stat -L -c "%i on %d." /proc/self/fd/0 /proc/self/fd/2 >&2; test -e /dev/console || echo none'
    with Terminal(lxc.command("lxc-execute", "-n", box, "--", "/bin/busybox", "sh", "-c", script)) as user:
        before = os.fstat(user._slave)
        user.write(b"hello\r")
        said = user.read_all().decode()
        after = os.fstat(user._slave)
    assert "<hello>" in said
    assert said.count(" on ") == 2
    assert f"{before.st_ino} on {before.st_dev}." not in said
    assert "none" in said
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)


def test_without_a_console_what_is_no_terminal_is_kept(lxc: Lxc) -> None:
    box = lxc.create(config=f"{CONFIG}lxc.console.path = none\n")
    done = lxc.run("lxc-execute", "-n", box, "--", "/bin/busybox", "sh", "-c", "cat; echo said >&2", input="given")
    assert (done.stdout, done.stderr) == ("given", "said\n")


@pytest.mark.parametrize("mode", ["-d", "-F"])
def test_what_has_the_hosts_dev_null_cannot_change_it(lxc: Lxc, mode: str) -> None:
    box = lxc.create(config=f"{CONFIG}lxc.console.path = none\n")
    script = "for each in 0 1 2; do chmod 666 /proc/self/fd/$each || echo kept >>/result; done; echo >&1; head -c 1; touch /end"
    null = subprocess.DEVNULL
    command = lxc.command("lxc-start", mode, "-n", box, "--", "/bin/busybox", "sh", "-c", script)
    subprocess.run(command, stdin=null, stdout=null, stderr=null, timeout=60, check=True)
    until((lxc.rootfs(box) / "end").exists, "it has tried")
    assert (lxc.rootfs(box) / "result").read_text() == "kept\n" * 3
