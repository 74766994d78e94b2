"""A monitor with nothing to do rests: a small program in its place, which nobody notices, and which wakes when it must."""

import array
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import BIN, PATIENCE, Lxc, as_often, opened, until
from tests.kernel.runtime.test_killed_monitor import monitor_of
from tests.kernel.storage.apart import apart

import lxc as lxc_package
from lxc.kernel.mount import umount
from lxc.runtime import commands, questions, stop
from lxc.runtime.commands import Request
from lxc.runtime.life import rest
from lxc.runtime.place import place

pytestmark = pytest.mark.root

SERVERS = pytest.mark.parametrize("server", ["1", "0"], ids=["with a server", "without"])


@pytest.fixture
def box(lxc: Lxc) -> Iterator[str]:
    name = lxc.create()
    yield name
    lxc.run("lxc-stop", "-n", name, "-k")
    until(lambda: not lxc.leftovers(), "nothing is left")
    assert "ERROR" not in log_of(lxc, name)


@pytest.fixture
def awake(lxc: Lxc, box: str) -> str:
    """One whose monitor has waited for a hook: it is a process of its own, and does not rest at once."""
    lxc.extend(box, "lxc.hook.pre-start = /bin/true\n")
    return box


def log_of(lxc: Lxc, name: str) -> str:
    file = lxc.path / name / f"{name}.log"
    return file.read_text() if file.exists() else ""


def rests(monitor: int) -> bool:
    try:
        words = Path(f"/proc/{monitor}/cmdline").read_bytes()
        return (
            os.readlink(f"/proc/{monitor}/exe").endswith("/lxc-client")
            and words.startswith(b"[lxc monitor]")
            and b"--rest" not in words  # it is about to
        )
    except FileNotFoundError:  # for a moment, when a thread that is not the first executes (execve(2))
        assert os.path.exists(f"/proc/{monitor}")
        return False


def resting(lxc: Lxc, name: str, server: str = "1") -> int:
    """Start the container; its monitor, which rests."""
    lxc.ok("lxc-start", "-n", name, env=os.environ | {"LXC_FORKSERVER": server})
    monitor = monitor_of(lxc.init_pid(name))
    until(lambda: rests(monitor), "the monitor rests")
    return monitor


def ask(lxc: Lxc, name: str, request: Request) -> tuple[bytes, list[tuple[int, int]]]:
    """The raw answer, and which files come with it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{lxc.path}/{name}/command".encode())
        client.settimeout(PATIENCE)
        client.sendall(commands.encode(request))
        answer, lent = b"", array.array("i")
        while True:
            data, ancillary, _, _ = client.recvmsg(1 << 16, socket.CMSG_SPACE(253 * 4))
            for _, kind, rights in ancillary:
                if kind == socket.SCM_RIGHTS:
                    lent.frombytes(rights)
            if not data:
                break
            answer += data
    files = [(it.st_dev, it.st_ino) for it in map(os.fstat, lent)]
    for fd in lent:
        os.close(fd)
    return answer, files


def test_it_is_small_and_looks_like_the_monitor_that_it_is(lxc: Lxc, box: str) -> None:
    monitor = resting(lxc, box)
    assert Path(f"/proc/{monitor}/cmdline").read_bytes().rstrip(b"\0") == f"[lxc monitor] {lxc.path} {box}".encode()
    assert Path(f"/proc/{monitor}/comm").read_text() == "[lxc monitor] /\n"
    rollup = dict(line.split(":") for line in Path(f"/proc/{monitor}/smaps_rollup").read_text().splitlines()[1:])
    assert int(rollup["Pss"].split()[0]) < 400  # kB
    assert len(os.listdir(f"/proc/{monitor}/task")) == 1


def test_what_our_commands_ask_is_answered_as_before_and_wakes_nobody(lxc: Lxc, awake: str) -> None:
    asked = [
        Request(commands.GET_STATE),
        Request(commands.GET_NAME),
        Request(commands.GET_LXCPATH),
        Request(commands.GET_DEVPTS_FD),
        commands.with_aside(questions.EVERYTHING),
        *questions.EVERYTHING,
    ]
    lxc.start(awake)
    monitor = monitor_of(lxc.init_pid(awake))
    assert not rests(monitor)
    before = [ask(lxc, awake, request) for request in asked]
    until(lambda: rests(monitor), "the monitor rests")
    assert [ask(lxc, awake, request) for request in asked] == before
    assert any(files for _, files in before)
    assert any(not answer for answer, _ in before) or Path("/sys/fs/cgroup/cpu").exists()
    lxc.ok("lxc-info", "-n", awake)
    lxc.ok("lxc-ls", "-f")
    assert lxc.attach(awake, "echo", "here") == "here\n"
    assert rests(monitor)


def test_what_somebody_else_asked_before_is_known_too(lxc: Lxc, awake: str) -> None:
    """Debian's lxc-info, say, asks other things."""
    lxc.start(awake)
    monitor = monitor_of(lxc.init_pid(awake))
    unusual = questions.item("lxc.uts.name"), questions.item("lxc.no.such.key"), questions.cgroup_of("no-such")
    before = [ask(lxc, awake, request) for request in unusual]
    until(lambda: rests(monitor), "the monitor rests")
    assert [ask(lxc, awake, request) for request in unusual] == before
    assert rests(monitor)


