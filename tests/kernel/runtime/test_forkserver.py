"""The fork server: what it runs is as if it had been executed, whoever is killed when."""

from __future__ import annotations

import calendar
import contextlib
import ctypes
import os
import pty
import random
import re
import resource
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import BIN, SLOWNESS, Lxc, as_often, opened, until

pytestmark = pytest.mark.root

SHOW = r"""#!/bin/sh
{
    pwd; umask; ulimit -a; env | grep -a -v -e '^_=' -e LXC_FORKSERVER -e '^LXC_PID' | sort
    grep -v -e :memory: /proc/self/cgroup
    grep -E 'Sig(Blk|Ign)|^Cap|Groups|NoNew|Cpus_allowed:' /proc/self/status
    cat /proc/self/oom_score_adj; nice
    readlink /proc/self/fd/7; true
} > "$SEEN"
"""


def _stands_in(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid and os.getsid(pid) != pid
    except ProcessLookupError:
        return False


class Server:
    """A server of one's own: commands run in a UTS namespace that nobody else has, and each has its own server."""

    def __init__(self, lxc: Lxc) -> None:
        self.lxc = lxc
        self.holder = subprocess.Popen(["unshare", "--uts", "sleep", "1000"], start_new_session=True)
        until(lambda: self.uts(self.holder.pid) != self.uts(os.getpid()), "the namespace is there")
        self.space = self.uts(self.holder.pid)

    @staticmethod
    def uts(pid: int) -> str:
        return os.readlink(f"/proc/{pid}/ns/uts")

    def command(self, tool: str, *words: str) -> list[str]:
        return ["nsenter", "--uts", f"--target={self.holder.pid}", *self.lxc.command(tool, *words)]

    def run(self, tool: str, *words: str, wish: str = "only", **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(tool, *words), **self.options(wish, more))  # type: ignore[call-overload,no-any-return]

    def spawn(self, tool: str, *words: str, wish: str = "only", **more: object) -> subprocess.Popen[str]:
        options = self.options(wish, {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more)
        del options["capture_output"], options["timeout"]
        return subprocess.Popen(self.command(tool, *words), **options)  # type: ignore[call-overload,no-any-return]

    @staticmethod
    def options(wish: str, more: dict[str, object]) -> dict[str, object]:
        environment = {**os.environ, "LXC_FORKSERVER": wish, **more.pop("env", {})}  # type: ignore[dict-item]
        defaults = {"capture_output": "stdout" not in more, "text": True, "timeout": 60, "stdin": subprocess.DEVNULL}
        return {**defaults, "env": environment, **more}

    def processes(self) -> list[int]:
        """The server and its workers, oldest first."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdecimal() and Path(f"/proc/{entry}/cmdline").read_bytes().startswith(b"[lxc fork server]"):
                    began = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[19])
                    found += [(began, int(entry))] if self.uts(int(entry)) == self.space else []
            except OSError:  # it has ended
                continue
        return [pid for _, pid in sorted(found)]

    def pid(self) -> int:
        return next((pid for pid in self.processes() if os.getpgid(pid) != pid or os.getsid(pid) == pid), 0)

    def workers(self) -> list[int]:
        """Those that lead a process group: they have a client."""
        return [pid for pid in self.processes() if _stands_in(pid)]

    def is_at_rest(self) -> bool:
        """Nobody has a client, and nobody comes or goes."""
        before = self.processes()
        time.sleep(0.1)
        return not self.workers() and self.processes() == before

    def come_up(self) -> None:
        def answers() -> bool:
            self.run("lxc-ls", wish="1")
            return self.run("lxc-ls").returncode == 0

        until(answers, "there is a server")
        until(lambda: not self.workers(), "the worker of that has ended")


@pytest.fixture
def server(lxc: Lxc) -> Iterator[Server]:
    it = Server(lxc)
    try:
        it.come_up()
        yield it
    finally:
        for pid in it.processes():
            with contextlib.suppress(ProcessLookupError):  # a worker ends with the server
                os.kill(pid, signal.SIGKILL)
        it.holder.kill()
        it.holder.wait()


@pytest.fixture
def shown(lxc: Lxc, box: str) -> str:
    """A container whose pre-start hook, run by the command itself in the foreground, writes down what it finds to $SEEN."""
    hook = lxc.path / "show"
    hook.write_text(SHOW)
    hook.chmod(0o755)
    lxc.extend(box, f"lxc.hook.pre-start = {hook}\n")
    return box


@pytest.mark.parametrize(
    "before",
    ["", "ulimit -n 777; ulimit -c 0; umask 027", "ulimit -c $((2 ** 53))", "trap '' INT HUP USR1", "exec 7</etc/passwd",
     "exec <&-"],
)  # fmt: skip
def test_what_it_runs_finds_what_it_would_find_without_it(server: Server, shown: str, before: str) -> None:
    seen = {}
    for wish in ("0", "only"):
        script = f"{before or ':'}; cd /usr/share && exec {' '.join(server.command('lxc-execute', '-n', shown, '--', 'true'))}"
        environment = {"SEEN": str(server.lxc.path / f"seen-{wish}"), "ODD": "a\nb=c\udcff", "EMPTY": ""}
        options = server.options(wish, {"env": environment})
        done = subprocess.run(["bash", "-c", script], **options)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
        seen[wish] = Path(environment["SEEN"]).read_bytes().replace(b"seen-only", b"seen-0")
    assert seen["only"] == seen["0"]


def test_input_output_and_exit_status_are_the_commands(server: Server, box: str) -> None:
    done = server.run("lxc-execute", "-n", box, "--", "sh", "-c", "cat; echo err >&2; exit 7", stdin=None, input="in\n")
    assert (done.returncode, "in" in done.stdout, "err" in done.stdout + done.stderr) == (7, True, True)


def test_who_ignores_the_signals_that_a_c_library_keeps_for_itself_is_served(server: Server) -> None:
    """What posix_spawn(3) makes does."""
    command = server.command("lxc-ls")
    pid = os.posix_spawnp(command[0], command, {**os.environ, "LXC_FORKSERVER": "only"})
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("wish", ["0", "only"])
def test_the_time_of_a_snapshot_is_of_the_clients_time_zone(server: Server, box: str, wish: str) -> None:
    before = int(time.time())
    done = server.run("lxc-snapshot", "-n", box, wish=wish, env={"TZ": "XXX-23"})
    assert done.returncode == 0, done.stderr
    text = (server.lxc.path / box / "snaps/snap0/ts").read_text()
    assert 0 <= calendar.timegm(time.strptime(text, "%Y:%m:%d %H:%M:%S")) - 23 * 3600 - before < 3600


@pytest.mark.parametrize("wish", ["0", "only"])
def test_who_ignores_that_its_children_end_gets_their_exit_status(server: Server, box: str, wish: str) -> None:
    deaf = {"wish": wish, "preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
    done = server.run("lxc-execute", "-n", box, "--", "sh", "-c", "exit 7", **deaf)
    assert (done.returncode, done.stderr) == (7, "")
    server.run("lxc-start", "-n", box)
    done = server.run("lxc-attach", "-n", box, "--", "sh", "-c", "exit 8", **deaf)
    server.run("lxc-stop", "-k", "-n", box)
    assert (done.returncode, done.stderr) == (8, "")


def test_who_has_room_for_no_descriptor_beyond_the_request_does_not_wait_for_a_word_that_nobody_says(
    server: Server,
) -> None:
    """The kernel cannot give it a pidfd of who serves; what it wants to know is whether the server was given its own."""
    few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (7, 7)), "start_new_session": True}
    done = server.run("lxc-ls", **few)
    assert not done.stderr.endswith("not served: the server refused\n"), done  # without that it had been asked


def test_a_limit_of_the_clients_is_the_commands_also_one_that_python_has_no_name_for(server: Server, box: str) -> None:
    limited = {"wish": "only", "preexec_fn": lambda: resource.setrlimit(10, (7, 9))}
    done = server.run("lxc-execute", "-n", box, "--", "grep", "file locks", "/proc/self/limits", **limited)
    assert done.stdout.split()[3:5] == ["7", "9"]


def test_the_cgroup_is_that_of_the_client_and_nobody_stays_there(server: Server, box: str) -> None:
    mount = Path("/sys/fs/cgroup/unified") if Path("/sys/fs/cgroup/unified").is_dir() else Path("/sys/fs/cgroup")
    own = mount / f"client-{server.lxc.tag}"
    own.mkdir()
    wait = " ".join(server.command("lxc-wait", "-n", box, "-s", "RUNNING"))
    waiting = subprocess.Popen(
        ["bash", "-c", f"echo $$ > {own}/cgroup.procs; exec {wait}"], env={**os.environ, "LXC_FORKSERVER": "only"}
    )
    try:
        until(server.workers, "it is being waited")
        members = (own / "cgroup.procs").read_text().split()
        assert {str(waiting.pid), str(server.workers()[0])} == set(members)
    finally:
        waiting.terminate()
        waiting.wait()
        until(lambda: not server.workers(), "the worker has ended")
        own.rmdir()


def _prctl(option: int, value: int) -> str:
    """What sets it for a command: timer slack, who is told of failing memory, huge pages, securebits, no writable code (MDWE), merging of memory."""
    return f"python3 -c import(ctypes,os,sys);ctypes.CDLL(None).prctl({option},{value},0,0,0);os.execv(sys.argv[1],sys.argv[1:])"


def _has_prctl(option: int) -> bool:
    """Whether this kernel does: what reads it is the option that follows each."""
    return ctypes.CDLL(None).prctl(option + 1, 0, 0, 0, 0) >= 0 or option == 28


@pytest.mark.parametrize(
    "change",
    [
        "setpriv --no-new-privs",
        "setpriv --bounding-set=-sys_ptrace",
        "setpriv --groups=7",
        "unshare --net",
        "unshare --mount",
        "nice -n 3",
        "chrt --batch 0",
        "taskset 1",
        "choom -n 500 --",
        "ionice -c 3",
        *(_prctl(*each) for each in ((29, 70000), (33, 1), (41, 1), (28, 4), (65, 1), (67, 1)) if _has_prctl(each[0])),
    ],
    ids=lambda change: change.partition("None).")[2].partition(",0,")[0] or change,
)
def test_who_differs_is_not_served_but_runs(server: Server, change: str) -> None:
    prefix, command = server.command("lxc-ls")[:3], server.command("lxc-ls")[3:]
    words = [word.replace("import(ctypes,os,sys)", "import ctypes, os, sys") for word in change.split()]
    command = [*prefix, *words, *command]
    alone = subprocess.run(command, **server.options("1", {}))  # type: ignore[call-overload]
    assert (alone.returncode, alone.stdout) == (0, "")
    refused = subprocess.run(command, **server.options("only", {}))  # type: ignore[call-overload]
    assert (refused.returncode, "not served" in refused.stderr) == (1, True)


def test_who_has_another_mount_of_the_same_root_is_not_served(lxc: Lxc) -> None:
    """Read-only, say.  He is where we are, by device and inode."""
    script = f"""
        mkdir {lxc.path}/root && mount --bind / {lxc.path}/root && mount --bind /run {lxc.path}/root/run &&
        mount --bind /dev {lxc.path}/root/dev && mount -t proc proc {lxc.path}/root/proc || exit 99
        for attempt in 1 2 3 4 5 6 7 8 9 10; do
            LXC_FORKSERVER=only {BIN}/lxc-ls -P {lxc.path} && break; {BIN}/lxc-ls; sleep 0.5
        done 2>/dev/null
        LXC_FORKSERVER=only exec chroot {lxc.path}/root {BIN}/lxc-ls -P {lxc.path}
    """
    apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    done = subprocess.run(apart, capture_output=True, text=True, timeout=60)
    (lxc.path / "root").rmdir()
    assert (done.returncode, "not served" in done.stderr) == (1, True)


def test_who_is_refused_does_not_end_the_server(server: Server, box: str) -> None:
    before = server.pid()
    refused = [*server.command("lxc-ls")[:3], "nice", *server.command("lxc-ls")[3:]]
    for _ in range(8):
        subprocess.run(refused, **server.options("only", {}))  # type: ignore[call-overload]
        until(server.is_at_rest, "there is a worker again")
    assert (server.run("lxc-ls").stdout, server.pid()) == (f"{box}\n", before)


def test_a_server_has_its_lock_though_its_starter_had_no_files(server: Server, box: str) -> None:
    for pid in server.processes():
        with suppress(ProcessLookupError):  # a worker ends with the server
            os.kill(pid, signal.SIGKILL)
    until(lambda: not server.processes(), "there is no server")
    time.sleep(3.1)  # before that nobody starts another
    command = " ".join(server.command("lxc-ls"))
    subprocess.run(
        ["setsid", "-w", "sh", "-c", f"exec {command} <&- >&- 2>&-"],
        check=False,
        env=os.environ | {"LXC_FORKSERVER": "1"},
    )
    until(server.pid, "there is a server")
    until(lambda: os.readlink(f"/proc/{server.pid()}/fd/3").endswith(".lock"), "it has the lock")


def test_what_stops_a_process_does_not_stop_a_monitor(server: Server, box: str) -> None:
    """Which answers others, and ends the container with its client."""
    running = server.spawn("lxc-execute", "-n", box, "--", "sleep", "1000")
    until(lambda: server.lxc.state(box) == "RUNNING", "it runs")
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        running.send_signal(number)
        time.sleep(0.2)
        assert server.lxc.state(box) == "RUNNING"
    running.kill()
    until(lambda: not server.lxc.leftovers(), "it is taken down")


def test_a_signal_to_the_client_is_the_commands_and_its_death_is_the_clients(server: Server, box: str) -> None:
    waiting = server.spawn("lxc-wait", "-n", box, "-s", "RUNNING")
    until(server.workers, "it is being waited")
    waiting.send_signal(signal.SIGTERM)
    assert waiting.wait(20) == -signal.SIGTERM
    until(lambda: not server.workers(), "the worker has ended")


def test_killing_the_worker_kills_the_client(server: Server, box: str) -> None:
    waiting = server.spawn("lxc-wait", "-n", box, "-s", "RUNNING")
    until(server.workers, "it is being waited")
    os.kill(server.workers()[0], signal.SIGKILL)
    _, told = waiting.communicate(timeout=20)
    assert waiting.returncode == -signal.SIGKILL
    assert "the process that ran this was killed" in told


def test_killing_the_client_ends_the_container_in_its_foreground_and_leaves_nothing(server: Server, box: str) -> None:
    running = server.spawn("lxc-start", "-n", box, "-F")
    until(lambda: server.lxc.state(box) == "RUNNING", "it runs")
    assert server.workers()
    running.kill()
    until(lambda: not server.lxc.leftovers(), "it is taken down")
    until(lambda: not server.workers(), "the worker is gone")


def test_a_client_that_is_killed_while_its_start_goes_on_has_it_undone(server: Server, box: str) -> None:
    hook = server.lxc.path / "slow"
    hook.write_text("#!/bin/sh\necho $$ > $0.pid; exec sleep 1\n")
    hook.chmod(0o755)
    starting = server.spawn("lxc-start", "-n", box, "-s", f"lxc.hook.pre-start={hook}")
    until(lambda: Path(f"{hook}.pid").exists(), "the hook runs")
    starting.kill()
    until(lambda: not server.lxc.leftovers(), "it is undone")


def test_a_monitor_has_nothing_of_who_started_its_container(server: Server, box: str) -> None:
    reader, writer = os.pipe()
    done = server.run("lxc-start", "-n", box, pass_fds=(writer,))
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert os.read(reader, 1) == b""  # nobody else has it open: else this would wait for ever
    os.close(reader)
    status = Path(f"/proc/{server.lxc.init_pid(box)}/status").read_text()
    monitor = int(re.findall(r"PPid:\s+(\d+)", status)[0])
    assert [os.readlink(f"/proc/{monitor}/fd/{fd}") for fd in (0, 1, 2)] == ["/dev/null"] * 3
    assert (os.getsid(monitor), os.readlink(f"/proc/{monitor}/cwd")) == (monitor, "/")


def test_no_container_and_no_command_notices_that_the_server_is_killed(server: Server, box: str) -> None:
    assert server.run("lxc-start", "-n", box).returncode == 0
    attached = server.spawn("lxc-attach", "-n", box, "--", "sh", "-c", "read line; exit 9", stdin=subprocess.PIPE)
    until(server.workers, "it is attached")
    os.kill(server.pid(), signal.SIGKILL)
    until(lambda: len(server.processes()) == 1, "only the worker is left")
    attached.communicate("go\n", timeout=20)
    assert attached.returncode == 9
    assert server.lxc.state(box) == "RUNNING"
    assert server.run("lxc-stop", "-n", box, "-k", wish="1").returncode == 0


def test_killed_at_random_nothing_runs_twice_and_nothing_is_lost(server: Server, box: str) -> None:
    """Whatever is killed, a command that says that it succeeded has run once, and none has run more often."""
    trail = server.lxc.path / "trail"
    hook = f"lxc.hook.pre-start = /bin/sh -c 'echo $MARK >> {trail}'\n"
    server.lxc.extend(box, hook)
    dice = random.Random(5)
    succeeded = set()
    for number in range(as_often(25)):
        mark = f"run{number}"
        running = server.spawn("lxc-execute", "-n", box, "--", "true", wish="1", env={"MARK": mark})
        time.sleep(dice.uniform(0, 0.06 * SLOWNESS))
        victims = server.processes()
        if victims:
            try:
                os.kill(dice.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                pass
        out, err = running.communicate(timeout=60)
        if running.returncode == 0:
            succeeded.add(mark)
        else:
            assert running.returncode < 0 or "killed" in err, (running.returncode, out, err)
        until(lambda: server.lxc.state(box) == "STOPPED", "nothing runs")
    server.lxc.ok("lxc-execute", "-n", box, "--", "true")  # what a killed one may have left is recognised
    for leftover in server.lxc.leftovers():  # but for a cgroup that was made, and not marked yet, which says nothing
        if Path(leftover).is_dir() and not os.listxattr(leftover):
            os.rmdir(leftover)
    marks = [mark for mark in trail.read_text().split() if mark.startswith("run")]
    assert len(marks) == len(set(marks))
    assert succeeded <= set(marks)
    assert succeeded


class Terminal:
    """An interactive shell on a terminal of its own."""

    def __init__(self, server: Server) -> None:
        environment = {**os.environ, "LXC_FORKSERVER": "only", "PS1": "READY> ", "PATH": f"{BIN}:{os.environ['PATH']}"}
        for name in ("LINES", "COLUMNS"):  # busybox believes them before it looks
            environment.pop(name, None)
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            prefix = ["nsenter", "--uts", f"--target={server.holder.pid}"]
            os.execvpe("nsenter", [*prefix, "bash", "--norc", "--noprofile", "-i"], environment)
        self.said = ""
        os.set_blocking(self.master, False)
        self.expect("READY> ")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def has(self, text: str) -> bool:
        try:
            self.said += os.read(self.master, 65536).decode(errors="replace")
        except BlockingIOError:
            pass
        return text in self.said

    def expect(self, text: str) -> None:
        until(lambda: self.has(text), f"the terminal says {text!r}; so far: {self.said!r}")
        self.said = self.said.partition(text)[2]

    def close(self) -> None:
        os.close(self.master)
        os.waitpid(self.pid, 0)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_keys_stop_continue_and_end_it_as_any_job(server: Server, box: str) -> None:
    terminal = Terminal(server)
    terminal.type(f"lxc-wait -P {server.lxc.path} -n {box} -s RUNNING\n")
    until(server.workers, "it is being waited")
    worker = server.workers()[0]
    terminal.type("\x1a")
    terminal.expect("Stopped")
    until(lambda: is_stopped(worker), "the worker is stopped, too")
    terminal.type("fg\n")
    until(lambda: not is_stopped(worker), "it goes on")
    terminal.type("\x03")
    until(lambda: worker not in server.processes(), "it has ended")
    terminal.type("echo status=$?\n")
    terminal.expect("status=130")
    terminal.close()


def clients(path: Path) -> list[str]:
    """What still has a container path among its words."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdecimal() else b""
        except OSError:
            continue
        found += [entry.name] if os.fsencode(path) in words and b"libexec/lxc-client" in words else []
    return found


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_stopped_job_that_reads_its_terminal_ends_when_it_is_told_to(server: Server, box: str, how: str) -> None:
    server.lxc.start(box)
    terminal = Terminal(server)
    terminal.type(f"lxc-attach -P {server.lxc.path} -n {box} -- sleep 77 </dev/null >/dev/null 2>&1\n")
    until(server.workers, "it is attached")
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.type("kill %1\n" if how == "kill" else "exit\nexit\n")
    until(lambda: not clients(server.lxc.path), "it has ended")
    until(lambda: not server.workers(), "what is attached has ended, too")
    terminal.close()
    server.lxc.ok("lxc-stop", "-n", box, "-k")


def test_it_ends_with_its_terminal(server: Server, box: str) -> None:
    terminal = Terminal(server)
    terminal.type(f"lxc-wait -P {server.lxc.path} -n {box} -s RUNNING\n")
    until(server.workers, "it is being waited")
    terminal.close()
    until(lambda: not server.workers(), "the worker has ended")


@pytest.mark.parametrize("command", ["lxc-attach -P {path} -n {name}", "lxc-execute -P {path} -n {name} -- sleep 1000"])
def test_the_terminal_is_as_before_if_the_worker_is_killed(server: Server, box: str, command: str) -> None:
    if "attach" in command:
        server.lxc.start(box)
    terminal = Terminal(server)
    terminal.type(f"sh -c 'stty -g; {command.format(path=server.lxc.path, name=box)}; echo lost=$?; stty -g'\n")
    until(lambda: not termios.tcgetattr(terminal.master)[3] & termios.ISIG, "the terminal is raw")
    terminal.has("")
    settings = re.findall("[0-9a-f:]{40,}", terminal.said)
    os.kill(server.workers()[0], signal.SIGKILL)
    terminal.expect("lost=1")
    terminal.expect(settings[0])
    terminal.close()
    server.lxc.run("lxc-stop", "-n", box, "-k")
    server.lxc.ok("lxc-execute", "-n", box, "--", "true")  # what a killed monitor leaves goes


def test_an_attached_shell_is_on_the_terminal_and_follows_its_size(server: Server, box: str) -> None:
    server.lxc.start(box)
    terminal = Terminal(server)
    loop = 'tty; until [ "$x" = end ]; do read x; stty size; done'
    terminal.type(f"stty rows 33 cols 77; lxc-attach -P {server.lxc.path} -n {box} -- sh -c '{loop}'\n")
    terminal.expect("/dev/pts/")
    terminal.type("\r")
    terminal.expect("33 77")
    termios.tcsetwinsize(terminal.master, (44, 77))
    until(lambda: terminal.type("\r") or terminal.has("44 77"), "the size has changed")
    terminal.type("end\r")
    terminal.expect("READY> ")
    terminal.close()
    server.lxc.ok("lxc-stop", "-n", box, "-k")


def test_what_has_looked_looks_again_and_nothing_of_its_clients_stays(server: Server, box: str, tmp_path: Path) -> None:
    """A worker that has served serves the next one, who has another directory, environment, umask and files."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    first = server.run("lxc-info", "-n", box, "-s", env={"LEFT": "behind"}, cwd=elsewhere)
    assert (first.returncode, first.stdout) == (0, "State:          STOPPED\n")
    until(server.is_at_rest, "it has come back")
    before = set(server.processes())
    elsewhere.rmdir()
    for pid in before:
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)} == {"/dev/null"}
    for number in range(4):
        done = server.run("lxc-ls", "-o", f"log{number}", "-l", "trace", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"{box}\n")
        assert (tmp_path / f"log{number}").exists()
        until(server.is_at_rest, "it has come back")
    assert before <= set(server.processes())  # with others, if that took long
    assert server.run("lxc-info", "-n", "nobody").returncode == 1


def test_a_client_that_differs_in_what_stays_uses_up_the_worker(server: Server, box: str) -> None:
    before = set(server.processes())
    command = " ".join(server.command("lxc-ls"))
    for prefix in ("ulimit -n 500", "trap '' USR1"):
        done = subprocess.run(["bash", "-c", f"{prefix}; exec {command}"], **server.options("only", {}))  # type: ignore[call-overload]
        assert (done.returncode, done.stdout) == (0, f"{box}\n")
    until(lambda: before - set(server.processes()), "whoever served one has ended")


def test_a_signal_that_comes_late_is_not_the_next_clients(server: Server, box: str) -> None:
    """Whoever stands in for a command passes signals on until it has heard of the end."""
    server.lxc.start(box)
    for _ in range(8):
        looking = server.spawn("lxc-info", "-n", box)
        while not server.workers() and looking.poll() is None:
            time.sleep(0.001)
        for pid in server.workers():
            try:
                os.killpg(pid, signal.SIGINT)
            except ProcessLookupError:
                continue
        looking.communicate(timeout=20)
        done = server.run("lxc-info", "-n", box, "-s")
        assert (done.returncode, done.stdout) == (0, "State:          RUNNING\n")
    server.lxc.ok("lxc-stop", "-n", box, "-k")


def own_memory(pid: int) -> int:
    """KiB that no other process has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))


def waits_at(server: Server, counter: str) -> int:
    """The worker that waits for clients at the socket whose name ends in `counter`; 0 if none does."""
    lines = Path("/proc/net/unix").read_text(errors="replace").splitlines()
    sockets = {f"socket:[{line.split()[6]}]" for line in lines if line.endswith(counter)}
    _, *workers = server.processes()
    return next((pid for pid in workers if sockets.intersection(opened(pid))), 0)


def test_what_the_first_have_written_to_is_copied_before_the_next_comes(server: Server, box: str) -> None:
    """The worker that waits for lxc-attach has more memory of its own once two have taught it."""
    server.lxc.start(box)
    until(server.is_at_rest, "all workers wait")
    before = own_memory(waits_at(server, ".join"))
    for _ in range(2):
        assert server.run("lxc-attach", "-n", box, "--", "true").returncode == 0
        until(server.is_at_rest, "all workers wait")
    until(lambda: own_memory(waits_at(server, ".join")) > before + 1000, "the next has copied what they wrote to")
