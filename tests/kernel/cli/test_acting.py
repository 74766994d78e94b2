"""lxc-stop and lxc-console on containers that run."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from tests.conftest import PATIENCE, Lxc, until

pytestmark = pytest.mark.root
DEAF = "#!/bin/sh\ntrap '' USR1 TERM\nwhile :; do sleep 1; done\n"
OBEDIENT = "#!/bin/sh\ntrap 'exit 0' USR1\nwhile :; do sleep 0.1; done\n"
TALKATIVE = "#!/bin/sh\nwhile :; do setsid -c cat </dev/tty1 >/dev/tty1 2>&1; sleep 0.1; done\n"


@pytest.fixture
def start(lxc: Lxc, box: str) -> Iterator[object]:
    """Starts `box` with a script as its init, and waits until that is ready for signals."""

    def with_init(script: str) -> str:
        file = lxc.rootfs(box) / "sbin/test-init"
        file.write_text(script.replace("while", "touch /ready; while"))
        file.chmod(0o755)
        (lxc.rootfs(box) / "ready").unlink(missing_ok=True)
        lxc.start(box, "--", "/sbin/test-init")
        until((lxc.rootfs(box) / "ready").exists, "its init is ready")
        return box

    return with_init  # type: ignore[return-value]


def test_an_init_that_obeys_is_shut_down(lxc: Lxc, start) -> None:
    name = start(OBEDIENT)
    assert lxc.run("lxc-stop", "-n", name, "--nokill").returncode == 0
    assert lxc.state(name) == "STOPPED"


def test_an_init_that_does_not_is_killed_when_the_time_is_up(lxc: Lxc, start) -> None:
    name = start(DEAF)
    done = lxc.run("lxc-stop", "-n", name, "-t", "1", "--nokill")
    assert (done.returncode, done.stderr) == (1, f"lxc-stop: {name}: {name} did not stop within 1 s\n")
    assert lxc.state(name) == "RUNNING"
    assert lxc.run("lxc-stop", "-n", name, "-t", "1").returncode == 0
    assert lxc.state(name) == "STOPPED"


def test_nobody_waits_who_does_not_want_to(lxc: Lxc, start) -> None:
    name = start(DEAF)
    assert lxc.run("lxc-stop", "-n", name, "-W").returncode == 0
    assert lxc.run("lxc-stop", "-n", name, "-rW").returncode == 0
    assert lxc.state(name) == "RUNNING"
    assert lxc.run("lxc-stop", "-n", name, "-k").returncode == 0
    assert lxc.run("lxc-stop", "-n", name, "-k").returncode == 2


def test_a_frozen_container_can_be_killed(lxc: Lxc, start) -> None:
    name = start(DEAF)
    lxc.ok("lxc-freeze", "-n", name)
    assert lxc.run("lxc-stop", "-n", name, "-k").returncode == 0


def test_the_configured_signal_is_sent(lxc: Lxc, box: str, start) -> None:
    config = lxc.config(box)
    config.write_text("".join(line for line in config.read_text().splitlines(True) if "signal.halt" not in line))
    with config.open("a") as file:
        file.write("lxc.signal.halt = SIGTERM\n")
    name = start(OBEDIENT.replace("USR1", "TERM"))
    assert lxc.run("lxc-stop", "-n", name, "--nokill").returncode == 0


def test_a_reboot_keeps_the_container(lxc: Lxc, start) -> None:
    name = start("#!/bin/sh\ntrap 'reboot -f' TERM INT\nwhile :; do sleep 0.1; done\n")
    before = lxc.init_pid(name)
    assert lxc.run("lxc-stop", "-n", name, "-r", "-t", "60").returncode == 0
    assert lxc.state(name) == "RUNNING"
    assert lxc.init_pid(name) != before


def test_a_container_that_ends_when_it_is_to_reboot_is_said_to_have_stopped(lxc: Lxc, start) -> None:
    name = start(OBEDIENT.replace("USR1", "TERM INT"))
    done = lxc.run("lxc-stop", "-n", name, "-r", "-t", "60")
    assert (done.returncode, done.stderr) == (
        1,
        f"lxc-stop: {name}: {name} has stopped instead of rebooting\n  lxc-start starts it\n",
    )
    assert lxc.state(name) == "STOPPED"


class User:
    """Somebody at a terminal who runs lxc-console."""

    def __init__(self, lxc: Lxc, *words: str) -> None:
        self.terminal, end = pty.openpty()
        argv = lxc.command("lxc-console", *words)
        self.process = subprocess.Popen(argv, stdin=end, stdout=end, stderr=end, start_new_session=True)
        os.close(end)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def sees(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], deadline - time.monotonic())
            assert ready, f"waited for {text!r}, saw {self.seen!r}"
            self.seen += os.read(self.terminal, 4096).decode()

    def leaves(self) -> int:
        code = self.process.wait(PATIENCE)
        os.close(self.terminal)
        return code


def test_a_console_says_what_it_is_connected_to_and_how_to_leave(lxc: Lxc, start) -> None:
    user = User(lxc, "-n", start(TALKATIVE), "-t", "1")
    user.sees(
        "\r\nConnected to tty 1\r\nType <Ctrl+a q> to exit the console, <Ctrl+a Ctrl+a> to enter Ctrl+a itself\r\n"
    )
    user.type("hello\r")
    user.sees("hello\r\r\nhello\r\r\n")  # both terminals make \\n a line's end
    user.type("\x01q")
    assert user.leaves() == 0


def test_the_key_to_leave_can_be_chosen(lxc: Lxc, start) -> None:
    user = User(lxc, "-n", start(TALKATIVE), "-t", "1", "-e", "^B")
    user.sees("<Ctrl+b q>")
    user.type("x\x02q")
    assert user.leaves() == 0


def test_a_tty_is_for_one_and_free_again_afterwards(lxc: Lxc, start) -> None:
    name = start(TALKATIVE)
    user = User(lxc, "-n", name, "-t", "1")
    user.sees("Connected to tty 1")
    other = lxc.run("lxc-console", "-n", name, "-t", "1")
    assert other.returncode == 1
    assert "Denied access to tty" in other.stderr
    user.process.send_signal(signal.SIGTERM)
    assert user.leaves() == 0
    again = User(lxc, "-n", name, "-t", "1")
    again.sees("Connected to tty 1")
    again.type("\x01q")
    assert again.leaves() == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "{name} has no tty, or none is free"),
        (("-t", "0"), "{name} has no console, or it is in use"),
        (("-t", "1"), "tty 1 of {name} is in use or does not exist"),
    ],
)
def test_a_terminal_that_a_container_has_not_is_not_said_to_be_in_use(
    lxc: Lxc, box: str, words: tuple[str, ...], why: str
) -> None:
    lxc.start(box, "-s", "lxc.console.path=none", "-s", "lxc.tty.max=0")
    done = lxc.run("lxc-console", "-n", box, *words)
    expected = f"lxc-console: {box}: Denied access to tty: {why.format(name=box)}\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_a_console_ends_with_its_container(lxc: Lxc, start) -> None:
    name = start(TALKATIVE)
    user = User(lxc, "-n", name, "-t", "1")
    user.sees("Connected to tty 1")
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert user.leaves() == 0


def test_there_is_no_console_of_a_stopped_container(lxc: Lxc, box: str) -> None:
    done = lxc.run("lxc-console", "-n", box)
    assert (done.returncode, done.stderr) == (1, f"lxc-console: {box}: {box} is not running\n")
