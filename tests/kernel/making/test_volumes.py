"""Containers in logical volumes: lxc-create -B lvm, their copies and snapshots, and that no other volume is ever removed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc

from .conftest import Host
from .test_create_storage import FILL, configured

pytestmark = [pytest.mark.root, pytest.mark.volumes]


def lvm(*words: object) -> str:
    return subprocess.run([*map(str, words)], text=True, capture_output=True, check=True).stdout.strip()


@pytest.fixture
def group(host: Host) -> Iterator[str]:
    """A volume group of the test's own, with 400 MB."""
    image = host.base / "disk"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    device, name = lvm("losetup", "--find", "--show", image), host.base.name
    lvm("vgcreate", "-q", name, device)
    yield name
    lvm("vgremove", "-q", "-f", name)
    lvm("pvremove", "-q", device)
    lvm("losetup", "--detach", device)


def volumes(group: str) -> list[str]:
    return lvm("lvs", "--noheadings", "-o", "lv_name", group).split()


def held(device: str, path: str = "file") -> str:
    """What a file of the file system on `device` holds."""
    script = f'mount -o ro,nouuid "$0" /mnt 2>/dev/null || mount -o ro "$0" /mnt; cat /mnt/{path}'
    return lvm("unshare", "--mount", "sh", "-c", script, device)


def create(host: Host, group: str, name: str = "web", *words: str) -> Path:
    fill = ("-t", str(host.template(FILL)), "-B", "lvm", "--vgname", group, "--fssize", "48M")
    done = host.create(name, *fill, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return host.path / name


@pytest.mark.parametrize("thin", [False, True], ids=["plain", "thin"])
def test_it_is_made_filled_and_removed(host: Host, group: str, thin: bool) -> None:
    if thin:
        lvm("lvcreate", "-q", "-L", "100M", "--thinpool", "pool", group)
    web = create(host, group, "web", "--lvname", "other", *("--thinpool", "pool") * thin)
    device = f"/dev/{group}/other"
    assert configured(web) == f"lvm:{device}"
    assert lvm("lvs", "--noheadings", "--units", "m", "-o", "lv_size,pool_lv", device).split()[0] == "48.00m"
    assert ("pool" in lvm("lvs", "--noheadings", "-o", "pool_lv", device)) == thin
    assert held(device) == f"in {web}/rootfs"
    assert host.destroy("web").returncode == 0
    assert volumes(group) == ["pool"] * thin
    assert host.made() == []


def test_nothing_is_left_if_the_template_fails_or_the_group_is_full(host: Host, group: str) -> None:
    fails = host.template("exit 3", "fails")
    assert host.create("web", "-t", fails, "-B", "lvm", "--vgname", group, "--fssize", "20M").returncode == 1
    done = host.create("web", "-t", fails, "-B", "lvm", "--vgname", group, "--fssize", "4G")
    assert "insufficient free space" in done.stderr
    done = host.create("web", "-t", fails, "-B", "lvm", "--vgname", "-x")
    assert "'-x' cannot be the name of a volume group" in done.stderr
    assert (volumes(group), host.made()) == ([], [])


def test_a_volume_that_was_not_made_with_the_container_stays(host: Host, group: str) -> None:
    web = create(host, group)
    (web / "rootfs.made").unlink()
    done = host.destroy("web")
    assert (done.returncode, "was left alone: it was not made with the container" in done.stderr) == (0, True)
    assert volumes(group) == ["web"]
    lvm("lvrename", "-q", group, "web", "mine")
    create(host, group)
    lvm("lvremove", "-q", "-f", f"{group}/web")
    lvm("lvrename", "-q", group, "mine", "web")
    done = host.destroy("web")
    assert "it is another volume than the one made for the container" in done.stderr
    assert volumes(group) == ["web"]


def test_a_copy_is_in_a_volume_of_the_same_group_and_kind(host: Host, group: str) -> None:
    web = create(host, group, "web", "--fstype", "ext2")
    assert host.run("lxc-copy", "-n", "web", "-N", "copy", "-L", "60M").returncode == 0
    device = f"/dev/{group}/copy"
    assert configured(host.path / "copy") == f"lvm:{device}"
    assert lvm("lvs", "--noheadings", "--units", "m", "-o", "lv_size", device) == "60.00m"
    assert lvm("blkid", "-p", "-o", "value", "-s", "TYPE", device) == "ext2"
    assert held(device) == f"in {web}/rootfs"
    assert host.run("lxc-copy", "-n", "web", "-N", "files", "-B", "dir").returncode == 0
    assert (host.path / "files/rootfs/file").read_text() == f"in {web}/rootfs\n"
    assert [host.destroy(name).returncode for name in ("web", "copy", "files")] == [0, 0, 0]
    assert volumes(group) == []


@pytest.mark.parametrize("fstype", ["ext4", "btrfs"])
def test_a_snapshot_keeps_its_source_from_being_destroyed(host: Host, group: str, fstype: str) -> None:
    size = ("--fssize", "128M") if fstype == "btrfs" else ()
    web = create(host, group, "web", "--fstype", fstype, *size)
    done = host.run("lxc-copy", "-n", "web", "-N", "snap", "-s", "-L", "32M")
    assert (done.returncode, done.stderr) == (0, "")
    assert held(f"/dev/{group}/snap") == f"in {web}/rootfs"
    assert lvm("lvs", "--noheadings", "-o", "origin", f"{group}/snap") == "web"
    refused = host.destroy("web")
    assert (refused.returncode, "snap" in refused.stderr) == (1, True)
    assert sorted(volumes(group)) == ["snap", "web"]
    assert [host.destroy(name).returncode for name in ("snap", "web")] == [0, 0]
    assert (volumes(group), host.made()) == ([], [])


def test_the_container_runs(lxc: Lxc, host: Host, group: str) -> None:
    initial = lxc.path / "initial"
    initial.write_text("lxc.net.0.type = empty\nlxc.init.cmd = /bin/sleep 1000\n")
    name = f"box-{lxc.tag}"
    words = ("-t", "busybox", "-B", "lvm", "--vgname", group, "--fssize", "48M", "-f", str(initial))
    lxc.ok("lxc-create", "-n", name, *words)
    lxc.start(name)
    mounts = lxc.ok("lxc-attach", "-n", name, "--", "cat", "/proc/mounts").splitlines()
    lxc.ok("lxc-stop", "-n", name, "-k")
    lxc.ok("lxc-destroy", "-n", name)
    assert volumes(group) == []
    assert mounts[0].startswith(f"/dev/{group}/{name} / ext4 ")
