"""lxc-checkconfig: finding the kernel's configuration, and showing what is in it."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lxc.cli import main

TEXT = "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_NAMESPACES=y\nCONFIG_VETH=m\n# CONFIG_BRIDGE is not set\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kernel.config"
    path.write_text(TEXT)
    monkeypatch.setenv("CONFIG", str(path))
    return path


def run(capfd: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main("lxc-checkconfig", list(words)) == 0
    out: str = capfd.readouterr().out
    return out.splitlines()


def test_a_configuration_is_shown_section_by_section(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = run(capfd)
    assert lines[:5] == [
        "LXC version 7.0.0",
        "",
        "--- Namespaces ---",
        "Namespaces: enabled",
        "Utsname namespace: missing",
    ]
    assert "Ipc namespace: required" in lines
    assert "Bridges: missing" in lines
    assert [line for line in lines if line.startswith("---")] == [
        "--- Namespaces ---",
        "--- Control groups ---",
        "--- Misc ---",
        "--- Checkpoint/Restore ---",
    ]
    assert lines[-3:] == [
        "Note : Before booting a new kernel, you can check its configuration",
        "usage : CONFIG=/path/to/config lxc-checkconfig",
        "",
    ]


def test_a_compressed_one_is_the_same(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain = run(capfd)
    config.write_bytes(gzip.compress(TEXT.encode()))
    assert run(capfd) == plain


def test_one_without_a_heading_is_taken_for_the_latest(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config.write_text("CONFIG_NAMESPACES=y\n")
    assert run(capfd)[1] == "WARNING: Unable to detect version from configuration, assuming latest"


def test_json_is_for_programs(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads("\n".join(run(capfd, "--format", "json")))
    assert (found["lxc_version"], found["config"], found["kernel_version"]) == ("7.0.0", str(config), "6.1.0")
    assert found["sections"][0]["title"] == "Namespaces"
    assert found["sections"][0]["items"][0] == {"label": "Namespaces", "status": "enabled", "module": None}
    assert set(found["sections"][1]["mounts"]) == {"Cgroup v1 mount points", "Cgroup v2 mount points"}


def test_what_is_not_gzip_is_an_error(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config.write_bytes(b"\x1f\x8bnothing")
    assert main("lxc-checkconfig", []) == 1
    assert "cannot be unpacked" in capfd.readouterr().err


def test_one_that_is_nowhere_is_an_error_with_a_hint(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release="0-no-such-kernel"))
    monkeypatch.setenv("CONFIG", "/nonexistent")
    assert main("lxc-checkconfig", []) == 1
    out, err = capfd.readouterr()
    assert out.endswith("Kernel configuration not found at /nonexistent; searching...\n")
    assert err.startswith("lxc-checkconfig: unable to retrieve kernel configuration\n")


@pytest.mark.parametrize("words", [[], ["--format", "json"]])
def test_root_is_told_that_what_users_need_is_not_for_root(
    words: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main("lxc-checkconfig", ["--user", *words]) == 1
    out, error = capfd.readouterr()
    assert (out, error.splitlines()) == (
        "",
        [
            "lxc-checkconfig: --user is for ordinary users: root needs nothing of what it looks for",
            "  run it as the user who is to have containers: runuser -u USER -- lxc-checkconfig --user",
        ],
    )
