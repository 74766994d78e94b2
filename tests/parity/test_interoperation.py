"""Debian's commands on containers that ours started, and ours on those that Debian's started."""

from collections.abc import Callable

import pytest
from tests.conftest import Lxc

pytestmark = [pytest.mark.root, pytest.mark.parity]

Commands = Callable[..., str]


@pytest.fixture(params=["theirs on ours", "ours on theirs"])
def sides(request: pytest.FixtureRequest, lxc: Lxc, box: str) -> tuple[Commands, Commands]:
    """(what starts, what is used then): one is Debian's."""
    theirs_start = request.param == "ours on theirs"
    return (
        lambda tool, *words, **more: lxc.ok(tool, *words, peer=theirs_start, **more),
        lambda tool, *words, **more: lxc.ok(tool, *words, peer=not theirs_start, **more),
    )


def test_a_running_container_is_seen_entered_frozen_and_stopped(box: str, sides: tuple[Commands, Commands]) -> None:
    starts, uses = sides
    starts("lxc-start", "-n", box)
    assert uses("lxc-info", "-n", box, "-s", "-H") == "RUNNING\n"
    assert uses("lxc-info", "-n", box, "-p", "-H") == starts("lxc-info", "-n", box, "-p", "-H")
    assert uses("lxc-ls", "-1", "--running").split() == [box]
    assert uses("lxc-attach", "-n", box, "--", "hostname") == f"{box}\n"
    assert uses("lxc-attach", "-n", box, "--", "sh", "-c", "cat; echo $container", input="in\n") == "in\nlxc\n"
    placed = uses("lxc-attach", "-n", box, "--", "cat", "/proc/self/cgroup").splitlines()
    assert {line.split(":", 2)[2] for line in placed} <= {"/", "/.lxc"}
    uses("lxc-freeze", "-n", box)
    assert starts("lxc-info", "-n", box, "-s", "-H") == "FROZEN\n"
    uses("lxc-unfreeze", "-n", box)
    uses("lxc-wait", "-n", box, "-s", "RUNNING", "-t", "10")
    uses("lxc-stop", "-n", box, "-k")
    assert starts("lxc-info", "-n", box, "-s", "-H") == "STOPPED\n"


def test_an_exit_status_comes_back(lxc: Lxc, box: str) -> None:
    for theirs_start in (False, True):
        lxc.ok("lxc-start", "-n", box, peer=theirs_start)
        done = lxc.run("lxc-attach", "-n", box, "--", "sh", "-c", "exit 7", peer=not theirs_start)
        assert done.returncode == 7
        lxc.ok("lxc-stop", "-n", box, "-k", peer=not theirs_start)


def test_it_is_rebooted_and_waited_for(box: str, sides: tuple[Commands, Commands]) -> None:
    starts, uses = sides
    starts("lxc-start", "-n", box)
    before = uses("lxc-info", "-n", box, "-p", "-H")
    uses("lxc-stop", "-n", box, "-r", "-t", "30")
    uses("lxc-wait", "-n", box, "-s", "RUNNING", "-t", "20")
    assert uses("lxc-info", "-n", box, "-p", "-H") != before
    uses("lxc-stop", "-n", box, "-t", "30")


def test_a_tty_is_connected_by_the_others_console(lxc: Lxc, box: str) -> None:
    import os
    import pty
    import subprocess
    import time

    for theirs_start in (False, True):
        lxc.ok("lxc-start", "-n", box, peer=theirs_start)
        argv = lxc.command("lxc-console", "-n", box, "-t", "1")
        argv[0] = argv[0] if theirs_start else "/usr/bin/lxc-console"
        master, slave = pty.openpty()
        process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        seen, end = b"", time.monotonic() + 20
        while b"login:" not in seen and time.monotonic() < end:
            os.write(master, b"\n")
            time.sleep(0.2)
            seen += os.read(master, 65536)
        os.write(master, b"\x01q")
        assert b"Connected to tty 1" in seen
        assert b"login:" in seen
        assert process.wait(20) == 0
        os.close(master)
        lxc.ok("lxc-stop", "-n", box, "-k", peer=theirs_start)
