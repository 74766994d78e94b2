"""Idmapped mounts: files of the host's ids that are the container's in the container, and stay the host's on the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, owner

pytestmark = pytest.mark.root

FIRST = 100000
MAP = f"lxc.idmap = u 0 {FIRST} 65536\nlxc.idmap = g 0 {FIRST} 65536\n"
OWNER = "stat -c %u:%g"


@pytest.fixture
def box(lxc: Lxc) -> str:
    """A container with ids of its own, in a root that has the host's."""
    return lxc.create("box", f"{CONFIG}{MAP}lxc.rootfs.options = idmap=container\n")


@pytest.fixture
def source(lxc: Lxc) -> Path:
    """A directory of the host's, which only the host's root may enter, with files of user 0 and user 1000."""
    closed = lxc.path / "closed"
    (closed / "source/sub").mkdir(parents=True)
    closed.chmod(0o700)
    for name, number in (("zero", 0), ("thousand", 1000)):
        (closed / "source" / name).write_text(name)
        os.chown(closed / "source" / name, number, number)
    return closed / "source"


def started(lxc: Lxc, box: str, *settings: str) -> None:
    lxc.start(box, *(word for setting in settings for word in ("-s", setting)))


def refused(lxc: Lxc, box: str, *settings: str) -> str:
    said = lxc.run("lxc-start", "-n", box, *(word for setting in settings for word in ("-s", setting)))
    assert said.returncode == 1
    return said.stderr


