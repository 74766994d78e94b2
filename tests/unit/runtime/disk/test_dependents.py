import os
from pathlib import Path

import pytest
from tests.conftest import largest_file

from lxc.runtime.disk import dependents
from lxc.runtime.place import Place, place


@pytest.fixture
def lxcpath(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


def container(lxcpath: Path, name: str, **files: str) -> Place:
    (lxcpath / name).mkdir()
    for file, text in files.items():
        (lxcpath / name / file).write_text(text)
    return place(name, str(lxcpath))


def test_who_has_no_record_has_no_dependents(lxcpath: Path) -> None:
    web = container(lxcpath, "web")
    assert dependents.clones(web) == []
    assert dependents.snapshots(web) == []


def test_each_two_lines_are_a_clone(lxcpath: Path) -> None:
    web = container(lxcpath, "web", lxc_snapshots="/srv/lxc\none\n/srv/lxc/\ntwo\n")
    assert dependents.clones(web) == [Place("one", "/srv/lxc"), Place("two", "/srv/lxc")]


def test_the_old_format_counts_them(lxcpath: Path) -> None:
    assert dependents.clones(container(lxcpath, "web", lxc_snapshots="2"))
    assert not dependents.clones(container(lxcpath, "db", lxc_snapshots="0"))


def test_lines_that_name_no_container_are_passed_over(lxcpath: Path) -> None:
    web = container(lxcpath, "web", lxc_snapshots="/srv\n../etc\n/srv\n..\n/srv\ngood\n/srv")
    assert dependents.clones(web) == [Place("good", "/srv")]


def test_a_clone_that_goes_is_struck_off(lxcpath: Path) -> None:
    base = container(lxcpath, "base", lxc_snapshots=f"{lxcpath}\none\n{lxcpath}\ntwo\n")
    one = container(lxcpath, "one", lxc_rdepends=f"{lxcpath}\nbase\n")
    dependents.release(one)
    assert dependents.clones(base) == [Place("two", str(lxcpath))]


def test_with_the_last_the_record_goes(lxcpath: Path) -> None:
    base = container(lxcpath, "base", lxc_snapshots=f"{lxcpath}\none\n")
    dependents.release(container(lxcpath, "one", lxc_rdepends=f"{lxcpath}\nbase\n"))
    assert not Path(base.directory, "lxc_snapshots").exists()


def test_the_old_format_is_counted_down(lxcpath: Path) -> None:
    base = container(lxcpath, "base", lxc_snapshots="2")
    for name in ("one", "two"):
        dependents.release(container(lxcpath, name, lxc_rdepends=f"{lxcpath}\nbase\n"))
    assert not Path(base.directory, "lxc_snapshots").exists()


def test_a_count_of_any_length_is_one(lxcpath: Path) -> None:
    base, clone = container(lxcpath, "base", lxc_snapshots=f"{'9' * 5000}\n"), container(lxcpath, "clone")
    assert dependents.clones(base)
    dependents.record(clone, (base,))
    assert Path(base.directory, "lxc_snapshots").read_text() == "1000000001"
    dependents.release(clone)
    assert Path(base.directory, "lxc_snapshots").read_text() == "999999999"


def test_a_record_of_which_only_a_part_would_be_read_is_not_rewritten(lxcpath: Path) -> None:
    text = "".join(f"{lxcpath}\nclone{number}\n" for number in range(30000))
    base = container(lxcpath, "base", lxc_snapshots=text)
    with pytest.raises(OSError, match=r"has more than 1048576 bytes.*base/lxc_snapshots"):
        dependents.release(container(lxcpath, "one", lxc_rdepends=f"{lxcpath}\nbase\n"))
    assert Path(base.directory, "lxc_snapshots").read_text() == text


def test_a_record_that_there_is_no_room_for_is_an_error_and_the_old_one_stays(lxcpath: Path) -> None:
    text = "".join(f"{lxcpath}\nclone{number}\n" for number in range(200))
    base, clone = container(lxcpath, "base", lxc_snapshots=text), container(lxcpath, "clone")
    with largest_file(4096), pytest.raises(OSError, match="box/base/lxc_snapshots'"):
        dependents.record(clone, (base,))
    assert Path(base.directory, "lxc_snapshots").read_text() == text
    assert os.listdir(base.directory) == ["lxc_snapshots"]


def test_one_whose_base_is_gone_goes_all_the_same(lxcpath: Path) -> None:
    dependents.release(container(lxcpath, "one", lxc_rdepends=f"{lxcpath}\nbase\n"))


def test_a_link_is_no_record(lxcpath: Path) -> None:
    web = container(lxcpath, "web")
    Path(web.directory, "lxc_snapshots").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match=r"symbolic link.*box/web/lxc_snapshots'"):
        dependents.clones(web)


