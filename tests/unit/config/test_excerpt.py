"""Some keys of a configuration are what the whole of it says of them, and nothing else is looked at."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lxc.config import excerpt
from lxc.config.document import load
from lxc.config.excerpt import Excerpts
from lxc.errors import ConfigError

KEYS = ("lxc.start.auto", "lxc.group", "lxc.idmap")
LINES = st.sampled_from(
    ["lxc.start.auto = 1", "lxc.start.auto =", " lxc.group\t= a b", "lxc.group =", "lxc.idmap = u 0 1 1", "lxc.uts.name = x",
     "# lxc.group = c", "lxc.include = MORE", "lxc.group = 'd'", "lxc.mount.entry = a b none bind", "", "lxc.group = e\r",
     "lxc.net.0.type = veth"]
)  # fmt: skip
TEXTS = st.lists(LINES, max_size=8).map("\n".join)


@settings(deadline=None, max_examples=60)
@given(TEXTS, TEXTS)
def test_it_is_what_the_whole_configuration_says(
    tmp_path_factory: pytest.TempPathFactory, text: str, more: str
) -> None:
    directory = tmp_path_factory.mktemp("it")
    (directory / "more").write_text(more.replace("lxc.include = MORE", ""), newline="")
    (directory / "config").write_text(text.replace("MORE", str(directory / "more")), newline="")
    path = str(directory / "config")
    whole, _ = load(path)
    some = Excerpts(*KEYS).read(path)
    for key in KEYS:
        assert (some.get_item(key), some.places(key)) == (whole.get_item(key), whole.places(key))


def test_mistakes_elsewhere_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("lxc.nonsense = 1\nlxc.start.auto = 1\nlxc.rootfs.path\n")
    assert Excerpts(*KEYS).read(str(path)).start_auto
    path.write_text("lxc.start.auto = maybe\n")
    with pytest.raises(ConfigError, match=r"config:1:18: lxc.start.auto: expected 0 or 1, got 'maybe'"):
        Excerpts(*KEYS).read(str(path))
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        Excerpts(*KEYS).read(str(tmp_path / "none"))


def test_files_that_say_the_same_come_to_the_same(tmp_path: Path) -> None:
    texts = ("lxc.group = a\n", "# other\nlxc.uts.name = b\nlxc.group = a\n", "lxc.group = b\n")
    it = Excerpts(*KEYS)
    found = []
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_text(text)
        found.append(it.read(str(tmp_path / str(number))))
    assert found[0] is found[1]
    assert [config.group for config in found] == [("a",), ("a",), ("b",)]


def test_a_file_that_many_include_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "common").write_text("lxc.group = all\n")
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"lxc.include = {tmp_path}/common\nlxc.group = {name}\n")
    it = Excerpts(*KEYS)
    assert it.read(str(tmp_path / "a")).group == ("all", "a")
    (tmp_path / "common").unlink()
    assert it.read(str(tmp_path / "b")).group == ("all", "b")


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, common = tmp_path / "config", tmp_path / "common"
    config.write_text(f"lxc.include = {common}\nlxc.group = a\n")
    common.write_text("lxc.group = all\n")
    it = Excerpts(*KEYS)
    assert it.read(str(config)).group == ("all", "a")
    assert not it.is_current(), "what has just changed may change again at the same time"
    monkeypatch.setattr(time, "time_ns", lambda: 1 << 62)  # long after
    it = Excerpts(*KEYS)
    first = it.read(str(config))
    monkeypatch.setattr(excerpt, "read", None)  # it would fail now
    assert it.read(str(config)) is first
    assert it.is_current()
    config.write_text("lxc.group = b\n")
    with pytest.raises(TypeError):
        it.read(str(config))
    common.write_text("lxc.group = some\n")
    assert not it.is_current()


def test_directories_and_files_to_come_are_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1 << 62)
    directory, config = tmp_path / "more", tmp_path / "config"
    config.write_text(f"lxc.include = {directory}/\n")
    it = Excerpts(*KEYS)
    assert it.read(str(config)).group == ()
    assert it.is_current()
    directory.mkdir()
    assert not it.is_current()
    it = Excerpts(*KEYS)
    it.read(str(config))
    (directory / "a.conf").write_text("lxc.group = late\n")
    assert not it.is_current()


def test_what_is_included_by_a_relative_path_is_looked_up_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1 << 62)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "common").write_text("lxc.group = here\n")
    (tmp_path / "config").write_text("lxc.include = common\n")
    it = Excerpts(*KEYS)
    assert it.read(str(tmp_path / "config")).group == ("here",)
    assert not it.is_current()
