"""lxc-monitor and lxc-monitord: what is said of containers, to whom, and how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest
from tests.conftest import BIN, Lxc, until

from lxc.kernel import sockets
from lxc.runtime import commands
from lxc.runtime.monitord import address
from lxc.runtime.place import monitor_fifo

pytestmark = pytest.mark.root

Watch = Callable[..., subprocess.Popen[str]]


def ends(path: Path) -> int:
    """How many sockets lxc-monitord has there: one to listen, and one for each client."""
    return Path("/proc/net/unix").read_text(errors="replace").count(f"@{address(str(path)).decode()}\n")


def listens(path: Path) -> bool:
    return ends(path) > 0


@pytest.fixture
def watch(lxc: Lxc) -> Iterator[Watch]:
    """`watch(*words)` starts lxc-monitor and returns once it listens."""
    started: list[subprocess.Popen[str]] = []

    def watch(*words: str, tool: str = "") -> subprocess.Popen[str]:
        command = [tool or str(BIN / "lxc-monitor"), "-P", str(lxc.path), *words]
        before = max(ends(lxc.path), 1)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        until(lambda: ends(lxc.path) > before, "lxc-monitor is connected to lxc-monitord, which listens")
        return process

    yield watch
    for process in started:
        process.kill()
        process.communicate()
    lxc.run("lxc-monitor", "-Q")
    until(lambda: not listens(lxc.path), "lxc-monitord ends")


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


@pytest.mark.parity
@pytest.mark.parametrize("watcher", ["", "/usr/bin/lxc-monitor"])
@pytest.mark.parametrize(("theirs", "peer"), [(False, False), (False, True), (True, False)])
def test_it_is_shown_once_that_a_container_is_frozen_whose_ever_the_commands_are(
    lxc: Lxc, box: str, watch: Watch, watcher: str, theirs: bool, peer: bool
) -> None:
    """A container of `theirs` or ours, frozen by the `peer` or us.  Debian's say FROZEN and THAWED twice."""
    lxc.ok("lxc-start", "-n", box, peer=theirs)
    process = watch(tool=watcher)
    lxc.ok("lxc-freeze", "-n", box, peer=peer)
    lxc.ok("lxc-unfreeze", "-n", box, peer=peer)
    lxc.ok("lxc-stop", "-n", box, "-k")
    seen: list[str] = []
    while "STOPPING" not in seen:
        seen.append(lines(process, 1)[0].partition("[")[2].rstrip("]"))
    states = [state for state in seen if state not in ("0", "STOPPING", "STARTING")]
    assert list(dict.fromkeys(states)) in (
        ["FREEZING", "FROZEN", "THAWED", "RUNNING"],
        ["RUNNING", "FREEZING", "FROZEN", "THAWED"],
    )
    assert states.count("FREEZING") == 1
    assert peer or states[-4:] == ["FREEZING", "FROZEN", "THAWED", "RUNNING"]


def test_it_prints_each_state_and_the_exit_code(lxc: Lxc, box: str, watch: Watch) -> None:
    process = watch()
    lxc.start(box)
    assert lines(process, 2) == [f"'{box}' changed state to [{state}]" for state in ("STARTING", "RUNNING")]
    lxc.ok("lxc-freeze", "-n", box)
    lxc.ok("lxc-unfreeze", "-n", box)
    seen = lines(process, 4)
    assert f"'{box}' changed state to [FREEZING]" in seen
    assert f"'{box}' changed state to [FROZEN]" in seen
    lxc.ok("lxc-stop", "-n", box, "-k")
    rest = ""
    while "[STOPPED]" not in rest:
        rest += lines(process, 1)[0] + "\n"
    assert (
        f"'{box}' exited with status [0]\n'{box}' changed state to [STOPPING]\n'{box}' changed state to [STOPPED]\n"
        in rest
    )


def test_only_names_that_match_whole_are_printed_and_json_is_for_programs(lxc: Lxc, box: str, watch: Watch) -> None:
    some, none = watch("-n", f"x|{box[:-1]}.", "--format", "json"), watch("-n", box[:-1])
    lxc.start(box)
    first, second = (json.loads(line) for line in lines(some, 2))
    assert first == {"lxcpath": str(lxc.path), "name": box, "state": "STARTING", "exit_code": None}
    assert second["state"] == "RUNNING"
    lxc.ok("lxc-monitor", "-Q")
    assert none.communicate(timeout=20) == ("", f"lxc-monitor: {box[:-1]}: lxc-monitord of {lxc.path} has ended\n")
    assert none.returncode == 1


