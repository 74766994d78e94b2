"""Assignments that are made together come to what they come to line by line, and are told of as if they had been."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lxc.config import reader
from lxc.config.container import Config
from lxc.config.document import load, parse
from lxc.config.reader import Reader
from lxc.errors import ConfigError

GATHERED = [key.name for key in Config.KEYS.values() if key.adds_up]
HEADS = st.sampled_from(
    ["lxc.mount.entry = ", "lxc.mount.entry=", " lxc.mount.entry\t=", "lxc.environment = ", "lxc.cgroup2.cpu.max = ",
     "lxc.cgroup2.memory.max = ", "lxc.cgroup.a = ", "lxc.cgroup.a.b = ", "lxc.cgroup2 = ", "lxc.cgroup2. = ",
     "lxc.cgroup = ", "lxc.cgroup. = ", "lxc.idmap = ", "lxc.group = ",
     "lxc.hook.start = ", "lxc.hook = ", "lxc.hook.stop = ", "lxc.net.0.type = ", "lxc.net.0.ipv4.address = ",
     "lxc.sysctl.a = ", "lxc.uts.name = ", "lxc.cap.drop = ", "lxc.cap.keep = ", "lxc.include = ", "lxc.environment",
     "environment = ", "# lxc.environment = ", "lxc.environments = "]
)  # fmt: skip
VALUES = st.sampled_from(
    ["", "a", "A=b", "A=b # c", "'A=b'", '"', "/s d none bind", "/s d none bind,create=x 0 0", "/s d none", "/s\u00a0d none x",
     "u 0 1 1", "empty", "veth", "10.0.0.1/8", "mknod", "1", "\0", " ", "A=b ", "\x0c", "\r", "a b"]
)  # fmt: skip
TEXTS = st.lists(st.tuples(HEADS, VALUES).map("".join), max_size=12).map("\n".join)


class LineByLine(Reader):
    def _is_done(self, *_: object) -> bool:
        return False


def outcome(made: Reader, text: str) -> object:
    made.read(text, "config")
    try:
        config = made.config()
    except ConfigError as error:
        return error.mistakes, error.where, made.warnings
    return {name: (config.get_item(name), config.places(name)) for name in GATHERED}, config, made.warnings


@settings(deadline=None, max_examples=500)
@given(TEXTS)
def test_together_they_come_to_what_they_come_to_one_by_one(text: str) -> None:
    assert outcome(Reader(Config()), text) == outcome(LineByLine(Config()), text)


@settings(deadline=None)
@given(TEXTS)
def test_so_they_do_on_top_of_others(text: str) -> None:
    base, _ = parse(
        "lxc.mount.entry = /z z none bind\nlxc.environment = Z=z\nlxc.cgroup2.memory.max = 1\nlxc.group = z\n"
    )
    assert outcome(Reader(base), text) == outcome(LineByLine(base), text)


def test_an_odd_line_stays_behind_those_before_it() -> None:
    config, _ = parse("lxc.cgroup2.cpu.max = a\nlxc.cgroup2.memory.max = b # c\nlxc.cgroup2.cpu.max = d\n")
    assert [setting.value for setting in config.cgroup2] == ["a", "b # c", "d"]


@pytest.mark.parametrize("quote", ["", '"'])
def test_what_is_included_comes_where_it_is_included(tmp_path: Path, quote: str) -> None:
    (tmp_path / "more").write_text("lxc.group = b\nlxc.environment = B=b\nlxc.group = c\n")
    include = f"lxc.include = {quote}{tmp_path}/more{quote}\n"
    text = f"lxc.group = a\nlxc.environment = A=a\n{include}lxc.group = d\nlxc.environment = D=d\n"
    (tmp_path / "config").write_text(text)
    config, _ = load(str(tmp_path / "config"))
    assert config.group == ("a", "b", "c", "d")
    assert config.environment == ("A=a", "B=b", "D=d")
    assert config.places("lxc.group") == (
        f"{tmp_path}/config:1", f"{tmp_path}/more:1", f"{tmp_path}/more:3", f"{tmp_path}/config:4"
    )  # fmt: skip


@pytest.mark.parametrize("end", ["", "."])
@pytest.mark.parametrize("family", ["cgroup", "cgroup2"])
def test_a_family_is_cleared_of_what_stands_before_and_of_nothing_else(family: str, end: str) -> None:
    config, _ = parse(f"lxc.{family}.pids.max = 4\nlxc.{family}{end} =\nlxc.{family}.devices.deny = a\n")
    assert config.get_item(f"lxc.{family}") == f"lxc.{family}.devices.deny = a\n"


def test_what_clears_several_keys_clears_what_was_gathered_of_them() -> None:
    config, _ = parse("lxc.hook.start = a\nlxc.hook.stop = b\nlxc.hook =\nlxc.hook.start = c\n")
    assert (config.hook_start, config.hook_stop) == (("c",), ())


def test_mistakes_are_told_in_the_order_of_the_lines() -> None:
    text = "lxc.mount.entry = a\nlxc.idmap = b\nlxc.uts.nam = c\nlxc.mount.entry = d\nlxc.environment\nlxc.idmap = e\n"
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert [int(mistake.split(":")[1]) for mistake in caught.value.mistakes] == [1, 2, 3, 4, 5, 6]


def test_a_large_file_is_read_in_passes_not_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"lxc.mount.entry = /s{n} d{n} none bind\nlxc.cgroup2.cpu.max = {n}\n" for n in range(100))
    monkeypatch.setattr(reader.Reader, "_line", lambda *_: pytest.fail("looked at alone"))
    config, _ = parse(text)
    assert [entry.source for entry in config.mount_entry] == [f"/s{n}" for n in range(100)]
    assert config.cgroup2[7].value == "7"
    assert config.places("lxc.mount.entry")[99] == "config:199"
