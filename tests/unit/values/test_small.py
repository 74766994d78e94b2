"""The kinds that are a few lines each."""

import pytest

from lxc.values import arch, capability, environment, idmap, limit, log, namespace, offset, rootfs
from lxc.values.idmap import IdMap
from lxc.values.limit import UNLIMITED, Limit


def test_an_idmap_reads_numbers_of_any_base_and_shows_decimal_ones() -> None:
    assert idmap.parse("u 0 0x10\t010") == IdMap("u", 0, 16, 8)
    assert str(idmap.parse("g 0 100000 65536 ")) == "g 0 100000 65536"


@pytest.mark.parametrize("text", ["b 0 1 1", "u 0 1", "u 0 1 1 x", "u 0 1 -1", "u 0 4294967296 1", ""])
def test_what_is_no_idmap_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        idmap.parse(text)


def test_capabilities_have_the_kernels_numbers() -> None:
    assert [capability.number(name) for name in ("chown", "sys_admin", "checkpoint_restore", "40")] == [0, 21, 40, 40]


@pytest.mark.parametrize("text", ["CHOWN", "cap_chown", "41", "none", "sys_admn"])
def test_what_is_no_capability_cannot_be_dropped(text: str) -> None:
    with pytest.raises(ValueError, match=r"none|expected a capability"):
        capability.drop(f"mknod {text}")


def test_none_forgets_the_capabilities_kept_before() -> None:
    kept = capability.keep("chown mknod", ())
    assert kept == ("chown", "mknod")
    assert capability.keep("none", kept) == ("none",)
    assert capability.keep("kill", ("none",)) == ("kill",)
    assert capability.keep("chown none kill", ()) == ("kill",)


def test_architectures_are_32_or_64_bits() -> None:
    assert [arch.parse(name) for name in ("i386", "armhf", "amd64", "linux64", "riscv64")] == ["i686"] * 2 + [
        "x86_64"
    ] * 3
    with pytest.raises(ValueError, match=r"did you mean amd64\?"):
        arch.parse("amd46")


def test_namespaces_are_kept_in_the_order_they_are_handled() -> None:
    assert namespace.merge("net PID", ("mnt",)) == ("mnt", "pid", "net")


@pytest.mark.parametrize(("word", "known"), [("mount", "mnt"), ("network", "net"), ("usr", "user")])
def test_the_right_namespace_is_offered(word: str, known: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean {known}?"):
        namespace.merge(word, ())


def test_log_levels_have_names_and_numbers() -> None:
    assert [log.level(text) for text in ("trace", "DEBUG", "8", "Warn", "010", "0x2")] == [0, 1, 8, 4, 8, 2]
    assert [log.show_level(level) for level in (-1, 0, 8)] == ["NOTSET", "TRACE", "FATAL"]


@pytest.mark.parametrize("text", ["9", "-1", "warning!", "", "09", "0xf"])
def test_what_is_no_log_level_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a log level"):
        log.level(text)


def test_syslog_has_few_facilities() -> None:
    assert log.facility("LOCAL3") == "LOCAL3"
    with pytest.raises(ValueError, match="daemon or local0 to local7"):
        log.facility("local8")


def test_a_limit_is_soft_and_hard() -> None:
    assert limit.parse("1024 : unlimited") == Limit(1024, UNLIMITED)
    assert [str(limit.parse(text)) for text in ("5", "1:2", "-1:7", "3:3")] == ["5", "1:2", "unlimited:7", "3"]
    assert str(limit.parse("9223372036854775808:18446744073709551615")) == "9223372036854775808:unlimited"


@pytest.mark.parametrize("text", ["", "a", "1:", ":1", "1:2:3", "-2", "0x10", "18446744073709551616"])
def test_what_is_no_limit_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="unlimited"):
        limit.parse(text)


def test_limits_have_the_kernels_numbers() -> None:
    import resource

    known = {name: getattr(resource, f"RLIMIT_{name.upper()}", None) for name in limit.NAMES}
    assert all(number in (None, limit.number(name)) for name, number in known.items())
    assert limit.number("7") == 7


@pytest.mark.parametrize(
    ("text", "shown"), [("5h", "18000s"), ("-3m", "-180s"), ("2 ms", "2000000ns"), ("7us", "7000ns"), ("0s", "0ns")]
)
def test_clock_offsets_are_seconds_or_nanoseconds(text: str, shown: str) -> None:
    assert str(offset.parse(text)) == shown


@pytest.mark.parametrize("text", ["5", "h", "5d", "5 hours", "x5s"])
def test_a_clock_offset_needs_number_and_unit(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        offset.parse(text)


def test_a_variable_without_a_value_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LXC_TEST_SET", "b=c")
    monkeypatch.delenv("LXC_TEST_UNSET", raising=False)
    assert [environment.variable(text) for text in ("A=1", "A=", "LXC_TEST_SET")] == ["A=1", "A=", "LXC_TEST_SET=b=c"]
    with pytest.raises(ValueError, match="set here"):
        environment.variable("LXC_TEST_UNSET")


def test_a_root_file_system_may_name_its_driver() -> None:
    assert rootfs.parse("/a//b/") == rootfs.RootfsPath("", "/a/b")
    assert rootfs.parse("overlay:/a:/b/") == rootfs.RootfsPath("overlay", "/a:/b")
    assert str(rootfs.parse("dir:/a")) == "/a"
