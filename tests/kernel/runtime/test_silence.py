"""A container in which a file system is mounted that never answers: nobody outside waits for it for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import BIN, Lxc
from tests.silence import silence

pytestmark = [pytest.mark.root, pytest.mark.fuse]
BOUND = 30  # seconds that nothing here takes


@pytest.fixture
def web(lxc: Lxc) -> Iterator[str]:
    name = lxc.create("web")
    lxc.start(name)
    yield name
    lxc.ok("lxc-stop", "-n", name, "-k")


def ended(process: subprocess.Popen[str], seconds: float = BOUND) -> int:
    """Its exit status; it is killed if it does not end, as far as it can be."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def test_without_a_passwd_that_answers_the_shell_is_bin_sh(lxc: Lxc, web: str) -> None:
    with silence(lxc.init_pid(web), "/etc"):
        attached = lxc.spawn("lxc-attach", "-n", web, stdin=subprocess.PIPE)
        assert attached.stdin
        attached.stdin.write("echo $0\nexit 3\n")
        attached.stdin.close()
        assert ended(attached) == 3
        assert attached.stdout
        assert attached.stdout.read() == "/bin/sh\n"


@pytest.mark.parametrize("server", ["", "0"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_waits_for_passwd_is_ended_by_a_signal(lxc: Lxc, web: str, number: signal.Signals, server: str) -> None:
    environment = {**os.environ, **({"LXC_FORKSERVER": server} if server else {})}
    with silence(lxc.init_pid(web), "/etc"):
        attached = lxc.spawn("lxc-attach", "-n", web, env=environment)
        time.sleep(1)
        attached.send_signal(number)
        assert ended(attached, 5) == 128 + number


@pytest.mark.parametrize("server", ["", "0"])
@pytest.mark.parametrize(("program", "where"), [("/bin/true", "/usr/bin"), ("/usr/bin/true", "/")])
def test_who_waits_for_the_working_directory_or_the_program_is_ended_by_a_signal(
    lxc: Lxc, web: str, program: str, where: str, server: str
) -> None:
    """The process that joins, or the command, is in there already, and does not even die."""
    environment = {**os.environ, **({"LXC_FORKSERVER": server} if server else {})}
    with silence(lxc.init_pid(web), "/usr"):
        attached = lxc.spawn("lxc-attach", "-n", web, "--", program, cwd=where, env=environment)
        time.sleep(1)
        attached.send_signal(signal.SIGTERM)
        assert ended(attached, 5) in (128 + signal.SIGTERM, -signal.SIGTERM)


def test_a_device_node_is_not_waited_for_for_ever(lxc: Lxc, web: str) -> None:
    with silence(lxc.init_pid(web), "/mnt"):
        for action in ("add", "del"):
            done = lxc.run("lxc-device", "-n", web, "--", action, "/dev/null", "/mnt/below/null", timeout=BOUND)
            assert done.returncode == 1
            assert "does not answer" in done.stderr


def test_the_program_of_init_is_not_waited_for_for_ever(lxc: Lxc, web: str) -> None:
    """As lxc-checkpoint looks for it in the container's root, before CRIU is called."""
    criu = lxc.path / "bin/criu"
    criu.parent.mkdir()
    criu.write_text("#!/bin/sh\necho Version: 3.17.1\n")
    criu.chmod(0o755)
    lxc.extend(web, "lxc.tty.max = 0\nlxc.console.path = none\n")
    where = os.path.dirname(os.readlink(f"/proc/{lxc.init_pid(web)}/exe"))
    with silence(lxc.init_pid(web), where):
        environment = {**os.environ, "PATH": f"{criu.parent}:{os.environ['PATH']}"}
        asked = lxc.spawn("lxc-checkpoint", "-n", web, "-D", str(lxc.path / "dump"), "-s", env=environment)
        assert ended(asked) == 1
    assert asked.stderr
    assert "program of web" in (said := asked.stderr.read())
    assert "does not answer" in said


def test_a_mount_is_not_waited_for_for_ever(lxc: Lxc, web: str) -> None:
    act = f"import lxc, sys; sys.exit(lxc.Container({web!r}, {str(lxc.path)!r})"
    with silence(lxc.init_pid(web), "/mnt"):
        for call in ("mount('/tmp', '/mnt/below', '', 4096)", "umount('/mnt/below/it')"):
            done = subprocess.run([BIN / "python3", "-c", f"{act}.{call})"], timeout=BOUND, check=False)
            assert done.returncode == 0  # False


def test_the_containers_in_it_are_not_waited_for_for_ever(lxc: Lxc, web: str) -> None:
    root = lxc.rootfs(web) / str(lxc.path)[1:]
    root.mkdir(parents=True)
    with silence(lxc.init_pid(web), str(lxc.path)):
        assert lxc.ok("lxc-ls", "-1", "--nesting", timeout=BOUND).split() == [web]


KEEPER = """
import array, os, socket, struct, sys
file = os.open(sys.argv[2], os.O_RDONLY)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + sys.argv[1])
listener.listen(100)
print("listens", flush=True)
while True:
    client, _ = listener.accept()
    client.recv(8192)
    try:
        client.sendmsg([struct.pack("<iiq", 0, 0, 2)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file] * 20))])
    except OSError:
        pass
    client.close()
"""


@pytest.fixture
def kept(lxc: Lxc, tmp_path: Path) -> Iterator[str]:
    """A container of a user's, at whose monitor's address he listens, and hands over files of such a file system."""
    name, file = lxc.create("web"), tmp_path / "file"
    file.touch()
    os.chown(lxc.path, 65534, 65534)
    host = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE
    )
    assert host.stdout
    host.stdout.readline()
    words = [sys.executable, "-c", KEEPER, f"{lxc.path}/{name}/command", str(file)]
    with silence(host.pid, str(file), 0o100000):
        keeper = subprocess.Popen(
            ["nsenter", f"--mount=/proc/{host.pid}/ns/mnt", *words], stdout=subprocess.PIPE, text=True
        )
        assert keeper.stdout
        assert keeper.stdout.readline() == "listens\n"
        yield name
        keeper.kill()
    os.chown(lxc.path, 0, 0)
    for process in (keeper, host):  # who has such a file open ends when there is nobody left who could answer
        process.kill()
        process.communicate()


@pytest.mark.parametrize("server", ["", "0"])
@pytest.mark.parametrize("line", ["lxc-info -s", "lxc-ls -f", "lxc-console", "lxc-stop -k", "lxc-attach true"])
def test_what_a_users_monitor_hands_over_keeps_nobody(lxc: Lxc, kept: str, line: str, server: str) -> None:
    """Who closes a file of such a file system waits for it."""
    environment = {**os.environ, **({"LXC_FORKSERVER": server} if server else {})}
    tool, *words = line.split()
    ended(lxc.spawn(tool, *(() if tool == "lxc-ls" else ("-n", kept)), *words, env=environment))
