"""Subvolumes of btrfs within a container's root: they are copied and removed with it, and nothing else is."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kernel.making.conftest import Host

from lxc.errors import LxcError
from lxc.kernel.fs import closing
from lxc.storage import removal

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
        with closing(os.open(around, os.O_RDONLY)) as parent, pytest.raises(LxcError, match="file: Read-only"):
            removal.remove(parent, "tree", f"{around}/tree")
        assert is_read_only(around)
        assert (around / "tree/file").exists()

    on_btrfs(work)
