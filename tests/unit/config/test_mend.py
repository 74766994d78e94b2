"""--fix on anything: what a configuration means stays, and there is nothing left to mend."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lxc.config import mend
from lxc.config.container import Config
from lxc.config.document import Document, parse
from lxc.config.rules.rule import Host
from lxc.errors import ConfigError, StepError

readings = runpy.run_path(str(Path(__file__).parent / "readings.py"))
examples = runpy.run_path(str(Path(__file__).parent / "rule_examples.py"))["EXAMPLES"]
TEXTS = [text for text, *_ in readings["CASES"]] + [text for example in examples for text in example[1:3]]
LINES = sorted({line for text in TEXTS for line in text.splitlines() if "hwaddr" not in line and "include" not in line})
OTHERS = [
    "",
    "  ",
    "# a comment",
    "  # lxc.tty = 4",
    "#",
    "nonsense",
    "lxc.tty.max = 4 # four",
    "lxc.start.delay = 010",
]
OTHERS += ["lxc.tty.max = 3", "lxc.tty.max = 4", "lxc.start.auto = 1", "lxc.net.0.type = veth", "lxc.net.0.mtu = 0900"]
OTHERS += ["lxc.network.type = veth", "lxc.network.link = br0", "lxc.net.0 =", "lxc.cap.drop = mknod", "lxc.cap.drop ="]
OTHERS += ["lxc.cgroup.devices.deny = a", "lxc.cgroup.devices.allow = c 1:3 rwm", "lxc.cgroup.devices.allow ="]
OTHERS += ["lxc.cgroup2.devices.deny = a", "lxc.cgroup.cpu.cfs_quota_us = 5000", "lxc.cgroup.cpu.cfs_period_us = 5000"]
line = st.sampled_from(LINES) | st.sampled_from(OTHERS)
texts = st.builds(
    lambda lines, end, last: end.join(lines) + last, st.lists(line, max_size=12), st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n"]),
)  # fmt: skip
GOOD = [
    "lxc.net.0.type = veth",
    "lxc.net.0.link = a",
    "lxc.net.0.mtu = 0900",
    "lxc.net.0.link = b",
    "lxc.net.0 =",
    "lxc.net =",
]
GOOD += ["lxc.uts.name = a", "lxc.uts.name = b", "lxc.uts.name =", "lxc.start.delay = 010", "lxc.start.delay = 9"]
GOOD += ["lxc.namespace.keep = net", "lxc.namespace.keep =", "lxc.namespace.clone = net", "lxc.cgroup.pids.max = 04"]
good = st.lists(st.sampled_from(GOOD), max_size=6).map(lambda lines: "".join(f"{each}\n" for each in lines))
anything = runpy.run_path(str(Path(__file__).parent / "test_properties.py"))["TEXTS"]
hosts = st.sampled_from([Host(), Host(layout="hybrid"), Host(layout="unified")])


def read(text: str) -> Config | None:
    try:
        return parse(text)[0]
    except ConfigError:
        return None


def but_limits(config: Config) -> Config:
    return config.clear("lxc.cgroup").clear("lxc.cgroup2")


def mended(text: str, host: Host) -> str:
    return mend.mended("/c/config", text, host).document.text


@given(texts, hosts)
@settings(max_examples=300, deadline=None)
def test_what_is_mended_means_the_same(text: str, host: Host) -> None:
    before, after = read(text), read(mended(text, host))
    if before is not None:
        assert after is not None
        assert but_limits(after) == but_limits(before)
        if host.layout != "unified":
            assert after == before


@pytest.fixture(scope="module")
def included(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("included") / "more"


@given(before=good, more=good, behind=good)
@settings(max_examples=300, deadline=None)
def test_so_it_does_with_what_it_includes(before: str, more: str, behind: str, included: Path) -> None:
    included.write_text(more)
    text = f"{before}lxc.include = {included}\n{behind}"
    config = read(text)
    assert config is None or read(mended(text, Host())) == config


@given(texts, hosts)
@settings(max_examples=300, deadline=None)
def test_what_is_mended_needs_no_mending(text: str, host: Host) -> None:
    once = mended(text, host)
    assert mended(once, host) == once


@given(texts, hosts)
@settings(max_examples=200, deadline=None)
def test_comments_and_their_order_survive(text: str, host: Host) -> None:
    def comments(text: str) -> list[str]:
        return [each.strip() for each in text.splitlines() if each.strip().startswith("#")]

    after = iter(comments(mended(text, host)))
    assert all(each in after for each in comments(text))  # those that stood behind a value may have come between


@given(anything, hosts)
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_looked_at_and_what_was_right_stays_so(text: str, host: Host) -> None:
    before, after = read(text), read(mended(text, host))
    assert before is None or (after is not None and but_limits(after) == but_limits(before))


@given(texts)
@settings(max_examples=100, deadline=None)
def test_a_configuration_of_good_lines_is_mended_of_nothing_but_doubles(text: str) -> None:
    done = mend.mended("/c/config", text, Host()).done
    may = {"legacy-key", "trailing-comment", "assigned-twice", "octal-number"}
    assert {each.rule.name for each in done} <= may


def test_devices_of_a_file_with_more_mistakes_than_are_looked_for_keep_apart() -> None:
    devices = "lxc.network.type = veth\nlxc.network.link = a\n", "lxc.network.type = macvlan\nlxc.network.link = b\n"
    text = mended(("lxc.id_map = u 0 1 1\n" * 1100).join(devices), Host())
    assert [line for line in text.splitlines() if "net" in line] == [
        "lxc.net.0.type = veth", "lxc.net.0.link = a", "lxc.net.1.type = macvlan", "lxc.net.1.link = b"
    ]  # fmt: skip


def test_nothing_is_concluded_from_a_part_of_a_file() -> None:
    text = "lxc.cgroup.pids.max = 4\n" + "lxc.x = 1\n" * 1000 + "lxc.cgroup2 =\n"
    assert mended(text, Host(layout="unified")) == text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text("lxc.utsname = a\n")
    path.chmod(0o640)
    return path


def save(path: Path, text: str) -> None:
    mend.save(path.read_text(), Document(str(path), text))


def test_the_old_file_is_kept_beside_the_new_one_with_its_mode(file: Path) -> None:
    save(file, "lxc.uts.name = a\n")
    backup = file.with_name("config.backup")
    assert (file.read_text(), backup.read_text()) == ("lxc.uts.name = a\n", "lxc.utsname = a\n")
    assert [path.stat().st_mode & 0o777 for path in (file, backup)] == [0o640, 0o640]
    assert sorted(os.listdir(file.parent)) == ["config", "config.backup"]


def test_a_link_called_backup_is_replaced_not_followed(file: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    file.with_name("config.backup").symlink_to(victim)
    save(file, "lxc.uts.name = a\n")
    assert victim.read_text() == "precious\n"
    assert not file.with_name("config.backup").is_symlink()


def test_a_backup_that_cannot_be_made_leaves_all_as_it_was(file: Path) -> None:
    (file.parent / "config.backup").mkdir()
    with pytest.raises(StepError, match=f"cannot write {file}.backup: Is a directory"):
        save(file, "lxc.uts.name = a\n")
    assert file.read_text() == "lxc.utsname = a\n"
    assert sorted(os.listdir(file.parent)) == ["config", "config.backup"]


def test_what_was_read_and_is_another_by_now_is_neither_kept_nor_replaced(file: Path) -> None:
    with pytest.raises(StepError, match=f"cannot write {file}.backup: it has changed since it was read"):
        mend.save("secret\n", Document(str(file), "secret\n"))
    assert (os.listdir(file.parent), file.read_text()) == (["config"], "lxc.utsname = a\n")
