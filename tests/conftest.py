"""What the tests that start containers share: a container path of one's own, the commands, and a look at what is left."""

from __future__ import annotations

import ast
import os
import resource
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

pytest_plugins = ["tests.selection", "tests.killer"]  # what this machine cannot run is not selected

if TYPE_CHECKING:
    from tests.unified import RealLxc, UnifiedLxc

settings.register_profile("patient", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("patient")

ROOT = Path(__file__).parents[1]
BIN = Path(os.environ.get("LXC_BIN", ROOT / ".venv/bin"))  # ours, as `make build` leaves them
PEER = Path("/usr/bin")  # Debian's
CONFIG = "lxc.net.0.type = empty\nlxc.net.0.flags = up\n"
MAPPED = "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n"
SLOWNESS = float(os.environ.get("LXC_TESTS_SLOWNESS", "1"))  # how many times slower than usual this machine is
PATIENCE = 20 * SLOWNESS  # seconds that anything may take on a busy machine

_PID = os.getpid()
_made: dict[str, tuple[Path, Path]] = {}  # by configuration: the directory with the copy, and where it was made


def pytest_runtest_makereport() -> None:
    """A child that a test has forked, and that fails before it ends, does not go on with the tests that follow."""
    if os.getpid() != _PID:
        traceback.print_exc()
        os._exit(1)


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until `condition()` holds; fail, naming `what`, if it does not come to that."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience} s in vain: {what}"
        time.sleep(0.01)


def opened(pid: int) -> list[str]:
    """Where the descriptors of a process lead; not of those that it closes meanwhile."""
    found = []
    for entry in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{entry}"))
    return found


def ignored(mask: str) -> str:
    """SigIgn of /proc/PID/status without the two signals that libc keeps for itself, and ignores in what it spawns (make does)."""
    return f"{int(mask, 16) & ~(0b11 << 31):016x}"


def forked(function: Callable[[], object]) -> object:
    """Run `function` in a process of its own: what it returned (a literal), or its error as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = repr(function())
        except BaseException:
            text = repr(traceback.format_exc())
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read().decode()
    os.waitpid(pid, 0)
    return ast.literal_eval(text)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file that this process writes to becomes longer than `size` bytes: what does not fit is as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def as_often(times: int) -> int:
    """How many times to repeat what depends on chance: fewer on a slow machine."""
    return max(3, round(times / SLOWNESS))


class Lxc:
    """A container path of its own, and the commands to use on it."""

    def __init__(self, lxcpath: Path, bin_: Path = BIN) -> None:
        self.path, self.bin = lxcpath, bin_
        self.tag = lxcpath.name.removeprefix("lx")  # unique on this host; names with it make cgroups with it

    def command(self, tool: str, *words: str) -> list[str]:
        return [str(self.bin / tool), "-P", str(self.path), *words]

    def peer_command(self, tool: str, *words: str) -> list[str]:
        return [str(PEER / tool), "-P", str(self.path), *words]

    def run(self, tool: str, *words: str, peer: bool = False, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, its output captured as text (`peer`: Debian's command)."""
        argv = self.peer_command(tool, *words) if peer else self.command(tool, *words)
        defaults = {"capture_output": True, "text": True, "timeout": 3 * PATIENCE}
        if "input" not in options:
            defaults["stdin"] = subprocess.DEVNULL
        return subprocess.run(argv, **defaults | options)  # type: ignore[call-overload,no-any-return]

    def ok(self, tool: str, *words: str, **options: object) -> str:
        """Run a command that must succeed; what it printed."""
        done = self.run(tool, *words, **options)
        assert done.returncode == 0, f"{done.args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def spawn(self, tool: str, *words: str, **options: object) -> subprocess.Popen[str]:
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self.command(tool, *words), **defaults | options)  # type: ignore[call-overload,no-any-return]

    def create(self, name: str = "box", config: str = CONFIG) -> str:
        """Make a busybox container; its name, unique on this host. Where lxc-create has made one like it, that is copied."""
        full = f"{name}-{self.tag}"
        if config in _made:
            kept, was = _made[config]
            subprocess.run(["cp", "-a", kept / was.name, self.path / full], check=True)
            text = self.config(full).read_text().replace(str(was), str(self.path / full)).replace(was.name, full)
            self.config(full).write_text(text)
            return full
        file = self.path / f"{full}.conf"
        file.write_text(config)
        self.ok("lxc-create", "-n", full, "-t", "busybox", "-f", str(file))
        file.unlink()
        if os.geteuid() == 0 and "xx" not in config:  # no random address is to be had twice
            _made[config] = Path(tempfile.mkdtemp(prefix="made", dir="/tmp")), self.path / full
            subprocess.run(["cp", "-a", self.path / full, _made[config][0]], check=True)
        return full

    def start(self, name: str, *words: str) -> None:
        self.ok("lxc-start", "-n", name, *words)

    def attach(self, name: str, *command: str, **options: object) -> str:
        """What `command` prints in the container."""
        return self.ok("lxc-attach", "-n", name, "--", *command, **options)

    def sh(self, name: str, script: str, *options: str) -> str:
        """What a script says in the container, on either output, however it ends."""
        done = self.run("lxc-attach", "-n", name, *options, "--", "sh", "-c", script)
        return (done.stdout + done.stderr).strip()

    def state(self, name: str) -> str:
        return self.ok("lxc-info", "-n", name, "-s", "-H").strip()

    def init_pid(self, name: str) -> int:
        return int(self.ok("lxc-info", "-n", name, "-p", "-H"))

    def config(self, name: str) -> Path:
        return self.path / name / "config"

    def extend(self, name: str, *texts: str) -> None:
        """Add lines to the container's configuration."""
        with self.config(name).open("a", errors="surrogateescape") as file:
            file.writelines(text if text.endswith("\n") else f"{text}\n" for text in texts)

    def rootfs(self, name: str) -> Path:
        return self.path / name / "rootfs"

    def leftovers(self) -> list[str]:
        """What is there on this host that belongs to containers of this path: processes, sockets, mounts, cgroups.

        A client is none: it ends with its command, or has found no fork server and goes on to become one.
        """
        needle = str(self.path)
        processes = [(pid, words) for pid, words in _processes() if needle in words]
        found = [f"process {pid}: {words}" for pid, words in processes if "/libexec/lxc-client /" not in words]
        for table, ours in (("/proc/net/unix", f"@{needle}/"), ("/proc/self/mountinfo", needle)):
            found += [line for line in Path(table).read_text(errors="replace").splitlines() if ours in line]
        found += [str(path) for path in cgroups_below() if self.tag in path.name]
        return found


