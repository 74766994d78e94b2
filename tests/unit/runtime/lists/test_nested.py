"""Containers in the files of a stopped container, whose owner is hostile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lxc.runtime.lists import nested
from lxc.runtime.lists.inventory import CONFIGURED, Choice, Row
from lxc.runtime.place import Place

OUTER = Row("outer")


class Outer:
    """A stopped container, and its files as its owner makes them."""

    def __init__(self, top: Path) -> None:
        self.lxcpath, self.root = top / "lxc", top / "root"
        self.inner = self.root / str(self.lxcpath).lstrip("/")
        self.inner.mkdir(parents=True)
        (self.lxcpath / "outer").mkdir(parents=True)
        (self.lxcpath / "outer/config").write_text(f"lxc.rootfs.path = dir:{self.root}\n")

    def add(self, name: str, config: str = "", root: Path | None = None) -> Path:
        directory = (root / str(self.lxcpath).lstrip("/") if root else self.inner) / name
        directory.mkdir(parents=True)
        (directory / "config").write_text(config)
        return directory

    def rows(self, depth: int = 5, choice: Choice = Choice()) -> list[Row]:  # noqa: B008  # it is immutable
        return list(nested.rows(Place("outer", str(self.lxcpath)), OUTER, depth, choice))

    def names(self, depth: int = 5) -> list[str]:
        return ["/".join((*row.within, row.name)) for row in self.rows(depth)]


@pytest.fixture
def outer(tmp_path: Path) -> Outer:
    return Outer(tmp_path)


def test_each_follows_the_one_it_is_in(outer: Outer) -> None:
    outer.add("b", "lxc.rootfs.path = /var/b\n")
    outer.add("a")
    outer.add("deep", root=outer.root / "var/b")
    assert outer.names() == ["outer/a", "outer/b", "outer/b/deep"]
    assert outer.names(depth=1) == ["outer/a", "outer/b"]


def test_three_keys_are_read_of_the_file_itself(outer: Outer) -> None:
    outer.add("a", "lxc.group = x,y\nlxc.group=z\n lxc.start.auto = 1\nlxc.idmap = u 0 1 2\n# lxc.group = no\n")
    outer.add("b", "lxc.include = /etc/passwd\nlxc.nonsense\n")
    found = outer.rows(choice=Choice(columns=CONFIGURED))
    assert [(row.groups, row.autostart, row.unprivileged) for row in found] == [
        (("x,y", "z"), True, True),
        ((), False, False),
    ]


def test_the_choice_holds_inside_as_well(outer: Outer) -> None:
    outer.add("web", "lxc.group = x\n")
    outer.add("db")
    assert [row.name for row in outer.rows(choice=Choice(groups=("x",)))] == ["web"]
    assert [row.name for row in outer.rows(choice=Choice(matches=lambda name: "d" in name))] == ["db"]
    assert outer.rows(choice=Choice(only_active=True)) == []


def test_no_link_leads_out_of_the_container(outer: Outer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "config").write_text("lxc.group = stolen\n")
    (outer.inner / "linked").symlink_to(secret)
    (outer.inner / "file").mkdir()
    (outer.inner / "file/config").symlink_to(secret / "config")
    (outer.inner / "magic").mkdir()
    (outer.inner / "magic/config").symlink_to("/proc/self/root/" + str(secret / "config").lstrip("/"))
    outer.add("climber", f"lxc.rootfs.path = /../../../../../../../../{secret}\n")
    assert outer.names() == ["outer/climber"]


def test_a_link_means_what_it_means_in_the_container(outer: Outer) -> None:
    outer.add("a", "lxc.rootfs.path = /link\n")
    outer.add("deep", root=outer.root / "real")
    (outer.root / "link").symlink_to("/real")
    assert outer.names() == ["outer/a", "outer/a/deep"]


def test_a_linked_container_path_stays_inside(tmp_path: Path) -> None:
    outer = Outer(tmp_path)
    outer.inner.rmdir()
    outer.inner.symlink_to(outer.lxcpath)  # to the host's containers; in there it is itself
    assert outer.names() == []


def test_only_regular_files_are_read(outer: Outer) -> None:
    (outer.inner / "fifo").mkdir()
    os.mkfifo(outer.inner / "fifo/config")
    (outer.inner / "directory/config").mkdir(parents=True)
    found = outer.rows(choice=Choice(columns=CONFIGURED))
    assert [(row.name, row.groups) for row in found] == [("directory", ()), ("fifo", ())]


def test_a_container_that_claims_to_be_in_itself_ends(outer: Outer) -> None:
    for number in range(50):
        outer.add(f"n{number}", "lxc.rootfs.path = /\n")
    assert len(outer.rows()) == 1024


def test_no_descriptor_is_left_open(outer: Outer) -> None:
    for number in range(50):
        outer.add(f"n{number}", "lxc.rootfs.path = /\n")
    before = len(os.listdir("/proc/self/fd"))
    outer.rows()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "config", ["", "lxc.rootfs.path = overlay:/a:/b\n", "lxc.rootfs.path = /nowhere\n", "lxc.nope = 1\n"]
)
def test_what_cannot_be_looked_into_has_nothing_to_list(config: str, outer: Outer) -> None:
    outer.add("a")
    (outer.lxcpath / "outer/config").write_text(config)
    assert outer.names() == []
