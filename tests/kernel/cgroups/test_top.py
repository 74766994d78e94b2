"""lxc-top on running containers, and beside Debian's."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root


class Screen:
    """A command on a terminal of its own, and what it has shown."""

    def __init__(self, argv: list[str]) -> None:
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        self.slave = slave
        self.text = ""

    def shown(self) -> str:
        try:
            self.text += os.read(self.master, 65536).decode().replace("\r", "")
        except (BlockingIOError, OSError):
            pass
        return self.text

    def last(self) -> list[str]:
        """The lines of the last whole screen, without attributes."""
        whole = [part for part in self.shown().split("\33[H\33[J")[1:] if "TOTAL" in part]
        text = whole[-1] if whole else ""
        for attribute in ("\33[7m", "\33[1m", "\33[0m"):
            text = text.replace(attribute, "")
        return text.rstrip("\n").split("\n")

    def end(self) -> int:
        os.write(self.master, b"q")
        status = self.process.wait(timeout=20)
        os.close(self.master)
        os.close(self.slave)
        return status


@pytest.fixture
def two(lxc: Lxc) -> list[str]:
    names = [lxc.create(name) for name in ("a", "b")]
    for name in names:
        lxc.start(name)
    return names


def rows(screen: Screen) -> list[str]:
    return [line.split()[0] for line in screen.last()[2:-1]]


def test_keys_choose_the_order_and_q_ends_it(lxc: Lxc, two: list[str]) -> None:
    shown = [name[:18] for name in two]
    screen = Screen(lxc.command("lxc-top", "-d", "0.2"))

    def is_so(expected: list[str]) -> Callable[[], bool]:
        return lambda: rows(screen) == expected

    until(is_so(shown), "both are shown")
    os.write(screen.master, b"r")
    until(is_so(shown[::-1]), "the other way round")
    os.write(screen.master, b"n")
    until(is_so(shown), "by name again")
    lxc.attach(two[1], "sh", "-c", "for i in $(seq 30000); do :; done")
    os.write(screen.master, b"c")
    until(is_so(shown[::-1]), "who has used most is first")
    assert screen.end() == 0


@pytest.mark.hybrid
@pytest.mark.parity
def test_it_shows_what_debian_s_shows(lxc: Lxc, two: list[str]) -> None:
    lxc.ok("lxc-freeze", "-n", two[0])
    lxc.ok("lxc-freeze", "-n", two[1])
    screens = [Screen(lxc.command("lxc-top", "-d", "1")), Screen(lxc.peer_command("lxc-top", "-d", "1"))]
    for screen in screens:
        until(lambda screen=screen: len(screen.last()) == 5, "both containers are shown")  # type: ignore[misc]
    until(lambda: screens[0].last() == screens[1].last(), "both show the same")
    assert [screen.end() for screen in screens] == [0, 0]


def test_batch_mode_prints_lines_for_programs(lxc: Lxc, two: list[str]) -> None:
    process = lxc.spawn("lxc-top", "-b", "-d", "0.2", "-s", "n", "-r")
    assert process.stdout
    lines = [process.stdout.readline().rstrip("\n").split(",") for _ in range(5)]
    process.kill()
    process.communicate()
    assert lines[0][:3] == ["time_ms", "container", "cpu_nanos"]
    assert [line[1] for line in lines[1:]] == two[::-1] * 2
    assert all(len(line) == 10 and int(line[2]) > 0 and int(line[7]) > 0 for line in lines[1:])


def test_json_is_a_line_for_each_look(lxc: Lxc, two: list[str]) -> None:
    process = lxc.spawn("lxc-top", "--format", "json", "-d", "0.2")
    assert process.stdout
    found = json.loads(process.stdout.readline())
    process.kill()
    process.communicate()
    assert [row["container"] for row in found] == two
    assert all(row["mem_used_bytes"] > 0 for row in found)


def test_without_a_terminal_it_says_so(lxc: Lxc) -> None:
    done = lxc.run("lxc-top")
    assert (done.returncode, done.stderr) == (
        1, "lxc-top: Failed to setup terminal: stdin is not a tty\n  -b prints for programs\n",
    )  # fmt: skip


def test_the_terminal_is_as_it_was_afterwards(lxc: Lxc, two: list[str]) -> None:
    del two
    screen = Screen(lxc.command("lxc-top"))
    until(lambda: not termios.tcgetattr(screen.slave)[3] & termios.ECHO, "keys are not shown")
    os.write(screen.master, b"q")
    screen.process.wait(timeout=20)
    both = termios.ECHO | termios.ICANON
    assert termios.tcgetattr(screen.slave)[3] & both == both


def test_statistics_of_lxc_info_are_the_kernel_s(unified: Lxc) -> None:
    """On every layout: without a controller there is no number, and no error."""
    name = unified.create()
    unified.start(name)
    done = unified.run("lxc-info", "-n", name, "-S", "-H")
    assert (done.returncode, done.stderr) == (0, "")
    cpu = next(int(line.split()[-1]) for line in done.stdout.splitlines() if line.startswith("CPU use:"))
    assert cpu > 0
