"""A container's administrator leaves links where a start will look: none leads it out of the container's root.

Every place that a start touches below the root, times every kind of link.  Each start either fails and names the link,
or does without; what lies outside, the host's mounts and its devices stay as they were.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc, as_often

pytestmark = pytest.mark.root

RACES = int(os.environ.get("LXC_RACES", as_often(100)))  # starts while somebody swaps directories for links
COMMON = "lxc.net.0.type = empty\nlxc.init.cmd = /bin/busybox sleep 600\n"
OWN_DEV = "lxc.autodev = 0\nlxc.pty.max = 8\nlxc.tty.max = 2\n"  # in the root, where links can be

REFUSED, KEPT, EITHER = "refused", "kept", "either"
TARGETS = {  # name -> (configuration, what is touched, a directory or a file, what a link there comes to)
    "entry on a directory": ("lxc.mount.entry = SRC a/b none bind\n", "a/b", "dir", REFUSED),
    "recursive entry": ("lxc.mount.entry = SRC a/b none rbind,ro\n", "a/b", "dir", REFUSED),
    "entry on a file": ("lxc.mount.entry = SRC/file a/b none bind\n", "a/b", "file", REFUSED),
    "entry of a file system": ("lxc.mount.entry = tmpfs a/b tmpfs size=1m\n", "a/b", "dir", REFUSED),
    "entry with the root's name": ("lxc.mount.entry = SRC ROOT/a/b none bind\n", "a/b", "dir", REFUSED),
    "fstab": ("lxc.mount.fstab = FSTAB\n", "a/b", "dir", REFUSED),
    "created directory": ("lxc.mount.entry = SRC a/b none bind,create=dir\n", "a/b", "dir", REFUSED),
    "created path": ("lxc.mount.entry = SRC a/b/c/d none bind,create=dir\n", "a/b", "dir", REFUSED),
    "created file": ("lxc.mount.entry = SRC/file a/b none bind,create=file\n", "a/b", "file", REFUSED),
    "created file's path": ("lxc.mount.entry = SRC/file a/b/c none bind,create=file\n", "a/b", "dir", REFUSED),
    "relative source": ("lxc.mount.entry = a/b mnt none bind,relative\n", "a/b", "dir", REFUSED),
    "absolute relative source": ("lxc.mount.entry = /a/b mnt none rbind,relative\n", "a/b", "dir", REFUSED),
    "moved mount": ("lxc.mount.entry = DISK a/b none move\n", "a/b", "dir", REFUSED),
    "overlay": ("lxc.mount.entry = o a/b overlay lowerdir=SRC,upperdir=BOX/o/u,workdir=BOX/o/w\n", "a/b", "dir", REFUSED),
    "shared mounts": ("lxc.mount.auto = shmounts:SRC:/a/b\n", "a/b", "dir", REFUSED),
    "proc": ("lxc.mount.auto = proc\n", "proc", "dir", REFUSED),
    "sys": ("lxc.mount.auto = sys:ro\n", "sys", "dir", REFUSED),
    "cgroups": ("lxc.mount.auto = cgroup:ro:force\n", "sys/fs/cgroup", "dir", REFUSED),
    "dev": ("", "dev", "dir", REFUSED),
    "dev of its own": (OWN_DEV, "dev", "dir", REFUSED),
    "dev/pts": (OWN_DEV, "dev/pts", "dir", REFUSED),
    "dev/ptmx": (OWN_DEV, "dev/ptmx", "file", REFUSED),
    "dev/console": (OWN_DEV, "dev/console", "file", REFUSED),
    "dev/tty1": (OWN_DEV, "dev/tty1", "file", REFUSED),
    "tty directory": (f"{OWN_DEV}lxc.tty.dir = lxc/below\n", "dev/lxc", "dir", REFUSED),
    "tty in a directory": (f"{OWN_DEV}lxc.tty.dir = lxc\n", "dev/lxc/tty2", "file", REFUSED),
    "console in a directory": (f"{OWN_DEV}lxc.tty.dir = lxc\n", "dev/lxc/console", "file", REFUSED),
    "dev/fd": (OWN_DEV, "dev/fd", "none", KEPT),
    "dev/stdin": (OWN_DEV, "dev/stdin", "none", KEPT),
    "device node": ("lxc.mount.entry = evil dev none bind,relative\n", "evil/null", "none", KEPT),
    "boot id": ("lxc.mount.auto = proc\nlxc.mount.entry = evil dev none bind,relative\n", "evil/.lxc-boot-id", "none", KEPT),
    "what LXC pins": ("", ".lxc_keep", "none", KEPT),
    "program": ("lxc.init.cmd = /a/b\n", "a/b", "program", EITHER),
    "working directory": ("lxc.init.cwd = /a/b\n", "a/b", "dir", EITHER),
}  # fmt: skip

Trap = Callable[[Path, Path], str]  # (what is touched, outside) -> the link's text
LINKS: dict[str, Trap] = {
    "absolute": lambda at, outside: str(outside / "dir"),
    "relative": lambda at, outside: "../" * 16 + str(outside / "dir").lstrip("/"),
    "dangling": lambda at, outside: str(outside / "new"),
    "to a file": lambda at, outside: str(outside / "file"),
    "to proc": lambda at, outside: f"/proc/self/root{outside}/dir",
    "to a descriptor": lambda at, outside: "/proc/self/cwd",
    "to itself": lambda at, outside: at.name,
    "to the root": lambda at, outside: "/",
    "inside": lambda at, outside: "../mnt",
}


class Trapped:
    """A container with a root that somebody else has prepared, and what must not be reached from there."""

    def __init__(self, lxc: Lxc) -> None:
        self.lxc, self.name = lxc, f"box-{lxc.tag}"
        self.box = lxc.path / self.name
        self.root, self.outside, self.source = self.box / "rootfs", lxc.path / "outside", lxc.path / "src"
        for name in ("a", "bin", "dev", "evil", "mnt", "proc", "sys/fs"):
            (self.root / name).mkdir(parents=True)
        shutil.copy("/bin/busybox", self.root / "bin/busybox")
        (self.outside / "dir/below").mkdir(parents=True)
        (self.outside / "file").write_text("outside")
        (self.outside / "dir/b").write_text("outside")
        (self.source / "below").mkdir(parents=True)
        (self.source / "file").write_text("source")

    def write(self, config: str) -> None:
        fstab = self.box / "fstab"
        fstab.write_text(f"{self.source} a/b none bind 0 0\n")
        words = {"SRC": self.source, "ROOT": self.root, "FSTAB": fstab, "BOX": self.box, "DISK": self.lxc.path / "disk"}
        for word, path in words.items():
            config = config.replace(word, str(path))
        (self.box / "config").write_text(f"lxc.rootfs.path = dir:{self.root}\n{COMMON}{config}")

    def make(self, path: str, kind: str) -> None:
        """What an honest container has at `path`."""
        at = self.root / path
        at.parent.mkdir(parents=True, exist_ok=True)
        if kind == "dir":
            at.mkdir(exist_ok=True)
        elif kind == "file":
            at.touch()
        elif kind == "program":
            shutil.copy("/bin/busybox", at.with_name("busybox"))
            at.write_text("#!/bin/busybox sh\nexec /bin/busybox sleep 600\n")
            at.chmod(0o755)

    def plant(self, path: str, text: str) -> None:
        """A link at `path`, whatever was there."""
        at = self.root / path
        if at.is_dir() and not at.is_symlink():
            shutil.rmtree(at)
        at.unlink(missing_ok=True)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(text)

    def beyond(self) -> object:
        """What must be the same afterwards: all outside, the host's devices (loop devices are others' tests' too), its mounts."""
        found = [(str(at), at.lstat().st_mode, at.lstat().st_ino) for at in sorted(self.outside.rglob("*"))]
        files = [at.read_text() for at in sorted(self.outside.rglob("*")) if at.is_file()]
        nodes = (entry for entry in os.scandir("/dev") if not entry.name.startswith("loop"))
        devices = sorted((entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in nodes)
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.lxc.path) in line]
        return found, files, devices, mounts

    def shows_outside(self) -> list[str]:
        """The mounts of the running container that are of what lies outside."""
        pid = self.lxc.init_pid(self.name)
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        return [line for line in lines if str(self.outside) in line]


