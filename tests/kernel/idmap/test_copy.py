"""Copies of containers with ids of their own: the files keep those ids, whoever copies them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import user as users
from tests.conftest import Lxc
from tests.user import FIRST, UID, User

pytestmark = pytest.mark.root  # which becomes the user


@pytest.fixture
def user() -> Iterator[User]:
    yield from users.made(delegated=False)


def owners(top: Path) -> set[tuple[int, int]]:
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in (top, *top.rglob("*"))}


def open_to_all(user: User, *names: str) -> None:
    """An overlay is mounted by the container's root, who must get at its layers."""
    (user.top / "home").chmod(0o711)
    for path in (user.top / "home/.local", user.top / "home/.local/share", user.path, *(user.path / n for n in names)):
        path.chmod(path.stat().st_mode | 0o011)


def test_a_user_copies_renames_and_puts_back(user: User) -> None:
    box = user.create()
    copy = f"copy-{user.tag}"
    user.ok("lxc-copy", "-n", box, "-N", copy)
    assert owners(user.path / copy / "rootfs") == {(FIRST, FIRST)}
    assert (user.path / copy).stat().st_uid == FIRST
    user.start(copy)
    assert user.attach(copy, "hostname") == f"{copy}\n"
    user.ok("lxc-stop", "-n", copy, "-k")
    other = f"other-{user.tag}"
    user.ok("lxc-copy", "-n", copy, "-N", other, "-R")
    user.ok("lxc-snapshot", "-n", other)
    (user.path / other / "rootfs/etc/passwd").unlink()
    user.ok("lxc-snapshot", "-n", other, "-r", "snap0")
    assert (user.path / other / "rootfs/etc/passwd").exists()
    assert owners(user.path / other / "rootfs") == {(FIRST, FIRST)}
    user.start(other)
    user.ok("lxc-stop", "-n", other, "-k")
    for name in (other, box):
        user.ok("lxc-destroy", "-n", name, "-s")
    assert list(user.path.iterdir()) == []


def test_a_users_snapshot_is_an_overlay(user: User) -> None:
    box = user.create()
    copy = f"copy-{user.tag}"
    open_to_all(user, box)
    user.ok("lxc-copy", "-n", box, "-N", copy, "-s")
    delta = user.path / copy / "overlay/delta"
    assert owners(delta) == {(FIRST, FIRST)}
    open_to_all(user, copy)
    user.start(copy)
    user.attach(copy, "touch", "/new")
    user.ok("lxc-stop", "-n", copy, "-k")
    assert (delta / "new").stat().st_uid == FIRST
    assert not (user.rootfs(box) / "new").exists()
    user.ok("lxc-destroy", "-n", copy)
    user.ok("lxc-destroy", "-n", box)


def test_a_copy_that_a_user_cannot_make_leaves_nothing(user: User) -> None:
    box = user.create()
    with user.config(box).open("a") as file:
        file.write("lxc.hook.clone = false\n")
    before = sorted(user.path.iterdir())
    said = user.run("lxc-copy", "-n", box, "-N", f"copy-{user.tag}")
    assert said.returncode == 1
    assert "run the clone hook false" in said.stderr
    assert sorted(user.path.iterdir()) == before
    assert (user.path / box).stat().st_gid == UID


def test_root_copies_and_the_ids_stay(lxc: Lxc) -> None:
    ids = f"lxc.idmap = u 0 {FIRST} 65536\nlxc.idmap = g 0 {FIRST} 65536\n"
    box = lxc.create("box", f"lxc.net.0.type = empty\n{ids}")
    copy, layer = f"copy-{lxc.tag}", f"layer-{lxc.tag}"
    lxc.ok("lxc-copy", "-n", box, "-N", copy)
    lxc.ok("lxc-copy", "-n", box, "-N", layer, "-s")
    assert owners(lxc.rootfs(copy)) == {(FIRST, FIRST)}
    assert owners(lxc.path / layer / "overlay/delta") == {(FIRST, FIRST)}
    for name in (copy, layer):
        lxc.start(name)
        assert lxc.attach(name, "sh", "-c", "touch /new; stat -c %u:%g /new; hostname").split() == ["0:0", name]
        lxc.ok("lxc-stop", "-n", name, "-k")
        lxc.ok("lxc-destroy", "-n", name)


def test_an_overlay_that_an_ephemeral_copy_gets_is_its_roots(lxc: Lxc) -> None:
    ids = f"lxc.idmap = u 0 {FIRST} 65536\nlxc.idmap = g 0 {FIRST} 65536\n"
    box = lxc.create("box", f"lxc.net.0.type = empty\n{ids}")
    (lxc.path / "shared").mkdir()
    os.chown(lxc.path / "shared", FIRST, FIRST)
    script = "touch /mnt/new && stat -c %u /mnt/new"
    words = ("-e", "-m", f"overlay={lxc.path}/shared:/mnt", "--", "sh", "-c", script)
    assert lxc.ok("lxc-copy", "-n", box, *words).splitlines()[-1] == "0"
    assert list((lxc.path / "shared").iterdir()) == []
