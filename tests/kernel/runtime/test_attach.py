"""lxc-attach on containers of ours: what the command is, what it sees, and what a hostile container gets of us."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, SLOWNESS, Lxc, as_often, until
from tests.kernel.runtime.terminal import Terminal

from lxc.errors import StepError
from lxc.kernel import fs, mount, process
from lxc.runtime import door
from lxc.runtime.attaching import meet as attach_meet
from lxc.runtime.plans.attach import AttachPlan

pytestmark = pytest.mark.root


@pytest.fixture
def web(lxc: Lxc, box: str) -> Iterator[str]:
    """A running container whose init does nothing."""
    lxc.extend(box, "lxc.pty.max = 20\nlxc.environment = FROM_CONFIG=yes\nlxc.cap.drop = sys_time sys_module\n")
    lxc.start(box, "--", "/bin/busybox", "sleep", "1000")
    yield box
    lxc.ok("lxc-stop", "-n", box, "-k")


def status(lxc: Lxc, name: str, *words: str, **options: object) -> tuple[int, str]:
    done = lxc.run("lxc-attach", "-n", name, *words, **options)
    return done.returncode, done.stderr


# ---- the command --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_status_is_the_commands(lxc: Lxc, web: str, command: str, code: int) -> None:
    assert status(lxc, web, "--", "sh", "-c", command)[0] == code


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/etc", 126), ("/etc/passwd", 126)])
def test_what_cannot_be_executed_is_126_or_127_and_named(lxc: Lxc, web: str, command: str, code: int) -> None:
    got, said = status(lxc, web, "--", command)
    assert got == code
    assert f"cannot run {command} in the container" in said


def test_a_container_that_does_not_run_is_said_to(lxc: Lxc, box: str) -> None:
    assert status(lxc, box, "--", "true") == (1, f"lxc-attach: {box}: {box} is not running\n")


@pytest.mark.parametrize("most", [6, 12])
def test_who_has_no_room_for_what_the_monitor_gives_is_told_that(lxc: Lxc, web: str, most: int) -> None:
    command = shlex.join(lxc.command("lxc-attach", "-n", web, "--", "true"))
    done = subprocess.run(["sh", "-c", f"ulimit -n {most}; {command}"], capture_output=True, text=True, check=False)
    assert (done.returncode, "raise the limit (ulimit -n)" in done.stderr) == (1, True), done.stderr


def test_the_monitor_keeps_nothing_of_what_it_gives_to_who_attaches(lxc: Lxc, web: str) -> None:
    monitor = Path(f"/proc/{lxc.init_pid(web)}/status").read_text().split("PPid:")[1].split()[0]
    open_files = lambda: len(os.listdir(f"/proc/{monitor}/fd"))  # noqa: E731
    before = open_files()
    for _ in range(3):
        assert status(lxc, web, "--", "true") == (0, "")
    until(lambda: open_files() <= before, "the monitor has closed what it gave")


def test_a_frozen_container_is_an_error_not_a_wait(lxc: Lxc, web: str) -> None:
    lxc.ok("lxc-freeze", "-n", web)
    code, said = status(lxc, web, "--", "true")
    lxc.ok("lxc-unfreeze", "-n", web)
    assert code == 1
    assert f"{web} is frozen" in said


def test_it_is_in_all_namespaces_and_cgroups_of_the_container(lxc: Lxc, web: str) -> None:
    pid = lxc.init_pid(web)
    spaces = ("mnt", "pid", "uts", "ipc", "net", "cgroup", "user", "time")
    script = " ".join(f"$(readlink /proc/self/ns/{name})" for name in spaces)
    assert lxc.attach(web, "sh", "-c", f"echo {script}").split() == [os.readlink(f"/proc/{pid}/ns/{n}") for n in spaces]
    process = lxc.spawn("lxc-attach", "-n", web, "--", "sleep", "777")
    until(lambda: (found := pids(pid, "sleep\x00777")) and found, "it runs")
    (child,) = pids(pid, "sleep\x00777")
    ours = Path(f"/proc/{child}/cgroup").read_text().splitlines()
    theirs = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    assert [line.removesuffix("/.lxc") for line in ours] == theirs
    os.kill(child, signal.SIGKILL)
    assert process.wait() == 137


def pids(init: int, cmdline: str) -> list[int]:
    """The processes of the container whose command line begins so."""
    space = os.readlink(f"/proc/{init}/ns/pid")
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdecimal() and os.readlink(f"/proc/{entry}/ns/pid") == space:
                text = Path(f"/proc/{entry}/cmdline").read_text()
                found += [int(entry)] * text.startswith(cmdline)
        except OSError:
            continue
    return found


def test_the_namespaces_asked_for_are_joined_and_no_other(lxc: Lxc, web: str) -> None:
    pid = lxc.init_pid(web)
    script = "readlink /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/mnt"
    seen = lxc.ok("lxc-attach", "-n", web, "-s", "NETWORK|UTSNAME", "--", "sh", "-c", script).split()
    assert seen == [
        os.readlink(f"/proc/{who}/ns/{name}") for who, name in ((pid, "net"), (pid, "uts"), ("self", "mnt"))
    ]


def test_without_the_mount_namespace_proc_and_sys_can_be_the_containers(lxc: Lxc, web: str) -> None:
    before = mounts_on_proc_and_sys()
    seen = lxc.ok(
        "lxc-attach", "-n", web, "-s", "PID|NETWORK", "-R", "--", "sh", "-c", "cat /proc/1/cmdline; ls /sys/class/net"
    )
    assert seen == "/bin/busybox\0sleep\x001000\0lo\n"
    assert mounts_on_proc_and_sys() == before


def mounts_on_proc_and_sys() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if line.split()[4] in ("/proc", "/sys")]


def test_capabilities_are_the_containers_unless_elevated(lxc: Lxc, web: str) -> None:
    bounding = "sed -n s/^CapBnd:.//p /proc/self/status"
    init = re.search(r"^CapBnd:\t(\w+)$", Path(f"/proc/{lxc.init_pid(web)}/status").read_text(), re.MULTILINE)
    own = re.search(r"^CapBnd:\t(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert init is not None
    assert own is not None
    assert init[1] != own[1]
    assert lxc.attach(web, "sh", "-c", bounding).strip() == init[1]
    assert lxc.ok("lxc-attach", "-n", web, "-e", "--", "sh", "-c", bounding).strip() == own[1]


def test_elevated_it_stays_in_our_cgroups(lxc: Lxc, web: str) -> None:
    seen = lxc.ok("lxc-attach", "-n", web, "-s", "UTSNAME", "--", "cat", "/proc/self/cgroup")
    assert seen == Path("/proc/self/cgroup").read_text()


def test_uid_and_gid_are_set_and_no_other_group_is_left(lxc: Lxc, web: str) -> None:
    script = "grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status"
    seen = lxc.ok("lxc-attach", "-n", web, "-u", "1000", "-g", "1001", "--", "sh", "-c", script)
    assert [line.split(":")[1].split() for line in seen.splitlines()] == [["1000"] * 4, ["1001"] * 4, [], ["0" * 16]]


def test_the_environment_is_ours_and_the_containers(lxc: Lxc, web: str) -> None:
    seen = lxc.attach(web, "env", env=os.environ | {"MINE": "kept"}).splitlines()
    assert {"MINE=kept", "container=lxc", "FROM_CONFIG=yes"} <= set(seen)


def test_what_is_wrong_about_the_rest_of_the_configuration_keeps_nobody_out(lxc: Lxc, web: str) -> None:
    lxc.extend(web, f"lxc.tty.max = many\nlxc.no.such = key\nlxc.include = {lxc.path}/more\n")
    (lxc.path / "more").write_text("lxc.environment.runtime = INCLUDED=too\nlxc.environment.hooks = HOOK=not\n")
    seen = lxc.attach(web, "env", env={"PATH": "/bin"})
    assert sorted(seen.splitlines()) == ["FROM_CONFIG=yes", "INCLUDED=too", "PATH=/bin", "container=lxc"]


@pytest.mark.parametrize("where", ["config", "rcfile"])
def test_a_wrong_variable_is_an_error_that_names_its_line(lxc: Lxc, web: str, where: str) -> None:
    file = lxc.config(web) if where == "config" else lxc.path / "other"
    with file.open("a") as config:
        config.write("lxc.environment = NOT_SET_HERE\n")
    line = len(file.read_text().splitlines())
    code, said = status(lxc, web, *(() if where == "config" else ("--rcfile", str(file))), "--", "true", env={})
    assert code == 1
    assert f"{file}:{line}" in said
    assert "NOT_SET_HERE" in said


def test_another_configuration_replaces_the_containers_variables(lxc: Lxc, web: str) -> None:
    (lxc.path / "other").write_text("lxc.environment = OTHER=yes\n")
    seen = lxc.ok("lxc-attach", "-n", web, "--rcfile", str(lxc.path / "other"), "--", "env", env={"PATH": "/bin"})
    assert sorted(seen.splitlines()) == ["OTHER=yes", "PATH=/bin", "container=lxc"]


def test_an_environment_without_a_locale_stays_so(lxc: Lxc, web: str) -> None:
    seen = lxc.attach(web, "env", env={"PATH": "/bin"})
    assert sorted(seen.splitlines()) == ["FROM_CONFIG=yes", "PATH=/bin", "container=lxc"]


def test_a_cleared_environment_has_what_is_asked_for(lxc: Lxc, web: str) -> None:
    words = ("--clear-env", "--keep-var", "MINE", "-v", "A=b c", "-v", "junk")
    seen = lxc.ok("lxc-attach", "-n", web, *words, "--", "env", env=os.environ | {"MINE": "kept"})
    assert set(seen.splitlines()) == {
        "MINE=kept",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "container=lxc",
        "FROM_CONFIG=yes",
        "A=b c",
    }


def test_bytes_that_are_no_text_pass_through(lxc: Lxc, web: str) -> None:
    odd = b"\xff\xfe".decode(errors="surrogateescape")
    done = subprocess.run(
        lxc.command("lxc-attach", "-n", web, "-v", f"ODD={odd}", "--", "sh", "-c", f"echo {odd} $ODD"),
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    assert done.stdout == b"\xff\xfe \xff\xfe\n"


def test_the_working_directory_is_ours_if_the_container_has_it(lxc: Lxc, web: str) -> None:
    assert lxc.attach(web, "sh", "-c", "pwd", cwd="/etc") == "/etc\n"
    assert lxc.attach(web, "sh", "-c", "pwd", cwd=lxc.path) == "/\n"


def test_the_personality_can_be_chosen(lxc: Lxc, web: str) -> None:
    assert lxc.ok("lxc-attach", "-n", web, "-a", "i686", "--", "uname", "-m") == "i686\n"


def test_standard_streams_are_passed_as_they_are(lxc: Lxc, web: str) -> None:
    data = os.urandom(300_000)
    done = subprocess.run(
        lxc.command("lxc-attach", "-n", web, "--", "sh", "-c", "cat; echo said >&2"), input=data, capture_output=True
    )
    assert done.stdout == data
    assert done.stderr == b"said\n"


def test_a_standard_stream_that_is_closed_is_dev_null(lxc: Lxc, web: str) -> None:
    words = " ".join(lxc.command("lxc-attach", "-n", web, "--", "stat", "-L", "-c", "%t:%T", "/proc/self/fd/0"))
    assert subprocess.run(["sh", "-c", f"{words} <&-"], capture_output=True).stdout == b"1:3\n"


def waits_for(pid: int, number: int) -> bool:
    """Whether the process has the signal blocked, to read it from a descriptor."""
    status = Path(f"/proc/{pid}/status").read_text()
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(blocked.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_to_a_command_without_terminal(lxc: Lxc, web: str, number: signal.Signals) -> None:
    script = f"trap 'echo got {number}; exit 5' {number}; echo ready; while :; do sleep 0.05; done"
    process = lxc.spawn("lxc-attach", "-n", web, "--", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    until(lambda: waits_for(process.pid, number), "lxc-attach has begun to pass signals on")
    process.send_signal(number)
    assert process.communicate()[0] == f"got {number}\n"
    assert process.returncode == 5


def test_whenever_a_signal_comes_the_command_does_not_stay_behind(lxc: Lxc, web: str) -> None:
    init = lxc.init_pid(web)
    for step in range(as_often(25)):
        process = lxc.spawn("lxc-attach", "-n", web, "--", "sleep", "999")
        time.sleep(step * 0.006 * SLOWNESS)
        process.terminate()
        _, said = process.communicate()
        assert process.returncode in (-signal.SIGTERM, 143), said
        until(lambda: not pids(init, "sleep\x00999"), f"nothing is left after step {step}", patience=5)


def test_a_signal_that_we_were_told_to_ignore_is_not_passed_on(lxc: Lxc, web: str) -> None:
    words = shlex.join(lxc.command("lxc-attach", "-n", web, "--", "sh", "-c", "echo ready; read x; echo $x"))
    shell = subprocess.Popen(
        ["sh", "-c", f"trap '' INT; exec {words}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert shell.stdout is not None
    assert shell.stdout.readline() == "ready\n"
    shell.send_signal(signal.SIGINT)
    assert shell.communicate("still here\n")[0] == "still here\n"
    assert shell.returncode == 0


def test_many_at_once_do_not_disturb_each_other(lxc: Lxc, web: str) -> None:
    started = [lxc.spawn("lxc-attach", "-n", web, "--", "sh", "-c", f"echo {n}; exit {n}") for n in range(12)]
    assert [(process.communicate()[0], process.returncode) for process in started] == [(f"{n}\n", n) for n in range(12)]


# ---- what a hostile container gets --------------------------------------------------------------------------------


def test_the_container_never_sees_a_program_of_ours_but_lxc_init(lxc: Lxc, box: str) -> None:
    watch = "while :; do for p in /proc/[0-9]*; do readlink $p/exe; done; done 2>/dev/null >>/seen"
    lxc.start(box, "--", "/bin/busybox", "sh", "-c", f"{watch} & {watch}")
    for _ in range(as_often(15)):
        lxc.attach(box, "true")
    lxc.ok("lxc-stop", "-n", box, "-k")
    seen = set((lxc.rootfs(box) / "seen").read_text().splitlines())
    assert "/bin/busybox" in seen
    assert seen - {""} <= {"/bin/busybox", "/lxc-init"}  # that on a mount of its own, if it was caught


def test_lxc_init_cannot_be_written_to_by_the_way_it_is_executed() -> None:
    """As a container could: /proc/self/exe of a process that executed it, opened to write once that has ended."""
    before = Path(door.PROGRAM).read_bytes()
    way = door.open_init()
    gate, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.dup2(gate, 0)
        fs.execveat(way, "lxc-init", ("lxc-init", "--", "/bin/sh", "-c", "read x"), {})
    os.close(gate)
    until(lambda: os.readlink(f"/proc/{pid}/exe") == "/lxc-init", "lxc-init runs, on a mount of its own")
    exe = os.open(f"/proc/{pid}/exe", os.O_PATH)
    with pytest.raises(OSError, match="Invalid argument"):  # while the mount is there
        mount.mount_setattr(exe, attr_clear=mount.MOUNT_ATTR_RDONLY)
    os.close(way)
    os.close(writer)
    os.waitpid(pid, 0)
    with pytest.raises(OSError) as caught:
        os.open(f"/proc/self/fd/{exe}", os.O_WRONLY)
    os.close(exe)
    assert caught.value.errno == errno.EROFS
    assert Path(door.PROGRAM).read_bytes() == before


def test_the_command_has_no_descriptor_but_the_standard_ones(lxc: Lxc, web: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    secret = os.open(tmp_path / "secret", os.O_RDONLY)
    seen = lxc.attach(web, "sh", "-c", "echo /proc/self/fd/*", pass_fds=[secret])
    os.close(secret)
    assert sorted(name.rsplit("/")[-1] for name in seen.split())[:3] == ["0", "1", "2"]
    assert len(seen.split()) <= 4  # one is the shell's own, to list them


def test_the_hosts_dev_null_stays_as_it_is(lxc: Lxc, web: str) -> None:
    """Its mode and owner are for all users of the host; who is root in the container could change them."""
    null = subprocess.DEVNULL
    for stream, option in enumerate(("stdin", "stdout", "stderr")):
        script = f"chmod 666 /proc/self/fd/{stream} || echo kept >/result{stream}; echo >&{stream}; cat <&{stream}"
        done = lxc.run("lxc-attach", "-n", web, "--", "sh", "-c", script, **{"capture_output": False, option: null})
        assert done.returncode == 0
        assert (lxc.rootfs(web) / f"result{stream}").read_text() == "kept\n"


def test_the_command_has_not_our_terminal_even_if_none_of_its_streams_is_one(lxc: Lxc, web: str) -> None:
    attach = " ".join(lxc.command("lxc-attach", "-n", web, "--", "sh", "-c"))
    with Terminal(
        ["sh", "-c", f"{attach} 'echo x >/dev/tty; cut -d\" \" -f 6,7 /proc/self/stat; echo $?' </dev/null 2>&1 | cat"]
    ) as user:
        said = user.read_all()
    assert b"x\r\n" not in said.splitlines(keepends=True)
    assert re.search(rb"^0 0\r?$|^\d+ 0\r?$", said, re.MULTILINE)  # session, terminal: none


def test_a_command_that_has_ended_before_an_ordinary_user_looks_at_it_is_the_command() -> None:
    """It was another user of the container's."""
    plan = AttachPlan("web", 1, False, ("user", "pid"), False, "/", -1, (), 0, 0, 0, 0, (), False, (), ("true",))
    (born, bear), (mapped, map_), (gate, go) = os.pipe(), os.pipe(), os.pipe()
    caller = os.fork()
    if caller == 0:
        os.setresuid(47110, 47110, 47110)
        process.prctl(process.PR_SET_DUMPABLE, 1)
        command, _ = process.clone3(process.CLONE_NEWUSER | process.CLONE_NEWPID)
        if command == 0:
            process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.read(gate, 1)
            os.setresuid(7, 7, 7)
            os._exit(0)
        os.write(bear, command.to_bytes(4, "little"))
        os.read(mapped, 1)
        pids = os.stat(f"/proc/{command}/ns/pid")
        os.write(go, b"1")
        until(lambda: "\nState:\tZ" in Path(f"/proc/{command}/status").read_text(), "it has ended")
        attach_meet._child(command, attach_meet.Launched(plan, 1, -1, -1, (pids.st_dev, pids.st_ino)))
        os._exit(0)
    command = int.from_bytes(os.read(born, 4), "little")
    Path(f"/proc/{command}/uid_map").write_text("0 47110 1\n7 700007 1\n")
    os.write(map_, b"1")
    assert os.waitstatus_to_exitcode(os.waitpid(caller, 0)[1]) == 0
    for fd in (born, bear, mapped, map_, gate, go):
        os.close(fd)