def ask_for_an_item(lxc: Lxc, name: str, _monitor: int) -> None:
    assert ask(lxc, name, questions.item("lxc.rootfs.path"))[0].endswith(b"/rootfs\0")


def freeze(lxc: Lxc, name: str, _monitor: int) -> None:
    lxc.ok("lxc-freeze", "-n", name)
    assert lxc.state(name) == "FROZEN"
    lxc.ok("lxc-unfreeze", "-n", name)


def be_signalled(lxc: Lxc, name: str, monitor: int) -> None:
    """It passes it on."""
    caught = lxc.rootfs(name) / "caught"
    lxc.attach(name, "sh", "-c", "kill -0 1")
    os.kill(monitor, signal.SIGWINCH)  # not that one
    os.kill(monitor, signal.SIGURG)
    assert not caught.exists()


def ask_a_malformed_thing(lxc: Lxc, name: str, _monitor: int) -> None:
    assert ask(lxc, name, Request(commands.GET_CONFIG_ITEM, payload=b"no nul")) == (b"", [])


def send_half_a_request(lxc: Lxc, name: str, monitor: int) -> None:
    """…while it rests, and the other half when it has been woken."""
    raw = commands.encode(questions.item("lxc.uts.name"))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{lxc.path}/{name}/command".encode())
        client.settimeout(PATIENCE)
        client.sendall(raw[:20])
        ask_for_an_item(lxc, name, monitor)
        until(lambda: not rests(monitor), "it has woken")
        client.sendall(raw[20:])
        assert client.recv(1000)[16:] == f"{name}\0".encode()


def take_the_console(lxc: Lxc, name: str, _monitor: int) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{lxc.path}/{name}/command".encode())
        client.settimeout(PATIENCE)
        client.sendall(commands.encode(Request(commands.GET_TTY_FD, 0)))
        _, (master,), _, _ = socket.recv_fds(client, 16, 1)
        lxc.attach(name, "sh", "-c", "echo said >/dev/console")
        assert b"said" in os.read(master, 100)
        os.close(master)


@pytest.mark.parametrize(
    "wake", [ask_for_an_item, freeze, be_signalled, ask_a_malformed_thing, send_half_a_request, take_the_console]
)
def test_it_wakes_as_what_it_was(lxc: Lxc, box: str, wake: Callable[[Lxc, str, int], None]) -> None:
    lxc.extend(box, f"lxc.uts.name = {box}")
    monitor = resting(lxc, box)
    init = lxc.init_pid(box)
    wake(lxc, box, monitor)
    until(lambda: not rests(monitor), "it has woken")
    assert monitor_of(init) == monitor
    assert lxc.state(box) == "RUNNING"
    assert ask(lxc, box, questions.item("lxc.uts.name"))[0][16:] == f"{box}\0".encode()
    assert Path(f"/proc/{monitor}/cmdline").read_bytes().rstrip(b"\0") == f"[lxc monitor] {lxc.path} {box}".encode()


def test_it_rests_again(lxc: Lxc, box: str) -> None:
    """After half a minute of peace; all its descriptors are those of the first time."""
    monitor = resting(lxc, box)
    before = descriptors(monitor)
    ask_for_an_item(lxc, box, monitor)
    until(lambda: not rests(monitor), "it has woken")
    until(lambda: rests(monitor), "it rests again", patience=rest.AGAIN + PATIENCE)
    assert descriptors(monitor) == before
    assert lxc.attach(box, "echo", "here") == "here\n"


