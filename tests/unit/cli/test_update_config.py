"""lxc-update-config: the command around lxc.config.update."""

from __future__ import annotations

from pathlib import Path

import pytest

from lxc.cli import main


def test_the_file_is_updated_and_the_old_one_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config"
    config.write_bytes(b"# caf\xe9\r\nlxc.utsname = web\r\nlxc.kmsg = 0\r\nlxc.tty = 4")
    assert main("lxc-update-config", ["-c", str(config)]) == 0
    assert config.read_bytes() == b"# caf\xe9\r\nlxc.uts.name = web\r\nlxc.tty.max = 4"
    assert (tmp_path / "config.backup").read_bytes().startswith(b"# caf\xe9\r\nlxc.utsname = web\r\nlxc.kmsg")
    assert capfd.readouterr() == ("", "")


def test_without_a_file_it_says_how_it_is_used(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-update-config", []) == 0
    assert capfd.readouterr().out.startswith("lxc-update-config -h|--help [-c|--config]\n")


def test_a_file_that_is_not_there_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-update-config", ["--config=/nonexistent"]) == 1
    assert "lxc-update-config: cannot update /nonexistent: No such file or directory" in capfd.readouterr().err


@pytest.mark.parametrize("words", [["config"], ["-c", ""], ["-c"], ["--bogus"]])
def test_other_command_lines_are_mistakes(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main("lxc-update-config", words) == 1
    assert capfd.readouterr().err