def test_a_child_of_the_callers_that_the_container_tells_for_the_command_is_left_alone(lxc: Lxc, web: str) -> None:
    """Who traces lxc-init's child there may write to the pipe first: a pid, and that it could not be executed."""
    pids = os.stat(f"/proc/{lxc.init_pid(web)}/ns/pid")
    other, middle = subprocess.Popen(["sleep", "100"]), subprocess.Popen(["true"])
    report, status, said = os.open("/dev/null", os.O_RDONLY), *os.pipe()
    os.write(said, other.pid.to_bytes(4, "little") + errno.ENOENT.to_bytes(4, "little"))
    os.close(said)
    plan = AttachPlan(web, 1, False, ("pid",), False, "/", -1, (), 0, 0, 0, 0, (), False, (), ("sh",))
    try:
        launched = attach_meet.Launched(plan, middle.pid, report, status, (pids.st_dev, pids.st_ino))
        with pytest.raises(StepError, match="not a child of ours in the container"):
            attach_meet.meet(launched)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("there", ["/proc/1/root/etc", "/proc/self/fd/7", "/proc/self/cwd"])
def test_a_working_directory_that_the_container_made_a_magic_link_is_not_followed(
    lxc: Lxc, web: str, there: str
) -> None:
    here = lxc.path / "here"
    here.mkdir()
    inside = lxc.rootfs(web) / str(here).lstrip("/")
    inside.parent.mkdir(parents=True)
    inside.symlink_to(there)
    assert lxc.attach(web, "sh", "-c", "pwd -P", cwd=here) == "/\n"