def descriptors(pid: int) -> list[str]:
    """What a process has open when nobody asks it anything, without the order."""
    seen: list[list[str]] = [[], []]

    def is_settled() -> bool:
        time.sleep(0.05)
        seen.append(sorted(opened(pid)))
        return seen[-1] == seen[-2]

    until(is_settled, "it has settled")
    return seen[-1]


@SERVERS
def test_stop_kills_it_and_nothing_is_left(lxc: Lxc, box: str, server: str) -> None:
    resting(lxc, box, server)
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert lxc.state(box) == "STOPPED"
    assert not [left for left in lxc.leftovers() if not left.startswith("process")]


def test_when_stop_returns_its_file_system_is_free(lxc: Lxc, box: str, tmp_path: Path) -> None:
    """Whoever unmounts it then, and has nothing else there, can take the device away."""
    image, mounted = tmp_path / "image", tmp_path / "mounted"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    mounted.mkdir()
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    lxc.extend(box, f"lxc.rootfs.path = dir:{mounted}/rootfs")

    def work() -> None:
        for number in range(as_often(4)):
            subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
            if not number:
                subprocess.run(["cp", "-a", lxc.path / box / "rootfs", mounted], check=True)
            device = os.path.basename(
                os.path.realpath(f"/sys/dev/block/{os.major(mounted.stat().st_dev)}:{os.minor(mounted.stat().st_dev)}")
            )
            resting(lxc, box, "0")
            stop.kill(place(box, str(lxc.path)))
            umount(str(mounted))
            assert not os.path.exists(f"/sys/fs/ext4/{device}")

    apart(work)  # or others, who have copies of all mounts, would have one of this


@SERVERS
def test_what_a_hook_has_left_running_is_spared_and_its_cgroups_are_not(
    lxc: Lxc, box: str, tmp_path: Path, server: str
) -> None:
    """The program that rests finds that it is not alone in the monitor's cgroups, and leaves the rest to Python."""
    hook, noted = tmp_path / "hook", tmp_path / "noted"
    hook.write_text(f"#!/bin/sh\nsleep 999 >/dev/null 2>&1 &\necho $! >{noted}\n")
    hook.chmod(0o755)
    lxc.extend(box, f"lxc.hook.start-host = {hook}")
    resting(lxc, box, server)
    left = int(noted.read_text())
    try:
        assert f"lxc.monitor.{box}" in Path(f"/proc/{left}/cgroup").read_text()
        lxc.ok("lxc-stop", "-n", box, "-k")
        assert lxc.state(box) == "STOPPED"
        until(lambda: not lxc.leftovers(), "nothing is left")
        assert box not in Path(f"/proc/{left}/cgroup").read_text()
    finally:
        os.kill(left, signal.SIGKILL)


@SERVERS
def test_hooks_are_run_once_and_told_the_same_as_without_a_rest(
    lxc: Lxc, box: str, tmp_path: Path, server: str
) -> None:
    said = tmp_path / "said"
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\necho "$LXC_HOOK_TYPE $LXC_NAME $LXC_TARGET $(readlink $LXC_NET_NS)" "$@" >>{said}\n')
    hook.chmod(0o755)
    kinds = ["stop", "post-stop", "start-host"]
    lxc.extend(box, "lxc.hook.version = 1", *(f"lxc.hook.{kind} = {hook}" for kind in kinds))
    texts = []
    for rested in (False, True):
        said.unlink(missing_ok=True)
        if rested:
            resting(lxc, box, server)
        else:
            lxc.start(box)
        lxc.ok("lxc-stop", "-n", box, "-k")
        until(lambda: "post-stop" in said.read_text(), "the last hook has run")
        texts.append([line.split("net:[")[0] for line in said.read_text().splitlines()])
    assert texts[0] == texts[1]
    assert [line.split()[0] for line in texts[1]] == ["start-host", "stop", "post-stop"]


@pytest.mark.parametrize("server", ["only"])
def test_who_takes_it_down_may_be_killed(lxc: Lxc, box: str, tmp_path: Path, server: str) -> None:
    """It is done again, by the process that waits for that."""
    times, hook = tmp_path / "times", tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\necho $PPID >>{times}\n[ "$(wc -l <{times})" = 1 ] && kill -9 $PPID\nexit 0\n')
    hook.chmod(0o755)
    lxc.extend(box, f"lxc.hook.stop = {hook}")
    until(lambda: lxc.run("lxc-ls", env=os.environ | {"LXC_FORKSERVER": server}).returncode == 0, "there is a server")
    monitor = resting(lxc, box, server)
    lxc.ok("lxc-stop", "-n", box, "-k")
    first, second = map(int, times.read_text().split())
    assert first != monitor == second
    assert lxc.state(box) == "STOPPED"


