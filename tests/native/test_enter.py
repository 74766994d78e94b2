"""--exec and --attach: what the caller reads from its descriptor, and what becomes of the command."""

import errno
import os
import pty
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL
from subprocess import DEVNULL, PIPE, Popen

import pytest
from tests.conftest import until

Enter = Callable[..., tuple[Popen[bytes], int]]


@pytest.fixture
def enter(init: str) -> Enter:
    """Start `lxc-init --MODE=FD… -- COMMAND`: the process, and the descriptor to read what it says on FD."""

    def enter(
        mode: str,
        *command: str,
        before: tuple[str, ...] = (),
        stdin: int = DEVNULL,
        stdout: int = DEVNULL,
        label: tuple[int, str] | None = None,
    ) -> tuple[Popen[bytes], int]:
        reader, writer = os.pipe()
        option = mode.replace("FD", str(writer))
        more = [] if label is None else [f"--label={label[0]},{label[1]}"]
        given = [writer] if label is None else [writer, label[0]]
        process = Popen([*before, init, option, *more, "--", *command], stdin=stdin, stdout=stdout, pass_fds=given)
        os.close(writer)
        return process, reader

    return enter


def numbers(reader: int) -> tuple[int, ...]:
    with open(reader, "rb") as file:
        said = file.read()
    return struct.unpack(f"={len(said) // 4}i", said)


def test_exec_becomes_the_command_and_says_nothing(enter: Enter) -> None:
    process, reader = enter("--exec=FD", "sleep", "1000")
    assert numbers(reader) == ()
    assert Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n"
    until(lambda: not Path(f"/proc/{process.pid}/fd/3").exists(), "its loader has closed the libraries' files")
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("command", "number", "status"),
    [("no-such-command", errno.ENOENT, 127), ("/dev/null", errno.EACCES, 126), ("/etc", errno.EACCES, 126)],
)
def test_exec_says_why_the_command_could_not_be_executed(enter: Enter, command: str, number: int, status: int) -> None:
    process, reader = enter("--exec=FD", command)
    assert numbers(reader) == (number,)
    assert process.wait() == status


