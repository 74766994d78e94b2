"""The removal against mounts, attributes, and somebody who changes the tree while it is removed."""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from tests.kernel.storage.apart import apart

from lxc.errors import LxcError, Refused
from lxc.kernel import mount
from lxc.kernel.fs import closing
from lxc.storage import removal

pytestmark = pytest.mark.root


@pytest.fixture
def tree() -> Iterator[Path]:
    """A directory that is to be removed, beside one that is precious."""
    base = Path(mkdtemp(dir="/tmp", prefix="lx"))
    (base / "tree").mkdir()
    (base / "precious").mkdir()
    (base / "precious/file").write_text("dear")
    yield base / "tree"
    assert (base / "precious/file").read_text() == "dear"
    subprocess.run(["chattr", "-Rfia", base], check=False)
    subprocess.run(["rm", "-rf", base], check=True)


def remove(tree: Path, last: tuple[str, ...] = ()) -> None:
    with (
        closing(os.open(tree.parent, os.O_RDONLY | os.O_DIRECTORY)) as parent,
        closing(removal.open_directory(parent, tree.name, str(tree))) as top,
    ):
        removal.remove_opened(top, parent, tree.name, str(tree), last)


@contextmanager
def racing(work: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, another process does it again and again."""
    pid = os.fork()
    if pid == 0:
        while True:
            work()
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("name", ["mnt", "a b\tc\\d", "line\nbreak"])
def test_a_mount_below_is_named_and_nothing_is_removed(tree: Path, name: str) -> None:
    target = tree / "a" / name
    target.mkdir(parents=True)
    (tree / "file").touch()

    def work() -> None:
        mount.mount("none", str(target), "tmpfs")
        with pytest.raises(Refused) as caught:
            remove(tree)
        assert str(caught.value).startswith(f"something is mounted at {removal.quoted(str(target))}:")
        assert (tree / "file").exists()

    apart(work)


def test_a_directory_of_the_host_that_is_bound_into_the_tree_survives(tree: Path) -> None:
    (tree / "mnt").mkdir()

    def work() -> None:
        mount.mount(str(tree.parent / "precious"), str(tree / "mnt"), None, mount.MS_BIND)
        with pytest.raises(Refused, match="something is mounted at"):
            remove(tree)

    apart(work)


def test_a_mount_over_a_file_is_refused(tree: Path) -> None:
    (tree / "file").touch()

    def work() -> None:
        mount.mount(str(tree.parent / "precious/file"), str(tree / "file"), None, mount.MS_BIND)
        with pytest.raises(Refused, match="something is mounted at"):
            remove(tree)

    apart(work)


def test_a_tree_that_is_itself_a_mount_is_refused(tree: Path) -> None:
    def work() -> None:
        mount.mount(str(tree.parent / "precious"), str(tree), None, mount.MS_BIND)
        with pytest.raises(Refused, match="is a mount point"):
            remove(tree)

    apart(work)


def test_a_mount_that_nobody_saw_coming_is_not_entered(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were made right after the look at the mounts."""
    (tree / "a/mnt").mkdir(parents=True)
    monkeypatch.setattr(removal, "refuse_mounts", lambda directory: None)

    def work() -> None:
        mount.mount(str(tree.parent / "precious"), str(tree / "a/mnt"), None, mount.MS_BIND)
        with pytest.raises(LxcError, match=f"cannot remove {tree}/a/mnt: .*something is mounted there") as caught:
            remove(tree)
        assert "umount" in caught.value.hint

    apart(work)


def test_a_tree_on_a_full_file_system_goes(tree: Path) -> None:
    def work() -> None:
        mount.mount("none", str(tree), "tmpfs", 0, "size=1m,nr_inodes=100")
        (tree / "inner/a").mkdir(parents=True)
        with pytest.raises(OSError):
            (tree / "inner/file").write_bytes(bytes(2 << 20))
        remove(tree / "inner")
        assert os.listdir(tree) == []

    apart(work)


@pytest.mark.parametrize(("flag", "word"), [("i", "immutable"), ("a", "append-only")])
def test_a_file_that_must_not_be_removed_is_named_with_the_reason(tree: Path, flag: str, word: str) -> None:
    (tree / "etc").mkdir()
    (tree / "etc/kept").touch()
    (tree / "etc/other").touch()
    subprocess.run(["chattr", f"+{flag}", tree / "etc/kept"], check=True)
    with pytest.raises(LxcError) as caught:
        remove(tree, last=("config",))
    assert str(caught.value) == f"cannot remove {tree}/etc/kept: Operation not permitted, it is {word}"
    assert "chattr" in caught.value.hint
    assert os.listdir(tree / "etc") == ["kept"]
    subprocess.run(["chattr", f"-{flag}", tree / "etc/kept"], check=True)
    remove(tree)
    assert not tree.exists()


def test_an_immutable_directory_is_the_reason_given_for_its_files(tree: Path) -> None:
    (tree / "etc").mkdir()
    for name in ("a", "b", "c"):
        (tree / "etc" / name).touch()
    subprocess.run(["chattr", "+i", tree / "etc"], check=True)
    with pytest.raises(LxcError, match=r"the directory it is in is immutable \(nor 2 more\)"):
        remove(tree)


def test_the_last_file_stays_if_anything_does(tree: Path) -> None:
    (tree / "config").touch()
    (tree / "etc").mkdir()
    (tree / "etc/kept").touch()
    subprocess.run(["chattr", "+i", tree / "etc/kept"], check=True)
    with pytest.raises(LxcError):
        remove(tree, last=("config",))
    assert (tree / "config").exists()


def test_few_descriptors_are_enough_for_a_tree_of_any_depth(tree: Path) -> None:
    fd = os.open(tree, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
        remove(tree)

    apart(work)
    assert not tree.exists()


def test_a_directory_that_becomes_a_link_while_it_is_removed_leads_nowhere(tree: Path) -> None:
    """A racing process swaps directories and links to what is precious, over and over."""
    names = [f"d{number}" for number in range(40)]

    def swap() -> None:
        for name in names:
            try:
                os.rename(tree / name, tree / f"{name}.away")
                os.symlink(tree.parent / "precious", tree / name)
                os.unlink(tree / name)
                os.rename(tree / f"{name}.away", tree / name)
            except OSError:
                continue

    for _ in range(20):
        for name in names:
            (tree / name / "sub/sub").mkdir(parents=True)
            (tree / name / "file").touch()
        with racing(swap):
            try:
                remove(tree)
            except LxcError as error:  # lost the race; what counts is that the fixture finds its file
                print(error)
        shutil.rmtree(tree, ignore_errors=True)


def test_a_tree_that_grows_while_it_is_removed_is_given_up_or_goes(tree: Path) -> None:
    def grow() -> None:
        for number in range(50):
            try:
                os.makedirs(tree / "a" / str(number) / "b")
            except OSError:
                continue

    with racing(grow):
        try:
            remove(tree)
        except LxcError as error:
            assert "something still writes into it" in str(error)  # noqa: PT017
    shutil.rmtree(tree, ignore_errors=True)


def test_a_directory_that_is_moved_out_while_we_are_in_it_does_not_take_us_along(tree: Path) -> None:
    """`..` of a moved directory is elsewhere: going up must not go there."""
    (tree.parent / "elsewhere").mkdir()
    (tree.parent / "elsewhere/file").touch()
    deep = tree / "/".join(["d"] * 150)
    deep.mkdir(parents=True)
    unlink = os.unlink

    def unlink_and_move(name: str, *, dir_fd: int) -> None:
        unlink(name, dir_fd=dir_fd)
        if name == "trigger":
            os.rename(tree / "d", tree.parent / "elsewhere/d")

    (deep / "trigger").touch()
    (deep / "more").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "unlink", unlink_and_move)
        remove(tree)
    assert not tree.exists()
    assert (tree.parent / "elsewhere/file").exists()
