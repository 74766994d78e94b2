"""What a program has begun is ended with it, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from lxc.images import supervisor
from lxc.kernel import descent, fs, signals


def given_up(*script: str) -> supervisor.Ended:
    """How it went with a shell's script that was interrupted when it had said so."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    with fs.closing(reader), fs.closing(writer):
        return supervisor.run(("/bin/sh", "-c", *script, str(writer)), is_quiet=True, interruption=reader)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's own word counts as the signal."""
    monkeypatch.setattr(signals, "read_signal", lambda fd: (os.read(fd, 1)[0], 0))


def test_all_that_a_program_has_begun_ends_with_it(interrupted: None, tmp_path: Path) -> None:
    script = (
        'trap "" TERM; for i in $(seq 300); do setsid sleep 600 & echo $! >>"$0"; done; '
        '(setsid sh -c "trap \\"\\" TERM; sleep 600 & wait; wait" &); printf a >"/dev/fd/$1"; sleep 600'
    )
    done = given_up(script, str(tmp_path / "pids"))
    assert done.signal == ord("a")
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 300
    assert [
        pid
        for pid in pids
        if Path(f"/proc/{pid}/cmdline").exists() and "600" in Path(f"/proc/{pid}/cmdline").read_text()
    ] == []


def test_nobody_is_ended_who_got_the_number_of_what_it_had_begun(
    interrupted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    with subprocess.Popen(["sleep", "60"]) as other:
        look = descent.descendants

        def mistaken(pid: int) -> list[int]:
            looks.append(pid)
            return [other.pid] if len(looks) == 1 else look(pid)

        monkeypatch.setattr(descent, "descendants", mistaken)
        given_up('printf a >"/dev/fd/$0"; sleep 60')
        assert other.poll() is None
        other.send_signal(signal.SIGKILL)