@pytest.mark.parametrize(
    "option",
    ["--exec=", "--exec=x", "--exec=-1", "--exec=99", "--exec=0x1", "--exec=1,tty", "--exec=4294967297",
     "--exec=99999999999999999999", "--attach=", "--attach=1,", "--attach=1,ttyx", "--attach= 1"],
)  # fmt: skip
def test_what_is_no_open_descriptor_is_refused(init: str, option: str) -> None:
    done = subprocess.run([init, option, "--", "true"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"lxc-init: not an open descriptor: {option}\n"


@pytest.mark.parametrize("words", [[], ["true"], ["--"], ["true", "--", "true"]])
def test_a_command_comes_after_two_dashes(init: str, words: list[str]) -> None:
    assert subprocess.run([init, "--exec=1", *words], capture_output=True).returncode == 1


@pytest.fixture
def namespace() -> Iterator[Popen[bytes]]:
    """A process that is PID 1 of a pid namespace."""
    with Popen(["unshare", "--pid", "--fork", "sleep", "1000"], stdout=DEVNULL) as unshare:
        children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
        while not children.read_text():
            pass
        yield unshare
        if unshare.poll() is None:
            os.kill(init_of(unshare), SIGKILL)
        while unshare.poll() is None:  # as long as somebody is in there: those who were born to us by --attach
            reap_strays(unshare.pid)


def reap_strays(spared: int) -> None:
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        if int(pid) != spared:
            os.waitpid(int(pid), os.WNOHANG)


def init_of(unshare: Popen[bytes]) -> int:
    return int(Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split()[0])


def joining(pid: int) -> tuple[str, ...]:
    return ("nsenter", f"--pid=/proc/{pid}/ns/pid", "--no-fork")


@pytest.mark.parametrize("mode", ["--exec=FD", "--attach=FD"])
def test_a_label_is_written_before_the_command_runs_and_its_directory_closed(
    enter: Enter, tmp_path: Path, mode: str
) -> None:
    (tmp_path / "exec").write_text("")
    directory = os.open(tmp_path, os.O_PATH)
    said, told = os.pipe()
    process, reader = enter(mode, "ls", "-l", "/proc/self/fd", label=(directory, "u:r:t:s0,c1"), stdout=told)
    os.close(told)
    numbers(reader)
    with open(said) as file:
        assert str(tmp_path) not in file.read()
    assert process.wait() == 0
    assert (tmp_path / "exec").read_text() == "u:r:t:s0,c1"
    os.close(directory)


@pytest.mark.parametrize(("mode", "sign"), [("--exec=FD", 1), ("--attach=FD", -1)])
def test_where_a_label_cannot_be_taken_nothing_runs(enter: Enter, tmp_path: Path, mode: str, sign: int) -> None:
    directory = os.open(tmp_path, os.O_PATH)
    process, reader = enter(mode, "touch", str(tmp_path / "ran"), label=(directory, "x"))
    assert numbers(reader) == (sign * errno.ENOENT,)
    assert process.wait() in (126, 127)
    assert not (tmp_path / "ran").exists()
    os.close(directory)


def test_the_command_dies_with_its_parent_if_that_is_asked(init: str) -> None:
    script = '"$0" --exec=1 --pdeath=9 -- sleep 1000 & exec >&-; wait'
    with Popen(["sh", "-c", script, init], stdout=PIPE, stderr=PIPE) as parent:
        assert parent.stdout
        assert parent.stderr
        assert parent.stdout.read() == b""  # the command runs
        parent.kill()
        assert parent.stderr.read() == b""  # nobody has it open any more


def test_nothing_runs_whose_parent_is_dead_already(init: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [init, f"--exec={writer}", "--pdeath=9", "--", "touch", tmp_path / "ran"]
    assert subprocess.run(command, pass_fds=[writer]).returncode == 126
    assert not (tmp_path / "ran").exists()
    os.close(writer)


@pytest.mark.root
def test_attach_gives_birth_in_the_joined_namespace_to_a_child_of_the_caller(
    enter: Enter, namespace: Popen[bytes]
) -> None:
    pid_1 = init_of(namespace)
    process, reader = enter("--attach=FD", "sleep", "1000", before=joining(pid_1))
    (child,) = numbers(reader)
    assert process.wait() == 0
    assert os.readlink(f"/proc/{child}/ns/pid") == os.readlink(f"/proc/{pid_1}/ns/pid")
    assert Path(f"/proc/{child}/comm").read_text() == "sleep\n"
    os.kill(child, SIGKILL)
    assert os.waitpid(child, 0) == (child, 9)


@pytest.mark.root
def test_attach_says_the_pid_first_and_then_why_the_command_could_not_be_executed(
    enter: Enter, namespace: Popen[bytes]
) -> None:
    process, reader = enter("--attach=FD", "no-such-command", before=joining(init_of(namespace)))
    child, number = numbers(reader)
    assert (process.wait(), number) == (0, errno.ENOENT)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 127


@pytest.mark.root
def test_attach_to_a_namespace_that_ended_says_so(enter: Enter, namespace: Popen[bytes]) -> None:
    pid_1 = init_of(namespace)
    with open(f"/proc/{pid_1}/ns/pid") as file:
        os.kill(pid_1, SIGKILL)
        namespace.wait()
        os.set_inheritable(file.fileno(), True)
        nsenter = ("nsenter", f"--pid=/proc/{os.getpid()}/fd/{file.fileno()}", "--no-fork")
        process, reader = enter("--attach=FD", "true", before=nsenter)
        assert numbers(reader) == (-errno.ENOMEM,)
        assert process.wait() == 126


@pytest.mark.parametrize(("mode", "owns"), [("--attach=FD,tty", True), ("--attach=FD", False)])
def test_attach_takes_the_terminal_if_asked(enter: Enter, mode: str, owns: bool) -> None:
    master, slave = pty.openpty()
    process, reader = enter(mode, "sh", "-c", ": </dev/tty && sleep 1000", stdin=slave)
    os.close(slave)
    child, *_ = numbers(reader)
    assert process.wait() == 0
    session, terminal = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[3:5]
    assert (int(session) == child) == owns
    assert (terminal != "0") == owns
    os.kill(child, SIGKILL)
    os.waitpid(child, 0)
    os.close(master)


def test_attach_on_what_is_no_terminal_says_so(enter: Enter) -> None:
    process, reader = enter("--attach=FD,tty", "true")
    child, number = numbers(reader)
    assert (process.wait(), number) == (0, errno.ENOTTY)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 126


def test_attach_takes_the_terminal_wherever_among_its_standard_descriptors_it_is(enter: Enter) -> None:
    master, slave = pty.openpty()
    process, reader = enter("--attach=FD,tty", "sh", "-c", ": </dev/tty && sleep 1000", stdout=slave)
    os.close(slave)
    child, *_ = numbers(reader)
    assert process.wait() == 0
    assert Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[4] != "0"
    os.kill(child, SIGKILL)
    os.waitpid(child, 0)
    os.close(master)


@pytest.mark.root
def test_attach_mounts_proc_and_sys_of_the_joined_namespaces_where_only_the_command_sees_them(
    enter: Enter, namespace: Popen[bytes]
) -> None:
    before = mounted_on("/proc", "/sys")
    script = "read pid rest </proc/self/stat && echo $pid $$ && exec cat /proc/self/mounts"
    said, writer = os.pipe()
    process, reader = enter(
        "--attach=FD,proc-sys", "sh", "-c", script, before=joining(init_of(namespace)), stdout=writer
    )
    os.close(writer)
    with open(said) as file:
        (seen, own), *mounts = (line.split() for line in file)
    assert process.wait() == 0
    (child,) = numbers(reader)
    assert seen == own
    assert ["proc", "/proc", "proc"] in [mount[:3] for mount in mounts[-2:]]
    assert mounted_on("/proc", "/sys") == before
    os.waitpid(child, 0)


def mounted_on(*places: str) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if line.split()[4] in places]
