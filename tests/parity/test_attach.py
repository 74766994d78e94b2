"""lxc-attach, ours and Debian's, on one container: the same command has the same view and the same end."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc
from tests.kernel.runtime.terminal import Terminal

pytestmark = [pytest.mark.parity, pytest.mark.root]

CONFIG = "lxc.pty.max = 20\nlxc.environment = FROM_CONFIG=yes\nlxc.cap.drop = sys_time\n"
ENVIRONMENT = {"HOME": "/root", "PATH": "/bin:/usr/bin", "TERM": "dumb", "MINE": "kept"}
STATUS = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs)' /proc/self/status"


@pytest.fixture(scope="module", params=[False, True], ids=["our start", "their start"])
def started(request: pytest.FixtureRequest) -> Iterator[tuple[Lxc, str]]:
    """A running container."""
    path = Path(tempfile.mkdtemp(prefix="lx", dir="/tmp"))
    path.chmod(0o755)
    lxc = Lxc(path)
    name = lxc.create()
    lxc.extend(name, CONFIG)
    lxc.ok("lxc-start", "-n", name, "--", "/bin/busybox", "sleep", "1000", peer=request.param)
    yield lxc, name
    lxc.ok("lxc-stop", "-n", name, "-k")
    shutil.rmtree(path)


def both(started: tuple[Lxc, str], *words: str, **options: object) -> tuple[tuple[int, str], tuple[int, str]]:
    """(exit status, output) of ours and of theirs."""
    lxc, name = started
    results = []
    for peer in (False, True):
        done = lxc.run("lxc-attach", "-n", name, *words, peer=peer, **options)
        results.append((done.returncode, done.stdout))
    return results[0], results[1]


@pytest.mark.parametrize(
    "words",
    [
        ("--", "sh", "-c", "exit 7"),
        ("--", "sh", "-c", "kill -9 $$"),
        ("--", "no-such-command"),
        ("--", "/etc/passwd"),
        ("--", "sh", "-c", STATUS),
        ("-u", "1000", "-g", "1001", "--", "sh", "-c", STATUS),
        ("-e", "--", "sh", "-c", STATUS),
        ("-eCAP", "--", "sh", "-c", STATUS),
        ("-eCGROUP|LSM", "--", "sh", "-c", STATUS),
        ("--", "cat", "/proc/self/cgroup"),
        ("-eCGROUP", "--", "cat", "/proc/self/cgroup"),
        ("-s", "NETWORK", "--", "cat", "/proc/self/cgroup"),
        ("-s", "NETWORK|UTSNAME", "--", "readlink", "/proc/self/ns/net", "/proc/self/ns/uts", "/proc/self/ns/mnt"),
        ("-s", "pid|NETWORK", "-R", "--", "sh", "-c", "cat /proc/1/cmdline; ls /sys/class/net"),
        ("--", "sh", "-c", "pwd"),
        ("-a", "i686", "--", "uname", "-m"),
        ("-v", "A=1", "-v", "A=2", "-v", "junk", "--", "sh", "-c", "env | sort"),
        ("--clear-env", "--keep-var", "MINE", "--keep-var", "NOPE", "--", "sh", "-c", "env | sort"),
        ("--", "sh", "-c", "cat; echo $0 $1", "one", "two"),
        ("-s", "NONSENSE", "--", "true"),
        ("-eNONSENSE", "--", "true"),
        ("-a", "nonsense", "--", "true"),
        ("-e", "-c", "label", "--", "true"),
    ],
    ids=" ".join,
)
def test_a_command_is_and_ends_the_same(started: tuple[Lxc, str], words: tuple[str, ...]) -> None:
    ours, theirs = both(started, *words, input="in\n", cwd="/etc", env=ENVIRONMENT)
    assert ours == theirs


def test_the_shell_is_the_same(started: tuple[Lxc, str]) -> None:
    ours, theirs = both(started, input="echo $0; readlink /proc/$$/exe; exit 5\n", env=ENVIRONMENT)
    assert ours == theirs
    assert ours[0] == 5


@pytest.mark.parametrize("redirected", ["", "</dev/null", "| cat", "2>/dev/null", "</dev/null | cat"])
def test_on_a_terminal_the_streams_are_the_same_kinds(started: tuple[Lxc, str], redirected: str) -> None:
    lxc, name = started
    script = "for n in 0 1 2; do test -t $n && echo $n $(readlink /proc/$$/fd/$n); done; : </dev/tty && echo own"
    seen = []
    for tool in (lxc.bin / "lxc-attach", "/usr/bin/lxc-attach"):
        command = f"{tool} -P {lxc.path} -n {name} -- sh -c '{script}' {redirected}; echo exit $?"
        with Terminal(["sh", "-c", command]) as user:
            said = user.read_all().decode()
        seen.append([re.sub(r"pts/\d+", "pts/N", line) for line in said.split("\n") if "/dev/tty" not in line])
    assert seen[0] == seen[1]


def test_a_stopped_container_is_refused_by_both(started: tuple[Lxc, str]) -> None:
    lxc, _ = started
    for peer in (False, True):
        done = lxc.run("lxc-attach", "-n", f"nobody-{os.getpid()}", "--", "true", peer=peer)
        assert (done.returncode, done.stdout) == (1, "")
