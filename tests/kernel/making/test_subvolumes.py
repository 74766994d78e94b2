"""Subvolumes of btrfs within a container's root: they are copied and removed with it, and nothing else is."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kernel.making.conftest import Host

from lxc.errors import LxcError
from lxc.kernel import btrfs as kernel
from lxc.kernel.fs import closing
from lxc.storage import descent, removal, subvolumes

pytestmark = pytest.mark.root

OnBtrfs = Callable[[Callable[[], None]], None]


def btrfs(*words: object) -> str:
    argv = ["btrfs", *map(str, words)]
    return subprocess.run(argv, check=True, text=True, capture_output=True).stdout


def subvolume(path: Path) -> Path:
    btrfs("subvolume", "create", path)
    return path


def is_read_only(path: Path) -> bool:
    return btrfs("property", "get", "-ts", path, "ro") == "ro=true\n"


def container(host: Host) -> Path:
    """The root of the container `web`: a subvolume."""
    assert host.create("web", "-B", "btrfs", "-t", host.template("true")).returncode == 0
    return host.path / "web/rootfs"


def test_a_careful_umask_leaves_the_root_open_to_the_containers_users(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        os.umask(0o077)  # of the process that has the file system
        assert container(host).stat().st_mode & 0o777 == 0o755
        assert host.destroy("web").returncode == 0

    on_btrfs(work)


def test_read_only_subvolumes_go_with_their_container(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        root = container(host)
        home = subvolume(root / "home")
        (home / "doc").write_text("mine")
        (subvolume(home / "within") / "file").touch()
        (subvolume(root / "directories") / "a/b").mkdir(parents=True)
        (root / "directories/a/b/file").touch()
        subvolume(root / "empty")
        btrfs("subvolume", "snapshot", "-r", home, root / "home-ro")
        for path in ("home/within", "home", "directories", "empty"):
            btrfs("property", "set", "-ts", root / path, "ro", "true")
        done = host.destroy("web")
        assert (done.returncode, done.stderr) == (0, "")
        assert list(host.path.iterdir()) == []
        assert btrfs("subvolume", "list", host.path) == ""

    on_btrfs(work)


def test_a_root_that_is_read_only_goes_too(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        root = container(host)
        (root / "file").touch()
        btrfs("property", "set", "-ts", root, "ro", "true")
        assert host.destroy("web").returncode == 0
        assert btrfs("subvolume", "list", host.path) == ""

    on_btrfs(work)


def test_a_read_only_subvolume_around_what_is_to_be_removed_stays_so(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        around = subvolume(host.path / "around")
        (around / "tree").mkdir()
        (around / "tree/file").touch()
        btrfs("property", "set", "-ts", around, "ro", "true")
        with (
            closing(os.open(around, os.O_RDONLY)) as parent,
            closing(removal.open_directory(parent, "tree", f"{around}/tree")) as tree,
            pytest.raises(LxcError, match="file: Read-only"),
        ):
            removal.remove_opened(tree, parent, "tree", f"{around}/tree")
        assert is_read_only(around)
        assert (around / "tree/file").exists()

    on_btrfs(work)


def below(top: Path) -> dict[str, tuple[object, ...]]:
    """What a copy must have: directories with their mode and time, files with their text, which of them are subvolumes."""
    found = {}
    for path in (top, *top.rglob("*")):
        status = path.lstat()
        is_subvolume = path.is_dir() and status.st_ino == 256
        found[str(path.relative_to(top))] = (
            status.st_mode, status.st_uid, status.st_ino == kernel.PLACEHOLDER or status.st_mtime_ns, is_subvolume,
            is_subvolume and is_read_only(path), path.read_text() if path.is_file() else "",
        )  # fmt: skip
    return found


def fill(root: Path) -> None:
    """Subvolumes beside and within each other, in directories, read-only ones, with what is in them."""
    (root / "srv/a").mkdir(parents=True)
    for name in ("home", "home/of me", "home/of me/deep", "srv/a/b", "srv/kept", "srv/kept/in", "var"):
        path = subvolume(root / name)
        (path / "doc").write_text(name)
        (path / "dir").mkdir()
    subvolume(root / "home/of me/dir/more")
    btrfs("subvolume", "snapshot", "-r", root / "home", root / "home-ro")
    for name in ("srv/kept/in", "srv/kept"):
        btrfs("property", "set", "-ts", root / name, "ro", "true")
    os.chown(root / "home", 1000, 1000)
    os.chmod(root / "home", 0o710)
    for number, name in enumerate(("srv/a", "srv", "home/of me/dir", "")):
        os.utime(root / name, ns=(0, number * 1_000_000_007))


def test_a_copy_has_the_subvolumes_that_are_in_its_root(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        root = container(host)
        fill(root)
        done = host.run("lxc-copy", "-n", "web", "-N", "copy", "-K")
        assert (done.returncode, done.stderr) == (0, "")
        copy = host.path / "copy/rootfs"
        assert below(copy) == below(root)
        assert (copy / "srv/kept/in/doc").read_text() == "srv/kept/in"
        (copy / "home/doc").write_text("other")
        assert (root / "home/doc").read_text() == "home"
        assert host.destroy("copy").returncode == 0
        assert host.destroy("web").returncode == 0
        assert btrfs("subvolume", "list", host.path) == ""

    on_btrfs(work)


def test_a_snapshot_brings_the_subvolumes_back(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        root = container(host)
        fill(root)
        before = below(root)
        assert host.run("lxc-snapshot", "-n", "web").returncode == 0
        (root / "home/of me/deep/doc").unlink()
        (root / "var/doc").write_text("spoilt")
        assert host.run("lxc-snapshot", "-n", "web", "-r", "snap0").returncode == 0
        assert below(root) == before

    on_btrfs(work)


def test_more_subvolumes_than_the_kernel_tells_of_at_once_are_copied(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        root = container(host)
        with closing(os.open(root, os.O_RDONLY)) as directory:
            for number in range(600):
                kernel.create_subvolume(directory, str(number))
                (root / f"{number}/number").write_text(str(number))
        assert host.run("lxc-copy", "-n", "web", "-N", "copy").returncode == 0
        assert [(host.path / f"copy/rootfs/{number}/number").read_text() for number in range(600)] == [
            str(number) for number in range(600)
        ]

    on_btrfs(work)


def snapshot(root: Path, check: Callable[[], None] = lambda: None) -> tuple[str, ...]:
    """One of `root` beside it, called `copy`."""
    flags = os.O_RDONLY | os.O_DIRECTORY
    with closing(os.open(root, flags)) as source, closing(os.open(root.parent, flags)) as directory:
        return subvolumes.snapshot(source, directory, "copy", str(root), check)


def test_subvolumes_within_each_other_are_copied_however_long_their_path(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        fd = os.open(subvolume(host.path / "root"), os.O_RDONLY)
        for _ in range(40):
            kernel.create_subvolume(fd, "x" * 250)
            fd = descent.open(fd, "x" * 250)
            os.close(os.open("file", os.O_CREAT, dir_fd=fd))
        assert snapshot(host.path / "root") == ()
        with closing(os.open(host.path / "copy", os.O_RDONLY)) as copy:
            last = descent.walk(copy, ["x" * 250] * 40)
        assert os.listdir(last) == ["file"]
        assert kernel.is_subvolume(last)

    on_btrfs(work)


def test_what_is_mounted_over_a_subvolume_is_not_copied_and_named(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        root = container(host)
        (subvolume(root / "home") / "file").touch()
        subprocess.run(["mount", "-t", "tmpfs", "none", root / "home"], check=True)
        done = host.run("lxc-copy", "-n", "web", "-N", "copy")
        assert done.returncode == 0
        assert f"the subvolume {root}/home was not copied: something is mounted there" in done.stderr
        assert list((host.path / "copy/rootfs/home").iterdir()) == []

    on_btrfs(work)


@pytest.mark.parametrize("becomes", ["a link", "another subvolume", "a directory"])
def test_what_becomes_something_else_meanwhile_leads_nowhere(host: Host, on_btrfs: OnBtrfs, becomes: str) -> None:
    def work() -> None:
        root, precious = subvolume(host.path / "root"), subvolume(host.path / "precious")
        (precious / "file").write_text("dear")
        (subvolume(root / "first") / "in").mkdir()
        subvolume(root / "first/in/second")

        def check() -> None:
            if (host.path / "copy/first/in").exists() and not (root / "away").exists():
                os.rename(root / "first", root / "away")
                if becomes == "a link":
                    os.symlink(precious, root / "first")
                elif becomes == "a directory":
                    (root / "first/in/second").mkdir(parents=True)
                else:
                    btrfs("subvolume", "snapshot", precious, root / "first")

        subvolume(root / "last")
        (left,) = snapshot(root, check)
        assert left == f"the subvolumes in {root}/first were not copied: it was removed or moved meanwhile"
        assert sorted(os.listdir(host.path / "copy")) == ["first", "last"]
        assert list((host.path / "copy/first/in/second").iterdir()) == []

    on_btrfs(work)


def test_what_is_made_meanwhile_is_not_copied_and_what_is_moved_is_named(host: Host, on_btrfs: OnBtrfs) -> None:
    def work() -> None:
        root = subvolume(host.path / "root")
        (root / "elsewhere").mkdir()
        names = ["moved", *(str(number) for number in range(270))]  # the kernel tells of 255 at once
        made = iter(range(1000))
        with closing(os.open(root, os.O_RDONLY)) as directory:
            for name in names:
                kernel.create_subvolume(directory, name)

            def check() -> None:
                kernel.create_subvolume(directory, f"more{next(made)}")
                if (root / "moved").exists():
                    os.rename(root / "moved", root / "elsewhere/moved")

            (left,) = snapshot(root, check)
        assert left == f"a subvolume in {root} was not copied: it was removed or moved meanwhile"
        assert sorted(os.listdir(host.path / "copy")) == sorted([*names, "elsewhere"])
        assert list((host.path / "copy/elsewhere").iterdir()) == []

    on_btrfs(work)