@pytest.fixture
def trapped(lxc: Lxc) -> Trapped:
    return Trapped(lxc)


@pytest.fixture
def disk(lxc: Lxc) -> Iterator[None]:
    """A mount of the host's that an entry moves."""
    path = lxc.path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
    yield
    subprocess.run(["umount", path], check=True)


def attempt(trapped: Trapped, comes_to: str, link: str) -> None:
    """Start it; the start comes to what it should, and nothing beyond the root is touched or shown."""
    before = trapped.beyond()
    done = trapped.lxc.run("lxc-start", "-n", trapped.name)
    said = done.stderr
    assert "Traceback" not in said
    assert "Error:" not in said
    if done.returncode == 0:
        assert comes_to != REFUSED, said
        assert trapped.shows_outside() == []
        trapped.lxc.ok("lxc-stop", "-n", trapped.name, "-k")
    else:
        assert comes_to != KEPT, said
        if comes_to == REFUSED:
            assert f"/{link} is a symbolic link; links are not followed" in said
        assert len(said.splitlines()) <= 5
    assert trapped.beyond() == before


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("target", TARGETS)
def test_without_links_it_works(trapped: Trapped, target: str) -> None:
    config, path, kind, _ = TARGETS[target]
    trapped.write(config)
    trapped.make(path, kind)
    trapped.lxc.start(trapped.name)
    trapped.lxc.ok("lxc-stop", "-n", trapped.name, "-k")


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_link_as_the_target_is_not_followed(trapped: Trapped, target: str, link: str) -> None:
    config, path, kind, comes_to = TARGETS[target]
    trapped.write(config)
    trapped.make(path, kind)
    trapped.plant(path, LINKS[link](trapped.root / path, trapped.outside))
    attempt(trapped, comes_to, path)


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("link", ["absolute", "relative", "dangling", "to proc"])
@pytest.mark.parametrize(
    "target", [name for name, (_, path, *_) in TARGETS.items() if "/" in path and "evil" not in path]
)
def test_a_link_on_the_way_is_not_followed(trapped: Trapped, target: str, link: str) -> None:
    config, path, _, comes_to = TARGETS[target]
    middle = path.rpartition("/")[0]
    trapped.write(config)
    trapped.plant(middle, LINKS[link](trapped.root / middle, trapped.outside))
    attempt(trapped, EITHER if comes_to == EITHER else REFUSED, middle)


