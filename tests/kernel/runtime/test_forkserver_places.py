"""The fork server of an ordinary user, and the one that systemd starts when somebody asks for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import BIN, Lxc, until
from tests.services.test_services import SERVICES

from lxc.runtime.forkserver import left as forkserver_left

pytestmark = pytest.mark.root

UID = 47111
# /run of one's own with a socket that is passed as sd_listen_fds(3) has it; what is asked there is printed.
ACTIVATED = """
mount -t tmpfs tmpfs /run && mkdir -m 755 /run/lxc && mkdir -m 700 /run/lxc/forkserver || exit 99
python3 -c '
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, int(sys.argv[2]))
listener.bind("/run/lxc/forkserver/socket")
listener.listen()
if os.fork() == 0:
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.execv(sys.argv[1], ["lxc-client", "--serve"])
' "$1" "$2" || exit 99
shift 2; "$@" && "$@" && ls /run/lxc/forkserver
"""


def processes(holder: str) -> list[int]:
    """The fork servers, and their workers, whose /proc/PID/ns/mnt or owner is `holder`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            is_one = entry.name.isdecimal() and (entry / "cmdline").read_bytes().startswith(b"[lxc fork server]")
            if is_one and holder in (os.readlink(entry / "ns/mnt"), str(entry.stat().st_uid)):
                found.append(int(entry.name))
        except OSError:  # it has ended
            continue
    return found


@pytest.fixture
def directory(lxc: Lxc) -> Iterator[Path]:
    """XDG_RUNTIME_DIR of user UID, whose processes are ended in the end."""
    it = lxc.path / "runtime"
    it.mkdir(mode=0o700)
    os.chown(it, UID, UID)
    yield it
    for pid in processes(str(UID)):
        with contextlib.suppress(ProcessLookupError):  # a worker ends with the server
            os.kill(pid, signal.SIGKILL)
    until(lambda: not processes(str(UID)), "the servers have ended")


AS_USER = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups")


def environment(directory: Path, wish: str) -> dict[str, str]:
    return {**os.environ, "XDG_RUNTIME_DIR": str(directory), "HOME": str(directory), "LXC_FORKSERVER": wish}


def as_user(lxc: Lxc, directory: Path, wish: str, *change: str) -> subprocess.CompletedProcess[str]:
    command = [*AS_USER, *change, *lxc.command("lxc-ls")]
    env = environment(directory, wish)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, cwd="/")


def test_an_ordinary_user_has_a_server_of_his_own(lxc: Lxc, box: str, directory: Path) -> None:
    lxc.config(box).parent.chmod(0o755)
    assert as_user(lxc, directory, "1").stdout == f"{box}\n"
    until(lambda: as_user(lxc, directory, "only").returncode == 0, "it has come up")
    assert as_user(lxc, directory, "only").stdout == f"{box}\n"
    for path in (directory / "lxc/forkserver", *(directory / "lxc/forkserver").iterdir()):
        assert (path.stat().st_uid, path.stat().st_mode & 0o077) == (UID, 0)
    for pid in processes(str(UID)):
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert (status["Uid"].split(), status["CapEff"]) == ([str(UID)] * 4, "0" * 16)


def test_a_server_lets_the_command_go_first_that_left_it_behind_but_not_for_ever(
    lxc: Lxc, box: str, directory: Path
) -> None:
    lxc.config(box).parent.chmod(0o755)
    waits = [*AS_USER, *lxc.command("lxc-wait", "-n", box, "-s", "RUNNING")]
    with subprocess.Popen(waits, env=environment(directory, "1"), cwd="/") as waiting:
        try:
            until(lambda: as_user(lxc, directory, "only").returncode == 0, "it has come up")
            assert waiting.poll() is None
        finally:
            waiting.kill()


