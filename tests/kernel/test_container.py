"""The Python API on real containers."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, until

import lxc as api
from lxc.errors import LxcError, NotFound, NotRunning

pytestmark = pytest.mark.root
_SYS_MODULE, _SYS_CHROOT = 16, 18


@pytest.fixture
def it(lxc: Lxc, box: str) -> api.Container:
    return api.Container(box, str(lxc.path))


def test_a_life(it: api.Container) -> None:
    assert (it.defined, it.running, it.state, it.init_pid) == (True, False, "STOPPED", -1)
    assert it.start()
    assert (it.running, it.state) == (True, "RUNNING")
    assert Path(f"/proc/{it.init_pid}/root/etc/inittab").exists()
    assert it.wait("running", 1)
    assert it.freeze()
    assert it.state == "FROZEN"
    assert it.unfreeze()
    assert it.stop()
    assert it.state == "STOPPED"
    assert it.destroy()
    assert not it.defined


def test_what_fails_is_false_and_the_reason_is_kept(it: api.Container) -> None:
    assert not it.freeze()
    assert isinstance(it.last_error, NotRunning)
    assert not it.start(cmd=("/nonexistent",))
    assert isinstance(it.last_error, LxcError)
    assert "cannot run /nonexistent in the container" in str(it.last_error)
    assert it.attach(api.attach_run_command, ["true"]) == -111
    assert not it.wait("RUNNING|BOGUS")
    assert "invalid state 'BOGUS'" in str(it.last_error)
    nobody = api.Container("nobody", it.get_config_path())
    assert not nobody.unfreeze()
    assert isinstance(nobody.last_error, NotFound)


@pytest.mark.parametrize("wish", ["only"])
def test_a_start_that_fails_in_a_worker_of_the_fork_server_is_told_once(
    it: api.Container, lxc: Lxc, wish: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LXC_FORKSERVER", wish)
    until(lambda: lxc.run("lxc-start", "-n", it.name, "--dry-run").returncode == 0, "it serves")
    assert not it.start(cmd=("/nonexistent",))
    assert "cannot run /nonexistent in the container" in str(it.last_error)
    assert capfd.readouterr().err == ""


def test_starting_twice_fails_the_second_time(it: api.Container) -> None:
    assert it.start()
    assert not it.start()


def test_a_caller_with_threads_and_a_large_heap_is_not_forked(it: api.Container) -> None:
    heap = bytearray(64 << 20)
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert it.start()
        monitor = int(Path(f"/proc/{it.init_pid}/stat").read_text().split()[3])
        size = next(
            line for line in Path(f"/proc/{monitor}/status").read_text().splitlines() if line.startswith("VmRSS")
        )
        assert int(size.split()[1]) * 1024 < len(heap)
        assert it.stop()
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_commands_and_functions_run_inside(it: api.Container, tmp_path: Path) -> None:
    assert it.start()
    with (tmp_path / "out").open("w") as out:
        assert it.attach_wait(api.attach_run_command, ["sh", "-c", "hostname; exit 3"], stdout=out) == 3 << 8
    assert (tmp_path / "out").read_text().strip() == it.name
    with (tmp_path / "names").open("w") as names:

        def look(word: str) -> int:
            print(word, os.uname().nodename, sorted(os.listdir("/home")), file=names, flush=True)
            return 5

        assert it.attach_wait(look, "hello") == 5 << 8
    assert (tmp_path / "names").read_text() == f"hello {it.name} []\n"
    assert it.attach_wait(lambda: 1 / 0, stderr=os.open(os.devnull, os.O_WRONLY)) == -1


@pytest.mark.parametrize("wish", ["0", "1"])
def test_who_ignores_that_children_end_is_told_how_a_command_did(
    it: api.Container, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    monkeypatch.setenv("LXC_FORKSERVER", wish)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert it.start()
        assert it.attach_wait(api.attach_run_command, ["sh", "-c", "exit 3"]) == 3 << 8
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_who_ignores_that_children_end_is_told_how_a_function_did(it: api.Container) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert it.start()
        assert it.attach_wait(lambda: 4) == 4 << 8
        pid = os.spawnv(os.P_NOWAIT, "/bin/true", ["true"])  # nobody is to wait for it
        until(lambda: not Path(f"/proc/{pid}").exists(), "it has ended, and is forgotten")
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_who_is_interrupted_while_a_function_runs_leaves_no_child(it: api.Container) -> None:
    def interrupt(*_: object) -> None:
        raise InterruptedError("enough")

    assert it.start()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        it.attach_wait(time.sleep, 60)
        assert "enough" in str(it.last_error)
    except InterruptedError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("flag", [0, api.LXC_ATTACH_NO_NEW_PRIVS])
def test_what_is_attached_gains_no_privileges_if_that_is_asked_for(
    it: api.Container, tmp_path: Path, flag: int
) -> None:
    look = ["grep", "NoNewPrivs", "/proc/self/status"]
    flags = api.LXC_ATTACH_DEFAULT | flag
    assert it.start()
    for run in (api.attach_run_command, subprocess.call):
        with (tmp_path / "said").open("w") as out:
            assert it.attach_wait(run, look, stdout=out, attach_flags=flags) == 0
        assert (tmp_path / "said").read_text() == f"NoNewPrivs:\t{int(flag > 0)}\n"


@pytest.mark.parametrize("wish", ["0", "1"])
def test_a_command_is_waited_for_whoever_forked_it(
    it: api.Container, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    """Its output, end and death are as those of a child; none of ours is left."""
    monkeypatch.setenv("LXC_FORKSERVER", wish)
    assert it.start()
    files = sorted(os.listdir("/proc/self/fd"))
    for _ in range(2):
        reading, writing = os.pipe()
        status = it.attach_wait(
            api.attach_run_command, ["sh", "-c", "echo $A; exit 7"], stdout=writing, extra_env_vars=["A=b"]
        )
        os.close(writing)
        assert (status, os.read(reading, 100), os.read(reading, 100)) == (7 << 8, b"b\n", b"")
        os.close(reading)
    with open(os.devnull, "r+b") as null:
        assert it.attach_wait(api.attach_run_command, ["sh", "-c", "kill -9 $$"], stdin=null) == signal.SIGKILL
        assert it.attach_wait(api.attach_run_command, ["nonesuch"], stdin=null) == 127 << 8
        assert it.attach_wait(api.attach_run_command, ["sh", "-c", "exit 255"], stdin=null) == -1
    assert sorted(os.listdir("/proc/self/fd")) == files
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert it.stop()


def test_configuration_is_changed_in_memory_and_saved(it: api.Container) -> None:
    assert it.get_config_item("lxc.cap.drop") == ["sys_module", "mac_admin", "mac_override", "sys_time"]
    assert it.set_config_item("lxc.cap.drop", ["sys_time", "mknod"])
    assert it.set_config_item("lxc.uts.name", "other")
    assert not it.set_config_item("lxc.autodev", "perhaps")
    with pytest.raises(KeyError):
        it.get_config_item("lxc.nonsense")
    assert it.save_config()
    again = api.Container(it.name, it.get_config_path())
    assert (again.get_config_item("lxc.cap.drop"), again.get_config_item("lxc.uts.name")) == (
        ["sys_time", "mknod"],
        "other",
    )
    assert it.start()
    assert it.get_running_config_item("lxc.uts.name") == "other"


def test_containers_are_listed(it: api.Container) -> None:
    path = it.get_config_path()
    assert api.list_containers(config_path=path) == (it.name,)
    assert api.list_containers(active=True, defined=False, config_path=path) == ()
    assert it.start()
    assert api.list_containers(active=True, defined=False, config_path=path) == (it.name,)


@pytest.mark.parametrize("number", [2**32 - 1, 2**32, -2])
def test_nobody_is_the_user_whose_number_means_that_none_is_given(it: api.Container, number: int) -> None:
    assert it.start()
    with pytest.raises(ValueError, match="uid must be from 0 to 4294967294"):
        it.attach_wait(api.attach_run_command, ["true"], uid=number)
    with pytest.raises(ValueError, match="gid must be from 0 to 4294967294"):
        it.attach(api.attach_run_command, ["true"], gid=number)
    assert it.attach_wait(api.attach_run_command, ["true"], uid=-1, gid=-1) == 0


def test_files_of_the_control_groups(it: api.Container) -> None:
    assert it.start()
    assert int(it.get_cgroup_item("pids.current")) > 0
    assert it.set_cgroup_item("pids.max", "50")
    assert it.get_cgroup_item("pids.max") == "50"
    with pytest.raises(KeyError):
        it.get_cgroup_item("pids.nonsense")


def test_a_container_is_made_and_unmade(lxc: Lxc) -> None:
    it = api.Container(f"made-{lxc.tag}", str(lxc.path))
    assert it.set_config_item("lxc.net.0.type", "empty")
    assert it.create("busybox", api.LXC_CREATE_QUIET)
    assert it.defined
    assert it.start()
    assert not it.destroy()
    assert it.stop()
    assert it.destroy()
    assert not (lxc.path / it.name).exists()


def unshared(lxc: Lxc, config: str, *, mapped: tuple[str, ...] = ("--map-root-user",)) -> api.Container:
    """A running container whose init has made a user namespace: its bounding set is full then."""
    name = lxc.create()
    text = "".join(line for line in lxc.config(name).open() if not line.startswith("lxc.cap."))
    lxc.config(name).write_text(text + config)
    lxc.start(name, "--", "/bin/busybox", "unshare", "--user", *mapped, "/bin/sleep", "600")
    status = Path(f"/proc/{lxc.init_pid(name)}/status")
    until(lambda: "CapBnd:\t000001ffffffffff" in status.read_text(), "init has made it")
    return api.Container(name, str(lxc.path))


def bounding(it: api.Container, seen: Path) -> int:
    """The capabilities of what enters the container's mounts and processes, and stays in our user namespace."""
    with seen.open("w") as out:
        some = api.CLONE_NEWNS | api.CLONE_NEWPID
        show = ["grep", "CapBnd", "/proc/self/status"]
        assert it.attach_wait(api.attach_run_command, show, namespaces=some, stdout=out) == 0, it.last_error
    return int(seen.read_text().split()[1], 16)


