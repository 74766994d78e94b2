"""Who is born in another cgroup survives it, however often cgroup.kill was written to that cgroup and to its maker's."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, PATIENCE, forked, until
from tests.unified import RealLxc, UnifiedLxc

from lxc.kernel import beside, birth, process
from lxc.kernel.fs import closing

pytestmark = pytest.mark.root

Host = UnifiedLxc | RealLxc
SERVERS = pytest.mark.parametrize("server", ["only", "0"], ids=["only", "without"])
KINDS = pytest.mark.parametrize(
    "more",
    ["", "lxc.hook.pre-start = /bin/true\n", "lxc.hook.mount = /bin/true\n", "lxc.hook.stop = /bin/true\n"],
    ids=["lodges", "has a process of its own", "forks init", "is taken down by another"],
)
API = """
import os, sys, lxc
it = lxc.Container(sys.argv[2], sys.argv[1])
pid = it.attach(lxc.attach_run_command, ["sh", "-c", "exit 7"])
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7, pid
assert open(f"/proc/self/task/{os.getpid()}/children").read() == "", "something is left"
"""


@pytest.fixture
def killed(unified: Host) -> Iterator[str]:
    """A cgroup that was killed twice, and has nobody in it in the end."""
    path = unified.cgroup(f"killed-{unified.tag}")
    path.mkdir()
    for _ in range(2):
        (path / "cgroup.kill").write_text("1")
    yield path.name
    until(lambda: not (path / "cgroup.procs").read_text(), "nobody is left in there")
    path.rmdir()


def ran(host: Host, server: str, place: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that was run in the cgroup `place` of the host, by a worker of the fork server if there is to be one."""
    script = f'echo 0 > /sys/fs/cgroup/{place}/cgroup.procs && exec "$@"'
    argv = ["sh", "-c", script, "sh", *words]
    return subprocess.run(
        host.on_host(*argv) if isinstance(host, UnifiedLxc) else argv,
        env=os.environ | {"LXC_FORKSERVER": server},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def tool(host: Host, name: str, *words: str) -> list[str]:
    return [str(host.bin / name), "-P", str(host.path), *words]


def have(host: Host, server: str) -> None:
    """A fork server, which who is not served leaves behind, in the cgroup that commands are run in."""
    only = os.environ | {"LXC_FORKSERVER": "only"}
    until(
        lambda: server == "0" or host.run("lxc-ls", env=only).returncode == 0 or host.run("lxc-ls").returncode,
        "there is a server",
    )


def place_of(host: Host) -> str:
    return "init.scope" if isinstance(host, UnifiedLxc) else host.base.name


@SERVERS
@KINDS
def test_a_container_that_has_killed_its_own_cgroup_is_attached_to(unified: Host, server: str, more: str) -> None:
    name = unified.create(config=CONFIG + more)
    have(unified, server)
    unified.start(name)
    inner = unified.cgroup(f"lxc.payload.{name}") / ".lxc"
    attach = tool(unified, "lxc-attach", "-n", name, "--")
    assert ran(unified, server, place_of(unified), *attach, "true").returncode == 0
    (inner / "cgroup.kill").write_text("1")
    for _ in range(2):
        done = ran(unified, server, place_of(unified), *attach, "sh", "-c", "cat /proc/self/cgroup; exit 7")
        assert (done.returncode, done.stderr) == (7, "")
        assert done.stdout.splitlines()[-1].endswith("/.lxc")
    done = ran(unified, server, place_of(unified), sys.executable, "-c", API, str(unified.path), name)
    assert (done.returncode, done.stderr) == (0, "")
    until(lambda: not (inner / "cgroup.procs").read_text(), "nobody is left in there")


def test_the_same_of_one_whose_memory_is_not_shared_with_who_attaches(unified: Host) -> None:
    name = unified.create()
    unified.start(name)
    attach = tool(unified, "lxc-attach", "-n", name, "-u", "1", "-g", "1", "--", "id", "-u")
    assert ran(unified, "0", place_of(unified), *attach).stdout == "1\n"
    (unified.cgroup(f"lxc.payload.{name}") / ".lxc" / "cgroup.kill").write_text("1")
    done = ran(unified, "0", place_of(unified), *attach)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@SERVERS
@KINDS
@pytest.mark.parametrize("rests", [0.0, 2.5], ids=["at once", "when it rests"])
def test_who_is_in_a_cgroup_that_was_killed_starts_attaches_and_stops(
    unified: Host, killed: str, server: str, more: str, rests: float
) -> None:
    name = unified.create(config=CONFIG + more)
    have(unified, server)
    done = ran(unified, server, killed, *tool(unified, "lxc-start", "-n", name))
    assert (done.returncode, done.stderr) == (0, "")
    assert unified.state(name) == "RUNNING"
    time.sleep(rests)
    for kind in ("monitor", "payload"):
        assert (unified.cgroup(f"lxc.{kind}.{name}") / "cgroup.procs").read_text()
    done = ran(unified, server, killed, *tool(unified, "lxc-attach", "-n", name, "--", "echo", "here"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")
    done = ran(unified, server, killed, *tool(unified, "lxc-stop", "-n", name, "-k"))
    assert (done.returncode, done.stderr) == (0, "")
    assert unified.state(name) == "STOPPED"
    for kind in ("monitor", "payload"):
        assert not unified.cgroup(f"lxc.{kind}.{name}").exists()


@SERVERS
@KINDS
def test_and_executes_and_starts_in_the_foreground(unified: Host, killed: str, server: str, more: str) -> None:
    name = unified.create(config=CONFIG + more)
    have(unified, server)
    for words, code in ((("lxc-execute",), 7), (("lxc-start", "-F"), 0)):
        done = ran(unified, server, killed, *tool(unified, *words, "-n", name, "--", "/bin/sh", "-c", "exit 7"))
        assert (done.returncode, done.stderr) == (code, "")


def test_and_has_autostart_start_many(unified: Host, killed: str) -> None:
    names = [unified.create(f"box{number}", CONFIG + "lxc.start.auto = 1\n") for number in range(3)]
    done = ran(unified, "0", killed, *tool(unified, "lxc-autostart"))
    assert (done.returncode, done.stderr) == (0, "")
    assert [unified.state(name) for name in names] == ["RUNNING"] * 3


# ---- the ways of being born -------------------------------------------------------------------------------------------


def in_a_place(function: Callable[[int], object], kills: int) -> object:
    """What `function` gives, in a child of ours, of a cgroup below its own that was killed so often."""
    base = Path("/sys/fs/cgroup/unified" if Path("/sys/fs/cgroup/unified").exists() else "/sys/fs/cgroup")
    path = base / f"test-birth-{os.getpid()}"
    path.mkdir()
    try:
        for _ in range(kills):
            (path / "cgroup.kill").write_text("1")
        with closing(os.open(path, os.O_RDONLY | os.O_DIRECTORY)) as cgroup:
            return forked(lambda: function(cgroup))
    finally:
        until(lambda: not (path / "cgroup.procs").read_text(), "nobody is left in there")
        path.rmdir()


def own_cgroup() -> str:
    return Path("/proc/self/cgroup").read_text().splitlines()[-1].rpartition("/")[2].partition("-")[0]


@pytest.mark.parametrize("kills", [0, 1, 3])
@pytest.mark.parametrize("flags", [0, process.CLONE_NEWPID | process.CLONE_NEWUSER], ids=["plain", "namespaces"])
def test_a_fork_is_there_before_it_does_anything(kills: int, flags: int) -> None:
    def function(cgroup: int) -> object:
        before = len(os.listdir("/proc/self/fd"))
        pid, pidfd = birth.clone3(flags, cgroup)
        if pid == 0:
            os._exit(7 if own_cgroup() == "test" else 1)
        os.close(pidfd)
        return (
            os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]),
            process.reap(),
            len(os.listdir("/proc/self/fd")) - before,
        )

    assert in_a_place(function, kills) == (7, False, 0)


@pytest.mark.parametrize("kills", [0, 2])
def test_one_that_ends_at_once_is_the_callers_to_reap(kills: int) -> None:
    def function(cgroup: int) -> object:
        codes = set()
        for _ in range(100):
            pid, pidfd = birth.clone3(0, cgroup)
            if pid == 0:
                os._exit(7)
            codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            os.close(pidfd)
        return tuple(codes)

    assert in_a_place(function, kills) == (7,)


@pytest.mark.parametrize("kills", [0, 2])
def test_a_sibling_leaves_no_dead_one_to_its_parent(kills: int) -> None:
    def function(cgroup: int) -> object:
        middle = os.fork()
        if middle == 0:
            pid, _ = birth.clone3(process.CLONE_PARENT, cgroup)
            if pid == 0:
                os._exit(7 if own_cgroup() == "test" else 1)
            os._exit(0)
        os.waitpid(middle, 0)
        code = os.waitstatus_to_exitcode(os.waitpid(-1, 0)[1])
        return code, process.reap()

    assert in_a_place(function, kills) == (7, False)


@pytest.mark.beside
@pytest.mark.parametrize("kills", [0, 1, 3])
def test_one_that_shares_our_memory_is_there_and_we_go_on(kills: int) -> None:
    def function(cgroup: int) -> object:
        seen = []

        def run() -> None:
            seen.append(own_cgroup())
            os._exit(7)

        before = len(os.listdir("/proc/self/fd"))
        reader, writer = os.pipe()
        pid, pidfd = beside.clone(0, cgroup, run, writer)  # type: ignore[arg-type]
        end = os.read(reader, 1)  # the writer is given, and so closed
        os.close(reader)
        os.close(pidfd)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        lost = beside.has_lost_a_child()
        return seen, end, code, lost, process.reap(), len(os.listdir("/proc/self/fd")) - before

    assert in_a_place(function, kills) == (["test"], b"", 7, False, False, 0)


@pytest.mark.parametrize("kills", [0, 1, 3])
def test_who_is_reborn_is_there_and_another(kills: int) -> None:
    def function(cgroup: int) -> object:
        reader, writer = os.pipe()
        first = os.fork()
        if first == 0:
            beside.be_reborn(cgroup)
            os.write(writer, repr((own_cgroup(), beside.first_pid() == os.getpid())).encode())
            os._exit(0)
        os.close(writer)
        ended = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        return os.read(reader, 100).decode(), ended

    assert in_a_place(function, kills) == (repr(("test", False)), -13)
