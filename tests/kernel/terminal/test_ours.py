"""The user's own terminal is put back as it was, however a command ends."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

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


SHELLS = {"dash": ["dash", "-i"], "bash": ["bash", "--norc", "--noediting", "-i"]}


@pytest.fixture(params=["dash"])
def shell(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """One with job control, that leaves the terminal's settings to its jobs."""
    with Terminal(["env", "PS1=shell> ", "ENV=", *SHELLS[request.param]]) as user:
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


SERVERS = pytest.mark.parametrize("server", ["0", "1"], ids=["alone", "served"])


@SERVERS
@pytest.mark.parametrize(
    ("tool", "words", "seconds", "status"),
    [
        ("lxc-attach", ("--", "sh", "-c", "tty; exit 7"), 20, 7),
        ("lxc-attach", ("--", "sleep", "100"), 1, 124),
        ("lxc-execute", ("--", "sh", "-c", "echo said; exit 7"), 20, 7),
        ("lxc-console", ("-t", "0"), 1, 124),
        ("lxc-top", (), 1, 124),
    ],
)
def test_what_timeout_runs_does_not_wait_for_a_terminal_that_it_has_not(
    lxc: Lxc,
    box: str,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    tool: str,
    words: tuple[str, ...],
    seconds: int,
    status: int,
) -> None:
    monkeypatch.setenv("LXC_FORKSERVER", server)
    if tool != "lxc-execute":
        lxc.start(box)
    line = ["timeout", "-k", "5", str(seconds), *lxc.command(tool, *([] if tool == "lxc-top" else ["-n", box]), *words)]
    with Terminal(["sh", "-c", 'echo ready; read x; "$@"; echo status=$?', "sh", *line]) as user:
        user.read_until(b"ready")
        user.write(b"\rtyped ahead\r")
        assert f"status={status}".encode() in user.read_all()
        assert tool != "lxc-execute" or b"said\r" in user.seen
        assert user.settings() == user.settings_at_start


@pytest.mark.parametrize("shell", SHELLS, indirect=True)
def test_a_job_from_the_background_takes_keys_only_when_it_has_the_terminal(
    lxc: Lxc, box: str, shell: Terminal
) -> None:
    lxc.start(box)
    script = "echo begun; read x; echo got-$x; read y; echo end-$y"
    shell.write(" ".join(lxc.command("lxc-attach", "-n", box, "--", "sh", "-c", f"'{script}'", "&")).encode() + b"\r")
    shell.read_until(b"begun\r\r\n")  # it is not raw
    shell.write(b"echo mine-$((1+1))\r")
    shell.read_until(b"mine-2")
    shell.write(b"fg\r")
    until(lambda: shell.settings() != shell.settings_at_start and not shell.settings()[3] & termios.ISIG, "it is raw")
    shell.write(b"one\r")
    shell.read_until(b"got-one")
    shell.write(b"two\r")
    shell.read_until(b"end-two")
    until(lambda: shell.settings()[3] & termios.ISIG, "it is as before")
    shell.seen = b""
    shell.write(b"echo back-$((1+1))\r")
    shell.read_until(b"back-2")


@pytest.mark.parametrize("shell", SHELLS, indirect=True)
def test_a_container_started_from_the_background_leaves_terminal_and_keys_to_the_shell(
    lxc: Lxc, box: str, shell: Terminal
) -> None:
    script = "echo begun; while read x; do echo got-$x; done"
    line = lxc.command("lxc-start", "-n", box, "-F", "--", "sh", "-c", f"'{script}'", "&")
    shell.write(" ".join(line).encode() + b"\r")
    shell.read_until(b"begun\r\r\n")  # it is not raw
    shell.write(b"echo mine-$((1+1))\r")
    shell.read_until(b"mine-2")
    with Terminal(lxc.command("lxc-console", "-n", box, "-t", "0")) as other:
        other.read_until(b"Connected")
        other.write(b"two\r")
        other.read_until(b"got-two")
        other.write(b"\1q")
        other.read_all()
    shell.read_until(b"got-two")
    shell.write(b"kill -STOP %1; sleep 1\r")
    shell.read_until(b"Stopped")
    shell.write(b"fg\r")
    until(lambda: not shell.settings()[3] & termios.ISIG, "it is raw")
    shell.write(b"three\r")
    shell.read_until(b"got-three")
    lxc.ok("lxc-stop", "-n", box, "-k")
    shell.seen = b""
    shell.write(b"echo back-$((1+1))\r")
    shell.read_until(b"back-2")