@pytest.mark.parametrize("kind", ["fifo", "directory", "loop", "host link", "absent"])
def test_a_strange_passwd_leaves_bin_sh(lxc: Lxc, web: str, kind: str) -> None:
    passwd = lxc.rootfs(web) / "etc/passwd"
    passwd.unlink()
    match kind:
        case "fifo":
            os.mkfifo(passwd)
        case "directory":
            passwd.mkdir()
        case "loop":
            passwd.symlink_to("passwd")
        case "host link":
            passwd.symlink_to("/proc/1/root/etc/passwd")
    assert lxc.ok("lxc-attach", "-n", web, input="readlink /proc/$$/exe; echo $0\n").split()[-1] == "/bin/sh"


@pytest.mark.parametrize("is_kept", [False, True])
def test_the_callers_session_keyring_stays_outside_unless_the_container_shares_it(lxc: Lxc, is_kept: bool) -> None:
    """Who has a keyring can read the keys in it: the container's root, by the command."""
    box = lxc.create(config=f"{CONFIG}lxc.keyring.session = {int(is_kept)}\n")
    lxc.start(box)
    with_key = f"""
import ctypes, os, sys
call, keyctl, add_key = ctypes.CDLL(None).syscall, 250, 248
assert call(keyctl, 1, None) > 0  # KEYCTL_JOIN_SESSION_KEYRING
assert call(add_key, b"user", b"{box}", b"secret", 6, -3) > 0  # KEY_SPEC_SESSION_KEYRING
os.execv(sys.argv[1], sys.argv[1:])
"""
    attach = lxc.command("lxc-attach", "-n", box, "-u", "1000", "--", "cat", "/proc/keys")  # shows what can be had
    seen = subprocess.run([sys.executable, "-c", with_key, *attach], capture_output=True, text=True, check=True).stdout
    assert "keyring" in seen
    assert (f" {box}: 6" in seen) == is_kept


