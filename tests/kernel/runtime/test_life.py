"""A container's life, and all the ways in which it ends."""

import errno
import os
import pty
import random
import resource
import signal
import stat
import struct
import subprocess
import time
from pathlib import Path

import pytest
from tests.conftest import PATIENCE, SLOWNESS, Lxc, as_often, opened, until

from lxc.runtime import client, commands
from lxc.runtime.commands import Request
from lxc.runtime.place import Place

pytestmark = pytest.mark.root


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def boot(lxc: Lxc, box: str) -> int:
    """Start it and wait until its init has read its table; init's pid."""
    lxc.start(box)
    until(lambda: "getty" in lxc.attach(box, "ps"), "the system has booted")
    return lxc.init_pid(box)


def test_the_namespaces_are_new_and_the_processes_are_in_their_cgroups(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    pid = lxc.init_pid(box)
    for kind in ("mnt", "pid", "uts", "ipc", "net", "cgroup"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    for kind in ("user", "time"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}"), kind
    for process, name in ((pid, f"lxc.payload.{box}"), (parent(pid), f"lxc.monitor.{box}")):
        cgroups = Path(f"/proc/{process}/cgroup").read_text().splitlines()
        assert {line.rsplit("/", 1)[1] for line in cgroups} == {name}
    assert Path(f"/proc/{parent(pid)}/cmdline").read_text().rstrip("\0") == f"[lxc monitor] {lxc.path} {box}"


def test_what_init_finds(lxc: Lxc, box: str) -> None:
    ignoring = ["sh", "-c", 'trap "" INT QUIT HUP USR1; exec "$@"', "sh"]  # as a job in a script's background has it
    subprocess.run([*ignoring, *lxc.command("lxc-start", "-n", box, "--", "/bin/sleep", "100")], check=True)
    pid = lxc.init_pid(box)
    environment = Path(f"/proc/{pid}/environ").read_text().split("\0")[:-1]
    assert environment[0] == "container=lxc"
    assert environment[1].startswith("container_ttys=pts/0 pts/1")
    assert [fd for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2] == []
    assert lxc.attach(box, "hostname").strip() == box
    assert lxc.attach(box, "sh", "-c", "tty < /dev/tty1").strip() == "/dev/tty1"
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    glibcs_own = 3 << 31  # signals 32 and 33: no program can change them through its libc
    assert int(status["SigBlk"], 16) & ~glibcs_own == int(status["SigIgn"], 16) & ~glibcs_own == 0
    assert status["NSpid"].split()[-1] == "1"


def test_requests_that_descriptors_run_out_amid_leave_none_open(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    place, monitor = Place(box, str(lxc.path)), parent(lxc.init_pid(box))
    assert (
        client.told(place, Request(commands.GET_SECCOMP_NOTIFY_FD)).ret == -errno.EBADF
    )  # one that rests is awake then
    before = os.listdir(f"/proc/{monitor}/fd")
    resource.prlimit(monitor, resource.RLIMIT_NOFILE, (max(map(int, before)) + 20,) * 2)
    cgroups = [Request(commands.GET_CGROUP_CTX, number, bytes(92)) for number in range(40)]
    for _ in range(3):
        with client.begin_to_ask(place, *cgroups).replies() as replies:
            assert replies.replies[cgroups[-1]].ret == -errno.EMFILE
    until(lambda: len(os.listdir(f"/proc/{monitor}/fd")) <= len(before), "all are closed again")


def test_a_reboot_inside_makes_another_init_of_the_same_container(lxc: Lxc, box: str) -> None:
    first = boot(lxc, box)
    monitor = parent(first)
    lxc.run("lxc-attach", "-n", box, "--", "reboot")
    until(lambda: not os.path.exists(f"/proc/{first}"), "the first init has ended")
    lxc.ok("lxc-wait", "-n", box, "-s", "RUNNING", "-t", "20")
    second = lxc.init_pid(box)
    assert second != first
    assert parent(second) == monitor


@pytest.mark.parametrize("command", ["poweroff", "halt"])
def test_halting_inside_stops_it(lxc: Lxc, box: str, command: str) -> None:
    boot(lxc, box)
    lxc.run("lxc-attach", "-n", box, "--", command)
    lxc.ok("lxc-wait", "-n", box, "-s", "STOPPED", "-t", "20")


def test_it_is_asked_to_stop_and_does_within_its_time(lxc: Lxc, box: str) -> None:
    boot(lxc, box)
    lxc.ok("lxc-stop", "-n", box, "--nokill", "-t", "30")
    assert lxc.state(box) == "STOPPED"


def test_who_stops_it_need_not_find_its_init_in_proc(lxc: Lxc, box: str) -> None:
    lxc.extend(box, "lxc.signal.halt =\n")
    lxc.start(box, "--", "/bin/sh", "-c", "trap 'exit 0' PWR; while :; do sleep 0.1; done")
    line = lxc.command("lxc-stop", "-n", box, "--nokill", "-t", "20")
    script = 'mount -t tmpfs nothing /proc/$0 && exec "$@"'  # as if it had just ended
    apart = ["unshare", "--mount", "sh", "-c", script, str(lxc.init_pid(box)), *line]
    done = subprocess.run(apart, env=os.environ | {"LXC_FORKSERVER": "0"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert lxc.state(box) == "STOPPED"


def test_who_does_not_stop_is_killed_or_not_as_asked(lxc: Lxc, box: str) -> None:
    lxc.start(box, "--", "/bin/sh", "-c", "trap '' USR1 PWR TERM; while :; do sleep 1; done")
    assert lxc.run("lxc-stop", "-n", box, "--nokill", "-t", "1").returncode == 1
    assert lxc.state(box) == "RUNNING"
    lxc.ok("lxc-stop", "-n", box, "-t", "1")
    assert lxc.state(box) == "STOPPED"


def test_a_reboot_from_outside_waits_until_it_runs_again(lxc: Lxc, box: str) -> None:
    first = boot(lxc, box)
    lxc.ok("lxc-stop", "-n", box, "-r", "-t", "30")
    assert lxc.init_pid(box) != first


def test_the_kill_of_init_ends_it(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    os.kill(lxc.init_pid(box), signal.SIGKILL)
    lxc.ok("lxc-wait", "-n", box, "-s", "STOPPED", "-t", "20")


def test_a_signal_to_the_monitor_is_inits(lxc: Lxc, box: str) -> None:
    lxc.start(
        box, "--", "/bin/sh", "-c", "trap 'echo told > /told; exit' TERM; echo > /ready; while :; do sleep 0.1; done"
    )
    until((lxc.rootfs(box) / "ready").exists, "the trap is set")
    os.kill(parent(lxc.init_pid(box)), signal.SIGTERM)
    lxc.ok("lxc-wait", "-n", box, "-s", "STOPPED", "-t", "20")
    assert (lxc.rootfs(box) / "told").read_text() == "told\n"


def test_frozen_processes_do_nothing_until_they_are_thawed(lxc: Lxc, box: str) -> None:
    lxc.start(box, "--", "/bin/sh", "-c", "while :; do echo x >> /count; sleep 0.02; done")
    count = lxc.rootfs(box) / "count"
    until(count.exists, "it counts")
    lxc.ok("lxc-freeze", "-n", box)
    assert lxc.state(box) == "FROZEN"
    before = count.stat().st_size
    time.sleep(0.2)
    assert count.stat().st_size == before
    lxc.ok("lxc-unfreeze", "-n", box)
    until(lambda: count.stat().st_size > before, "it counts on")
    lxc.ok("lxc-freeze", "-n", box)
    lxc.ok("lxc-stop", "-n", box, "-k")


@pytest.mark.parametrize(
    ("command", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_executing_ends_as_the_command_does(lxc: Lxc, box: str, command: str, status: int) -> None:
    assert lxc.run("lxc-execute", "-n", box, "--", "sh", "-c", command).returncode == status


def test_execution_passes_pipes_through_and_ends_with_the_last_process(lxc: Lxc, box: str) -> None:
    done = lxc.run(
        "lxc-execute", "-n", box, "--", "sh", "-c", "(sleep 0.5; echo late) & cat; echo bad >&2", input="x\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "x\nlate\n", "bad\n")


def test_execution_as_a_daemon_goes_on(lxc: Lxc, box: str) -> None:
    lxc.ok("lxc-execute", "-n", box, "-d", "--", "sh", "-c", "sleep 1; echo > /done")
    assert lxc.state(box) == "RUNNING"
    lxc.ok("lxc-wait", "-n", box, "-s", "STOPPED", "-t", "20")
    assert (lxc.rootfs(box) / "done").exists()


@pytest.mark.parametrize("options", [(), ("-C",)])
def test_a_descriptor_that_the_caller_has_is_none_of_the_monitor_s_if_that_is_asked_for(
    lxc: Lxc, box: str, options: tuple[str, ...]
) -> None:
    reader, writer = os.pipe()
    name = os.readlink(f"/proc/self/fd/{writer}")
    with lxc.spawn("lxc-start", "-n", box, "-F", *options, pass_fds=(writer,)) as process:
        lxc.ok("lxc-wait", "-n", box, "-s", "RUNNING", "-t", "20")
        found = name in opened(parent(lxc.init_pid(box)))
        lxc.ok("lxc-stop", "-n", box, "-k")
        assert process.wait(PATIENCE) == 0
    os.close(reader)
    os.close(writer)
    assert found == (not options)


def test_the_foreground_lasts_as_long_as_the_container(lxc: Lxc, box: str) -> None:
    done = lxc.run("lxc-start", "-n", box, "-F", "--", "/bin/sh", "-c", "exit 9")
    assert done.returncode == 0
    until(lambda: not lxc.leftovers(), "nothing is left")


def test_a_kernel_that_shows_no_titles_starts_containers(lxc: Lxc, box: str) -> None:
    """As one without CONFIG_CHECKPOINT_RESTORE: prctl(PR_SET_MM) is EINVAL there."""
    load, jump, end = 0x20, 0x15, 0x06
    number = {"x86_64": 157, "aarch64": 167}[os.uname().machine]
    steps = (
        (load, 0, 0, 0), (jump, 0, 3, number), (load, 0, 0, 16), (jump, 0, 1, 35),
        (end, 0, 0, 0x50000 | errno.EINVAL), (end, 0, 0, 0x7FFF0000),
    )  # fmt: skip
    code = (
        "import os, sys; from lxc.kernel import seccomp; "
        "seccomp.set_mode_filter(bytes.fromhex(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
    )
    words = b"".join(struct.pack("HBBI", *step) for step in steps).hex()
    python = Path(lxc.bin) / "python"
    done = subprocess.run(
        [python, "-c", code, words, *lxc.command("lxc-start", "-n", box)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert lxc.state(box) == "RUNNING"


def test_the_pid_file_holds_the_monitors_pid_while_it_runs(lxc: Lxc, box: str) -> None:
    file = lxc.path / "pid"
    lxc.start(box, "-p", str(file))
    assert file.read_text() == str(parent(lxc.init_pid(box)))
    assert file.stat().st_mode & 0o777 == 0o600
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert not file.exists()


def test_a_pid_file_is_written_and_removed_where_the_starter_is(lxc: Lxc, box: str) -> None:
    (lxc.path / "link").symlink_to("file")
    for word in (f"pid-{lxc.tag}", "link"):
        lxc.ok("lxc-start", "-n", box, "-p", word, cwd=lxc.path)
        assert (lxc.path / word).read_text() == str(parent(lxc.init_pid(box)))
        lxc.ok("lxc-stop", "-n", box, "-k")
        assert not (lxc.path / word).exists()


def test_only_a_file_is_removed_for_the_pid_in_it(lxc: Lxc, box: str) -> None:
    device = lxc.path / "null"
    os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    lxc.start(box, "-p", str(device))
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert device.is_char_device()


def test_a_pid_file_that_cannot_be_written_is_named(lxc: Lxc, box: str) -> None:
    fifo = lxc.path / "fifo"
    os.mkfifo(fifo)
    os.mknod(lxc.path / "full", 0o600 | stat.S_IFCHR, os.makedev(1, 7))
    for name, why in (("fifo", "No such device"), (".", "Is a directory"), ("full", "No space left")):
        path = os.path.normpath(lxc.path / name)
        done = lxc.run("lxc-start", "-n", box, "-p", path)
        assert done.returncode == 1
        assert f"cannot write the pid file {path}: {why}" in done.stderr
    assert fifo.is_fifo()


def test_what_the_console_says_is_logged(lxc: Lxc, box: str) -> None:
    file = lxc.path / "console"
    lxc.start(box, "-L", str(file), "--", "/bin/sh", "-c", "echo from the console")
    until(lambda: file.exists() and "from the console" in file.read_text(), "it is logged")


def test_the_consoles_files_are_where_the_starter_is(lxc: Lxc, box: str) -> None:
    said = ("--", "/bin/sh", "-c", "echo from the console")
    lxc.ok("lxc-start", "-n", box, "-L", f"log-{lxc.tag}", *said, cwd=lxc.path)
    until(lambda: "from the console" in (lxc.path / f"log-{lxc.tag}").read_text(), "it is logged")
    until(lambda: lxc.state(box) == "STOPPED", "it has ended")
    master, terminal = pty.openpty()
    (lxc.path / "terminal").symlink_to(os.ttyname(terminal))
    lxc.ok("lxc-start", "-n", box, "-c", "terminal", *said, cwd=lxc.path)
    assert b"from the console" in os.read(master, 1000)


@pytest.mark.parametrize("kind", ["net", "ipc", "uts", "pid"])
def test_namespaces_are_shared_with_another_container(lxc: Lxc, box: str, kind: str) -> None:
    other = lxc.create("other")
    lxc.start(other)
    lxc.start(box, f"--share-{kind}", other, "--", "/bin/sleep", "100")
    one, two = (os.readlink(f"/proc/{lxc.init_pid(name)}/ns/{kind}") for name in (box, other))
    assert one == two
    lxc.ok("lxc-stop", "-n", box, "-k")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_interrupts_a_start_finds_nothing_of_it(lxc: Lxc, box: str, number: signal.Signals) -> None:
    lxc.extend(box, "".join(f"lxc.mount.entry = none mnt/{n} tmpfs create=dir\n" for n in range(300)))
    for delay_ms in (40, 70, 100, 150, 250):
        process = subprocess.Popen(
            lxc.command("lxc-start", "-n", box), stderr=subprocess.DEVNULL, process_group=0, stdin=subprocess.DEVNULL
        )
        time.sleep(delay_ms / 1000)
        os.killpg(process.pid, number)
        ran = process.wait(20) == 0
        until(lambda: lxc.state(box) in ("STOPPED", "RUNNING"), "the start is undone, or had come to its end")
        if lxc.state(box) == "RUNNING":
            assert ran or number != signal.SIGINT
            assert lxc.run("lxc-stop", "-n", box, "-k").returncode in (0, 2)  # 2: it was just being undone
    lxc.start(box)  # also removes what a starter left that was killed before there was a monitor
    lxc.ok("lxc-stop", "-n", box, "-k")
    until(lambda: not lxc.leftovers(), "nothing is left")


def test_a_start_that_runs_out_of_descriptors_leaves_nothing(lxc: Lxc, box: str) -> None:
    pidfile = lxc.path / "pid"
    words = lxc.command("lxc-start", "-n", box, "-p", str(pidfile))
    for most in range(5, 24):
        limited = ["sh", "-c", f'ulimit -n {most} && exec "$@"', "sh", *words]
        done = subprocess.run(
            limited, env=os.environ | {"LXC_FORKSERVER": "0"}, capture_output=True, text=True, timeout=60
        )
        if done.returncode == 0:  # it does with so many, on a host with few hierarchies of cgroups
            assert most > 8
            break
        assert (done.returncode, lxc.leftovers(), pidfile.exists()) == (1, [], False), f"{most}: {done.stderr}"
        assert "(ulimit -n)" in done.stderr, f"{most}: {done.stderr}"


def test_more_ttys_than_may_be_open_are_told_with_the_limit(lxc: Lxc, box: str) -> None:
    words = lxc.command("lxc-start", "-n", box, "-s", "lxc.tty.max=100")
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 64 && exec "$@"', "sh", *words],
        env=os.environ | {"LXC_FORKSERVER": "0"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "cannot allocate 100 ttys" in done.stderr
    assert "(ulimit -n)" in done.stderr
    assert lxc.leftovers() == []


@pytest.mark.parametrize("wish", ["0", "1"])
def test_what_is_executed_ends_whenever_it_is_told_to(lxc: Lxc, box: str, wish: str) -> None:
    for _ in range(as_often(25)):
        words = ("-n", box, "--", "/bin/sleep", "1000")
        executing = lxc.spawn("lxc-execute", *words, env=os.environ | {"LXC_FORKSERVER": wish})
        time.sleep(random.random() * 0.06 * SLOWNESS)
        executing.terminate()
        _, said = executing.communicate(timeout=PATIENCE)
        assert executing.returncode in (128 + signal.SIGTERM, -signal.SIGTERM), said