@SERVERS
def test_a_reboot_is_one(lxc: Lxc, box: str, server: str) -> None:
    monitor = resting(lxc, box, server)
    init = lxc.init_pid(box)
    lxc.run("lxc-attach", "-n", box, "--", "reboot", "-f")
    until(lambda: lxc.state(box) == "RUNNING" and lxc.init_pid(box) != init, "it runs again")
    assert monitor_of(lxc.init_pid(box)) == monitor
    assert lxc.attach(box, "echo", "here") == "here\n"


@SERVERS
@pytest.mark.parametrize("is_at_rest", [True, False])
def test_who_is_killed_and_reboots_instead_is_gone_all_the_same(
    lxc: Lxc, box: str, server: str, is_at_rest: bool
) -> None:
    """busybox's init reboots for SIGTERM."""
    hook = f"sh -c 'echo $LXC_TARGET >>{lxc.path}/target'"
    lxc.extend(box, "lxc.signal.stop = SIGTERM", "lxc.hook.version = 1", f"lxc.hook.stop = {hook}")
    lxc.ok("lxc-start", "-n", box, env=os.environ | {"LXC_FORKSERVER": server})
    init = Path(f"/proc/{lxc.init_pid(box)}/status")
    until(lambda: "SigCgt:\t0000000000000000" not in init.read_text(), "init takes signals")
    monitor = monitor_of(lxc.init_pid(box))
    until(lambda: rests(monitor) or not is_at_rest, "the monitor rests")
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert lxc.state(box) == "STOPPED"
    assert (lxc.path / "target").read_text() == "stop\n"


def test_who_has_rebooted_rests_too_and_keeps_its_init(lxc: Lxc, box: str) -> None:
    """The init of the second life has another thread for its parent than that of the first."""
    lxc.start(box)
    before = lxc.init_pid(box)
    lxc.run("lxc-attach", "-n", box, "--", "reboot", "-f")
    until(lambda: lxc.state(box) == "RUNNING" and lxc.init_pid(box) != before, "it runs again")
    init = lxc.init_pid(box)
    until(lambda: rests(monitor_of(init)), "the monitor rests")
    assert lxc.init_pid(box) == init
    assert lxc.attach(box, "echo", "here") == "here\n"


@SERVERS
def test_one_that_halts_by_itself_is_taken_down_with_all_that_it_had(
    lxc: Lxc, box: str, tmp_path: Path, server: str
) -> None:
    """The file of its pid, its network, the container if it was to be ephemeral; who waits is told."""
    pidfile = tmp_path / "pid"
    lxc.extend(box, "lxc.net.0.type = veth", f"lxc.net.0.veth.pair = r{lxc.tag[:10]}", "lxc.ephemeral = 1")
    lxc.ok("lxc-start", "-n", box, "-p", str(pidfile), env=os.environ | {"LXC_FORKSERVER": server})
    monitor = int(pidfile.read_text())
    until(lambda: rests(monitor), "the monitor rests")
    assert Path(f"/sys/class/net/r{lxc.tag[:10]}").exists()
    lxc.run("lxc-attach", "-n", box, "--", "poweroff", "-f")
    lxc.ok("lxc-wait", "-n", box, "-s", "STOPPED", "-t", str(PATIENCE))
    until(lambda: not lxc.config(box).exists(), "the container is gone")
    until(lambda: not pidfile.exists(), "so is the file")
    until(lambda: not Path(f"/sys/class/net/r{lxc.tag[:10]}").exists(), "so is the device")


def test_without_descriptors_for_it_there_is_no_rest_and_nothing_is_lost(lxc: Lxc, awake: str) -> None:
    lxc.start(awake)
    monitor = monitor_of(lxc.init_pid(awake))
    before = descriptors(monitor)
    taken = {int(entry.name) for entry in Path(f"/proc/{monitor}/fd").iterdir()}
    limit = [number for number in range(1000) if number not in taken][
        2
    ]  # two are left, of the three and more that it takes
    resource.prlimit(monitor, resource.RLIMIT_NOFILE, (limit, limit))
    for _ in range(2):
        time.sleep(rest.AFTER + 0.5)
        assert not rests(monitor)
        assert descriptors(monitor) == before
        assert lxc.state(awake) == "RUNNING"  # after which it tries again


