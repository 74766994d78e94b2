"""Looking at the host for the linter, on files of the test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lxc.config import lint, recorder
from lxc.config.rules.rule import File, Host
from lxc.runtime.check import survey


def surveyed(path: Path, text: str) -> Host:
    return survey.survey(recorder.record(str(path / "config"), text))


def test_paths_that_are_mentioned_are_looked_at(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.touch(mode=0o700)
    host = surveyed(tmp_path, f"lxc.hook.stop = {hook} -x\nlxc.seccomp.profile = {tmp_path}/gone\n")
    assert host.files[str(hook)] == File("file", os.geteuid(), os.getegid(), 0o700)
    assert host.is_missing(f"{tmp_path}/gone")
    assert not host.is_missing("/nobody/asked")


def test_links_of_the_host_are_followed_and_those_of_the_container_are_not(tmp_path: Path) -> None:
    root = tmp_path / "rootfs"
    (root / "a/b").mkdir(parents=True)
    (root / "out").symlink_to("/etc")
    (tmp_path / "link").symlink_to(root)
    host = surveyed(
        tmp_path,
        f"lxc.rootfs.path = dir:{tmp_path}/link\nlxc.mount.entry = {tmp_path}/link out/ssl none bind\n"
        "lxc.mount.entry = proc a/b/c proc\n",
    )
    at = f"{tmp_path}/link"
    kinds = {path.removeprefix(at): file and file.kind for path, file in host.files.items() if path.startswith(at)}
    assert kinds == {
        "": "directory", "/out": "link", "/a": "directory", "/a/b": "directory", "/a/b/c": None, "/sbin/init": None,
    }  # fmt: skip


def test_targets_that_climb_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    host = surveyed(tmp_path, f"lxc.rootfs.path = dir:{tmp_path}/rootfs\nlxc.mount.entry = a ../../etc none bind\n")
    assert not [path for path in host.files if ".." in path]


def test_the_file_of_mounts_is_read_and_its_sources_looked_at(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(f"{tmp_path}/gone x none bind\n{tmp_path} y none bind\n")
    host = surveyed(tmp_path, f"lxc.mount.fstab = {fstab}\n")
    assert host.texts == {str(fstab): fstab.read_text()}
    assert (host.is_missing(f"{tmp_path}/gone"), host.is_missing(str(tmp_path))) == (True, False)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("2\ndenylist\nreboot\n", []),
        ("2\ndenylist\nreboot\n reboot\nmount errno x\n", [":4", ":5"]),
        ("root:x:0:0\n", [":1"]),
        ("", [""]),
        ("2\ndenylist\nexecveat\n", [""]),
    ],
)
def test_a_policy_of_system_calls_is_read(tmp_path: Path, text: str, places: list[str]) -> None:
    policy = tmp_path / "policy"
    policy.write_text(text)
    host = surveyed(tmp_path, f"lxc.seccomp.profile = {policy}\n")
    assert [where for where, _ in host.mistakes] == [f"{policy}{place}" for place in places]
    assert host.texts == ({str(policy): text} if places else {})


def test_the_host_is_known() -> None:
    host = survey.survey(recorder.record("/c", ""))
    assert host.layout in ("unified", "hybrid", "legacy", "none")
    assert "lo" in (host.devices or ())
    assert host.modules is not None
    assert bool(host.controllers) is (host.layout != "none")
    assert all("." in name for name in host.cgroup_files)
    assert host.uid == os.geteuid()


def test_findings_of_a_real_directory(tmp_path: Path) -> None:
    root = tmp_path / "rootfs"
    root.mkdir()
    (root / "run").symlink_to("/run")
    text = f"lxc.rootfs.path = dir:{root}\nlxc.mount.entry = {tmp_path} run/x none bind\n"
    reading = recorder.record(str(tmp_path / "config"), text)
    found = {each.rule.name for each in lint.findings(reading, survey.survey(reading))}
    assert "mount-target-link" in found
    assert "rootfs-missing" not in found


def test_the_first_program_is_looked_for_in_the_container(tmp_path: Path) -> None:
    (tmp_path / "rootfs/sbin").mkdir(parents=True)
    root = f"{tmp_path}/rootfs"
    assert surveyed(tmp_path, f"lxc.rootfs.path = {root}\n").is_missing(f"{root}/sbin/init")
    assert surveyed(tmp_path, f"lxc.rootfs.path = {root}\nlxc.init.cmd = /my/init -v\n").is_missing(f"{root}/my/init")
