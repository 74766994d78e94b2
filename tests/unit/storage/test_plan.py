"""How a root is mounted, as it prints."""

import pytest

from lxc.errors import Unsupported
from lxc.storage import plan
from lxc.storage.block import filesystems


@pytest.mark.parametrize(
    ("driver", "path", "lines"),
    [
        ("dir", "/srv/web", ["mount --rbind /srv/web /srv/web"]),
        ("btrfs", "/srv/web", ["mount --rbind /srv/web /srv/web"]),
        ("loop", "/img", ["losetup --find /img", "mount /dev/loopN /c/rootfs"]),
        ("lvm", "/dev/vg/web", ["mount /dev/vg/web /c/rootfs"]),
        ("rbd", "/dev/rbd/p/web", ["mount /dev/rbd/p/web /c/rootfs"]),
        ("block", "/dev/sdb1", ["mount /dev/sdb1 /c/rootfs"]),
        ("zfs", "tank/web", ["mount -t zfs -o zfsutil,mntpoint=tank/web tank/web /c/rootfs"]),
        ("nbd", "/img.qcow2", ["qemu-nbd --connect=/dev/nbdN /img.qcow2", "mount /dev/nbdN /c/rootfs"]),
        ("nbd", "/img.qcow2:2", ["qemu-nbd --connect=/dev/nbdN /img.qcow2", "mount /dev/nbdNp2 /c/rootfs"]),
        ("overlay", "/low:/c/up", [
            "mkdir -p /c/up /c/work",
            "mount -t overlay -o lowerdir=/low,upperdir=/c/up,workdir=/c/work overlay /c/up",
        ]),
        ("overlayfs", "/a:/b:/c/up", [
            "mkdir -p /c/up /c/work",
            "mount -t overlay -o lowerdir=/a:/b,upperdir=/c/up,workdir=/c/work overlay /c/up",
        ]),
    ],
)  # fmt: skip
def test_each_kind_of_storage_prints_what_it_does(driver: str, path: str, lines: list[str]) -> None:
    assert str(plan.root(path, driver, "", "/c/rootfs")).splitlines() == lines


@pytest.mark.parametrize("driver", ["dir", "loop", "overlay", "zfs"])
def test_a_configured_place_is_where_it_is_mounted_and_is_never_made(driver: str) -> None:
    found = plan.root("/a:/b", driver, "/mnt", "/c/rootfs")
    assert str(found).endswith(" /mnt")
    assert not found.makes_mount


def test_options_are_printed_where_they_are_used() -> None:
    image = plan.root("/img", "loop", "", "/c/rootfs").replace(attr_set=1 | 0x10, attr_clear=0x60, data=("noload",))
    assert str(image).splitlines() == [
        "losetup --find --read-only /img",
        "mount -o ro,noatime,noload /dev/loopN /c/rootfs",
    ]
    directory = plan.root("/r", "dir", "", "").replace(attr_clear=0x70, propagation=1 << 19, data=("noload",))
    assert str(directory) == "mount --rbind -o relatime,slave /r /r"


def test_a_driver_nobody_knows_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(Unsupported, match="no storage driver /srv/a") as caught:
        plan.root("b", "/srv/a", "", "", "config:3")
    assert caught.value.where == "config:3"
    assert "overlay" in caught.value.hint
    assert "dir:" in caught.value.hint


def test_an_overlay_of_one_directory_is_none() -> None:
    with pytest.raises(Unsupported, match="needs two directories"):
        plan.root("/only", "overlay", "", "")


def test_only_file_systems_on_devices_are_tried_and_in_the_kernels_order() -> None:
    assert filesystems(["nodev\tsysfs\n", "\text3\n", "\text4\n", "nodev\ttmpfs\n", "\tbtrfs\n", "\n"]) == (
        "ext3",
        "ext4",
        "btrfs",
    )
