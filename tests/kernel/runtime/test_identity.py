"""Who and what the container's first process is: its program, user, limits, environment; and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Lxc, status, until

from lxc.kernel import process

pytestmark = pytest.mark.root


def inside(lxc: Lxc, box: str, *settings: str, show: str, more: tuple[str, ...] = ()) -> str:
    words = [word for setting in settings for word in ("-s", setting)]
    return lxc.ok("lxc-execute", "-n", box, *words, *more, "--", "sh", "-c", show)


def started(lxc: Lxc, box: str, *settings: str) -> int:
    """Start it; the pid of its init."""
    lxc.start(box, *(word for setting in settings for word in ("-s", setting)))
    return lxc.init_pid(box)


def ended(lxc: Lxc, box: str, pid: int) -> None:
    until(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} has ended")
    until(lambda: lxc.state(box) == "STOPPED", f"{box} has stopped")


@pytest.mark.parametrize(
    ("value", "machine", "persona"), [("i686", "i686", "00000008"), ("amd64", "x86_64", "00000000")]
)
def test_the_architecture_is_what_programs_are_told(lxc: Lxc, box: str, value: str, machine: str, persona: str) -> None:
    pid = started(lxc, box, f"lxc.arch={value}")
    assert Path(f"/proc/{pid}/personality").read_text().strip() == persona
    assert lxc.attach(box, "uname", "-m").strip() == machine
    assert lxc.ok("lxc-attach", "-n", box, "-a", "x86", "--", "uname", "-m").strip() == "i686"


def test_without_it_the_personality_is_the_starters(lxc: Lxc, box: str) -> None:
    machine = os.uname().machine
    argv = ["setarch", "linux32", *lxc.command("lxc-start", "-n", box)]
    assert os.spawnvp(os.P_WAIT, argv[0], argv) == 0
    assert Path(f"/proc/{lxc.init_pid(box)}/personality").read_text().strip() == "00000008"
    assert lxc.attach(box, "uname", "-m").strip() == machine


def test_start_hooks_have_the_personality(lxc: Lxc, box: str) -> None:
    started(lxc, box, "lxc.arch=i686", "lxc.hook.start=uname -m > /seen #")
    assert (lxc.rootfs(box) / "seen").read_text() == "i686\n"


def test_cores_are_shared_with_no_others_or_the_start_says_why_not(lxc: Lxc, box: str) -> None:
    try:
        process.core_cookie(os.getpid())
    except OSError as error:
        if error.errno == 22:  # a kernel without core scheduling
            done = lxc.run("lxc-start", "-n", box, "-s", "lxc.sched.core=1")
            assert done.returncode == 1
            assert "cannot prctl PR_SCHED_CORE_CREATE INIT: Invalid argument" in done.stderr
            assert "this kernel has no core scheduling (CONFIG_SCHED_CORE): remove lxc.sched.core" in done.stderr
        else:  # no core with two threads: nothing to do, and nothing to complain about
            started(lxc, box, "lxc.sched.core=1")
            assert lxc.attach(box, "echo", "here") == "here\n"
        return
    pid = started(lxc, box, "lxc.sched.core=1")
    cookie = process.core_cookie(pid)
    assert cookie != 0
    with lxc.spawn("lxc-attach", "-n", box, "--", "cat", stdin=-1) as attached:
        until(lambda: lxc.attach(box, "pidof", "cat"), "cat runs")
        assert process.core_cookie(attached.pid) == 0
        found = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal() and _is(int(entry), "cat", pid)]
        assert [process.core_cookie(each) for each in found] == [cookie]
        attached.kill()


def _is(pid: int, name: str, like: int) -> bool:
    try:
        same = os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{like}/ns/pid")
        return same and Path(f"/proc/{pid}/comm").read_text().strip() == name
    except OSError:
        return False


def test_core_scheduling_wants_a_pid_namespace(lxc: Lxc, box: str) -> None:
    done = lxc.run("lxc-start", "-n", box, "-s", "lxc.sched.core=1", "-s", "lxc.namespace.keep=pid")
    assert done.returncode == 1
    assert "lxc.sched.core is for containers with a pid namespace of their own" in done.stderr


def test_a_monitor_with_mounts_of_its_own_gets_the_hosts_and_gives_none(lxc: Lxc, box: str) -> None:
    (place := lxc.path / "place").mkdir()
    (later := lxc.path / "later").mkdir()
    hook = f"sh -c 'mount -t tmpfs private {place}; readlink /proc/self/ns/mnt > {lxc.path}/seen' #"
    pid = started(lxc, box, "lxc.monitor.unshare=1", f"lxc.hook.pre-start={hook}")
    host = os.readlink("/proc/self/ns/mnt")
    monitor = int(status(pid, "PPid")[0])
    assert os.readlink(f"/proc/{monitor}/ns/mnt") == (lxc.path / "seen").read_text().strip() != host
    assert f" {place} " in Path(f"/proc/{monitor}/mountinfo").read_text()
    assert f" {place} " not in Path("/proc/self/mountinfo").read_text()
    optional = [line.split(" - ")[0] for line in Path(f"/proc/{monitor}/mountinfo").read_text().splitlines()]
    assert not [line for line in optional if "shared:" in line]
    later.rmdir()


def test_a_monitor_stays_in_the_hosts_mounts_otherwise(lxc: Lxc, box: str) -> None:
    monitor = int(status(started(lxc, box), "PPid")[0])
    assert os.readlink(f"/proc/{monitor}/ns/mnt") == os.readlink("/proc/self/ns/mnt")


def test_init_dies_with_its_monitor(lxc: Lxc, box: str) -> None:
    pid = started(lxc, box)
    os.kill(int(status(pid, "PPid")[0]), signal.SIGKILL)
    ended(lxc, box, pid)
    lxc.ok("lxc-destroy", "-n", box)  # what a killed monitor leaves goes with its container


def test_init_gets_another_signal_then_if_one_is_configured(lxc: Lxc, box: str) -> None:
    script = lxc.rootfs(box) / "script"
    script.write_text("#!/bin/sh\ntrap 'echo usr2 > /seen; exit' USR2\n> /ready\nwhile :; do sleep 0.1; done\n")
    script.chmod(0o755)
    pid = started(lxc, box, "lxc.monitor.signal.pdeath=SIGUSR2", "lxc.init.cmd=/script")
    until((lxc.rootfs(box) / "ready").exists, "the trap is set")
    os.kill(int(status(pid, "PPid")[0]), signal.SIGKILL)
    ended(lxc, box, pid)
    assert (lxc.rootfs(box) / "seen").read_text() == "usr2\n"
    lxc.ok("lxc-destroy", "-n", box)


@pytest.mark.parametrize("is_kept", [False, True])
def test_init_has_a_session_keyring_of_its_own_unless_it_shall_not(lxc: Lxc, box: str, is_kept: bool) -> None:
    number = "import ctypes; print(ctypes.CDLL(None).syscall(250, 0, -3, 0))"  # KEYCTL_GET_KEYRING_ID of the session's
    (lxc.path / "show.py").write_text(number)
    started(
        lxc,
        box,
        f"lxc.keyring.session={int(is_kept)}",
        f"lxc.hook.pre-mount=python3 {lxc.path}/show.py > {lxc.path}/seen #",
    )
    ours = subprocess.run(["python3", "-c", number], capture_output=True, text=True, check=True).stdout
    assert int(ours) > 0
    assert ((lxc.path / "seen").read_text() == ours) == is_kept


def test_the_first_process_is_the_user_and_groups_that_are_configured(lxc: Lxc, box: str) -> None:
    shown = inside(
        lxc, box, "lxc.init.uid=12", "lxc.init.gid=34", "lxc.init.groups=5,6", "lxc.init.groups=7", show="id; umask"
    )
    assert shown.splitlines()[0] == "uid=12 gid=34 groups=5,6,7"


def test_without_groups_it_has_none(lxc: Lxc, box: str) -> None:
    pid = started(lxc, box, "lxc.init.cmd=/bin/sleep 600")
    assert status(pid, "Groups") == []
    assert status(pid, "Uid") == ["0"] * 4


def test_its_program_is_that_of_the_configuration_and_starts_in_its_directory(lxc: Lxc, box: str) -> None:
    pid = started(lxc, box, "lxc.init.cmd=/bin/sleep '60' 6", "lxc.init.cwd=/new/place")
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"/bin/sleep\x0060\x006\0"
    assert os.readlink(f"/proc/{pid}/cwd") == "/new/place"


def test_lxc_execute_has_a_program_of_its_own(lxc: Lxc, box: str) -> None:
    assert lxc.ok("lxc-execute", "-n", box, "-s", "lxc.execute.cmd=echo 'a  b'", "-s", "lxc.init.cmd=false") == "a  b\n"


@pytest.mark.parametrize(("setting", "expected"), [
    ("lxc.cap.drop=mknod 3", "lambda all: all & ~(1 << 27 | 1 << 3)"),
    ("lxc.cap.keep=chown sys_admin", "lambda all: 1 << 0 | 1 << 21"),
    ("lxc.cap.keep=none", "lambda all: 0"),
])  # fmt: skip
def test_capabilities_are_those_that_are_left(lxc: Lxc, box: str, setting: str, expected: str) -> None:
    config = lxc.config(box)
    config.write_text(
        "".join(line for line in config.open() if "lxc.cap.drop" not in line and "mount.auto" not in line)
    )
    mask = int(status(os.getpid(), "CapBnd")[0], 16)
    pid = started(lxc, box, setting, "lxc.init.cmd=/bin/sleep 600")
    assert int(status(pid, "CapBnd")[0], 16) == eval(expected)(mask)
    assert int(status(pid, "CapEff")[0], 16) == eval(expected)(mask)
    assert int(status(pid, "CapAmb")[0], 16) == 0


def test_no_new_privileges(lxc: Lxc, box: str) -> None:
    pid = started(lxc, box, "lxc.no_new_privs=1")
    assert status(pid, "NoNewPrivs") == ["1"]
    assert "NoNewPrivs:\t1" in lxc.attach(box, "cat", "/proc/self/status")


def test_the_environment_is_the_configured_one_and_nothing_else(lxc: Lxc, box: str) -> None:
    pid = started(
        lxc, box, "lxc.environment=A=1", "lxc.environment.runtime=B=2 3", "lxc.environment.hooks=C=4",
        "lxc.environment=HOME", "lxc.tty.max=0",
    )  # fmt: skip
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().rstrip("\0").split("\0")
    assert sorted(pairs) == ["A=1", "B=2 3", f"HOME={os.environ['HOME']}", "container=lxc"]


@pytest.mark.parametrize(("key", "words"), [
    ("lxc.signal.halt", ("lxc-stop", "-t", "20")), ("lxc.signal.reboot", ("lxc-stop", "-r", "-W")), ("lxc.signal.stop", ("lxc-stop", "-k")),
])  # fmt: skip
def test_signals_are_those_that_are_configured(lxc: Lxc, box: str, key: str, words: tuple[str, ...]) -> None:
    script = lxc.rootfs(box) / "script"
    script.write_text("#!/bin/sh\ntrap 'echo got > /seen; exit' USR2\n> /ready\nwhile :; do sleep 0.1; done\n")
    script.chmod(0o755)
    pid = started_with(lxc, box, f"{key} = SIGUSR2\nlxc.init.cmd = /script\n")
    until((lxc.rootfs(box) / "ready").exists, "the trap is set")
    lxc.ok(words[0], "-n", box, *words[1:])
    ended(lxc, box, pid)
    assert (lxc.rootfs(box) / "seen").read_text() == "got\n"


def started_with(lxc: Lxc, box: str, more: str) -> int:
    """Start it, configured in its file: lxc-stop reads that, too."""
    lxc.extend(box, more)
    return started(lxc, box)


@pytest.mark.parametrize("is_ephemeral", [False, True])
def test_an_ephemeral_container_is_gone_when_it_has_stopped(lxc: Lxc, box: str, is_ephemeral: bool) -> None:
    started_with(lxc, box, f"lxc.ephemeral = {int(is_ephemeral)}\n")
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert (lxc.path / box).exists() == (not is_ephemeral)


def test_an_ephemeral_container_outlives_its_reboot(lxc: Lxc, box: str) -> None:
    pid = started_with(lxc, box, "lxc.ephemeral = 1\n")
    lxc.ok("lxc-stop", "-n", box, "-r")
    until(lambda: lxc.state(box) == "RUNNING" and lxc.init_pid(box) != pid, "it has rebooted")
    assert (lxc.path / box).exists()
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert not (lxc.path / box).exists()
