"""Copying a tree: what comes of each kind of file, and of those that were put there to lead elsewhere."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from tests.kernel.storage.apart import apart

from lxc.errors import LxcError
from lxc.kernel import mount
from lxc.kernel.fs import closing
from lxc.storage import tree

pytestmark = pytest.mark.root


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory with the directories `from` and `to` in it."""
    path = Path(mkdtemp(dir="/tmp", prefix="lx"))
    (path / "from").mkdir()
    (path / "to").mkdir()
    yield path
    subprocess.run(["rm", "-rf", path], check=True)


def copy(base: Path) -> tree.Copied:
    flags = os.O_RDONLY | os.O_DIRECTORY
    with closing(os.open(base / "from", flags)) as source, closing(os.open(base / "to", flags)) as target:
        return tree.copy(source, target, str(base / "from"))


def described(top: Path) -> dict[str, tuple[object, ...]]:
    """All that a copy must keep, for each path."""
    found = {}
    for path in (top, *sorted(top.rglob("*"))):
        status = path.lstat()
        content: object = None
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        attributes = {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        }
        found[str(path.relative_to(top))] = (
            status.st_mode, status.st_uid, status.st_gid, status.st_rdev, status.st_mtime_ns, content, attributes,
        )  # fmt: skip
    return found


def test_everything_about_each_kind_of_file_is_kept(base: Path) -> None:
    source = base / "from"
    (source / "directory").mkdir()
    (source / "directory/file").write_text("content")
    (source / "empty").write_bytes(b"")
    os.symlink("/etc/passwd", source / "link")
    os.symlink("nowhere", source / "directory/dangling")
    os.mkfifo(source / "fifo")
    os.mknod(source / "null", 0o20666, os.makedev(1, 3))
    os.mknod(source / "socket", stat.S_IFSOCK | 0o700)
    os.mknod(source / "whiteout", stat.S_IFCHR, 0)
    os.chown(source / "directory/file", 1000, 1001)
    os.chmod(source / "directory/file", 0o6751)
    os.chown(source / "link", 7, 8, follow_symlinks=False)
    os.setxattr(source / "directory/file", "user.note", b"kept")
    os.setxattr(source / "directory", "trusted.overlay.opaque", b"y")
    os.setxattr(source / "empty", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    os.chmod(source / "directory", 0o1770)
    for path in (source / "directory/file", source / "directory", source):
        os.utime(path, ns=(1_000_000_000, 1_234_567_890_123_456_789))
    assert copy(base) == tree.Copied()
    assert described(base / "to") == described(source)


def test_names_of_one_file_stay_names_of_one_file(base: Path) -> None:
    (base / "from/a").write_text("one")
    (base / "from/deep").mkdir()
    os.link(base / "from/a", base / "from/deep/b")
    copy(base)
    assert (base / "to/a").samefile(base / "to/deep/b")
    assert (base / "to/a").stat().st_nlink == 2


def test_holes_stay_holes(base: Path) -> None:
    with (base / "from/sparse").open("wb") as file:
        file.seek(50_000_000)
        file.write(b"end")
        file.truncate(100_000_000)
    copy(base)
    assert (base / "to/sparse").stat().st_blocks * 512 < 1_000_000
    assert subprocess.run(["cmp", base / "from/sparse", base / "to/sparse"], check=False).returncode == 0


def test_between_file_systems_the_data_arrives_too(base: Path) -> None:
    (base / "from/file").write_bytes(os.urandom(3_000_001))

    def work() -> None:
        mount.mount("tmpfs", base / "to", "tmpfs")
        copy(base)
        assert (base / "to/file").read_bytes() == (base / "from/file").read_bytes()

    apart(work)


def test_what_is_mounted_in_the_tree_is_named_and_not_entered(base: Path) -> None:
    (base / "from/mnt").mkdir()

    def work() -> None:
        mount.mount("tmpfs", base / "from/mnt", "tmpfs")
        (base / "from/mnt/file").write_text("not ours")
        assert copy(base) == tree.Copied(("mnt",))

    apart(work)
    assert list((base / "to/mnt").iterdir()) == []


def test_a_link_to_a_directory_is_copied_as_a_link(base: Path) -> None:
    os.symlink("/etc", base / "from/etc")
    copy(base)
    assert os.readlink(base / "to/etc") == "/etc"


def test_a_tree_that_is_too_deep_is_an_error_that_names_it(base: Path) -> None:
    os.makedirs(base / "from" / "/".join("d" * 300))
    with pytest.raises(LxcError, match=r"from/d/d.*more than 250 directories"):
        copy(base)


def test_a_full_file_system_is_an_error_that_names_the_file(base: Path) -> None:
    (base / "from/big").write_bytes(os.urandom(2_000_000))

    def work() -> None:
        mount.mount("tmpfs", base / "to", "tmpfs", data="size=1m")
        with pytest.raises(LxcError, match="from/big: No space left"):
            copy(base)

    apart(work)