def test_a_file_of_the_kernels_in_the_place_of_passwd_is_not_read(lxc: Lxc, web: str) -> None:
    """Who reads /proc/kmsg takes the host's messages away, and waits for more, with all signals held."""
    mine = lxc.rootfs(web) / "bin/mysh"
    mine.write_text("#!/bin/sh\necho mine\n")
    mine.chmod(0o755)
    sleeper = "LINES='\nroot:x:0:0::/:/bin/mysh\n' sleep 600 >/dev/null 2>&1 &"
    there = "until grep -q mysh /proc/$!/environ; do :; done"
    trap = f"{sleeper} {there}; mount --bind /proc/$!/environ /etc/passwd; cat /etc/passwd"
    assert "\nroot:x:0:0::/:/bin/mysh\n" in lxc.attach(web, "sh", "-c", trap)
    assert lxc.ok("lxc-attach", "-n", web, input="echo $0\n").split()[-1] == "/bin/sh"


def test_the_shell_is_the_one_of_the_containers_passwd(lxc: Lxc, web: str) -> None:
    (lxc.rootfs(web) / "etc/passwd").write_text("root:x:0:0::/:/bin/mysh\n")
    mine = lxc.rootfs(web) / "bin/mysh"
    mine.write_text("#!/bin/sh\necho mine\n")
    mine.chmod(0o755)
    assert lxc.ok("lxc-attach", "-n", web) == "mine\n"


