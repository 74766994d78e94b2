"""Files from before LXC 2.1."""

from __future__ import annotations

import pytest

from lxc.config import legacy, update
from lxc.config.container import Config
from lxc.config.document import parse
from lxc.config.lines import pieces


def updated(text: str) -> str:
    return "".join(line for line in update.updated(pieces(text)) if line is not None)


@pytest.mark.parametrize("old", legacy.RENAMED)
def test_every_old_key_becomes_a_key_that_exists(old: str) -> None:
    assert legacy.RENAMED[old] in Config.KEYS
    assert updated(f"{old} = x\n").startswith(f"{legacy.RENAMED[old]} = ")


@pytest.mark.parametrize("key", legacy.GONE)
def test_a_key_that_means_nothing_any_more_is_removed(key: str) -> None:
    assert updated(f"lxc.tty.max = 1\n{key} = 1\n#{key} = 2\nlxc.pty.max = 1\n") == "lxc.tty.max = 1\nlxc.pty.max = 1\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lxc.utsname=web\n", "lxc.uts.name=web\n"),
        ("\tlxc.utsname \t=  web  \r\n", "\tlxc.uts.name \t=  web  \r\n"),
        ("lxc.utsname = web", "lxc.uts.name = web"),
        ("# lxc.utsname = web\n", "# lxc.uts.name = web\n"),
        ("## lxc.utsname=web\n", "## lxc.uts.name=web\n"),
        ("# see lxc.utsname = web\n", "# see lxc.utsname = web\n"),
        ("lxc.environment = lxc.tty=1\n", "lxc.environment = lxc.tty=1\n"),
        ("lxc.limit.nofile = 3\n", "lxc.prlimit.nofile = 3\n"),
        ("lxc.tty =\n", "lxc.tty.max =\n"),
        ("lxc.network =\n", "lxc.net =\n"),
        ("lxc.mount.entry = a b c\n", "lxc.mount.entry = a b c\n"),
        ("anything\n\n", "anything\n\n"),
    ],
)
def test_only_the_name_is_changed(old: str, new: str) -> None:
    assert updated(old) == new


@pytest.mark.parametrize(
    ("old", "path"),
    [
        ("lxc.rootfs = /a\n", "dir:/a"),
        ("lxc.rootfs = /a\nlxc.rootfs.backend = lvm\n", "lvm:/a"),
        ("lxc.rootfs.backend = lvm\nlxc.rootfs = /a\nlxc.rootfs.backend = zfs\n", "zfs:/a"),
        ("lxc.rootfs = overlayfs:/a:/b\n", "overlayfs:/a:/b"),
        ("#lxc.rootfs.backend = lvm\nlxc.rootfs = /a\n", "dir:/a"),
    ],
)
def test_the_storage_driver_is_a_part_of_the_path(old: str, path: str) -> None:
    assert updated(old) == f"lxc.rootfs.path = {path}\n"


def test_devices_are_numbered_in_the_order_of_their_types() -> None:
    old = (
        "lxc.network.type = veth\nlxc.network.link = br0\nlxc.network.ipv4 = 10.0.0.2/8\n"
        "lxc.network.type = phys\nlxc.network.ipv6 = fd00::1/64\nlxc.network.7.type = empty\nlxc.network.7.ipv4 = 1.2.3.4/8\n"
    )
    assert updated(old) == (
        "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.ipv4.address = 10.0.0.2/8\n"
        "lxc.net.1.type = phys\nlxc.net.1.ipv6.address = fd00::1/64\nlxc.net.7.type = empty\n"
        "lxc.net.7.ipv4.address = 1.2.3.4/8\n"
    )


def test_a_commented_device_has_a_number_of_its_own() -> None:
    old = "lxc.network.type=veth\n#lxc.network.type=phys\n#lxc.network.link=eth0\nlxc.network.link=br0\n"
    assert updated(old) == "lxc.net.0.type=veth\n#lxc.net.1.type=phys\n#lxc.net.1.link=eth0\nlxc.net.0.link=br0\n"


def test_devices_come_behind_those_that_are_updated_already() -> None:
    new = "lxc.net.0.type = veth\nlxc.net.0.link = br0\n"
    old = "lxc.network.type = macvlan\nlxc.network.link = eth7\n"
    macvlan = "lxc.net.1.type = macvlan\nlxc.net.1.link = eth7\n"
    assert updated(new + old) == new + macvlan
    assert updated(old + new) == macvlan + new


def test_devices_get_no_number_that_another_has() -> None:
    old = "lxc.network.0.type = veth\nlxc.network.type = phys\nlxc.network.2.type = empty\nlxc.network.type = none\n"
    assert (
        updated(old) == "lxc.net.0.type = veth\nlxc.net.1.type = phys\nlxc.net.2.type = empty\nlxc.net.3.type = none\n"
    )


def test_a_number_that_is_none_is_passed_over() -> None:
    old = f"lxc.net.{'9' * 5000}.type = veth\n"
    assert updated(f"{old}lxc.network.type = phys\n") == f"{old}lxc.net.0.type = phys\n"


def test_a_key_of_no_device_was_wrong_and_stays_so() -> None:
    assert updated("lxc.network.link = br0\n") == "lxc.network.link = br0\n"


def test_what_is_updated_can_be_read_and_is_up_to_date() -> None:
    values = {"lxc.console": "none", "lxc.id_map": "u 0 100000 65536", "lxc.loglevel": "1", "lxc.syslog": "daemon"}
    values |= dict.fromkeys(("lxc.haltsignal", "lxc.rebootsignal", "lxc.stopsignal"), "SIGPWR")
    text = "".join(f"{old} = {values.get(old, '1')}\n" for old in legacy.RENAMED)
    new = updated(text)
    assert updated(new) == new
    config, _ = parse(new)
    assert all(config.is_set(name) or name == "lxc.apparmor.allow_incomplete" for name in legacy.RENAMED.values())
