"""Containers made and unmade by the commands, in a directory of the test's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from tests.kernel.storage.apart import apart as in_a_namespace

from lxc import beneath

RUN = "import os, sys; from lxc.cli import main; os._exit(main(sys.argv[1], sys.argv[2:]))"


def command(tool: str, *words: object) -> list[str]:
    return [sys.executable, "-P", "-c", RUN, tool, *map(str, words)]


class Host:
    """A container path, and what is done there."""

    def __init__(self, base: Path) -> None:
        self.base, self.path = base, base / "lxc"

    def run(self, tool: str, *words: object) -> subprocess.CompletedProcess[str]:
        argv = command(tool, "-P", self.path, *words)
        return subprocess.run(argv, text=True, capture_output=True, stdin=subprocess.DEVNULL, errors="surrogateescape")

    def create(self, name: str, *words: object) -> subprocess.CompletedProcess[str]:
        return self.run("lxc-create", "-n", name, *words)

    def destroy(self, name: str, *words: object) -> subprocess.CompletedProcess[str]:
        return self.run("lxc-destroy", "-n", name, *words)

    def begin(self, *words: object) -> "subprocess.Popen[str]":
        """lxc-create, on its way."""
        heard = ["env", "--default-signal=HUP,INT,TERM"]  # not as who started the tests has them ignored (nohup)
        argv = [*heard, *command("lxc-create", "-P", self.path, *words)]
        return subprocess.Popen(
            argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )

    def template(self, text: str, name: str = "template") -> Path:
        """A template that is a shell script."""
        path = self.base / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
        return path

    def made(self) -> list[str]:
        """All that is in the container path."""
        found = (path.relative_to(self.path) for path in self.path.rglob("*"))
        return sorted(map(str, found)) if self.path.exists() else []


@pytest.fixture
def host() -> Iterator[Host]:
    base = Path(mkdtemp(dir="/tmp", prefix="lx"))
    yield Host(base)
    subprocess.run(["chattr", "-Rfia", base], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", base], check=True)
    subprocess.run(["rm", "-rf", f"/run/lxc/lock{base}"], check=True)


@pytest.fixture
def apart() -> Callable[[Callable[[], None]], None]:
    """Do something in a child with a mount namespace of its own; its failures are ours."""
    return in_a_namespace


@pytest.fixture
def on_btrfs(host: Host, apart: Callable[[Callable[[], None]], None]) -> Callable[[Callable[[], None]], None]:
    """Do something in a child that has the container path on a btrfs."""
    image = host.base / "image"
    with image.open("wb") as file:
        file.truncate(200 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
    host.path.mkdir()

    def do(work: Callable[[], None]) -> None:
        def mounted() -> None:
            subprocess.run(["mount", "-o", "loop", image, host.path], check=True)
            work()

        apart(mounted)

    return do


def appears(path: Path) -> None:
    """Wait until `path` is there."""
    for _ in range(1000):
        if os.path.lexists(path):
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} does not appear")


def is_gone(pid: int) -> bool:
    """Whether the process ends, or has ended."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    return False


def cut_short(directory: Path, name: str) -> None:
    """Leave there what a process leaves that is killed while it writes the file `name`."""

    def write() -> None:
        os.rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        beneath.replace_file(os.open(directory, os.O_RDONLY), name, b"lxc.uts.na")

    if (pid := os.fork()) == 0:
        write()
    os.waitpid(pid, 0)
    assert not (directory / name).exists()
