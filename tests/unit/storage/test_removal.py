"""What can be seen of the removal without privileges; tests/kernel/storage has mounts, attributes and races."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lxc.errors import NotFound, Refused
from lxc.kernel.fs import closing
from lxc.storage import removal


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A directory that is to be removed, beside one that is precious."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("dear")
    yield tmp_path / "tree"
    assert (tmp_path / "precious/file").read_text() == "dear"


def remove(tree: Path, last: tuple[str, ...] = ()) -> None:
    with (
        closing(os.open(tree.parent, os.O_RDONLY | os.O_DIRECTORY)) as parent,
        closing(removal.open_directory(parent, tree.name, str(tree))) as top,
    ):
        removal.remove_opened(top, parent, tree.name, str(tree), last)


def deepen(tree: Path, levels: int, name: str = "d") -> None:
    fd = os.open(tree, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=fd)
        deeper = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
        os.close(os.open("file", os.O_CREAT, dir_fd=fd))
    os.close(fd)


def test_everything_goes(tree: Path) -> None:
    for path in ("a/b/c", "a/d", "e"):
        (tree / path).mkdir(parents=True)
        (tree / path / "file").write_text("x")
    remove(tree)
    assert os.listdir(tree.parent) == ["precious"]


def test_links_go_and_what_they_lead_to_stays(tree: Path) -> None:
    (tree / "a").mkdir()
    (tree / "a/to-file").symlink_to(tree.parent / "precious/file")
    (tree / "to-directory").symlink_to(tree.parent / "precious")
    (tree / "to-root").symlink_to("/")
    (tree / "up").symlink_to("..")
    (tree / "dangling").symlink_to("nowhere")
    (tree / "loop").symlink_to("loop")
    remove(tree)
    assert not tree.exists()


def test_a_hard_link_goes_and_the_file_keeps_its_other_name(tree: Path) -> None:
    os.link(tree.parent / "precious/file", tree / "name")
    remove(tree)
    assert os.stat(tree.parent / "precious/file").st_nlink == 1


def test_sockets_and_fifos_go(tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    remove(tree)
    assert not tree.exists()


@pytest.mark.parametrize("name", [b"line\nbreak", b"\xff\xfe", b" ", b"-rf", b"*", b"\x1b[2J", b"x" * 255])
def test_names_of_any_bytes_go(tree: Path, name: bytes) -> None:
    directory = os.fsencode(tree) + b"/" + name
    os.mkdir(directory)
    os.close(os.open(directory + b"/" + name, os.O_CREAT))
    remove(tree)
    assert not tree.exists()


@pytest.mark.parametrize("levels", [1, 99, 100, 101, 102, 200, 201, 2500])
def test_a_tree_of_any_depth_goes(tree: Path, levels: int) -> None:
    deepen(tree, levels)
    remove(tree)
    assert not tree.exists()


def test_a_deep_tree_of_long_names_goes(tree: Path) -> None:
    deepen(tree, 400, "x" * 255)
    remove(tree)
    assert not tree.exists()


def test_many_files_go(tree: Path) -> None:
    for number in range(20_000):
        os.close(os.open(tree / str(number), os.O_CREAT))
    remove(tree)
    assert not tree.exists()


def test_no_descriptor_is_left_open(tree: Path) -> None:
    deepen(tree, 300)
    before = os.listdir("/proc/self/fd")
    remove(tree)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_link_in_the_place_of_the_directory_is_refused(tree: Path) -> None:
    (tree.parent / "link").symlink_to("precious")
    with pytest.raises(Refused, match="symbolic link"):
        remove(tree.parent / "link")
    assert (tree.parent / "link").is_symlink()


def test_a_file_in_the_place_of_the_directory_is_refused(tree: Path) -> None:
    (tree.parent / "file").touch()
    with pytest.raises(Refused, match="not a directory"):
        remove(tree.parent / "file")


def test_a_directory_that_is_not_there_is_not_found(tree: Path) -> None:
    with pytest.raises(NotFound):
        remove(tree.parent / "nowhere")


def test_a_name_cannot_lead_out(tree: Path) -> None:
    with closing(os.open(tree, os.O_RDONLY)) as parent, pytest.raises(Refused):
        removal.open_directory(parent, "../precious", "x")


def test_the_last_files_go_too(tree: Path) -> None:
    (tree / "config").touch()
    (tree / "a/config").mkdir(parents=True)
    remove(tree, last=("config", "not-there"))
    assert not tree.exists()


def test_a_message_shows_no_control_characters() -> None:
    assert removal.quoted("/a\n\x1b[2Jb\udcff") == "'/a\\n\\x1b[2Jb\\udcff'"
    assert len(removal.quoted("/x" * 2000)) < 300
    assert removal.quoted("/srv/ü") == "/srv/ü"