@pytest.fixture(params=["directory", pytest.param("tmpfs", marks=pytest.mark.kernel("6.3")), "ext4", "btrfs"])
def root(request: pytest.FixtureRequest, lxc: Lxc, box: str) -> Iterator[str]:
    """lxc.rootfs.path of a copy of the box's root, on a file system of each kind."""
    kind = request.param
    if kind == "directory":
        yield f"dir:{lxc.rootfs(box)}"
        return
    mount = lxc.path / "fs"
    mount.mkdir()
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "none", mount], check=True)
    else:
        image = lxc.path / "image"
        with image.open("wb") as file:
            file.truncate(200 << 20)
        subprocess.run([f"mkfs.{kind}", "-q", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    shutil.copytree(lxc.rootfs(box), mount, symlinks=True, dirs_exist_ok=True)
    if kind == "tmpfs":
        yield f"dir:{mount}"
    elif kind == "btrfs":
        yield f"btrfs:{mount}"
    else:
        subprocess.run(["umount", mount], check=True)
        yield f"loop:{image}"
    lxc.ok("lxc-stop", "-n", box, "-k")
    if os.path.ismount(mount):
        subprocess.run(["umount", mount], check=True)


def test_a_root_of_the_hosts_ids_is_the_containers(lxc: Lxc, box: str, root: str) -> None:
    started(lxc, box, f"lxc.rootfs.path = {root}")
    said = lxc.attach(
        box, "sh", "-c", f"{OWNER} / /etc; touch /new && chown 7:8 /new && {OWNER} /new; cat /proc/self/uid_map"
    )
    assert said.split() == ["0:0", "0:0", "7:8", "0", str(FIRST), "65536"]
    pid = lxc.init_pid(box)
    line = next(line for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines() if line.split()[4] == "/")
    assert "idmapped" in line.split()[5]
    assert owner(Path(f"/proc/{pid}/root/new")) == (FIRST + 7, FIRST + 8)  # to the host, through the container's mount
    if root == f"dir:{lxc.rootfs(box)}":
        assert owner(lxc.rootfs(box) / "new") == (7, 8)  # on the disk


def test_a_root_made_for_it_has_the_hosts_ids(lxc: Lxc, box: str) -> None:
    assert {owner(path) for path in lxc.rootfs(box).rglob("*")} == {(0, 0)}


@pytest.mark.parametrize("options", ["bind", "rbind", "bind,ro"])
def test_a_directory_is_the_containers_and_stays_the_hosts(lxc: Lxc, box: str, source: Path, options: str) -> None:
    started(lxc, box, f"lxc.mount.entry = {source} data none {options},create=dir,idmap=container")
    assert lxc.attach(box, "sh", "-c", f"{OWNER} /data/zero /data/thousand").split() == ["0:0", "1000:1000"]
    wrote = lxc.run("lxc-attach", "-n", box, "-u", "1000", "-g", "1000", "--", "sh", "-c", "echo more >>/data/thousand")
    assert wrote.returncode == (1 if "ro" in options else 0)
    made = lxc.run("lxc-attach", "-n", box, "--", "touch", "/data/made")
    assert (made.returncode == 0, (source / "made").exists()) == (("ro" not in options),) * 2
    if "ro" not in options:
        assert owner(source / "made") == (0, 0)
        assert (source / "thousand").read_text() == "thousandmore\n"


def test_a_file_and_a_directory_that_entries_without_leading_slash_name(lxc: Lxc, box: str, source: Path) -> None:
    started(
        lxc,
        box,
        f"lxc.mount.entry = {source}/zero /file none bind,create=file,idmap=container",
        f"lxc.mount.entry = {str(source).lstrip('/')} /data none bind,create=dir,idmap=container",
    )
    assert lxc.attach(box, "sh", "-c", f"{OWNER} /file /data/thousand").split() == ["0:0", "1000:1000"]


def test_what_is_below_comes_along_with_rbind(lxc: Lxc, box: str, source: Path) -> None:
    (source.parent / "other").mkdir()
    (source.parent / "other/file").touch()
    os.chown(source.parent / "other/file", 5, 5)
    subprocess.run(["mount", "--bind", source.parent / "other", source / "sub"], check=True)
    try:
        started(lxc, box, f"lxc.mount.entry = {source} data none rbind,create=dir,idmap=container")
        assert lxc.attach(box, "stat", "-c", "%u:%g", "/data/sub/file") == "5:5\n"
        lxc.ok("lxc-stop", "-n", box, "-k")
    finally:
        subprocess.run(["umount", source / "sub"], check=True)


def test_a_part_of_the_container_itself(lxc: Lxc, source: Path) -> None:
    box = lxc.create()
    os.chown(lxc.rootfs(box) / "srv", 0, 0) if (lxc.rootfs(box) / "srv").exists() else (lxc.rootfs(box) / "srv").mkdir()
    (lxc.rootfs(box) / "srv/file").touch()
    subprocess.run(["chown", "-hR", f"{FIRST}:{FIRST}", lxc.rootfs(box)], check=True)
    os.chown(lxc.rootfs(box) / "srv/file", 9, 9)
    lxc.extend(box, MAP)
    started(lxc, box, "lxc.mount.entry = srv mnt none bind,relative,create=dir,idmap=container")
    assert lxc.attach(box, "sh", "-c", f"{OWNER} /srv/file /mnt/file").split() == ["65534:65534", "9:9"]


def test_another_user_namespaces_ids_also_for_a_container_without_its_own(lxc: Lxc, source: Path) -> None:
    box = lxc.create()
    holder = subprocess.Popen(["unshare", "-U", "sleep", "600"])
    try:
        while os.readlink(f"/proc/{holder.pid}/ns/user") == os.readlink("/proc/self/ns/user"):
            time.sleep(0.01)
        for file in ("uid_map", "gid_map"):
            Path(f"/proc/{holder.pid}/{file}").write_text("0 5000 2000\n")
        started(lxc, box, f"lxc.mount.entry = {source} data none bind,create=dir,idmap=/proc/{holder.pid}/ns/user")
        assert lxc.attach(box, "sh", "-c", f"{OWNER} /data/zero /data/thousand").split() == ["5000:5000", "6000:6000"]
    finally:
        holder.kill()
        holder.wait()


def test_plain_binds_of_what_only_the_starter_can_reach(lxc: Lxc, box: str, source: Path) -> None:
    started(lxc, box, f"lxc.mount.entry = {source} data none bind,create=dir")
    assert lxc.attach(box, "sh", "-c", f"{OWNER} /data/zero").split() == ["65534:65534"]


def test_what_cannot_be_is_refused_with_its_line(lxc: Lxc, box: str, source: Path) -> None:
    assert "cannot have its ids mapped: it is no bind mount" in refused(
        lxc, box, "lxc.mount.entry = tmpfs mnt tmpfs idmap=container"
    )
    assert "an overlay cannot have its ids mapped" in refused(
        lxc, box, f"lxc.rootfs.path = overlay:{lxc.rootfs(box)}:{lxc.path}/delta"
    )
    said = refused(lxc, box, "lxc.mount.entry = /proc mnt none rbind,create=dir,idmap=container")
    assert "idmap=container: Invalid argument" in said
    assert "its file system cannot have its ids mapped" in said
    assert "set in -s lxc.mount.entry" in said
    said = refused(lxc, box, f"lxc.mount.entry = {source} mnt none bind,create=dir,idmap=/nowhere")
    assert "idmap=/nowhere: No such file or directory" in said
    os.mkfifo(lxc.path / "pipe")  # nobody ever writes to it
    said = refused(lxc, box, f"lxc.mount.entry = {source} mnt none bind,create=dir,idmap={lxc.path}/pipe")
    assert f"idmap={lxc.path}/pipe: Invalid argument" in said
    plain = lxc.create("plain")
    said = refused(lxc, plain, "lxc.rootfs.options = idmap=container")
    assert "idmap=container, and the container has no ids of its own" in said