def test_killed_it_takes_the_container_with_it(lxc: Lxc, box: str) -> None:
    monitor = resting(lxc, box)
    init = lxc.init_pid(box)
    os.kill(monitor, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{init}"), "init is gone with its monitor")
    lxc.start(box)
    assert lxc.state(box) == "RUNNING"


def test_a_console_that_nobody_hears_never_stops_who_speaks(lxc: Lxc, box: str) -> None:
    monitor = resting(lxc, box)
    lxc.attach(
        box,
        "sh",
        "-c",
        "i=0; while [ $i -lt 3000 ]; do echo $i of a line that is not short >/dev/console; i=$((i+1)); done",
    )
    assert rests(monitor)


def test_a_console_that_is_logged_loses_nothing(lxc: Lxc, box: str, tmp_path: Path) -> None:
    """Not even when somebody has moved the file away meanwhile."""
    written = tmp_path / "console"
    lxc.extend(box, f"lxc.console.logfile = {written}")
    monitor = resting(lxc, box)
    written.rename(tmp_path / "before")
    lxc.attach(box, "sh", "-c", "for i in 1 2 3 4 5; do echo line $i >/dev/console; done")
    until(lambda: written.exists() and "line 5" in written.read_text(), "it is written")
    assert [f"line {i}" in written.read_text() for i in range(1, 6)] == [True] * 5
    assert not rests(monitor)


def test_whoever_waits_for_a_state_is_told_of_it_and_wakes_nobody(lxc: Lxc, awake: str) -> None:
    """Those who came before the rest, and those who came while it lasted."""

    def wait(state: str) -> "subprocess.Popen[str]":
        return lxc.spawn("lxc-wait", "-n", awake, "-s", state, "-t", "60")

    lxc.start(awake)
    monitor = monitor_of(lxc.init_pid(awake))
    waiting = {state: wait(state) for state in ("STOPPED", "STOPPING", "FROZEN")}
    assert not rests(monitor)
    until(lambda: rests(monitor), "the monitor rests")
    waiting |= {f"{state} later": wait(state) for state in ("STOPPED", "FROZEN")}
    lxc.ok("lxc-wait", "-n", awake, "-s", "RUNNING|FROZEN")
    until(lambda: sum("socket:" in file for file in descriptors(monitor)) == 6, "all five are connected")
    assert rests(monitor)
    lxc.ok("lxc-freeze", "-n", awake)
    for state in ("FROZEN", "FROZEN later"):
        assert waiting[state].wait(PATIENCE) == 0
    assert [waiting[state].poll() for state in ("STOPPED", "STOPPED later", "STOPPING")] == [None] * 3
    lxc.ok("lxc-unfreeze", "-n", awake)
    until(lambda: rests(monitor), "it rests again", patience=rest.AGAIN + PATIENCE)
    lxc.ok("lxc-stop", "-n", awake, "-k")
    for process in waiting.values():
        assert process.wait(PATIENCE) == 0
        process.communicate()


def test_one_in_the_foreground_does_not_rest(lxc: Lxc, box: str) -> None:
    process = lxc.spawn("lxc-start", "-n", box, "-F")
    until(lambda: lxc.state(box) == "RUNNING", "it runs")
    monitor = monitor_of(lxc.init_pid(box))
    time.sleep(rest.AFTER + 1)
    assert not rests(monitor)
    process.send_signal(signal.SIGTERM)
    lxc.ok("lxc-stop", "-n", box, "-k")
    process.wait(PATIENCE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.close()


def test_another_user_cannot_wake_it(lxc: Lxc, box: str) -> None:
    monitor = resting(lxc, box)
    flood = (
        "import socket\n"
        "held = []\n"
        "for each in (b'', b'x', b'x' * 16, bytes(16), (3).to_bytes(4, 'little') + bytes(12)) * 40:\n"
        "    client = socket.socket(socket.AF_UNIX)\n"
        f"    client.connect('\\0{lxc.path}/{box}/command')\n"
        "    client.send(each)\n"
        "    held.append(client)\n"
    )
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", flood]
    subprocess.run(words, check=True, timeout=PATIENCE)
    assert lxc.state(box) == "RUNNING"
    assert rests(monitor)


def test_one_that_another_version_cannot_go_on_with_stays_and_is_stopped(lxc: Lxc) -> None:
    """What was written down is made unreadable here; nothing of the container is lost until it ends."""
    box = lxc.create()
    monitor = resting(lxc, box)
    (sheet,) = (entry for entry in Path(f"/proc/{monitor}/fd").iterdir() if "lxc-sheet" in os.readlink(entry))
    with sheet.open("r+b") as file:
        (size,) = struct.unpack("=Q", file.read(8))
        file.seek(8 + size)
        file.write(b"of another version")
    assert ask(lxc, box, questions.item("lxc.rootfs.path")) == (b"", [])
    assert "another version" in log_of(lxc, box)
    until(lambda: rests(monitor), "it is as it was")
    assert lxc.state(box) == "RUNNING"
    assert lxc.attach(box, "echo", "here") == "here\n"
    os.kill(monitor, signal.SIGURG)
    lxc.attach(box, "sh", "-c", "echo said >/dev/console")
    assert lxc.state(box) == "RUNNING"
    lxc.ok("lxc-stop", "-n", box, "-k")
    until(lambda: lxc.state(box) == "STOPPED", "it is stopped")
    until(lambda: not lxc.leftovers(), "nothing is left")
    lxc.start(box)
    assert lxc.state(box) == "RUNNING"


def test_an_installation_that_is_gone_takes_no_container_with_it(lxc: Lxc, tmp_path: Path) -> None:
    box = lxc.create()
    packages = tmp_path / "packages"
    shutil.copytree(os.path.dirname(lxc_package.__file__), packages / "lxc")
    words = f"import sys; sys.path.insert(0, {str(packages)!r}); import lxc; lxc.Container({box!r}, {str(lxc.path)!r}).start()"
    subprocess.run(
        [sys.executable, "-c", words], check=True, env=os.environ | {"LXC_FORKSERVER": "0"}, timeout=PATIENCE
    )
    monitor = monitor_of(lxc.init_pid(box))
    until(lambda: rests(monitor), "the monitor rests")
    shutil.rmtree(packages)
    assert ask(lxc, box, questions.item("lxc.rootfs.path")) == (b"", [])
    until(lambda: "lxc-client (deleted)" in os.readlink(f"/proc/{monitor}/exe"), "it is as it was")
    assert lxc.state(box) == "RUNNING"
    assert lxc.attach(box, "echo", "here") == "here\n"
    lxc.ok("lxc-stop", "-n", box, "-k")
    until(lambda: not lxc.leftovers(), "nothing is left")
    lxc.start(box)
    assert lxc.state(box) == "RUNNING"


def test_without_python_it_stays_as_it_is_and_takes_no_processor(lxc: Lxc, box: str) -> None:
    """Until there is one again.  It is covered up in a mount namespace that only the monitor and its starter have."""
    with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "1000"]) as holder:
        within = ["nsenter", "--mount", f"--target={holder.pid}"]
        try:
            until(lambda: os.readlink(f"/proc/{holder.pid}/exe").endswith("/sleep"), "the namespace is there")
            start = [*within, *lxc.command("lxc-start", "-n", box)]
            subprocess.run(start, check=True, env=os.environ | {"LXC_FORKSERVER": "0"}, timeout=PATIENCE)
            monitor = monitor_of(lxc.init_pid(box))
            until(lambda: rests(monitor), "the monitor rests")
            python = os.path.realpath(BIN / "python3")
            subprocess.run([*within, "mount", "--bind", "/dev/null", python], check=True)
            os.kill(monitor, signal.SIGURG)
            assert ask(lxc, box, questions.item("lxc.rootfs.path")) == (b"", [])
            before = processor_time(monitor)
            time.sleep(1)
            assert processor_time(monitor) - before < 10
            assert (rests(monitor), lxc.state(box)) == (True, "RUNNING")
            subprocess.run([*within, "umount", python], check=True)
            assert str(lxc.rootfs(box)).encode() in ask(lxc, box, questions.item("lxc.rootfs.path"))[0]
        finally:
            holder.kill()


def processor_time(pid: int) -> int:
    """In ticks (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_many_at_once_rest_and_are_stopped(lxc: Lxc) -> None:
    boxes = [lxc.create(f"many{number}") for number in range(12)]
    for box in boxes:
        lxc.start(box)
    monitors = [monitor_of(lxc.init_pid(box)) for box in boxes]
    until(lambda: all(map(rests, monitors)), "all rest")
    stops = [lxc.spawn("lxc-stop", "-n", box, "-k") for box in boxes]
    assert [each.wait(PATIENCE) for each in stops] == [0] * len(boxes)
    for each in stops:
        each.communicate()
    until(lambda: not lxc.leftovers(), "nothing is left")