def _processes() -> Iterator[tuple[int, str]]:
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != os.getpid():
            try:
                yield (
                    int(entry),
                    Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"),
                )
            except OSError:
                continue


def cgroups_below(directory: str = "/sys/fs/cgroup") -> Iterator[Path]:
    """However deep: os.walk() recurses, and another test may have a thousand within each other."""
    left = [directory]
    while left:
        try:
            below = [entry.path for entry in os.scandir(left.pop()) if entry.is_dir(follow_symlinks=False)]
        except OSError:  # it has gone, or its path is longer than paths may be
            continue
        yield from map(Path, below)
        left += below


def status(pid: int, key: str) -> list[str]:
    """The words that proc has of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{key}:"))


def owner(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid


def _own_path() -> Path:
    path = Path(tempfile.mkdtemp(prefix="lx", dir="/tmp"))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session", autouse=True)
def _copies() -> Iterator[None]:
    """What was made to be copied goes in the end."""
    yield
    for kept, _ in _made.values():
        shutil.rmtree(kept)


@pytest.fixture
def lxc() -> Iterator[Lxc]:
    """A container path of its own; all containers in it are killed and removed afterwards, and nothing may be left."""
    it = Lxc(_own_path())
    yield it
    _tidy(it)


@pytest.fixture
def unified() -> Iterator[UnifiedLxc | RealLxc]:
    """The same on a host whose control groups are of version 2 alone."""
    from tests import unified

    it = unified.RealLxc(_own_path()) if unified.is_unified() else unified.UnifiedLxc(_own_path())
    try:
        yield it
        _tidy(it)
    finally:
        it.shut_down()


def _tidy(it: Lxc) -> None:
    for name in it.ok("lxc-ls", "-1", "--active").split():
        it.run("lxc-stop", "-n", name, "-k")
    if os.geteuid() != 0:  # what is in their roots belongs to ids that only they have
        for name in it.ok("lxc-ls", "-1").split():
            it.run("lxc-destroy", "-n", name)
    try:
        until(lambda: not it.leftovers(), "nothing of its containers is left", patience=5)
    except AssertionError:
        pytest.fail("left behind:\n" + "\n".join(it.leftovers()))
    finally:
        shutil.rmtree(it.path)


@pytest.fixture
def box(lxc: Lxc) -> str:
    """The name of a busybox container in `lxc`, not started."""
    return lxc.create()
