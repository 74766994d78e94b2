"""Containers whose root is on each kind of storage: they run, write what is kept, and leave nothing of it behind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root

CONFIG = "lxc.net.0.type = empty\nlxc.init.cmd = /bin/busybox sleep 600\nlxc.mount.auto = proc\n"


def make_tree(root: Path) -> Path:
    for name in ("bin", "dev", "proc", "sys"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    return root


def image(lxc: Lxc, kind: str = "ext4") -> Path:
    """A file with a file system in it."""
    tree, file = make_tree(lxc.path / "tree"), lxc.path / "image"
    size = {"ext4": "16M", "btrfs": "128M"}[kind]
    subprocess.run(["truncate", "-s", size, file], check=True)
    made = {"ext4": ["mkfs.ext4", "-q", "-d", tree, file], "btrfs": ["mkfs.btrfs", "-q", "--rootdir", tree, file]}
    subprocess.run(made[kind], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return file


def loop_devices(file: Path) -> list[str]:
    """The loop devices that show `file`."""
    found = Path("/sys/block").glob("loop*/loop/backing_file")
    return [str(path) for path in found if read(path) == str(file)]


def read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # it went away meanwhile
        return ""


class Box:
    """A container of a given configuration."""

    def __init__(self, lxc: Lxc, root: str, more: str = "") -> None:
        self.lxc, self.name = lxc, f"c-{lxc.tag}"
        (lxc.path / self.name).mkdir(exist_ok=True)
        lxc.config(self.name).write_text(f"lxc.rootfs.path = {root}\n{CONFIG}{more}")

    def start(self) -> Path:
        """Start it; the root that it sees."""
        self.lxc.start(self.name)
        return Path(f"/proc/{self.lxc.init_pid(self.name)}/root")

    def mount(self) -> str:
        """Its root's line in mountinfo, from the options on."""
        lines = Path(f"/proc/{self.lxc.init_pid(self.name)}/mountinfo").read_text().splitlines()
        return next(line.split(" ", 5)[5] for line in lines if line.split()[4] == "/")

    def stop(self) -> None:
        self.lxc.ok("lxc-stop", "-n", self.name, "-k")

    def fails(self) -> str:
        done = self.lxc.run("lxc-start", "-n", self.name)
        assert done.returncode == 1
        return done.stderr


@pytest.fixture
def make(lxc: Lxc) -> Iterator[Callable[..., Box]]:
    boxes: list[Box] = []

    def make_box(root: str, more: str = "") -> Box:
        boxes.append(Box(lxc, root, more))
        return boxes[-1]

    yield make_box
    for box in boxes:
        lxc.run("lxc-stop", "-n", box.name, "-k")


@pytest.mark.parametrize("prefix", ["loop:", ""])
def test_an_image_is_a_root_and_keeps_what_is_written(lxc: Lxc, make: Callable[..., Box], prefix: str) -> None:
    file = image(lxc)
    box = make(f"{prefix}{file}")
    (box.start() / "mark").write_text("kept")
    assert box.mount().split(" - ")[1].startswith("ext4 /dev/loop")
    assert len(loop_devices(file)) == 1
    box.stop()
    until(lambda: not loop_devices(file), "the loop device is detached")
    assert (box.start() / "mark").read_text() == "kept"
    box.stop()
    until(lambda: not loop_devices(file), "the loop device is detached")
    assert os.listdir(lxc.path / box.name) == ["config"]


def test_a_read_only_image_is_never_written_and_can_be_shared(lxc: Lxc, make: Callable[..., Box]) -> None:
    file = image(lxc)
    before = file.read_bytes()
    box = make(f"loop:{file}", "lxc.rootfs.options = ro,nosuid,noatime\n")
    root = box.start()
    with pytest.raises(OSError, match="Read-only"):
        (root / "mark").write_text("x")
    assert box.mount().startswith("ro,nosuid,noatime ")
    assert (root / "dev/null").is_char_device()
    box.stop()
    assert file.read_bytes() == before


def test_an_image_in_use_is_refused_to_a_second_container(lxc: Lxc, make: Callable[..., Box]) -> None:
    file = image(lxc)
    make(f"loop:{file}").start()
    other = f"d-{lxc.tag}"
    (lxc.path / other).mkdir()
    lxc.config(other).write_text(lxc.config(f"c-{lxc.tag}").read_text())
    done = lxc.run("lxc-start", "-n", other)
    assert done.returncode == 1
    assert f"cannot use the image {file}: somebody else uses it" in done.stderr
    assert len(loop_devices(file)) == 1


