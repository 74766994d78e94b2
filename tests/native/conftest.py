"""Tests of this folder run the installed lxc-init and look at what it does, in namespaces of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL
from subprocess import DEVNULL, PIPE, Popen, run
from tempfile import mkdtemp

import pytest

import lxc

INIT = str(Path(lxc.__file__).parent / "libexec/lxc-init")
PID_1 = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", INIT)


@pytest.fixture(scope="session")
def init() -> str:
    return INIT


@pytest.fixture
def supervised() -> Callable[..., tuple[int, str, str]]:
    """Run a shell script below lxc-init as PID 1: its exit code, standard output and standard error."""

    def supervised(script: str, *before: str) -> tuple[int, str, str]:
        done = run([*before, *PID_1, "--", "sh", "-c", script], stdin=DEVNULL, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return supervised


@pytest.fixture
def supervising() -> Iterator[Callable[..., tuple[Popen[str], int]]]:
    """Like `supervised`, but once the script has said `ready`: (unshare, pid of lxc-init)."""
    started: list[Popen[str]] = []

    def supervising(script: str, *options: str, command: tuple[str, ...] = PID_1) -> tuple[Popen[str], int]:
        process = Popen([*command, *options, "--", "sh", "-c", script], stdin=DEVNULL, stdout=PIPE, text=True)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process, children(process)[0]

    yield supervising
    for process in started:
        if process.poll() is None:
            for child in children(process):
                os.kill(child, SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def own_pids_cgroup() -> Iterator[tuple[str, ...]]:
    """How to run a command as PID 1 in a cgroup with a pids controller that it sees as the root of /sys/fs/cgroup."""
    v1 = Path("/sys/fs/cgroup/pids").is_dir()
    parent, mount = (
        (
            Path("/sys/fs/cgroup/pids"),
            "umount -l /sys/fs/cgroup/pids && mount -t cgroup -o pids none /sys/fs/cgroup/pids",
        )
        if v1
        else (Path("/sys/fs/cgroup"), "umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup")
    )
    cgroup = Path(mkdtemp(dir=parent, prefix="lxc-init-test-"))
    assert (cgroup / "pids.max").exists(), f"{parent} does not hand its pids controller down"
    inner = f'{mount} && exec "$@"'
    outer = f"""echo 0 >{cgroup}/cgroup.procs && exec unshare --cgroup --mount sh -c '{inner}' sh "$@" """
    yield ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", outer, "sh")
    while "populated 1" in read(cgroup / "cgroup.events") or read(cgroup / "cgroup.procs"):
        pass
    cgroup.rmdir()


def children(process: Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