# ---- the terminal -------------------------------------------------------------------------------------------------


def on_terminal(lxc: Lxc, name: str, *words: str, before: str = "", after: str = "") -> Terminal:
    command = shlex.join(lxc.command("lxc-attach", "-n", name, *words))
    return Terminal(["sh", "-c", f"{before} {command} {after}; echo exit $?"])


def test_on_a_terminal_the_command_has_one_of_the_containers(lxc: Lxc, web: str) -> None:
    script = "readlink /proc/self/fd/0; test -t 1 -a -t 2 && echo all; : </dev/tty && echo controlling; exit 3"
    with on_terminal(lxc, web, "--", "sh", "-c", script) as user:
        said = user.read_all().decode().split()
    assert re.fullmatch(r"/dev/pts/\d+", said[0])
    assert said[1:] == ["all", "controlling", "exit", "3"]


def test_what_is_typed_reaches_the_command_keys_for_signals_included(lxc: Lxc, web: str) -> None:
    with on_terminal(
        lxc,
        web,
        "--",
        "sh",
        "-c",
        "trap 'echo INT; exit 9' INT; read x; echo got $x; echo ready; while :; do sleep 0.05; done",
    ) as user:
        user.write(b"hello\n")
        user.read_until(b"ready")
        user.write(b"\x03")
        said = user.read_all()
    assert b"got hello" in said + user.seen
    assert b"INT" in user.seen
    assert b"exit 9" in user.seen


