"""Copying a tree: what comes of each kind of file, and of those that were put there to lead elsewhere."""

import os
import resource
import stat
import subprocess
from collections.abc import Callable, Iterator
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


def copy(base: Path, check: Callable[[], None] = lambda: None) -> tuple[str, ...]:
    flags = os.O_RDONLY | os.O_DIRECTORY
    with closing(os.open(base / "from", flags)) as source, closing(os.open(base / "to", flags)) as target:
        return tree.copy(source, target, str(base / "from"), check)


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
    assert copy(base) == ()
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
        before = os.listdir("/proc/self/fd")
        assert copy(base) == ("mnt",)
        assert os.listdir("/proc/self/fd") == before

    apart(work)
    assert list((base / "to/mnt").iterdir()) == []


def test_a_link_to_a_directory_is_copied_as_a_link(base: Path) -> None:
    os.symlink("/etc", base / "from/etc")
    copy(base)
    assert os.readlink(base / "to/etc") == "/etc"


def down(top: Path, name: str) -> Iterator[int]:
    """The directory `top` and those called `name` within each other, opened one after the other."""
    fd = os.open(top, os.O_RDONLY)
    while True:
        try:
            yield fd
            deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            return
        finally:
            os.close(fd)
        fd = deeper


def deepen(top: Path, levels: int, name: str) -> None:
    """Directories within each other, with attributes of their own; a file of all of them has a name in each."""
    (top / "file").touch()
    with closing(os.open(top, os.O_RDONLY)) as first:
        for level, fd in enumerate(down(top, name)):
            if level < levels:
                os.mkdir(name, dir_fd=fd)
            os.link("file", "of-all", src_dir_fd=first, dst_dir_fd=fd)
    for level, fd in enumerate(down(top, name)):
        os.setxattr(fd, "user.level", str(level).encode())
        os.fchmod(fd, 0o700 + level % 64)
        os.utime(fd, ns=(0, level * 1_000_000_007))


def levels_of(top: Path, name: str) -> list[tuple[object, ...]]:
    """What a copy must keep of what `deepen` made."""
    found: list[tuple[object, ...]] = []
    for fd in down(top, name):
        status, file = os.fstat(fd), os.stat("of-all", dir_fd=fd)
        assert file.st_ino == (top / "file").stat().st_ino
        kept = (status.st_mode, status.st_mtime_ns, os.getxattr(fd, "user.level"), file.st_nlink)
        found.append((*kept, sorted(os.listdir(fd))))
    return found


@pytest.mark.parametrize(("levels", "name"), [(2000, "d"), (300, "x" * 255)])
def test_few_descriptors_are_enough_for_a_tree_of_any_depth(base: Path, levels: int, name: str) -> None:
    deepen(base / "from", levels, name)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        copy(base)

    apart(work)
    copied = levels_of(base / "to", name)
    assert len(copied) == levels + 1
    assert copied == levels_of(base / "from", name)


@pytest.mark.parametrize("levels", [1, 15, 16, 17, 31, 32, 33])
def test_what_is_beside_directories_of_any_depth_is_copied_too(base: Path, levels: int) -> None:
    for side in ("a", "b", "c"):
        at = base / "from"
        for level in range(levels):
            at /= side
            (at / "beside" / str(level)).mkdir(parents=True)
            (at / "file").write_text(f"{side} {level}")
    copy(base)
    assert described(base / "to") == described(base / "from")


def test_no_descriptor_is_left_open(base: Path) -> None:
    deepen(base / "from", 40, "d")
    before = os.listdir("/proc/self/fd")
    copy(base)
    with pytest.raises(LxcError, match=r"from/.*File exists"):  # there is a copy already
        copy(base)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_directory_that_is_moved_out_while_it_is_copied_does_not_take_us_along(base: Path) -> None:
    """`..` of a moved directory is elsewhere: what is there must not be copied."""
    (base / "elsewhere").mkdir()
    at = base / "from"
    for _ in range(60):
        at /= "d"
        (at / "z").mkdir(parents=True)
    (base / "elsewhere/z").write_text("not ours")

    def check() -> None:
        if (base / "to" / "/".join("d" * 60)).exists() and not (base / "elsewhere/d").exists():
            os.rename(base / "from" / "/".join("d" * 20), base / "elsewhere/d")

    with pytest.raises(LxcError, match="it was moved elsewhere while it was copied"):
        copy(base, check)
    assert [path for path in (base / "to").rglob("*") if path.is_file()] == []


def test_what_goes_while_it_is_copied_is_left_out(base: Path) -> None:
    (base / "from/directory").mkdir()
    (base / "from/file").touch()

    def check() -> None:
        (base / "from/file").unlink(missing_ok=True)
        if (base / "from/directory").exists():
            (base / "from/directory").rmdir()

    copy(base, check)
    assert list((base / "to").iterdir()) == []


def test_a_directory_that_is_renamed_while_it_is_copied_is_copied(base: Path) -> None:
    deep = "/".join("d" * 60)
    (base / "from" / deep).mkdir(parents=True)
    (base / "from/d/z").mkdir()

    def check() -> None:
        if (base / "to" / deep).exists() and (base / "from/d/d").exists():
            os.rename(base / "from/d/d", base / "from/d/other")

    copy(base, check)
    assert (base / "to" / deep).exists()


def test_a_copy_is_not_copied_into_itself(base: Path) -> None:
    (base / "from/in").mkdir()
    os.rename(base / "to", base / "from/in/to")
    os.symlink(base / "from/in/to", base / "to")
    with pytest.raises(LxcError, match="from/in/to: the copy itself goes there"):
        copy(base)


def test_a_full_file_system_is_an_error_that_names_the_file(base: Path) -> None:
    (base / "from/big").write_bytes(os.urandom(2_000_000))

    def work() -> None:
        mount.mount("tmpfs", base / "to", "tmpfs", data="size=1m")
        with pytest.raises(LxcError, match="from/big: No space left"):
            copy(base)

    apart(work)
