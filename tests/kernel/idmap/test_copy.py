"""Copies of containers with ids of their own: the files keep those ids, whoever copies them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Lxc, until
from tests.user import FIRST, UID, User

pytestmark = pytest.mark.root  # which becomes the user
MANY = 8_000

MAPPED = f"lxc.net.0.type = empty\nlxc.idmap = u 0 {FIRST} 65536\nlxc.idmap = g 0 {FIRST} 65536\n"


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


def test_files_beside_the_root_stay_whose_they_are(user: User) -> None:
    """And what is in their way is named."""
    box, copy = user.create(), f"copy-{user.tag}"
    files = {"fstab": (FIRST, 0o640), "hooks/once": (FIRST + 7, 0o700), "mine": (UID, 0o755), "roots": (0, 0o755)}
    (user.path / box / "hooks").mkdir()
    for name, (uid, mode) in files.items():
        file = user.path / box / name
        file.write_text("#!/bin/sh\n" if name != "fstab" else "tmpfs mnt tmpfs size=1m 0 0\n")
        file.chmod(mode)
        os.chown(file, uid, UID if uid == UID else FIRST)
    os.chown(user.path / box / "hooks", FIRST, FIRST)
    (user.path / box / "hooks").chmod(0o711)
    with user.config(box).open("a") as file:
        top = user.path / box
        file.write(
            f"lxc.mount.fstab = {top}/fstab\nlxc.hook.mount = {top}/hooks/once\n"
            f"lxc.hook.post-stop = {top}/mine\nlxc.hook.post-stop = {top}/roots\n"
        )
    said = user.run("lxc-copy", "-n", box, "-N", copy)
    assert (said.returncode, said.stderr) == (0, "")
    for name, (uid, mode) in files.items():
        status = (user.path / copy / name).stat()
        assert (status.st_uid, status.st_mode & 0o777) == (uid or UID, mode)
        assert (user.path / copy / name).read_text() == (user.path / box / name).read_text()
    status = (user.path / copy / "hooks").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (FIRST, 0o711)
    user.extend(box, f"lxc.hook.post-stop = {top}/hooks\n")
    said = user.run("lxc-copy", "-n", box, "-N", f"other-{user.tag}")
    assert f"cannot copy {user.path}/{box}/hooks: Is a directory" in said.stderr
    assert not (user.path / f"other-{user.tag}").exists()


@pytest.mark.parametrize("ids", [f"lxc.idmap = u 0 {UID} 1\nlxc.idmap = g 0 {UID} 1\n", ""], ids=["own", "none"])
def test_a_user_who_gives_away_no_ids_copies_renames_and_puts_back(user: User, ids: str) -> None:
    box = user.create(config=f"lxc.net.0.type = empty\n{ids}lxc.hook.clone = {user.top}/home/hook\n")
    hook = user.top / "home/hook"
    hook.write_text('#!/bin/sh\necho "$LXC_ROOTFS_MOUNT" >"$LXC_ROOTFS_MOUNT/hooked"\n')
    hook.chmod(0o755)
    (user.rootfs(box) / "etc/hostname").write_text("box\n")
    os.chown(user.rootfs(box) / "etc/hostname", UID, UID)
    copy, layer, other = (f"{name}-{user.tag}" for name in ("copy", "layer", "other"))
    user.ok("lxc-copy", "-n", box, "-N", copy)
    user.ok("lxc-copy", "-n", box, "-N", layer, "-s")
    user.ok("lxc-copy", "-n", copy, "-N", other, "-R")
    user.ok("lxc-snapshot", "-n", other)
    user.ok("lxc-snapshot", "-n", other, "-r", "snap0", "-N", copy)
    roots = {copy: user.rootfs(copy), other: user.rootfs(other), layer: user.path / layer / "overlay/delta"}
    for name, root in roots.items():
        assert (root / "etc/hostname").read_text() == name
        assert (root / "hooked").exists()
        assert owners(root) == {(UID, UID)}
    if ids:
        said = user.ok("lxc-copy", "-n", box, "-e", "--", "sh", "-c", "id -u; hostname")
        assert said.splitlines()[1:] == ["0", said.split()[1]]


def test_a_careful_umask_closes_nothing_to_the_containers_root(user: User) -> None:
    def ok(tool: str, *words: str) -> str:
        argv = [*user.prefix(), "sh", "-c", 'umask 077; exec "$@"', "sh", str(user.bin / tool), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{argv[-4:]}\n{done.stdout}{done.stderr}"
        return done.stdout

    (user.top / "home").chmod(0o711)
    (user.top / "box.conf").write_text(MAPPED)
    (user.top / "home/shared").mkdir()
    (user.top / "home/shared").chmod(0o755)
    box, layer = f"box-{user.tag}", f"layer-{user.tag}"
    ok("lxc-create", "-n", box, "-t", "busybox", "-f", f"{user.top}/box.conf")
    open_to_all(user, box)
    ok("lxc-copy", "-n", box, "-N", layer, "-s")
    open_to_all(user, layer)
    for name in (box, layer):
        ok("lxc-start", "-n", name)
        assert user.ok("lxc-attach", "-n", name, "-u", "7", "--", "hostname") == f"{name}\n"  # to others / is open, too
        ok("lxc-stop", "-n", name, "-k")
    ok("lxc-snapshot", "-n", box)
    ok("lxc-snapshot", "-n", box, "-r", "snap0", "-N", f"back-{user.tag}")
    ok("lxc-start", "-n", f"back-{user.tag}")
    words = ("-m", f"overlay={user.top}/home/shared:/mnt", "--", "sh", "-c", "touch /mnt/new; stat -c %a / /mnt")
    assert ok("lxc-copy", "-n", box, "-e", *words).splitlines()[1:] == ["755", "755"]


def test_a_copy_that_a_user_cannot_make_leaves_nothing(user: User) -> None:
    box = user.create()
    user.extend(box, "lxc.hook.clone = false\n")
    before = sorted(user.path.iterdir())
    said = user.run("lxc-copy", "-n", box, "-N", f"copy-{user.tag}")
    assert said.returncode == 1
    assert "run the clone hook false" in said.stderr
    assert sorted(user.path.iterdir()) == before
    assert (user.path / box).stat().st_gid == UID


def big(user: User) -> str:
    """A container that takes a while to copy."""
    box = user.create()
    for number in range(MANY):
        file = user.rootfs(box) / f"var/{number}"
        file.touch()
        os.chown(file, FIRST, FIRST)
    user.extend(box, f"lxc.hook.destroy = {user.path}/{box}/hook\n")
    (user.path / box / "hook").write_text("#!/bin/sh\n")
    (user.path / box / "hook").chmod(0o755)
    os.chown(user.path / box / "hook", UID, UID)
    return box


def copied(user: User, copy: str) -> int:
    try:
        return len(os.listdir(user.rootfs(copy) / "var"))
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("served", [False, True])
def test_a_user_who_asks_a_copy_to_end_does_not_wait_for_the_rest_of_it(user: User, *, served: bool) -> None:
    box, copy = big(user), f"copy-{user.tag}"
    before = sorted(user.path.iterdir())
    process = user.spawn("lxc-copy", "-n", box, "-N", copy, env=os.environ | {"LXC_FORKSERVER": f"{served:d}"})
    until(lambda: copied(user, copy) > MANY / 100, "it is being copied")
    process.terminate()
    most = 0
    while process.poll() is None:
        most = max(most, copied(user, copy))
    assert (process.returncode, process.communicate()[1].count("interrupted by SIGTERM")) == (143, 1)
    assert most < MANY
    assert sorted(user.path.iterdir()) == before
    user.ok("lxc-destroy", "-n", box)


@pytest.mark.parametrize("served", [False, True])
def test_a_users_copy_that_is_killed_ends_and_can_be_destroyed(user: User, *, served: bool) -> None:
    box, copy = big(user), f"copy-{user.tag}"
    process = user.spawn("lxc-copy", "-n", box, "-N", copy, env=os.environ | {"LXC_FORKSERVER": f"{served:d}"})
    until(lambda: copied(user, copy) > MANY / 100, "it is being copied")
    process.kill()
    process.communicate()
    until(lambda: "being created" not in user.run("lxc-start", "-n", copy).stderr, "the copying has ended")
    assert copied(user, copy) < MANY
    assert f"the creation of {copy} was cut short" in user.run("lxc-start", "-n", copy).stderr
    user.ok("lxc-destroy", "-n", copy)
    user.ok("lxc-destroy", "-n", box)
    assert list(user.path.iterdir()) == []


def test_what_could_not_all_be_removed_is_there_to_be_destroyed_again(user: User) -> None:
    """Of a container that was not finished, too: this one's configuration, which would tell its ids, was not written yet."""
    box = user.create()
    user.config(box).unlink()
    (user.path / box / "partial").touch()
    said = [user.run("lxc-destroy", "-n", box).stderr for _ in range(2)]
    assert "Permission denied" in said[0]
    assert said[0] == said[1]