def test_who_makes_a_user_namespace_has_all_capabilities_there_and_nowhere_else(lxc: Lxc) -> None:
    it = unshared(lxc, f"{CONFIG}lxc.cap.drop = sys_module\n")
    some = api.CLONE_NEWNS | api.CLONE_NEWPID
    assert it.attach_wait(api.attach_run_command, ["true"], namespaces=some) != 0
    assert "has made a user namespace" in str(it.last_error)
    assert it.attach_wait(api.attach_run_command, ["true"], namespaces=some | api.CLONE_NEWUSER) == 0
    assert it.attach_wait(api.attach_run_command, ["true"]) == 0


def test_outside_of_the_containers_users_there_is_what_the_configuration_leaves(lxc: Lxc, tmp_path: Path) -> None:
    ids = "lxc.idmap = u 0 0 65536\nlxc.idmap = g 0 0 65536\n"
    found = bounding(unshared(lxc, f"{CONFIG}{ids}lxc.cap.drop = sys_module\n"), tmp_path / "seen")
    assert not found >> _SYS_MODULE & 1
    assert found >> _SYS_CHROOT & 1


def test_outside_of_the_containers_users_there_is_nothing_if_the_configuration_leaves_nothing(
    lxc: Lxc, tmp_path: Path
) -> None:
    ids = "lxc.idmap = u 0 0 65536\nlxc.idmap = g 0 0 65536\n"
    it = unshared(lxc, f"{CONFIG}{ids}lxc.cap.keep = none\n", mapped=())  # mapping root would need a capability
    assert bounding(it, tmp_path / "seen") == 0


INTERRUPTED = """
import signal, sys
import lxc
signal.signal(signal.SIGALRM, signal.default_int_handler)
sys.unraisablehook = lambda _: None  # an import may be on its way, and Python tells then of what it ignores
it = lxc.Container(sys.argv[1], sys.argv[2])
assert it.start() and it.stop() and it.state == "STOPPED"  # what that takes is imported
for delay_ms in range(1, 31):
    try:
        signal.setitimer(signal.ITIMER_REAL, delay_ms / 1000)
        it.start()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:  # or it had just begun to run
        assert it.state in ("STOPPED", "RUNNING")
    it.stop()
"""


@pytest.mark.parametrize("wish", ["0", "1"])
def test_who_is_interrupted_while_a_container_starts_hears_of_no_other_interpreter(
    it: api.Container, wish: str
) -> None:
    argv = [sys.executable, "-c", INTERRUPTED, it.name, it.get_config_path()]
    done = subprocess.run(argv, capture_output=True, text=True, env=os.environ | {"LXC_FORKSERVER": wish})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