def test_our_terminal_is_as_before_afterwards(lxc: Lxc, web: str) -> None:
    with on_terminal(lxc, web, "--", "sh", "-c", "echo ready; read x") as user:
        before = user.settings_at_start
        user.read_until(b"ready")
        until(lambda: user.settings() != before, "it is raw meanwhile")
        user.write(b"\n")
        user.read_all()
        assert user.settings() == before


def test_our_terminal_is_as_before_also_after_sigterm(lxc: Lxc, web: str) -> None:
    with on_terminal(lxc, web, "--", "sh", "-c", "echo ready; sleep 888") as user:
        user.read_until(b"ready")
        until(lambda: user.settings() != user.settings_at_start, "it is raw")
        (attach,) = children(user.pid)
        os.kill(attach, signal.SIGTERM)
        user.read_all()
        assert b"exit 143" in user.seen
        assert user.settings() == user.settings_at_start
    until(lambda: not pids(lxc.init_pid(web), "sleep\x00888"), "its terminal has hung up on the command")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_window_size_is_ours_and_follows(lxc: Lxc, web: str) -> None:
    script = "unset LINES COLUMNS; stty size; trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
    with on_terminal(lxc, web, "--", "sh", "-c", script) as user:
        user.read_until(b"ready")
        user.resize(33, 99)
        user.read_all()
    assert user.seen.split()[:2] == [b"24", b"80"]
    assert user.seen.split()[3:5] == [b"33", b"99"]