def test_what_root_copies_where_a_users_containers_are_is_the_users(user: User) -> None:
    box, root = user.create(), Lxc(user.path)
    copy, layer = f"copy-{user.tag}", f"layer-{user.tag}"
    root.ok("lxc-copy", "-n", box, "-N", copy)
    root.ok("lxc-snapshot", "-n", box)
    for place in (user.path / copy, user.path / box / "snaps/snap0"):
        ours = [user.path / box, user.config(box)]
        made = [place, place / "config"]
        assert [(p.stat().st_uid, p.stat().st_gid, p.stat().st_mode) for p in made] == [
            (p.stat().st_uid, p.stat().st_gid, p.stat().st_mode) for p in ours
        ]
    user.start(copy)
    user.ok("lxc-stop", "-n", copy, "-k")
    user.ok("lxc-snapshot", "-n", box)
    assert "snap0" in user.ok("lxc-snapshot", "-n", box, "-L")
    root.ok("lxc-copy", "-n", copy, "-N", layer, "-s")
    open_to_all(user, copy, layer)
    user.start(layer)
    user.ok("lxc-stop", "-n", layer, "-k")
    for name in (layer, copy, box):
        user.ok("lxc-destroy", "-n", name, "-s")
    assert list(user.path.iterdir()) == []