@pytest.mark.parametrize("shell", SHELLS, indirect=True)
def test_a_container_from_the_background_has_the_keys_as_soon_as_it_has_the_terminal(
    lxc: Lxc, box: str, shell: Terminal
) -> None:
    """The shell does not tell it: it was not stopped."""
    script = "echo begun; while read x; do echo got-$x; done"
    line = lxc.command("lxc-start", "-n", box, "-F", "--", "sh", "-c", f"'{script}'", "&")
    shell.write(" ".join(line).encode() + b"\r")
    shell.read_until(b"begun\r\r\n")
    shell.write(b"fg\r")
    until(lambda: not shell.settings()[3] & termios.ISIG, "it is raw")
    shell.write(b"one\r")
    shell.read_until(b"got-one")
    lxc.ok("lxc-stop", "-n", box, "-k")


@SERVERS
@pytest.mark.parametrize("tool", ["lxc-start -F", "lxc-attach"])
@pytest.mark.parametrize("shell", ["bash"], indirect=True)
def test_a_job_that_something_else_stops_leaves_terminal_and_keys_to_the_shell(
    lxc: Lxc, box: str, shell: Terminal, monkeypatch: pytest.MonkeyPatch, server: str, tool: str
) -> None:
    """What serves it is not stopped with it."""
    if tool == "lxc-attach":
        lxc.start(box)
    script = "echo begun; while read x; do echo got-$x; done"
    line = lxc.command(*tool.split(), "-n", box, "--", "sh", "-c", f"'{script}'")
    shell.write(f"export LXC_FORKSERVER={server}; ".encode() + " ".join(line).encode() + b"\r")
    shell.read_until(b"begun")
    until(lambda: not shell.settings()[3] & termios.ISIG, "it is raw")
    for again in range(2):
        (job,) = Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text().split()
        os.kill(int(job), signal.SIGSTOP)
        shell.read_until(b"Stopped")
        for number in range(20):
            shell.write(f"echo mine-{again}-$(({number}+100))\r".encode())
            shell.read_until(f"mine-{again}-{number + 100}".encode())
        shell.seen = b""
        shell.write(b"fg\r")
        until(lambda: not shell.settings()[3] & termios.ISIG, "it is raw again")
        shell.write(b"first\r")
        shell.read_until(b"got-first")
        assert shell.seen.count(b"first") == 2  # the container echoes it, and nobody else
    lxc.ok("lxc-stop", "-n", box, "-k")
    shell.seen = b""
    shell.write(b"echo back-$((1+1))\r")
    shell.read_until(b"back-2")


@SERVERS
def test_it_is_as_before_if_the_monitor_that_has_it_is_killed(
    lxc: Lxc, box: str, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("LXC_FORKSERVER", server)
    line = lxc.command("lxc-start", "-n", box, "-F", "--", "sh", "-c", "echo begun; sleep 1000")
    with Terminal(["sh", "-c", '"$@"; echo ended', "sh", *line]) as user:
        user.read_until(b"begun")
        assert not user.settings()[3] & termios.ISIG
        os.kill(int(Path(f"/proc/{lxc.init_pid(box)}/status").read_text().partition("PPid:")[2].split()[0]), 9)
        user.read_until(b"ended")
        assert user.settings() == user.settings_at_start
    lxc.start(box)  # which removes what is left


@SERVERS
def test_who_attaches_is_told_that_the_terminal_has_hung_up(
    lxc: Lxc, box: str, monkeypatch: pytest.MonkeyPatch, server: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("LXC_FORKSERVER", server)
    lxc.start(box)
    line = lxc.command("lxc-attach", "-n", box, "--", "sh", "-c", "echo begun; sleep 1000")
    script = 'trap : HUP; "$@" 2>$0; echo $? >>$0'  # to whom the kernel tells it, and nobody else
    with Terminal(["bash", "-c", script, str(tmp_path / "said"), *line]) as user:
        user.read_until(b"begun")
        os.close(user.master)
        os.close(user._slave)
        user.master, user._slave = os.openpty()
        until((tmp_path / "said").read_text, "it has ended")
    assert (tmp_path / "said").read_text() == "129\n"