def test_nothing_that_was_said_is_lost_even_if_the_command_ends_at_once(lxc: Lxc, web: str) -> None:
    for _ in range(as_often(5)):
        with on_terminal(lxc, web, "--", "seq", "100000") as user:
            user.read_all(slowly=True)
        lines = user.seen.replace(b"\r", b"").split(b"\n")
        assert lines[:100_000] == [b"%d" % n for n in range(1, 100_001)]


def test_output_to_a_pipe_stays_out_of_the_terminal(lxc: Lxc, web: str, tmp_path: Path) -> None:
    with on_terminal(
        lxc, web, "--", "sh", "-c", "test -t 0 && test ! -t 1 && seq 50000", after=f"| md5sum >{tmp_path}/sum"
    ) as user:
        user.read_all()
    expected = hashlib.md5(b"".join(b"%d\n" % n for n in range(1, 50_001))).hexdigest()
    assert (tmp_path / "sum").read_text().split()[0] == expected


def test_input_from_a_pipe_reaches_a_command_that_speaks_to_the_terminal(lxc: Lxc, web: str) -> None:
    with on_terminal(
        lxc, web, "--", "sh", "-c", "test ! -t 0 && test -t 1 && cat && : </dev/tty && echo own", before="echo piped |"
    ) as user:
        user.read_all()
    assert user.seen.split() == [b"piped", b"own", b"exit", b"0"]


