import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import largest_file

from lxc.errors import Refused
from lxc.storage import ours
from lxc.storage.ours import Made
from lxc.storage.volumes import Volume


@pytest.fixture
def container(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "container").mkdir()
    fd = os.open(tmp_path / "container", os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("name", ["plain", "with blank", "ü", "\udcff"])
def test_what_was_remembered_is_known_again(tmp_path: Path, container: int, name: str) -> None:
    (tmp_path / name).mkdir()
    made = ours.identity(f"{tmp_path}/{name}")
    ours.remember(container, made)
    assert ours.remembered(container) == made


def test_so_is_a_volume(container: int) -> None:
    made = Volume("/dev/group/web", "LVM-abcdef")
    ours.remember(container, made)
    assert ours.remembered(container) == made


def test_what_is_remembered_is_never_overwritten(tmp_path: Path, container: int) -> None:
    ours.remember(container, Made("/srv/root", 1, 2, 3))
    with pytest.raises(FileExistsError):
        ours.remember(container, Made("/", 4, 5, 6))
    assert ours.remembered(container) == Made("/srv/root", 1, 2, 3)


def test_a_record_that_there_is_no_room_for_is_an_error(container: int) -> None:
    with largest_file(64), pytest.raises(OSError):
        ours.remember(container, Made("/srv/root", 1, 2, 3))


def test_a_link_on_the_way_is_not_remembered_but_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real/root").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    assert ours.identity(f"{tmp_path}/link/root").path == f"{tmp_path}/real/root"


@pytest.mark.parametrize(
    "numbers", ["", "1 2", "1 2 x", "1 2 3 4", "1 2 -3", f"1 2 {'9' * 5000}"], ids=lambda numbers: numbers[:9]
)
def test_numbers_that_make_no_sense_are_no_record(tmp_path: Path, container: int, numbers: str) -> None:
    (tmp_path / "container" / ours.RECORD).write_text(f"{ours._OF_DIRECTORY}/\n{numbers}\n")
    assert ours.remembered(container) is None


@pytest.mark.parametrize("text", ["", "x", "# lxc-create\n/\n1 2 3\n", "/\n1 2 3\n", ours._OF_DIRECTORY])
def test_a_record_that_makes_no_sense_is_none(tmp_path: Path, container: int, text: str) -> None:
    (tmp_path / "container" / ours.RECORD).write_text(text)
    assert ours.remembered(container) is None


def test_a_link_is_no_record(tmp_path: Path, container: int) -> None:
    (tmp_path / "container" / ours.RECORD).symlink_to("elsewhere")
    with pytest.raises(OSError):
        ours.remembered(container)


def test_nobody_is_waited_for_at_a_fifo(tmp_path: Path, container: int) -> None:
    os.mkfifo(tmp_path / "container" / ours.RECORD)
    assert ours.remembered(container) is None


def test_no_record_is_none(container: int) -> None:
    assert ours.remembered(container) is None


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/", "root of this host"),
        ("srv", "absolute"),
        ("", "absolute"),
        (".", "absolute"),
        ("/srv/../people", "absolute"),
        ("/srv/", "absolute"),
        ("/people/jo", "is it"),
        ("/people", "/people/jo is in it"),
        ("/var", "/var/lib/lxc is in it"),
        ("/var/lib", "/var/lib/lxc is in it"),
        ("/var/lib/lxc", "is it"),
    ],
)
def test_what_is_precious_and_what_holds_it_must_never_be_removed(path: str, why: str) -> None:
    assert why in ours.objection(path, ("/people/jo", "/var/lib/lxc"))


@pytest.mark.parametrize("path", ["/srv", "/people/joe", "/var/lib/lxc2", "/var/lib/lxc/web/rootfs", "/people/jo/web"])
def test_what_is_not_may_be(path: str) -> None:
    assert ours.objection(path, ("/people/jo", "/var/lib/lxc")) == ""


def test_a_directory_that_was_made_is_removed(tmp_path: Path) -> None:
    (tmp_path / "root/etc").mkdir(parents=True)
    ours.remove_made(ours.identity(f"{tmp_path}/root"), ())
    assert os.listdir(tmp_path) == []


def test_another_directory_at_its_path_stays(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    made = ours.identity(f"{tmp_path}/root")
    (tmp_path / "root").rename(tmp_path / "moved")
    (tmp_path / "root/precious").mkdir(parents=True)
    with pytest.raises(Refused, match="another directory than the one made"):
        ours.remove_made(made, ())
    assert (tmp_path / "root/precious").exists()


def test_a_link_at_its_path_or_on_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "above/root/precious").mkdir(parents=True)
    made = ours.identity(f"{tmp_path}/above/root")
    (tmp_path / "above/root").rename(tmp_path / "above/moved")
    (tmp_path / "above/root").symlink_to("moved")
    with pytest.raises(Refused, match="symbolic link"):
        ours.remove_made(made, ())
    (tmp_path / "above/root").unlink()
    (tmp_path / "above/moved").rename(tmp_path / "above/root")
    (tmp_path / "above").rename(tmp_path / "real")
    (tmp_path / "above").symlink_to("real")
    with pytest.raises(Refused, match="cannot reach it"):
        ours.remove_made(made, ())
    assert (tmp_path / "real/root/precious").exists()


def test_a_directory_that_is_gone_is_fine(tmp_path: Path) -> None:
    (tmp_path / "a/root").mkdir(parents=True)
    made = ours.identity(f"{tmp_path}/a/root")
    (tmp_path / "a/root").rmdir()
    ours.remove_made(made, ())
    (tmp_path / "a").rmdir()
    ours.remove_made(made, ())


def test_what_became_precious_stays(tmp_path: Path) -> None:
    (tmp_path / "root/people").mkdir(parents=True)
    with pytest.raises(Refused, match="is in it"):
        ours.remove_made(ours.identity(f"{tmp_path}/root"), (f"{tmp_path}/root/people",))
    assert (tmp_path / "root/people").exists()


def test_a_new_device_number_is_forgiven_if_the_birth_is_the_same() -> None:
    made = Made("/srv/root", 5, 17, 1_000)
    assert made.is_same(Made("/srv/root", 6, 17, 1_000))
    assert not made.is_same(Made("/srv/root", 5, 17, 1_001))
    assert not made.is_same(Made("/srv/root", 5, 18, 1_000))
    without = Made("/srv/root", 5, 17, 0)
    assert without.is_same(Made("/srv/root", 5, 17, 0))
    assert not without.is_same(Made("/srv/root", 6, 17, 0))
