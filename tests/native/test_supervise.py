import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

Supervised = Callable[..., tuple[int, str, str]]
Supervising = Callable[..., tuple[Popen[str], int]]


@pytest.mark.root
def test_exits_as_its_command_did(supervised: Supervised) -> None:
    assert supervised("exit 7") == (7, "", "")


@pytest.mark.root
def test_a_signal_that_ended_the_command_counts_from_128(supervised: Supervised) -> None:
    assert supervised("kill -KILL $$") == (137, "", "")


def test_a_command_that_cannot_be_executed_is_named_and_exits_255(init: str) -> None:
    done = subprocess.run([init, "--", "no-such-command"], capture_output=True, text=True)
    assert done.returncode == 255
    assert done.stderr == "lxc-init: cannot run no-such-command: No such file or directory\n"


def test_a_long_name_is_cut_off_in_the_message(init: str) -> None:
    done = subprocess.run([init, "--", "x" * 5000], capture_output=True, text=True)
    assert done.stderr.startswith("lxc-init: cannot run xxxx")
    assert done.stderr.endswith("x\n")
    assert len(done.stderr) < 2000


@pytest.mark.parametrize("words", [[], ["--"], ["--name=c"], ["sleep", "1"], ["-x", "--", "true"], ["-P", "--"]])
def test_a_wrong_command_line_is_refused(init: str, words: list[str]) -> None:
    done = subprocess.run([init, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("lxc-init: ")


def test_options_of_lxc_are_accepted(init: str) -> None:
    words = ["--name=c", "-q", "-P", "/var/lib/lxc", "-o", "none", "-l", "debug"]
    assert subprocess.run([init, *words, "--", "sh", "-c", "exit 3"]).returncode == 3


@pytest.mark.root
def test_is_shown_as_init_and_the_command_is_the_next_process(supervised: Supervised) -> None:
    takes_it = "until grep -qx init /proc/1/comm && ! grep -q lxc-init /proc/1/cmdline; do sleep 0.01; done"
    assert supervised(f"{takes_it}; cat /proc/1/cmdline /proc/1/comm; echo $$ $PPID") == (0, "init\0init\n2 1\n", "")


@pytest.mark.root
def test_keeps_no_descriptor_but_the_first_three(supervised: Supervised) -> None:
    with open("/dev/null") as file:
        os.set_inheritable(file.fileno(), True)
        assert supervised("ls -x /proc/1/fd", "sh", "-c", 'exec "$@" 7</dev/null', "sh") == (0, "0  1  2\n", "")


@pytest.mark.root
def test_the_command_has_all_signals_whatever_the_caller_ignores_or_blocks(supervised: Supervised) -> None:
    masks = "grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2"
    env = ("env", "--ignore-signal=HUP,CHLD,PIPE", "--block-signal=TERM,USR1")
    status, output, _ = supervised(masks, *env)
    blocked, ignored = (int(mask, 16) for mask in output.split())
    of_libc = 1 << 32 - 1 | 1 << 33 - 1  # what posix_spawn(3) leaves ignored
    assert (status, blocked, ignored & ~of_libc) == (0, 0, 0)


@pytest.mark.root
def test_waits_for_orphans(supervised: Supervised) -> None:
    assert supervised("(sleep 0.3; echo late) & exit 3") == (3, "late\n", "")


@pytest.mark.root
def test_leaves_no_zombies(supervised: Supervised) -> None:
    orphans = "for i in 1 2 3; do (sleep 0.1 & ) ; done; sleep 0.5; grep -l '^State:.Z' /proc/[0-9]*/status"
    assert supervised(orphans) == (1, "", "")


@pytest.mark.root
@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "USR1", "WINCH", "CONT", "TSTP", "ALRM", "RTMIN+3"])
def test_passes_signals_on_to_the_command(supervising: Supervising, name: str) -> None:
    shell = name.removeprefix("RTMIN+3") or str(signal.SIGRTMIN + 3)
    process, pid = supervising(f"trap 'exit 9' {shell}; echo ready; while :; do sleep 0.05; done")
    number = signal.SIGRTMIN + 3 if name == "RTMIN+3" else getattr(signal, f"SIG{name}")
    os.kill(pid, number)
    assert process.wait() == 9


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGPWR])
def test_asks_all_processes_to_end(supervising: Supervising, number: int) -> None:
    orphan = "(trap 'echo orphan; exit' TERM; echo ready; while :; do sleep 0.05; done) &"
    process, pid = supervising(f"trap 'echo command; exit 5' TERM; ({orphan}); while :; do sleep 0.05; done")
    os.kill(pid, number)
    output, _ = process.communicate()
    assert process.returncode == 5
    assert sorted(output.split()) == ["command", "orphan"]


@pytest.mark.root
def test_kills_who_does_not_end_when_asked(supervising: Supervising) -> None:
    process, pid = supervising("trap '' TERM; (sleep 1000 &) ; echo ready; while :; do sleep 0.05; done")
    os.kill(pid, signal.SIGTERM)
    assert process.wait() == 137


def test_a_command_below_another_init_is_the_only_one_that_is_killed(init: str) -> None:
    with Popen(["sleep", "1000"]) as bystander:
        script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
        with Popen([init, "--", "sh", "-c", script], stdout=PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            process.terminate()
            assert process.wait() == 137
        assert bystander.poll() is None
        bystander.kill()


def test_the_command_has_a_session_of_its_own_on_the_terminal(init: str) -> None:
    master, slave = pty.openpty()
    script = "set -- $(cat /proc/$$/stat); test $1 = $6 && test $7 -ne 0 && : </dev/tty && tty"
    done = subprocess.run([init, "--", "sh", "-c", script], stdin=slave, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, os.ttyname(slave) + "\n")
    os.close(master)
    os.close(slave)


@pytest.mark.root
@pytest.mark.parametrize(("option", "limit"), [("--name=c", "0"), ("-q", "max")])
def test_a_container_that_ends_may_fork_no_more(
    supervising: Supervising, own_pids_cgroup: tuple[str, ...], init: str, option: str, limit: str
) -> None:
    cat = 'read limit </sys/fs/cgroup/$1/pids.max; echo "$limit"; exit 4'
    script = f"""set -- "$(test -e /sys/fs/cgroup/pids && echo pids)"
        trap '{cat}' TERM; echo ready; while :; do :; done"""
    process, pid = supervising(script, option, command=(*own_pids_cgroup, init))
    os.kill(pid, signal.SIGTERM)
    output, _ = process.communicate()
    if "nsdelegate" in Path("/proc/self/mountinfo").read_text():
        limit = "max"  # what limits the root of a cgroup namespace is not written in it
    assert (process.returncode, output) == (4, f"{limit}\n")


def test_is_linked_statically_and_placed_at_random(init: str) -> None:
    with open(init, "rb") as file:
        header = file.read(64)
    et_dyn = 3
    assert int.from_bytes(header[16:18], "little") == et_dyn  # e_type, elf(5): position-independent
    assert subprocess.run(["ldd", init], capture_output=True, text=True).stdout.strip() == "statically linked"
