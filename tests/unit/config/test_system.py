import os
from pathlib import Path

import pytest

from lxc.config import system
from lxc.errors import ConfigError


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lxc.conf of an ordinary user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    path = tmp_path / ".config/lxc/lxc.conf"
    path.parent.mkdir(parents=True)
    return path


def test_users_have_paths_of_their_own(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = conf.parents[2]
    assert system.get("lxc.lxcpath") == f"{home}/.local/share/lxc"
    assert system.get("lxc.default_config") == f"{home}/.config/lxc/default.conf"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert (system.path(), system.defaults()["lxc.lxcpath"]) == ("/etc/lxc/lxc.conf", "/var/lib/lxc")


@pytest.mark.timeout(20)
def test_a_pipe_in_its_place_is_not_waited_for(conf: Path) -> None:
    os.mkfifo(conf)
    with pytest.raises(ConfigError, match="it is a named pipe, and no regular file"):
        system.get("lxc.lxcpath")


def test_what_has_no_default_is_none(conf: Path) -> None:
    assert {key: system.get(key) for key in system.KEYS if not system.get(key)} == {
        "lxc.cgroup.use": None, "lxc.cgroup.pattern": None, "lxc.bdev.rbd.rbduser": None,
    }  # fmt: skip


def test_the_first_line_with_a_value_wins(conf: Path) -> None:
    conf.write_text(
        "# lxc.lxcpath = /a\n #lxc.lxcpath = /b\nlxc.lxcpath =\nlxc.lxcpathx = /c\n\tlxc.lxcpath\t=  /srv/lxc//\nlxc.lxcpath = /d\n"
        "lxc.bdev.lvm.vg = vg \n"
    )
    assert system.get("lxc.lxcpath") == "/srv/lxc"
    assert system.get("lxc.bdev.lvm.vg") == "vg "


def test_a_change_counts_at_once(conf: Path) -> None:
    for pattern in ("a/%n", "b/%n"):
        conf.write_text(f"lxc.cgroup.pattern = {pattern}\n")
        assert system.get("lxc.cgroup.pattern") == pattern


def test_there_are_no_other_keys(conf: Path) -> None:
    with pytest.raises(KeyError):
        system.get("lxc.nonsense")


def test_a_file_that_cannot_be_read_is_named(conf: Path) -> None:
    conf.mkdir()
    with pytest.raises(ConfigError, match=f"{conf}: cannot read"):
        system.get("lxc.lxcpath")
