"""Which containers lxc-autostart means, in which order: as its -L tells."""

import json
from pathlib import Path

import pytest

from lxc.cli import main

CONTAINERS = {
    "web": "lxc.start.auto = 1\nlxc.start.delay = 5\n",
    "db": "lxc.start.auto = 1\nlxc.start.order = -1\nlxc.group = onboot\n",
    "mail": "lxc.start.auto = 1\nlxc.group = onboot other\n",
    "both": "lxc.start.auto = 1\nlxc.start.order = 9\nlxc.group = a,other\n",
    "off": "lxc.group = onboot\n",
    "plain": "",
}


@pytest.fixture
def lxcpath(tmp_path: Path) -> Path:
    for name, config in CONTAINERS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text(config)
    return tmp_path


def listed(lxcpath: Path, capfd: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main("lxc-autostart", ["-P", str(lxcpath), "-L", *words]) == 0
    return [line.split()[0] for line in capfd.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["web"]),
        (("-A",), ["plain", "web"]),
        (("-a",), ["db", "mail", "web", "both"]),
        (("-a", "-A"), ["db", "mail", "off", "plain", "web", "both"]),
        (("-g", "onboot"), ["db", "mail"]),
        (("-g", "onboot,"), ["db", "mail", "web"]),
        (("-g", ",onboot"), ["web", "db", "mail"]),
        (("-g", "other,,onboot"), ["mail", "both", "web", "db"]),
        (("-g", "other", "-g", "onboot"), ["mail", "both", "db"]),
        (("-g", ""), ["web"]),
        (("-g", "onb"), []),
        (("-g", "onboot.more"), []),
        (("-g", "a"), ["both"]),
        (("-s", "-a"), []),
        (("-k", "-a"), []),
        (("-r", "-a"), []),
    ],
)
def test_groups_and_options_choose(
    words: tuple[str, ...], names: list[str], lxcpath: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert listed(lxcpath, capfd, *words) == names


def test_the_delay_is_shown(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-autostart", ["-P", str(lxcpath), "-L", "-A"]) == 0
    assert capfd.readouterr().out == "plain 0\nweb 5\n"
    assert main("lxc-autostart", ["-P", str(lxcpath), "-L", "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out) == [{"name": "web", "delay": 5}]


def test_all_with_groups_is_told_and_means_all(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-autostart", ["-P", str(lxcpath), "-L", "-a", "-g", "onboot"]) == 0
    said = capfd.readouterr()
    assert len(said.out.splitlines()) == 4
    assert "-a overrides -g" in said.err


def test_a_wrong_configuration_is_told_and_the_others_are_not_hidden(
    lxcpath: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (lxcpath / "web/config").write_text("lxc.start.auto = maybe\n")
    assert main("lxc-autostart", ["-P", str(lxcpath), "-L", "-a"]) == 2
    said = capfd.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["db", "mail", "both"]
    assert said.err.startswith(f"lxc-autostart: web: {lxcpath}/web/config:1:18: lxc.start.auto: expected 0 or 1")


@pytest.mark.parametrize("words", [("-t", "-2"), ("-t", "x"), ("--format", "json")])
def test_nonsense_is_refused(words: tuple[str, ...], lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-autostart", ["-P", str(lxcpath), *words]) == 1
    assert "could not parse command line" in capfd.readouterr().err