def test_what_is_no_message_does_not_displace_those_that_follow(lxc: Lxc, box: str, watch: Watch) -> None:
    process = watch()
    fifo = os.open(monitor_fifo(str(lxc.path)), os.O_RDWR | os.O_NONBLOCK)
    os.write(fifo, b"x" * 100)
    until(lambda: fcntl.ioctl(fifo, termios.FIONREAD, b"\1\0\0\0") == bytes(4), "it is read")
    os.close(fifo)
    lxc.start(box)
    assert lines(process, 1) == [f"'{box}' changed state to [STARTING]"]


def test_to_quit_without_one_is_an_error(lxc: Lxc) -> None:
    done = lxc.run("lxc-monitor", "-Q")
    assert (done.returncode, done.stderr) == (1, f"lxc-monitor: Unable to open monitor on path: {lxc.path}\n")


def test_what_is_no_expression_is_told(lxc: Lxc) -> None:
    done = lxc.run("lxc-monitor", "-n", "(")
    assert done.returncode == 1
    assert done.stderr.startswith("lxc-monitor: Failed to compile the regex '('\n")


def test_a_second_one_is_not_started(lxc: Lxc, watch: Watch) -> None:
    watch()
    done = subprocess.run([BIN / "lxc-monitord", "--daemon", lxc.path], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "another lxc-monitord reads it" in done.stderr
    assert listens(lxc.path)


@pytest.mark.parametrize(
    "words", [(), ("/p",), ("/p", "x"), ("/p", "1", "2"), ("--daemon", "/p", "1"), ("/p", "9" * 14), ("/p", "9" * 5000)]
)
def test_other_words_are_misuse(words: tuple[str, ...]) -> None:
    done = subprocess.run([BIN / "lxc-monitord", *words], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lxc-monitord: expected ")


def start(lxc: Lxc) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([BIN / "lxc-monitord", "--daemon", lxc.path], stdin=subprocess.DEVNULL)
    until(lambda: listens(lxc.path), "it listens")
    return process


def test_it_leaves_nothing_when_it_is_told_to_end(lxc: Lxc) -> None:
    process = start(lxc)
    assert Path(monitor_fifo(str(lxc.path))).is_fifo()
    process.send_signal(SIGTERM)
    assert process.wait(timeout=20) == 0
    assert not os.path.lexists(monitor_fifo(str(lxc.path)))
    assert not listens(lxc.path)


def test_what_a_killed_one_leaves_is_used_by_the_next(lxc: Lxc) -> None:
    process = start(lxc)
    process.send_signal(SIGKILL)
    process.wait()
    process = start(lxc)
    process.send_signal(SIGTERM)
    assert process.wait(timeout=20) == 0
    assert not os.path.lexists(monitor_fifo(str(lxc.path)))


def test_it_ends_by_itself_when_nobody_listens(lxc: Lxc) -> None:
    code = (
        "import sys; from lxc.runtime import monitord as m; m.IDLE = .3; m.Monitord(sys.argv[1]).serve(forever=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(lxc.path)])
    assert process.wait(timeout=20) == 0
    assert not os.path.lexists(monitor_fifo(str(lxc.path)))


def test_a_stranger_hears_nothing_and_who_does_not_read_is_dropped(lxc: Lxc) -> None:
    process = start(lxc)
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(b'\\0' + sys.argv[1].encode()); print(s.recv(1))"
    stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", code]
    heard = subprocess.run([*stranger, address(str(lxc.path)).decode()], capture_output=True, text=True, timeout=20)
    assert heard.stdout == "b''\n" or "ConnectionResetError" in heard.stderr
    deaf, reads = sockets.connect(address(str(lxc.path))), sockets.connect(address(str(lxc.path)))
    message = commands.state_message("web", commands.RUNNING)
    writer = os.open(monitor_fifo(str(lxc.path)), os.O_WRONLY)
    for _ in range(3000):
        os.write(writer, message)
        assert sockets.receive_exactly(reads, len(message))[0] == message
    os.close(writer)
    deaf.close()
    reads.close()
    process.send_signal(SIGTERM)
    assert process.wait(timeout=20) == 0


@pytest.mark.parity
@pytest.mark.parametrize("monitord", ["ours", "peer"])
def test_debians_lxc_monitor_and_ours_understand_each_others_monitord(
    lxc: Lxc, box: str, watch: Watch, monitord: str
) -> None:
    debians = "/usr/bin/lxc-monitor"
    tools = ("", debians) if monitord == "ours" else (debians, "")  # the first starts it
    one, other = (watch(tool=tool) for tool in tools)
    lxc.start(box)
    lxc.ok("lxc-stop", "-n", box, "-k")
    expected = [f"'{box}' changed state to [{state}]" for state in ("STARTING", "RUNNING")]
    expected += [f"'{box}' exited with status [0]"]
    expected += [f"'{box}' changed state to [{state}]" for state in ("STOPPING", "STOPPED")]
    assert lines(one, 5) == lines(other, 5) == expected
