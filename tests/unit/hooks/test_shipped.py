"""What hooks that are shipped are told, and what they write."""

import os
from pathlib import Path

import pytest
from tests.conftest import largest_file

from lxc.errors import LxcError, Refused, UsageError
from lxc.hooks import shipped
from lxc.hooks.shipped import Told

NAMES = ("LXC_HOOK_VERSION", "LXC_HOOK_TYPE", "LXC_HOOK_SECTION", "LXC_NAME", "LXC_NET_NS")


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def version_1(monkeypatch: pytest.MonkeyPatch, version: str = "1") -> None:
    for name, value in zip(NAMES, (version, "stop", "lxc", "box", "/proc/1/fd/2"), strict=True):
        monkeypatch.setenv(name, value)


def test_both_versions_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = shipped.expected("it", ("box", "lxc", "stop", "net:/proc/1/fd/2"), "stop")
    version_1(monkeypatch)
    second = shipped.expected("it", (), "stop")
    assert first.replace(rest=()) == second == Told("box", "lxc", "stop")
    assert first.namespace("net") == second.namespace("net") == "/proc/1/fd/2"
    assert first.namespace("mnt") == second.namespace("mnt") == ""


def test_what_a_hook_of_another_container_was_told_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with version 1 that starts a container with version 0."""
    version_1(monkeypatch, "0")
    assert shipped.expected("it", ("web", "lxc", "clone"), "clone") == Told("web", "lxc", "clone")


def test_who_is_told_nothing_is_run_by_hand() -> None:
    assert shipped.told(()) is None
    assert shipped.told(("/some/root",)) is None
    with pytest.raises(UsageError, match=r"usage: it NAME lxc {start-host\|stop}"):
        shipped.expected("it", (), "start-host", "stop")


@pytest.mark.parametrize(
    ("words", "says"),
    [(("box", "lxc", "mount"), "no use as lxc.hook.mount"), (("box", "net", "stop"), "script .stop. of a network")],
)
def test_another_kind_is_refused_by_its_name(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        shipped.expected("it", words, "stop")
    assert "lxc.hook.stop = /" in caught.value.hint


def test_a_variable_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LXC_NAME", "")
    with pytest.raises(LxcError, match="LXC_NAME is not set"):
        shipped.needed("LXC_NAME")


def test_what_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("before")
    with largest_file(10), pytest.raises(OSError):
        shipped.Root(str(tmp_path)).replace("hosts", b"x" * 11)
    assert (os.listdir(tmp_path), (tmp_path / "hosts").read_text()) == (["hosts"], "before")


def test_only_regular_files_are_read_and_replaced(tmp_path: Path) -> None:
    (tmp_path / "away").write_text("secret")
    (tmp_path / "link").symlink_to("away")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    root = shipped.Root(str(tmp_path))
    for path in ("link", "directory", "pipe"):
        for act in (root.data, lambda path: root.replace(path, b"x")):
            with pytest.raises((OSError, Refused)):
                act(path)
    assert root.data("nosuch") is None
    assert root.names("nosuch") == []
    assert (tmp_path / "away").read_text() == "secret"
    assert sorted(os.listdir(tmp_path)) == ["away", "directory", "link", "pipe"]


def test_a_root_that_is_no_directory_is_told_as_one() -> None:
    with pytest.raises(LxcError, match="/lower:/upper is no directory"):
        shipped.Root("/lower:/upper")
