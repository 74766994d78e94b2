"""The user's own terminal is put back as it was, however a command ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from tests.conftest import Lxc, until
from tests.kernel.runtime.terminal import Terminal

pytestmark = pytest.mark.root

COMMANDS = {"lxc-console -t 0": b"Connected to tty 0", "lxc-top": b"TOTAL 1 of 1", "lxc-attach": b"# "}
FATAL = {
    "lxc-console -t 0": {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGHUP: -1, signal.SIGQUIT: -3},
    "lxc-top": {signal.SIGTERM: -15, signal.SIGINT: 130, signal.SIGHUP: -1, signal.SIGQUIT: -3},
    "lxc-attach": {signal.SIGTERM: 143, signal.SIGHUP: 129},
}


def argv(lxc: Lxc, line: str, name: str) -> list[str]:
    tool, *words = line.split()
    return lxc.command(tool, *words, *(["-n", name] if tool != "lxc-top" else []))


@pytest.mark.parametrize(("line", "number"), [(line, number) for line in FATAL for number in FATAL[line]])
def test_it_is_as_before_after_any_signal(lxc: Lxc, box: str, line: str, number: int) -> None:
    lxc.start(box)
    with Terminal(argv(lxc, line, box)) as user:
        user.read_until(COMMANDS[line])
        until(lambda: user.settings() != user.settings_at_start, "the terminal is changed")
        os.kill(user.pid, number)
        user.read_all()
        assert user.settings() == user.settings_at_start
        ended = os.waitid(os.P_PID, user.pid, os.WEXITED | os.WNOWAIT)
        assert ended
        assert (ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status) == FATAL[line][number]


@pytest.fixture
def shell() -> Iterator[Terminal]:
    """One with job control, that leaves the terminal's settings to its jobs."""
    with Terminal(["env", "PS1=shell> ", "ENV=", "dash", "-i"]) as user:
        user.read_until(b"shell> ")
        yield user


def test_a_job_that_is_continued_takes_keys_again(lxc: Lxc, box: str, shell: Terminal) -> None:
    lxc.start(box)
    shell.write(" ".join(lxc.command("lxc-top", "-d", "1")).encode() + b"\r")
    shell.read_until(b"TOTAL 1 of 1")
    shell.write(b"\x1a")
    shell.read_until(b"Stopped")
    shell.write(b"stty sane\r")
    shell.seen = b""
    shell.write(b"fg\r")
    shell.read_until(b"TOTAL 1 of 1")
    shell.seen = b""
    shell.write(b"q")
    shell.read_until(b"shell> ")