@pytest.mark.parametrize("size", [1 << 20, 1500])  # in the smaller there is no room for a superblock
def test_an_image_of_nothing_is_told_and_leaves_no_loop_device(lxc: Lxc, make: Callable[..., Box], size: int) -> None:
    file = lxc.path / "image"
    file.write_bytes(bytes(size))
    said = make(f"loop:{file}").fails()
    assert "no file system of this kernel can be mounted" in said
    assert "config:1" in said
    until(lambda: not loop_devices(file), "the loop device is detached")


def test_options_of_the_file_system_reach_it_and_wrong_ones_are_told(lxc: Lxc, make: Callable[..., Box]) -> None:
    file = image(lxc)
    box = make(f"loop:{file}", "lxc.rootfs.options = commit=11\n")
    box.start()
    assert "commit=11" in box.mount()
    box.stop()
    assert "nonsense" in make(f"loop:{file}", "lxc.rootfs.options = nonsense\n").fails()
    until(lambda: not loop_devices(file), "the loop device is detached")


@pytest.fixture
def device(lxc: Lxc) -> Iterator[Path]:
    """A loop device of the test's own, as any block device."""
    file = image(lxc)
    path = subprocess.run(["losetup", "--find", "--show", file], check=True, capture_output=True, text=True).stdout
    yield Path(path.strip())
    subprocess.run(["losetup", "--detach", path.strip()], check=True)


@pytest.mark.parametrize("prefix", ["lvm:", ""])
def test_a_block_device_is_a_root(make: Callable[..., Box], device: Path, prefix: str) -> None:
    box = make(f"{prefix}{device}")
    (box.start() / "mark").write_text("x")
    assert box.mount().split(" - ")[1].startswith(f"ext4 {device} ")
    box.stop()


def test_an_overlay_keeps_changes_in_its_upper_directory(lxc: Lxc, make: Callable[..., Box]) -> None:
    first, second = make_tree(lxc.path / "lower:1"), lxc.path / "lower2"
    (second / "etc").mkdir(parents=True)
    (second / "etc/only-here").write_text("second")
    upper = lxc.path / "c/delta"
    box = make(f"overlay:{first}:{second}:{upper}")
    root = box.start()
    (root / "mark").write_text("kept")
    assert (root / "etc/only-here").read_text() == "second"
    assert box.mount().split(" - ")[1].startswith("overlay ")
    box.stop()
    assert (upper / "mark").read_text() == "kept"
    assert not (first / "mark").exists()
    assert (box.start() / "mark").read_text() == "kept"
    box.stop()


def test_an_overlay_that_fails_leaves_no_directories(lxc: Lxc, make: Callable[..., Box]) -> None:
    said = make(f"overlay:{lxc.path}/nowhere:{lxc.path}/over/delta").fails()
    assert "nowhere" in said
    assert not (lxc.path / "over").exists()


def test_a_subvolume_of_btrfs_is_a_root(lxc: Lxc, make: Callable[..., Box]) -> None:
    file, mounted = image(lxc, "btrfs"), lxc.path / "pool"
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop", file, mounted], check=True)
    try:
        subprocess.run(["btrfs", "-q", "subvolume", "snapshot", mounted, mounted / "web"], check=True)
        box = make(f"btrfs:{mounted}/web")
        (box.start() / "mark").write_text("x")
        assert box.mount().split(" - ")[1].startswith("btrfs ")
        box.stop()
        assert (mounted / "web/mark").read_text() == "x"
        assert not (mounted / "mark").exists()
    finally:
        subprocess.run(["umount", mounted], check=True)


@pytest.mark.parametrize(
    ("path", "said"),
    [("zfs:lxc/nowhere", "zfs"), ("nbd:/nowhere.qcow2", "nbd"), ("nosuch:/a", "no storage driver nosuch"),
     ("loop:/nowhere", "No such file"), ("lvm:/dev/nowhere", "No such file"), ("overlay:/a", "two directories")],
)  # fmt: skip
def test_what_is_not_there_is_told(make: Callable[..., Box], path: str, said: str) -> None:
    assert said in make(path).fails()


def test_a_container_cannot_make_the_file_system_of_its_root_read_only(lxc: Lxc, make: Callable[..., Box]) -> None:
    """Remounting in the container changes the file system itself, which the host may use, too."""
    file, mounted = image(lxc), lxc.path / "disk"
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop", file, mounted], check=True)
    try:
        box = make(f"dir:{mounted}")
        box.start()
        assert not [name for name in os.listdir(mounted) if name.startswith(".lxc")]
        pid = str(lxc.init_pid(box.name))
        remount = ["nsenter", "-t", pid, "-m", "-p", "-r", "/bin/busybox", "mount", "-o", "remount,ro", "/"]
        done = subprocess.run(remount, capture_output=True, text=True)
        assert "busy" in done.stderr
        (mounted / "mark").write_text("x")
        box.stop()
        subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
        box.start()  # where nothing can be written, nothing needs to be pinned
        box.stop()
    finally:
        subprocess.run(["umount", mounted], check=True)
