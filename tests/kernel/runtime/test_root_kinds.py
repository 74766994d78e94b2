"""Roots that are not all the container's own: the host's, shared; one that is read-only; one that the host adds to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc

pytestmark = pytest.mark.root

CONFIG = "lxc.net.0.type = empty\n"


def host() -> tuple[list[str], list[tuple[str, int, int]]]:
    """The host's mounts, and what is in its /dev: name, mode, device."""
    dev = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir("/dev")]
    return (
        [
            line.split(" ", 3)[3]
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if "/tmp/lx" not in line
        ],
        sorted((name, status.st_mode, status.st_rdev) for name, status in dev),
    )


@pytest.fixture
def bare(lxc: Lxc) -> str:
    """The name of a container without root; its configuration is to be written."""
    name = f"bare-{lxc.tag}"
    (lxc.path / name).mkdir()
    return name


@pytest.mark.parametrize(
    "more",
    ["lxc.autodev = 0\n", "lxc.autodev = 1\nlxc.pty.max = 4\n", "lxc.autodev = 0\nlxc.pty.max = 4\nlxc.tty.max = 2\n",
     "lxc.autodev = 0\nlxc.tty.dir = lxc\nlxc.pty.max = 4\nlxc.tty.max = 2\nlxc.console.path = none\n",
     "lxc.mount.auto = proc sys cgroup:ro:force\n"],
)  # fmt: skip
def test_without_a_root_a_container_shares_the_hosts_and_changes_nothing_of_it(lxc: Lxc, bare: str, more: str) -> None:
    lxc.config(bare).write_text(f"{CONFIG}{more}")
    before = host()
    said = lxc.ok("lxc-execute", "-n", bare, "--", "/bin/cat", "/proc/1/comm", "/etc/hostname", "/proc/self/cgroup")
    assert Path("/etc/hostname").read_text() in said
    lxc.start(bare, "--", "/bin/sleep", "600")
    root = Path(f"/proc/{lxc.init_pid(bare)}/root")
    assert (root / "etc/hostname").read_text() == Path("/etc/hostname").read_text()
    assert os.readlink(f"/proc/{lxc.init_pid(bare)}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    assert (root / "dev/null").is_char_device()
    lxc.ok("lxc-stop", "-n", bare, "-k")
    assert host() == before


def test_mounts_of_a_container_that_shares_the_hosts_root_are_its_own(lxc: Lxc, bare: str) -> None:
    target = lxc.path / "target"
    target.mkdir()
    lxc.config(bare).write_text(f"{CONFIG}lxc.mount.entry = /bin {target} none bind,ro\nlxc.autodev = 0\n")
    assert lxc.ok("lxc-execute", "-n", bare, "--", "/bin/sh", "-c", f"test -x {target}/sh && echo there") == "there\n"
    assert os.listdir(target) == []


def test_a_read_only_root_has_all_its_devices_terminals_and_links(lxc: Lxc) -> None:
    box = lxc.create(config=f"{CONFIG}lxc.rootfs.options = ro\nlxc.tty.max = 2\nlxc.pty.max = 8\nlxc.tty.dir = lxc\n")
    lxc.start(box)
    root = Path(f"/proc/{lxc.init_pid(box)}/root")
    with pytest.raises(OSError, match="Read-only"):
        (root / "mark").touch()
    dev = root / "dev"
    assert {name for name in ("console", "tty1", "tty2", "null", "ptmx") if not (dev / name).exists()} == set()
    assert os.readlink(dev / "stdin") == "/proc/self/fd/0"
    assert os.readlink(dev / "tty1") == "lxc/tty1"
    with open(dev / "null", "w") as null:
        null.write("x")


def test_words_of_an_fstab_that_the_kernel_is_never_told_are_no_mistakes(lxc: Lxc) -> None:
    fstab = lxc.path / "fstab"
    fstab.write_text("tmpfs mnt tmpfs nofail,noauto,user,_netdev,x-systemd.automount,x-gvfs-name=it,size=1m 0 0\n")
    box = lxc.create(config=f"{CONFIG}lxc.mount.fstab = {fstab}\n")
    seen = lxc.ok("lxc-execute", "-n", box, "--", "/bin/sh", "-c", "grep ' /mnt ' /proc/self/mountinfo")
    assert seen.split()[-1].removesuffix(",inode64") == "rw,size=1024k"
    fstab.write_text("tmpfs mnt tmpfs noexce 0 0\n")
    assert "Unknown parameter 'noexce'" in lxc.run("lxc-execute", "-n", box, "--", "/bin/true").stderr


@pytest.mark.parametrize("layers", [1, 3])
def test_an_overlay_has_directories_with_names_as_long_as_names_may_be(lxc: Lxc, layers: int) -> None:
    box = lxc.create()
    root = lxc.path / box / "rootfs"
    long = root.parent.joinpath(*("d" * 150 for _ in range(4)))
    for number in range(1, layers):
        (long / f"a:{number}").mkdir(parents=True)
        (long / f"a:{number}/mark{number}").touch()
    long.mkdir(parents=True, exist_ok=True)
    root.rename(long / "lower")
    for name in ("up", "entry-up", "entry-work"):
        (long / name).mkdir()
    (long / "lower/at").mkdir()
    lower = ":".join((*(f"{long}/a\\:{number}" for number in range(1, layers)), f"{long}/lower"))
    entry = f"lowerdir={lower},upperdir={long}/entry-up,workdir={long}/entry-work"
    lxc.config(box).write_text(
        f"{CONFIG}lxc.rootfs.path = overlay:{long}/lower:{long}/up\nlxc.mount.entry = overlay at overlay {entry}\n"
    )
    script = "touch /made /at/made; ls /at"
    seen = lxc.ok("lxc-execute", "-n", box, "--", "/bin/sh", "-c", script).split()
    assert {"made", "bin", *(f"mark{number}" for number in range(1, layers))} <= set(seen)
    assert (long / "up/made").exists()
    assert (long / "entry-up/made").exists()
    assert not (long / "lower/made").exists()


@pytest.fixture
def shared(lxc: Lxc) -> Iterator[Path]:
    """A directory of the host whose mounts others may see."""
    path = lxc.path / "shared"
    path.mkdir()
    subprocess.run(["mount", "--bind", path, path], check=True)
    subprocess.run(["mount", "--make-shared", path], check=True)
    yield path
    subprocess.run(["umount", "-R", path], check=True)


@pytest.mark.parametrize(("target", "seen"), [("", "dev/.lxc-mounts"), (":/mnt/host", "mnt/host")])
def test_what_is_mounted_in_a_shared_directory_later_appears_in_the_container(
    lxc: Lxc, shared: Path, target: str, seen: str
) -> None:
    box = lxc.create(config=f"{CONFIG}lxc.mount.auto = shmounts:{shared}{target}\n")
    lxc.start(box)
    (shared / "late").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", shared / "late"], check=True)
    (shared / "late/mark").touch()
    pid = lxc.init_pid(box)
    assert os.listdir(f"/proc/{pid}/root/{seen}/late") == ["mark"]
    line = next(x for x in Path(f"/proc/{pid}/mountinfo").read_text().splitlines() if x.split()[4] == f"/{seen}")
    assert "master:" in line
    assert "shared:" not in line


def test_a_mount_of_the_hosts_can_be_moved_into_the_container_and_stays_on_the_host(lxc: Lxc, shared: Path) -> None:
    (shared / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", shared / "disk"], check=True)
    (shared / "disk/mark").touch()
    box = lxc.create(config=f"{CONFIG}lxc.mount.entry = {shared}/disk srv none move,create=dir,ro\n")
    lxc.start(box)
    pid = lxc.init_pid(box)
    assert os.listdir(f"/proc/{pid}/root/srv") == os.listdir(shared / "disk") == ["mark"]
    with pytest.raises(OSError, match="Read-only"):
        Path(f"/proc/{pid}/root/srv/x").touch()
    (shared / "disk/x").touch()


def test_a_directory_that_is_no_mount_cannot_be_moved(lxc: Lxc) -> None:
    (lxc.path / "plain").mkdir()
    box = lxc.create(config=f"{CONFIG}lxc.mount.entry = {lxc.path}/plain srv none move,create=dir\n")
    said = lxc.run("lxc-start", "-n", box).stderr
    assert "mount --move" in said
    assert "is no mount of its own: write bind" in said


PINNED = """
set -e
mount -t tmpfs none {base}
cp -a {root} {base}/rootfs
{start}
if mount -o remount,ro {base}; then echo remounted; fi
ls -A {base}/rootfs > {path}/inside
{stop}
mount -o remount,ro {base}
echo done
"""


def test_the_file_system_of_a_running_container_stays_writable(lxc: Lxc, box: str) -> None:
    """Pinned: somebody who tidies up the host cannot make it read-only. When the container has stopped, he can."""
    base = lxc.path / "mounted"
    base.mkdir()
    before = sorted(os.listdir(lxc.rootfs(box)))
    words = " ".join(lxc.command("lxc-start", "-n", box, "-s", f"lxc.rootfs.path=dir:{base}/rootfs"))
    stop = " ".join(lxc.command("lxc-stop", "-n", box, "-k"))
    script = PINNED.format(base=base, root=lxc.rootfs(box), start=words, stop=stop, path=lxc.path)
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, "busy" in done.stderr) == ("done\n", True), done.stderr
    assert sorted((lxc.path / "inside").read_text().split()) == before