def test_a_server_that_ends_leaves_no_file_and_the_next_comes_up(lxc: Lxc, box: str, directory: Path) -> None:
    """Also while one of its workers is still at work: nobody waits for that."""
    for _ in range(2):
        until(
            lambda: as_user(lxc, directory, "1") and as_user(lxc, directory, "only").returncode == 0, "it has come up"
        )
        assert len(list((directory / "lxc/forkserver").iterdir())) == 6
        oldest = min(processes(str(UID)), key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().split()[21]))
        os.kill(oldest, signal.SIGTERM)
        until(lambda: not list((directory / "lxc/forkserver").iterdir()), "its files are gone")


def test_what_a_killed_one_leaves_the_next_removes_and_nothing_else(lxc: Lxc, box: str, directory: Path) -> None:
    """Also if the next is found elsewhere; here by a look of our own, since it takes its time."""
    until(lambda: as_user(lxc, directory, "1") and as_user(lxc, directory, "only").returncode == 0, "it has come up")
    place = directory / "lxc/forkserver"
    living = {path.name for path in place.iterdir()}
    (lock,) = (place / name for name in living if name.endswith(".lock"))
    for name in ("0123456789abcdef", "0123456789abcdef.look", "0123456789abcdef.lock", "fedcba9876543210.lock"):
        (place / name).touch()
    (place / "another").touch()
    (place / "0000000000000000.lock").touch()  # before the clock was set back
    os.utime(place / "0000000000000000.lock", (1 << 32, 1 << 32))
    for path in (lock, place / "0123456789abcdef.lock"):  # what was begun just now stays
        os.utime(path, (0, 0))
    forkserver_left.remove(str(place))
    assert {path.name for path in place.iterdir()} == living | {"fedcba9876543210.lock", "another"}
    assert as_user(lxc, directory, "only").returncode == 0


def test_a_user_whose_directory_is_others_too_has_none(lxc: Lxc, directory: Path) -> None:
    (directory / "lxc").mkdir()
    (directory / "lxc/forkserver").mkdir()
    for path in (directory / "lxc", directory / "lxc/forkserver"):
        os.chown(path, UID, UID)
    (directory / "lxc/forkserver").chmod(0o777)
    assert as_user(lxc, directory, "1").returncode == 0
    assert processes(str(UID)) == []
    assert as_user(lxc, directory, "only").returncode == 1


def test_a_user_who_may_gain_less_is_not_served(lxc: Lxc, directory: Path) -> None:
    until(lambda: as_user(lxc, directory, "1") and as_user(lxc, directory, "only").returncode == 0, "it has come up")
    refused = as_user(lxc, directory, "only", "--no-new-privs", "--")
    assert (refused.returncode, "not served" in refused.stderr) == (1, True)


def test_the_socket_that_systemd_passes_is_served_and_stays(lxc: Lxc, box: str) -> None:
    client = (BIN / "lxc-info").read_text().splitlines()[0].removeprefix("#!")
    unit = (SERVICES / "systemd/lxc-forkserver.socket").read_text()
    passes = str(int("PassCredentials=yes" in unit))
    script = ["sh", "-c", ACTIVATED, "sh", client, passes, *lxc.command("lxc-ls", "-1")]
    holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "1000"])
    here = os.readlink("/proc/self/ns/mnt")
    until(lambda: os.readlink(f"/proc/{holder.pid}/ns/mnt") != here, "the namespace is there")
    try:
        there = os.readlink(f"/proc/{holder.pid}/ns/mnt")
        done = subprocess.run(
            ["nsenter", "--mount", f"--target={holder.pid}", *script],
            env={**os.environ, "LXC_FORKSERVER": "only"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, f"{box}\n{box}\nsocket\n"), done.stderr
        for pid in processes(there):
            with contextlib.suppress(ProcessLookupError):  # a worker ends with the server
                os.kill(pid, signal.SIGKILL)
        until(lambda: not processes(there), "the server has ended")
    finally:
        holder.kill()
        holder.wait()
