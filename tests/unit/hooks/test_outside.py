import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lxc import log
from lxc.errors import StepError
from lxc.hooks import outside, plan
from lxc.kernel import descent, signals
from lxc.loop import Loop


def hooks(*commands: str, name: str = "web") -> tuple[plan.Hook, ...]:
    return plan.hooks("destroy", [(command, "config:3") for command in commands], name, 0, {"LXC_ROOTFS_PATH": "/srv"})


def failure(command: str) -> StepError:
    with pytest.raises(StepError) as caught:
        outside.run(hooks(command))
    return caught.value


def test_a_hook_gets_its_arguments_and_its_environment(tmp_path: Path) -> None:
    script = tmp_path / "hook"
    script.write_text(f'#!/bin/sh\necho "$@" "$LXC_NAME" "$LXC_ROOTFS_PATH" >{tmp_path}/out\n')
    script.chmod(0o755)
    outside.run(hooks(str(script), name="it's $(web)"))
    assert (tmp_path / "out").read_text() == "it's $(web) lxc destroy it's $(web) /srv\n"


def test_the_first_that_fails_is_the_last_that_is_run(tmp_path: Path) -> None:
    with pytest.raises(StepError):
        outside.run(hooks("true", "false", f"touch {tmp_path}/ran"))
    assert not (tmp_path / "ran").exists()


def test_a_failure_tells_the_status_the_last_words_and_the_place() -> None:
    assert failure("sh -c 'echo one; echo two >&2; echo; echo three; exit 3'").lines() == [
        "cannot run the destroy hook sh -c 'echo one; echo two >&2; echo; echo three; exit 3': "
        "it ended with status 3; it said: two / three",
        "  set in config:3",
    ]


def test_a_failure_without_words_tells_the_status() -> None:
    assert failure("false").why == "it ended with status 1"


def test_one_that_is_killed_fails() -> None:
    assert failure("sh -c 'kill -9 $$'").why == "it was killed by signal 9"


def test_one_that_says_too_much_is_cut_short() -> None:
    error = failure("yes #")
    assert error.why == "it was killed by signal 13; it said: y / y"
    assert error.hint == "of a hook's output 40950 bytes are read: have it write more than that to a file"


def test_what_would_move_a_cursor_is_not_shown() -> None:
    assert failure(r"sh -c 'printf \\033[2Jgone\\n; exit 1' #").why == "it ended with status 1; it said: ?[2Jgone"


def test_a_command_that_does_not_exist_is_named_by_the_shell() -> None:
    assert "status 127; it said: " in failure("/no/such/thing").why


def test_what_it_says_is_logged_line_by_line() -> None:
    log.forget()
    outside.run(hooks("printf 'one\\ntwo' #"))
    said = [line.rpartition(" - ")[2] for line in log.remembered() if " said: " in line]
    assert said == [f"the destroy hook printf 'one\\ntwo' # said: {word}" for word in ("one", "two")]


def test_what_it_leaves_running_is_not_waited_for() -> None:
    began = time.monotonic()
    outside.run(hooks("sh -c 'sleep 30 & echo $!' #"))
    pid = int(next(line for line in reversed(log.remembered()) if " said: " in line).rpartition(" ")[2])
    os.kill(pid, 9)
    assert time.monotonic() - began < 30


def test_it_runs_with_no_signal_blocked_or_ignored(tmp_path: Path) -> None:
    mask = signals.block(signals.ALL)
    try:
        outside.run(hooks(f"sh -c 'grep -E SigBlk\\|SigIgn /proc/self/status >{tmp_path}/out' #"))
    finally:
        signals.restore(mask)
    _, blocked, _, ignored = (tmp_path / "out").read_text().split()
    assert int(blocked, 16) == 0
    assert int(ignored, 16) & ~(3 << 31) == 0  # 32 and 33 are glibc's own


def test_a_loop_is_served_meanwhile(tmp_path: Path) -> None:
    loop = Loop()
    reader, writer = os.pipe()

    def answer(_: int) -> None:
        os.read(reader, 1)
        (tmp_path / "served").touch()

    loop.watch(reader, answer)
    os.write(writer, b"x")
    outside.run(hooks(f"sh -c 'until [ -e {tmp_path}/served ]; do sleep 0.01; done' #"), loop)
    loop.close()
    os.close(reader)
    os.close(writer)
    assert (tmp_path / "served").exists()


def test_with_a_hook_nobody_ends_who_got_the_number_of_what_it_had_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    with subprocess.Popen(["sleep", "60"]) as other:

        def look(pid: int) -> list[int]:
            looks.append(pid)
            return [other.pid] if len(looks) == 1 else []

        monkeypatch.setattr(descent, "descendants", look)
        loop = Loop()
        loop.given_up = RuntimeError()
        with pytest.raises(StepError, match="killed by signal 9"):
            outside.run(hooks("sh -c 'echo; sleep 60' #"), loop)
        loop.close()
        assert (other.poll(), Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[0]) == (None, "S")
        other.send_signal(signal.SIGKILL)
