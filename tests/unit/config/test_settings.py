"""What a program holds of a configuration in memory."""

from collections.abc import Callable

import pytest

from lxc.config.document import parse
from lxc.config.settings import Settings

TYPE = "lxc.net.1.type"


def test_a_network_device_is_made_by_its_type() -> None:
    made = Settings().set_item(TYPE, "veth", "here")
    assert (made.item(TYPE), made.item("lxc.net")) == ("veth", ["veth"])


def test_what_is_wrong_of_a_network_device_that_is_not_there_is_a_wrong_value() -> None:
    with pytest.raises(ValueError, match="bogus"):
        Settings().set_item(TYPE, "bogus", "here")
    with pytest.raises(ValueError, match="bogus"):
        Settings().set_item(TYPE, ["bogus"], "here")


@pytest.mark.parametrize(
    ("key", "value"),
    [("lxc.net.1.nonsense", "x"), ("lxc.net.1.veth.pair", "x"), ("lxc.net.1", "x"), (TYPE, ""), ("lxc.hook", "x")],
)
def test_what_cannot_be_read_back_is_no_key(key: str, value: str) -> None:
    with pytest.raises(KeyError):
        Settings().set_item(key, value, "here")


@pytest.mark.parametrize("key", ["lxc.net.", "lxc.net.1."])
def test_a_dot_at_the_end_means_no_network_device(key: str) -> None:
    made = Settings().set_item(TYPE, "veth", "here")
    with pytest.raises(ValueError, match="unknown key"):
        made.clear_item(key)
    with pytest.raises(ValueError, match="unknown key"):
        made.append_item(key, "", "here")


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("lxc.cgroup.memory.limit_in_bytes = 4\n", lambda it: it.clear_item("lxc.cgroup.memory")),
        ("lxc.cgroup2.memory.max = 4\n", lambda it: it.append_item("lxc.cgroup2.memory", "", "")),
        ("lxc.sysctl.net.a = 1\nlxc.sysctl.net = 2\n", lambda it: it.clear_item("lxc.sysctl.net")),
        ("lxc.sysctl.net.a = 1\nlxc.sysctl.b = 2\n", lambda it: it.clear_item("lxc.sysctl.")),
        ("lxc.cgroup2.memory.max = 4\nlxc.cgroup.dir = a\n", lambda it: it.append_item("lxc.cgroup2.", "", "")),
        ("lxc.cap.drop = mknod\n", lambda it: it.append_item("lxc.cap.keep", "", "")),
        ("lxc.cap.keep = mknod\n", lambda it: it.set_item("lxc.cap.drop", "", "")),
        ("lxc.autodev = 1\n", lambda it: it.append_item("lxc.autodev", "", "")),
        ("", lambda it: it.append_item("lxc.monitor.signal.pdeath", "", "")),
        ("", lambda it: it.append_item("lxc.autodev.tmpfs.size", "", "").append_item("lxc.rootfs.mount", "", "")),
        ("lxc.net.1.type = veth\nlxc.net.10.type = veth\n", lambda it: it.clear_item("lxc.net.1")),
        ("lxc.hook.start = a\nlxc.hook.version = 1\n", lambda it: it.append_item("lxc.hook", "", "")),
    ],
)
def test_what_is_cleared_is_written_as_it_is_meant(text: str, change: Callable[[Settings], Settings]) -> None:
    changed = change(Settings(*parse(text)))
    assert parse(changed.document.text)[0] == changed.config


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda it: it.clear_item(TYPE), ""),
        (lambda it: it.append_item(TYPE, "", "here"), ""),
        (lambda it: it.set_item(TYPE, "macvlan", "here"), f"{TYPE} = macvlan\n"),
    ],
)
def test_what_goes_with_the_type_of_a_device_goes_from_the_file_too(
    change: Callable[[Settings], Settings], left: str
) -> None:
    other = "lxc.net.11.type = veth\nlxc.net.11.link = b\n"
    before = Settings(*parse(f"{TYPE} = veth\n{TYPE.replace('type', 'link')} = a\n{other}"))
    assert change(before).document.text == other + left
