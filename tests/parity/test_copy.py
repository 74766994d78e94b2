"""lxc-copy and lxc-snapshot, ours and Debian's, of one container: the copies are the same, and so is what is written down."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from tests.conftest import Lxc

import lxc as package

pytestmark = [pytest.mark.parity, pytest.mark.root]

THEIR_COMMON = "/usr/share/lxc/config/common.conf"
OUR_COMMON = f"{Path(package.__file__).parent}/share/config/common.conf"
MORE = """lxc.net.1.type = empty
lxc.net.1.hwaddr = 00:16:3e:aa:bb:cc
lxc.uts.name = first
lxc.hook.clone = {0}/hook.sh
lxc.mount.fstab = {0}/fstab
lxc.mount.entry = none mnt overlay lowerdir=/usr,upperdir={0}/up,workdir={0}/work 0 0
# told
"""


@pytest.fixture
def first(lxc: Lxc) -> Path:
    """The directory of a container with everything that a copy changes."""
    directory = lxc.path / lxc.create("first")
    with (directory / "config").open("a") as file:
        file.write(MORE.format(directory))
    (directory / "fstab").write_text("none tmp tmpfs\n")
    (directory / "hook.sh").write_text(
        "#!/bin/sh\nenv | grep ^LXC_[CNRS] | sort > ${LXC_CONFIG_FILE%config}said; echo $@ >> ${LXC_CONFIG_FILE%config}said\n"
    )
    (directory / "hook.sh").chmod(0o755)
    (directory / "rootfs/etc/hostname").write_text("first\n")
    os.link(directory / "rootfs/etc/hostname", directory / "rootfs/etc/second-name")
    os.setxattr(directory / "rootfs/etc/passwd", "user.note", b"kept")
    return directory


def described(directory: Path) -> dict[str, object]:
    """What a container consists of, without what must differ: its name, random addresses, times."""
    found: dict[str, object] = {}
    for path in sorted(directory.rglob("*")):
        status, shown = path.lstat(), str(path.relative_to(directory))
        if shown.startswith(("config", "said", "overlay/work/")):
            continue
        content = os.readlink(path) if path.is_symlink() else path.read_text(errors="replace") if path.is_file() else ""
        found[shown] = (
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_nlink,
            content.replace(directory.name, "NAME"),
        )
    return found


def settings(directory: Path) -> list[str]:
    text = (directory / "config").read_text()
    text = re.sub(r"00:16:3e:(?!aa:bb:cc)[0-9a-f:]{8}", "RANDOM", text).replace(directory.name, "NAME")
    return sorted(line for line in text.splitlines() if line)


@pytest.mark.parametrize("options", [(), ("-s",), ("-K",), ("-M",), ("-s", "-K", "-M")], ids=" ".join)
def test_copies_are_the_same(lxc: Lxc, first: Path, options: tuple[str, ...]) -> None:
    made = []
    for peer in (False, True):
        copy = lxc.path / f"copy{'theirs' if peer else 'ours'}"
        assert lxc.ok("lxc-copy", "-n", first.name, "-N", copy.name, *options, "--", "more", peer=peer) == ""
        said = (copy / "said").read_text().replace(copy.name, "NAME")
        elsewhere = (
            "LXC_CONSOLE",
            *(("LXC_ROOTFS_MOUNT",) if "-s" in options else ()),
        )  # an overlay is mounted on itself
        told = [line for line in said.splitlines() if not line.startswith(elsewhere)]
        made.append((settings(copy), described(copy), told))
    assert made[0] == made[1]
    records = (first / "lxc_snapshots").read_text() if "-s" in options else ""
    assert records == (f"{lxc.path}\ncopyours\n{lxc.path}\ncopytheirs\n" if "-s" in options else "")


def test_snapshots_are_the_same_and_each_side_can_use_the_others(lxc: Lxc, first: Path, tmp_path: Path) -> None:
    (tmp_path / "comment").write_text("why\n")
    lxc.ok("lxc-copy", "-n", first.name, "-N", "layered", "-s")
    layered = lxc.path / "layered"
    made = []
    for number, peer in enumerate((False, True)):
        lxc.ok("lxc-snapshot", "-n", "layered", "-c", str(tmp_path / "comment"), peer=peer)
        snapshot = layered / f"snaps/snap{number}"
        made.append((settings(snapshot), {name: what for name, what in described(snapshot).items() if name != "ts"}))
    assert made[0] == made[1]
    listed = [lxc.ok("lxc-snapshot", "-n", "layered", "-L", "-C", peer=peer) for peer in (False, True)]
    assert sorted(listed[0].splitlines()) == sorted(listed[1].splitlines())
    (layered / "overlay/delta/etc/new").write_text("")
    lxc.ok("lxc-snapshot", "-n", "layered", "-r", "snap1")
    assert not (layered / "overlay/delta/etc/new").exists()
    lxc.ok("lxc-snapshot", "-n", "layered", "-r", "snap0", "restored", peer=True)
    lxc.ok("lxc-destroy", "-n", "restored")
    lxc.ok("lxc-snapshot", "-n", "layered", "-d", "ALL", peer=True)
    lxc.ok("lxc-destroy", "-n", "layered", peer=True)
    assert not (first / "lxc_snapshots").exists()


def test_a_copy_with_the_common_configuration_of_either_knows_its_name(lxc: Lxc, first: Path) -> None:
    """Debian's copy of a container with Debian's file, and ours with that and with ours."""
    found = []
    for number, (file, peer) in enumerate([(THEIR_COMMON, True), (THEIR_COMMON, False), (OUR_COMMON, False)]):
        name, copy = f"source{number}", f"copy{number}"
        shutil.copytree(first, lxc.path / name, symlinks=True)
        text = f"lxc.rootfs.path = dir:{lxc.rootfs(name)}\nlxc.uts.name = {name}\nlxc.include = {file}\n"
        lxc.config(name).write_text(text)
        (lxc.rootfs(name) / "etc/hosts").write_text(f"127.0.1.1 {name} {name}.lan\n")
        lxc.ok("lxc-copy", "-n", name, "-N", copy, peer=peer)
        found.append(
            [
                (lxc.rootfs(copy) / "etc" / each).read_text().replace(copy, "COPY").replace(name, "SOURCE")
                for each in ("hosts", "hostname")
            ]
        )
    assert found == [["127.0.1.1 COPY SOURCE.lan\n", "COPY"]] * 3


@pytest.mark.parametrize("options", [(), ("-t",), ("-t", "-q")], ids=" ".join)
def test_what_is_said_of_a_copy_that_goes_when_it_ends(lxc: Lxc, box: str, options: tuple[str, ...]) -> None:
    said = []
    for peer in (True, False):
        said.append(lxc.ok("lxc-copy", "-n", box, "-N", f"copy-{lxc.tag}", "-e", *options, peer=peer))
        lxc.ok("lxc-stop", "-n", f"copy-{lxc.tag}", "-k")
        lxc.run("lxc-wait", "-n", f"copy-{lxc.tag}", "-s", "STOPPED", "-t", "20")
    assert said[0] == said[1]