def test_keys_for_signals_work_also_if_input_is_a_pipe(lxc: Lxc, web: str) -> None:
    script = "trap 'echo INT; exit 9' INT; echo ready; while :; do sleep 0.05; done"
    with on_terminal(lxc, web, "--", "sh", "-c", script, before="sleep 1000 |") as user:
        user.read_until(b"ready")
        time.sleep(0.1)
        user.write(b"\x03")
        user.read_until(b"INT")


def test_what_passes_on_the_terminal_can_be_logged(lxc: Lxc, web: str, tmp_path: Path) -> None:
    with on_terminal(lxc, web, "-L", str(tmp_path / "log"), "--", "echo", "said") as user:
        user.read_all()
    assert (tmp_path / "log").read_bytes() == b"said\r\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


def test_what_is_mounted_in_the_place_of_its_terminals_is_not_opened(lxc: Lxc) -> None:
    """The container's root may not open a device that it made; whoever attaches might, and opening some is enough."""
    box = lxc.create(config=f"{CONFIG}lxc.pty.max = 10\n")
    lxc.start(box)
    trap = (
        "mkfifo /trap; mount --bind /trap /dev/pts/ptmx; (read line </trap; touch /opened) >/dev/null 2>&1 & sleep 0.3"
    )
    lxc.attach(box, "sh", "-c", trap)
    with Terminal(lxc.command("lxc-attach", "-n", box, "--", "sh", "-c", "test -t 0 && echo here")) as terminal:
        assert terminal.read_until(b"here")
    time.sleep(0.2)
    assert not (lxc.rootfs(box) / "opened").exists()


def test_a_user_gets_the_terminal(lxc: Lxc, web: str) -> None:
    with on_terminal(
        lxc,
        web,
        "-u",
        "1000",
        "--",
        "sh",
        "-c",
        "stat -c %u $(readlink /proc/self/fd/0); echo x >/dev/tty && echo writes",
    ) as user:
        user.read_all()
    assert user.seen.split()[:3] == [b"1000", b"x", b"writes"]


def test_a_container_that_has_used_up_its_terminals_does_not_lock_us_out(lxc: Lxc, web: str) -> None:
    script = "i=0; while exec 9<>/dev/ptmx && sh -c 'sleep 500 &' >/dev/null 2>&1; do i=$((i+1)); [ $i -gt 40 ] && break; done; true"
    lxc.run("lxc-attach", "-n", web, "--", "sh", "-c", script)
    with on_terminal(lxc, web, "--", "sh", "-c", "test -t 0 && echo terminal") as user:
        user.read_all()
    assert user.seen.split()[0] == b"terminal"