@pytest.mark.parametrize("path", ["../outside/dir", "a/../../outside/dir", "a/../../../outside/dir/new", ".."])
@pytest.mark.parametrize(
    "entry", ["SRC PATH none bind", "SRC PATH none bind,create=dir", "PATH mnt none bind,relative", "t PATH tmpfs"]
)
def test_dots_do_not_lead_out(trapped: Trapped, entry: str, path: str) -> None:
    trapped.write(f"lxc.mount.entry = {entry.replace('PATH', path)}\n")
    before = trapped.beyond()
    done = trapped.lxc.run("lxc-start", "-n", trapped.name)
    assert done.returncode == 1
    assert "config:4" in done.stderr
    assert trapped.beyond() == before


def test_a_working_directory_that_links_to_a_descriptor_is_none_of_the_hosts(trapped: Trapped) -> None:
    """Init still holds directories of the host's when it goes there (CVE-2024-21626)."""
    trapped.write("lxc.mount.auto = proc\nlxc.init.cwd = /a/b/made\n")
    before = trapped.beyond()
    for number in range(40):
        trapped.plant("a/b", f"/proc/self/fd/{number}")
        done = trapped.lxc.run("lxc-start", "-n", trapped.name)
        trapped.lxc.run("lxc-stop", "-n", trapped.name, "-k")
        assert done.returncode == 1, number
        assert "config:5" in done.stderr
    assert trapped.beyond() == before


@pytest.mark.parametrize("tty_dir", ["../../outside", "lxc/../../../outside", "/lxc/../../.."])
def test_the_directory_of_the_ttys_is_below_dev(trapped: Trapped, tty_dir: str) -> None:
    trapped.write(f"{OWN_DEV}lxc.tty.dir = {tty_dir}\n")
    before = trapped.beyond()
    assert trapped.lxc.run("lxc-start", "-n", trapped.name).returncode == 1
    assert trapped.beyond() == before


@pytest.mark.parametrize("where", ["dev/lxc", "dev/pts", "dev"])
def test_terminals_are_not_made_on_what_an_entry_has_put_there(trapped: Trapped, where: str) -> None:
    """An entry may bind anything; that files are made in it is not meant."""
    trapped.write(f"{OWN_DEV}lxc.tty.dir = lxc\nlxc.mount.entry = {trapped.outside}/dir {where} none bind,create=dir\n")
    before = trapped.beyond()
    done = trapped.lxc.run("lxc-start", "-n", trapped.name)
    if done.returncode == 0:
        trapped.lxc.ok("lxc-stop", "-n", trapped.name, "-k")
    assert trapped.beyond() == before or where == "dev"


SWAP = """
import ctypes, os, sys
exchange = ctypes.CDLL(None, use_errno=True).renameat2
first, second = map(os.fsencode, sys.argv[1:])
print("ready", flush=True)
while True:
    exchange(-100, first, -100, second, 2)
"""


@pytest.mark.timeout(60 + RACES)
def test_a_directory_that_is_swapped_for_a_link_again_and_again_never_leads_out(trapped: Trapped) -> None:
    """Whichever of the two a start finds, it finds it once: a path is not looked up a second time."""
    assert hasattr(ctypes.CDLL(None), "renameat2")
    entries = "".join(
        f"lxc.mount.entry = {entry}\n"
        for entry in (
            "SRC a/b none bind,create=dir,optional",
            "SRC/file a/new/file none bind,create=file,optional",
            "a mnt none bind,relative,optional",
        )
    )
    trapped.write(entries)
    (trapped.root / "link").symlink_to(trapped.outside / "dir")
    before = trapped.beyond()
    swap = subprocess.Popen(
        [sys.executable, "-c", SWAP, trapped.root / "a", trapped.root / "link"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert swap.stdout is not None
        assert swap.stdout.readline() == "ready\n"
        for _ in range(RACES):
            said = trapped.lxc.run("lxc-execute", "-n", trapped.name, "--", "/bin/busybox", "ls", "/mnt", "/a")
            assert "outside" not in said.stdout
            assert trapped.beyond() == before
    finally:
        swap.kill()
        swap.wait()