def test_a_copy_of_a_users_container_is_roots_elsewhere_and_so_is_one_of_a_file_that_is_not_the_users(
    user: User,
) -> None:
    box, root = user.create(), Lxc(user.path)
    elsewhere = user.top / "elsewhere"
    elsewhere.mkdir()
    root.ok("lxc-copy", "-n", box, "-N", "copy", "-p", str(elsewhere))
    assert (elsewhere / "copy/config").stat().st_uid == 0
    user.config(box).rename(elsewhere / "config")
    os.chown(elsewhere / "config", 0, 0)
    user.config(box).symlink_to(elsewhere / "config")
    root.ok("lxc-copy", "-n", box, "-N", f"copy-{user.tag}")
    assert user.config(f"copy-{user.tag}").stat().st_uid == 0


def test_a_snapshot_that_a_user_cannot_look_into_is_not_said_to_have_no_configuration(user: User) -> None:
    box = user.create()
    (user.path / box / "snaps/snap0").mkdir(parents=True, mode=0o700)
    said = user.run("lxc-destroy", "-n", box, "-s")
    assert f"cannot look into the snapshot {user.path}/{box}/snaps/snap0: Permission denied" in said.stderr
    (user.path / box / "snaps/snap0").chmod(0o755)
    assert "snap0 is not a snapshot: it has no configuration" in user.run("lxc-destroy", "-n", box, "-s").stderr


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