def test_what_is_to_be_written_goes_through_no_link(lxcpath: Path) -> None:
    (lxcpath / "precious").write_text("dear")
    base = container(lxcpath, "base", lxc_snapshots=f"{lxcpath}\none\n{lxcpath}\ntwo\n")
    Path(base.directory, "lxc_snapshots.new").symlink_to(lxcpath / "precious")
    with pytest.raises(OSError):
        dependents.release(container(lxcpath, "one", lxc_rdepends=f"{lxcpath}\nbase\n"))
    assert (lxcpath / "precious").read_text() == "dear"
    assert len(dependents.clones(base)) == 2


def test_nobody_is_waited_for_at_a_fifo(lxcpath: Path) -> None:
    web = container(lxcpath, "web")
    os.mkfifo(Path(web.directory, "lxc_snapshots"))
    assert dependents.clones(web) == []


def test_a_clone_is_written_down_here_and_there_and_counted_in_the_old_format(lxcpath: Path) -> None:
    one, two = container(lxcpath, "one"), container(lxcpath, "two", lxc_snapshots="2")
    clone = container(lxcpath, "clone")
    dependents.record(clone, (one, two))
    assert dependents.needed(clone) == (one, two)
    assert dependents.clones(one) == [clone]
    assert Path(two.directory, "lxc_snapshots").read_text() == "3"


def test_a_clone_that_had_another_name_is_struck_off_by_that(lxcpath: Path) -> None:
    base = container(lxcpath, "base", lxc_snapshots=f"{lxcpath}\nold\n{lxcpath}\nnew\n")
    new = container(lxcpath, "new", lxc_rdepends=f"{lxcpath}\nbase\n")
    dependents.release(new, new.replace(name="old"))
    assert dependents.clones(base) == [new]


def test_a_snapshot_is_one_of_a_container_that_is_there(lxcpath: Path) -> None:
    web = container(lxcpath, "web", config="")
    snapshot, old = Place("snap0", f"{web.directory}/snaps"), Place("snap0", f"{lxcpath}snaps/web")
    assert (dependents.whole(snapshot), dependents.whole(old)) == (web, web)
    assert dependents.whole(web) is None
    assert dependents.whole(Place("snap0", f"{lxcpath}/gone/snaps")) is None


def test_the_next_snapshot_goes_where_lxc_would_put_it(lxcpath: Path) -> None:
    web = container(lxcpath, "web")
    assert dependents.snapshot_directory(web) == f"{web.directory}/snaps"
    Path(f"{lxcpath}snaps").mkdir()
    assert dependents.snapshot_directory(web) == f"{lxcpath}snaps/web"


def test_snapshots_are_what_lies_in_either_directory(lxcpath: Path) -> None:
    web = container(lxcpath, "web")
    Path(web.directory, "snaps/snap1").mkdir(parents=True)
    Path(web.directory, "snaps/snap0").mkdir()
    Path(f"{lxcpath}snaps/web/snap0").mkdir(parents=True)
    assert dependents.snapshots(web) == [
        Place("snap0", f"{web.directory}/snaps"),
        Place("snap1", f"{web.directory}/snaps"),
        Place("snap0", f"{lxcpath}snaps/web"),
    ]
