"""Every key, from the table itself: a new row is tested by being a row."""

import runpy
from pathlib import Path

import pytest

from lxc.config import container, enumeration
from lxc.config.container import Config
from lxc.config.document import parse
from lxc.config.key import Directive
from lxc.config.net import Net
from lxc.errors import ConfigError

readings = runpy.run_path(str(Path(__file__).parent / "readings.py"))


@pytest.mark.parametrize(("text", "key", "answer"), [case[:3] for case in readings["CASES"]])
def test_reads_back(text: str, key: str, answer: str | None) -> None:
    config, _ = parse(text)
    if answer is None:
        with pytest.raises(KeyError, match=key):
            config.get_item(key)
    else:
        assert config.get_item(key) == answer


@pytest.mark.parametrize("text", [*readings["REFUSED"], *readings["REFUSED_BY_US"]])
def test_refuses_with_a_place_and_a_reason(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^config:\d+:\d+: lxc\.\S+: \S+ .+"):
        parse(text)


@pytest.mark.parametrize("text", readings["REFUSED_BY_LXC"])
def test_does_not_refuse(text: str) -> None:
    parse(text)


def test_every_key_is_read_back_by_some_case() -> None:
    read = {key for _, key, _, _, _ in readings["CASES"]}
    known_to_debian = {name for name in Config.KEYS if not name.startswith(container.FOREIGN)}
    assert not {name for name in known_to_debian if not any(key == name or key.startswith(f"{name}.") for key in read)}
    assert not {name for name in Net.KEYS if f"lxc.net.0.{name}" not in read}


def attribute(name: str) -> str:
    return name.removeprefix("lxc.").replace(".", "_").replace("-", "_")


@pytest.mark.parametrize("table", [Config, Net])
def test_an_attribute_is_called_like_its_key(table: type) -> None:
    assert [name for name in vars(table) if name in map(attribute, table.KEYS)] == [*map(attribute, table.KEYS)]


@pytest.mark.parametrize("name", Config.KEYS)
def test_cleared_keys_are_as_if_never_set(name: str) -> None:
    config = Config()
    for text, key, answer, _, _ in readings["CASES"]:
        if key == name and answer:
            config, _ = parse(text)
    if not isinstance(Config.KEYS[name], Directive) and name != "lxc.namespace.share":
        cleared = config.clear(name)
        assert cleared.get_item(name) == Config().get_item(name)
        assert (cleared.is_set(name), cleared.places(name)) == (False, ())


def test_typed_values() -> None:
    config, _ = parse(
        "lxc.cap.keep = none\nlxc.rootfs.path = overlay:/a:/b\nlxc.sysctl.net.ipv4.ip_forward = 1\n"
        "lxc.cgroup2.memory.max = 1G\nlxc.prlimit.nofile = 5\nlxc.signal.halt = SIGRTMIN+3\nlxc.autodev = 0\n"
        "lxc.namespace.share.net = web\nlxc.net.0.type = veth\nlxc.net.0.ipv4.address = 10.0.0.1/8\n"
    )
    assert (config.cap_keep, config.rootfs_path.driver, config.rootfs_path.path) == (("none",), "overlay", "/a:/b")
    assert (config.sysctl, config.prlimit["nofile"].hard) == ({"net.ipv4.ip_forward": "1"}, 5)
    assert [(each.name, each.value) for each in config.cgroup2] == [("memory.max", "1G")]
    assert (config.signal_halt, config.autodev, config.namespace_share) == (37, False, {"net": "web"})
    assert config.net[0].ipv4_address[0].broadcast == "10.255.255.255"
    assert (Config().autodev, Config().rootfs_path.path, Config().log_level) == (True, "", -1)


def test_each_item_remembers_its_place() -> None:
    config, _ = parse(
        "lxc.cap.drop = mknod kill\nlxc.uts.name = a\nlxc.uts.name = b\nlxc.sysctl.a = 1\nlxc.sysctl.b.c = 2\n"
        "lxc.cap.drop = chown\nlxc.cgroup2.x.y = 1\nlxc.cgroup2.x.z = 1\nlxc.cgroup2.x.y = 1\nlxc.mount.auto = proc\n"
        "lxc.net.7.type = veth\nlxc.net.7.ipv4.address = 10.0.0.1/8\nlxc.namespace.keep = net user\n"
    )
    assert config.places("lxc.cap.drop") == ("config:1", "config:1", "config:6")
    assert config.places("lxc.uts.name") == ("config:3",)
    assert config.places("lxc.sysctl.b.c") == ("config:5",)
    assert config.places("lxc.sysctl") == ("config:4", "config:5")
    assert config.places("lxc.cgroup2.x.y") == ("config:7", "config:9")
    assert config.places("lxc.cgroup2") == ("config:7", "config:8", "config:9")
    assert config.places("lxc.mount.auto") == ("config:10",)
    assert config.places("lxc.net.7.ipv4.address") == ("config:12",)
    assert config.places("lxc.net") == config.places("lxc.net.7") == ("config:11",)
    assert config.places("lxc.namespace.keep") == ("config:13", "config:13")
    assert config.places("lxc.ephemeral") == config.places("lxc.net.8.type") == ()


def test_setting_a_type_wipes_what_was_said_of_the_device() -> None:
    config, _ = parse("lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.flags = up\nlxc.net.0.type = phys\n")
    assert config.net[0] == Net().assign("type", "phys")
    assert not config.is_set("lxc.net.0.link")


def test_what_is_set_is_known() -> None:
    config, _ = parse("lxc.autodev = 1\nlxc.net.0.type = empty\nlxc.sysctl.a = 1\nlxc.cap.keep = none\nlxc.group =\n")
    assert [name for name in Config.KEYS if config.is_set(name)] == [
        "lxc.autodev",
        "lxc.net",
        "lxc.sysctl",
        "lxc.cap.keep",
    ]
    assert config.is_set("lxc.net.0.type")
    assert not config.is_set("lxc.net.1.type")
    with pytest.raises(ValueError, match="unknown key"):
        config.is_set("lxc.nonsense")


def test_tables_do_not_change() -> None:
    config = Config().assign("lxc.group", "a")
    changed = config.assign("lxc.group", "b").assign("lxc.net.0.type", "none")
    assert (config.group, config.net) == (("a",), {})
    assert (changed.group, list(changed.net)) == (("a", "b"), [0])
    with pytest.raises(AttributeError, match="immutable"):
        config.group = ()  # type: ignore[misc]


def test_a_mistake_leaves_everything_as_it_was() -> None:
    config = Config().assign("lxc.group", "a").assign("lxc.net.0.type", "veth")
    for key, text in (("lxc.net.0.veth.mode", "x"), ("lxc.cap.drop", "x"), ("lxc.net.1.type", "x")):
        with pytest.raises(ValueError, match="expected"):
            config.assign(key, text)
    assert list(config.net) == [0]


@pytest.mark.parametrize(
    ("key", "meant"),
    [("lxc.utsname", "lxc.uts.name"), ("lxc.uts.nam", "lxc.uts.name"), ("lxc.net.3.typ", "lxc.net.3.type"),
     ("lxc.network.2.ipv4", "lxc.net.2.ipv4.address"), ("lxc.network.link", "lxc.net.<n>.link"),
     ("lxc.limit.nofile", "lxc.prlimit.nofile"), ("lxc.cgroup.dir.monitr", "lxc.cgroup.dir.monitor"),
     ("lxc.hook.prestart", "lxc.hook.pre-start")],
)  # fmt: skip
def test_unknown_keys_come_with_the_key_that_was_meant(key: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"unknown key.*; did you mean {meant}\?$"):
        Config().assign(key, "x")


def test_keys_of_others_are_let_pass() -> None:
    assert Config().assign(f"{container.FOREIGN}thing.a", "b") == Config()
    with pytest.raises(KeyError):
        Config().get_item(f"{container.FOREIGN}thing.a")


def test_every_key_is_enumerated() -> None:
    assert set(enumeration.keys(Config())) == {key for key in Config.KEYS if not key.startswith(container.FOREIGN)} - {
        "lxc.namespace.share"
    }
    assert len(set(enumeration.ALL)) == len(enumeration.ALL)


def test_keys_that_lxc_does_not_have_are_read_back_all_the_same() -> None:
    config, _ = parse("lxc.x-landlock = read  /usr\nlxc.x-landlock = tcp-bind 80\n")
    assert config.get_item("lxc.x-landlock") == "read /usr\ntcp-bind 80\n"
    assert config.clear("lxc.x-landlock").get_item("lxc.x-landlock") == ""


def test_parts_of_the_table_are_enumerated_as_lxc_does() -> None:
    config, _ = parse("lxc.net.0.type = empty\nlxc.net.1.type = vlan\n")
    assert enumeration.keys(config, "lxc.cap") == ["drop", "keep"]
    assert enumeration.keys(config, "lxc.net.0") == ["type", "script.up", "script.down"]
    assert enumeration.keys(config, "lxc.net.1")[-2:] == ["ipv4.gateway", "vlan.id"]
    for prefix in ("lxc.net", "lxc.net.2", "lxc", "lxc.idmap", "nonsense"):
        with pytest.raises(KeyError):
            enumeration.keys(config, prefix)
