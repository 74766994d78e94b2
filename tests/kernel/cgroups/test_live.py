"""Changing what limits a running container: lxc-cgroup and lxc-device, and the API's functions."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CONFIG, MAPPED, Lxc

import lxc as api
from lxc.runtime import client, commands
from lxc.runtime.place import place

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.hybrid]
LOOP = "head -c 1 /dev/zero"


def payload(name: str, file: str) -> Path:
    return Path(f"/sys/fs/cgroup/{file.partition('.')[0]}/lxc.payload.{name}/{file}")


def said(lxc: Lxc, tool: str, *words: str) -> str:
    """What a command that fails says."""
    done = lxc.run(tool, *words)
    assert done.returncode == 1
    return done.stderr


def tried(lxc: Lxc, name: str, script: str) -> bool:
    return lxc.run("lxc-attach", "-n", name, "--", "sh", "-c", script).returncode == 0


@pytest.fixture
def running(lxc: Lxc, box: str) -> str:
    lxc.start(box)
    return box


# ---- lxc-cgroup -----------------------------------------------------------------------------------------------------


def test_a_file_is_printed_with_an_empty_line_after_it(lxc: Lxc, running: str) -> None:
    assert lxc.ok("lxc-cgroup", "-n", running, "pids.max") == "max\n\n"
    assert lxc.ok("lxc-cgroup", "-n", running, "pids.max", peer=True) == "max\n\n"


def test_a_value_is_set_at_once(lxc: Lxc, running: str) -> None:
    assert lxc.ok("lxc-cgroup", running, "pids.max", "77") == ""
    assert payload(running, "pids.max").read_text() == "77\n"
    lxc.ok("lxc-cgroup", running, "cpu.shares", "99")
    assert payload(running, "cpu.shares").read_text() == "99\n"


def test_a_file_of_the_unified_hierarchy_is_there_on_a_hybrid_host(lxc: Lxc, running: str) -> None:
    lxc.ok("lxc-cgroup", running, "cgroup.max.depth", "4")
    assert Path(f"/sys/fs/cgroup/unified/lxc.payload.{running}/cgroup.max.depth").read_text() == "4\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pids.nope"], "Failed to retrieve value of 'pids.nope' for '{path}:{name}': there is no pids.nope\n"
                        "  ls /sys/fs/cgroup/pids/lxc.payload.{name} shows what there is\n"),
        (["pids.max", "x"], "Failed to assign 'x' value to 'pids.max' for '{name}': cannot set pids.max of {name} to "
                            "'x' (hybrid layout): Invalid argument\n  expected a number of processes, or max\n"),
        (["pids.max", ""], "Failed to assign '' value to 'pids.max' for '{name}': cannot set pids.max of {name} to "
                           "'' (hybrid layout): Invalid argument\n  expected a number of processes, or max\n"),
        (["pids"], "Failed to retrieve value of 'pids' for '{path}:{name}': 'pids' is no file of a control group\n"
                   "  expected CONTROLLER.FILE, such as pids.max\n"),
        (["pids.max/../x"], "Failed to retrieve value of 'pids.max/../x' for '{path}:{name}': 'pids.max/../x' is no "
                            "file of a control group\n  expected CONTROLLER.FILE, such as pids.max\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_says_which_and_why(lxc: Lxc, running: str, words: list[str], message: str) -> None:
    expected = f"lxc-cgroup: {running}: {message}".format(path=lxc.path, name=running)
    assert said(lxc, "lxc-cgroup", running, *words) == expected


def test_a_value_of_several_words_is_to_be_quoted(lxc: Lxc, running: str) -> None:
    message = said(lxc, "lxc-cgroup", running, "pids.max", "7", "8")
    assert message.startswith("lxc-cgroup: expected one VALUE, got several: quote them: '7 8'\n")
    assert payload(running, "pids.max").read_text() == "max\n"


def test_a_container_that_does_not_run_has_no_files(lxc: Lxc, box: str) -> None:
    assert said(lxc, "lxc-cgroup", box, "pids.max") == f"lxc-cgroup: {box}: '{lxc.path}:{box}' is not running\n"


def test_what_is_persisted_is_so_after_the_next_start(lxc: Lxc, running: str) -> None:
    for value in ("77", "78"):
        lxc.ok("lxc-cgroup", running, "pids.max", value, "--persist")
        assert payload(running, "pids.max").read_text() == f"{value}\n"
    lxc.ok("lxc-cgroup", "--persist", running, "devices.deny", "c 1:5 rwm")
    lxc.ok("lxc-cgroup", "--persist", running, "devices.deny", "c 1:7 rwm")
    lines = [line for line in lxc.config(running).read_text().splitlines() if "cgroup." in line and "auto" not in line]
    assert lines == [
        "lxc.cgroup.pids.max = 78",
        "lxc.cgroup.devices.deny = c 1:5 rwm",
        "lxc.cgroup.devices.deny = c 1:7 rwm",
    ]
    lxc.ok("lxc-stop", "-n", running, "-k")
    lxc.start(running)
    assert payload(running, "pids.max").read_text() == "78\n"
    assert not tried(lxc, running, "head -c 1 /dev/zero")


def test_what_the_kernel_refuses_is_not_persisted(lxc: Lxc, running: str) -> None:
    before = lxc.config(running).read_text()
    said(lxc, "lxc-cgroup", running, "pids.max", "x", "--persist")
    assert lxc.config(running).read_text() == before


def test_a_stopped_container_is_changed_in_its_configuration_alone(lxc: Lxc, box: str) -> None:
    lxc.ok("lxc-cgroup", box, "pids.max", "79", "--persist")
    lxc.start(box)
    assert payload(box, "pids.max").read_text() == "79\n"


@pytest.mark.parametrize(
    ("file", "value", "why"),
    [
        ("nope.max", "1", "this host has no controller nope"),
        ("pids.most", "1", "there is no pids.most"),
        ("pids", "1", "'pids' is no file of a control group"),
        ("pids.max", "1\nlxc.uts.name = x", "expected one line"),
        ("freezer.state", "FROZEN", "the container would be frozen before it runs"),
        ("devices.allow", "c 1:3", "expected a, or b|c MAJOR:MINOR ACCESS"),
    ],
)
def test_what_would_fail_its_next_start_is_not_persisted(lxc: Lxc, box: str, file: str, value: str, why: str) -> None:
    before = lxc.config(box).read_text()
    done = lxc.run("lxc-cgroup", box, file, value, "--persist")
    assert (done.returncode, lxc.config(box).read_text()) == (1, before)
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_what_only_the_kernel_can_judge_is_said_to_be_so(lxc: Lxc, box: str) -> None:
    done = lxc.run("lxc-cgroup", box, "pids.max", "a b", "--persist")
    assert (done.returncode, done.stderr) == (
        0, f"lxc-cgroup: {box} does not run: whether the kernel takes 'a b' is known at its next start\n"
    )  # fmt: skip
    assert "lxc.cgroup.pids.max = a b" in lxc.config(box).read_text()


def test_the_api_reads_and_sets_files(lxc: Lxc, running: str) -> None:
    it = api.Container(running, str(lxc.path))
    assert it.set_cgroup_item("pids.max", "88")
    assert it.get_cgroup_item("pids.max") == "88"
    assert not it.set_cgroup_item("pids.max", "x")
    with pytest.raises(KeyError, match="Invalid cgroup entry"):
        it.get_cgroup_item("pids.nope")


# ---- lxc-device -----------------------------------------------------------------------------------------------------


def numbers(lxc: Lxc, name: str, path: str) -> str:
    """Type and numbers of a device in the container: `c 1 5`."""
    script = f"test -c {path} && echo c $(stat -c '%t %T' {path}) || echo b $(stat -c '%t %T' {path})"
    return lxc.attach(name, "sh", "-c", script).strip()


def test_a_device_is_made_and_allowed_and_taken_away_again(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm\n")
    lxc.start(name)
    listed = payload(name, "devices.list")
    lxc.ok("lxc-device", "-n", name, "--", "add", "/dev/zero", "/dev/some/where")
    assert numbers(lxc, name, "/dev/some/where") == "c 1 5"
    assert tried(lxc, name, "head -c 1 /dev/some/where")
    assert listed.read_text() == "c 1:3 rwm\nc 1:5 rwm\n"
    lxc.ok("lxc-device", "-n", name, "--", "del", "/dev/some/where")
    assert not tried(lxc, name, "test -e /dev/some/where")
    assert listed.read_text() == "c 1:3 rwm\n"


def test_what_was_at_its_place_is_replaced(lxc: Lxc, running: str) -> None:
    lxc.attach(running, "touch", "/dev/full2")
    lxc.ok("lxc-device", running, "add", "/dev/full", "/dev/full2")
    assert numbers(lxc, running, "/dev/full2") == "c 1 7"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory with a path that means nothing else in the container: there, something may be mounted on /tmp."""
    with TemporaryDirectory(dir="/srv") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.mark.parametrize("more", ["", MAPPED], ids=["", "with ids of its own"])
def test_in_a_directory_that_the_host_shares_its_own_devices_stay(lxc: Lxc, shared: Path, more: str) -> None:
    own = shared / "own"
    os.mknod(own, stat.S_IFCHR | 0o640, os.makedev(1, 5))
    before = os.lstat(own)
    name = lxc.create(config=f"{CONFIG}{more}lxc.mount.entry = {shared} {str(shared)[1:]} none bind,create=dir 0 0\n")
    lxc.start(name)
    lxc.ok("lxc-device", name, "add", str(own))
    if more:
        lxc.ok("lxc-device", name, "del", str(own))
    else:
        told = said(lxc, "lxc-device", name, "del", str(own))
        assert (
            f"cannot remove the device {own} of {name}: it is the host's own, in a directory that the container" in told
        )
        told = said(lxc, "lxc-device", name, "add", "/dev/full", str(own))
        assert (
            f"cannot make the device {own} in {name}: it is the host's own, in a directory that the container" in told
        )
    assert (after := os.lstat(own)).st_ino == before.st_ino
    assert (after.st_mode, after.st_rdev, after.st_uid) == (before.st_mode, before.st_rdev, before.st_uid)


def test_it_has_the_mode_of_the_host_s(lxc: Lxc, running: str) -> None:
    lxc.ok("lxc-device", running, "a", "/dev/zero", "/dev/z")  # the beginning of the word is enough
    mode = lxc.attach(running, "stat", "-c", "%a", "/dev/z").strip()
    assert mode == f"{os.stat('/dev/zero').st_mode & 0o777:o}"


def test_a_link_in_the_way_is_not_followed(lxc: Lxc, running: str) -> None:
    lxc.attach(running, "ln", "-s", "/tmp", "/dev/way")
    assert said(lxc, "lxc-device", running, "add", "/dev/zero", "/dev/way/z") == (
        f"lxc-device: {running}: Failed to add /dev/zero to {running}: cannot make the device /dev/way/z in {running}: "
        "/dev/way is a symbolic link; links are not followed\n"
    )
    assert not Path("/tmp/z").exists()
    assert not tried(lxc, running, "test -e /tmp/z")


def test_what_is_no_device_is_left_alone(lxc: Lxc, running: str) -> None:
    assert "/etc/passwd is not a device" in said(lxc, "lxc-device", running, "add", "/etc/passwd")
    assert f"/etc/passwd of {running} is not a device: it is left alone" in said(
        lxc, "lxc-device", running, "del", "/etc/passwd"
    )
    assert tried(lxc, running, "test -s /etc/passwd")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "/dev/nope"], "Failed to add /dev/nope to {name}: there is no device /dev/nope on the host: "
                               "No such file or directory"),
        (["del", "/dev/nope"], "Failed to del /dev/nope from {name}: there is no device /dev/nope in {name}: "
                               "No such file or directory"),
    ],
)  # fmt: skip
def test_a_device_that_is_not_there_is_told(lxc: Lxc, running: str, words: list[str], message: str) -> None:
    assert said(lxc, "lxc-device", running, *words) == f"lxc-device: {running}: {message.format(name=running)}\n"


def test_a_container_that_does_not_run_gets_none(lxc: Lxc, box: str) -> None:
    assert said(lxc, "lxc-device", box, "add", "/dev/zero") == f"lxc-device: {box}: Container {box} is not running\n"


def test_a_container_with_ids_of_its_own_gets_the_host_s_mounted(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + MAPPED)
    lxc.start(name)
    lxc.ok("lxc-device", name, "add", "/dev/zero", "/dev/sub/zero2")
    assert numbers(lxc, name, "/dev/sub/zero2") == "c 1 5"
    assert tried(lxc, name, "head -c 1 /dev/sub/zero2")
    lxc.ok("lxc-device", name, "del", "/dev/sub/zero2")
    assert not tried(lxc, name, "test -e /dev/sub/zero2")
    lxc.attach(name, "ln", "-s", "/tmp", "/dev/way")
    assert "/dev/way is a symbolic link" in said(lxc, "lxc-device", name, "add", "/dev/zero", "/dev/way/z")


def test_the_api_gives_and_takes_devices(lxc: Lxc, running: str) -> None:
    it = api.Container(running, str(lxc.path))
    assert it.add_device_node("/dev/zero", "/dev/z")
    assert numbers(lxc, running, "/dev/z") == "c 1 5"
    assert it.remove_device_node("/dev/z")
    assert not it.remove_device_node("/dev/z")
    assert not it.add_device_node("/dev/nope")


# ---- what is not there any more ---------------------------------------------------------------------------------------


@pytest.fixture
def homeless(lxc: Lxc, request: pytest.FixtureRequest) -> str:
    """A container that runs, and whose administrator has left the cgroups that were made for it, and removed them."""
    name = lxc.create()
    with lxc.config(name).open("a") as file:
        file.write("lxc.namespace.keep = cgroup\nlxc.mount.auto = cgroup-full:rw:force\n")
        file.write(getattr(request, "param", ""))
    lxc.start(name)
    leave = f'for p in $(cat "$d/lxc.payload.{name}/cgroup.procs"); do echo $p > "$d/cgroup.procs"; done'
    script = (
        f'cd /sys/fs/cgroup; for d in *; do until rmdir "$d/lxc.payload.{name}"; do {leave}; done; done 2> /dev/null'
    )
    lxc.ok("lxc-attach", "-n", name, "-eCGROUP", "--", "sh", "-c", script)
    assert not list(Path("/sys/fs/cgroup").glob(f"*/lxc.payload.{name}"))
    return name


def test_who_cannot_be_frozen_goes_on_running(lxc: Lxc, homeless: str) -> None:
    assert "freezer.state: No such file or directory" in said(lxc, "lxc-freeze", homeless)
    assert lxc.state(homeless) == "RUNNING"


@pytest.mark.parametrize("homeless", ["", "lxc.hook.pre-start = /bin/true\n"], indirect=True, ids=["rests", "awake"])
def test_who_has_no_cgroups_can_be_attached_to_without_and_is_told_so(lxc: Lxc, homeless: str) -> None:
    message = said(lxc, "lxc-attach", homeless, "--", "true")
    assert message.endswith("No such file or directory\n  it was removed: attach with -eCGROUP\n")
    lxc.ok("lxc-attach", homeless, "-eCGROUP", "--", "true")


def test_who_was_frozen_and_cannot_be_thawed_is_killed_before_lxc_stop_returns(lxc: Lxc, homeless: str) -> None:
    client.publish_state(place(homeless, str(lxc.path)), commands.FREEZING)
    lxc.ok("lxc-stop", "-n", homeless, "-k")
    assert lxc.leftovers() == []


def test_the_files_there_are_can_be_listed(lxc: Lxc, running: str) -> None:
    names = lxc.ok("lxc-cgroup", "-n", running, "--list").splitlines()
    assert names == sorted(set(names))
    assert {"pids.max", "memory.limit_in_bytes", "cgroup.procs"} <= set(names)
    assert all(lxc.run("lxc-cgroup", "-n", running, name).returncode == 0 for name in ("pids.max", "cpu.shares"))
    assert "could not parse command line" in said(lxc, "lxc-cgroup", "-n", running, "--list", "x")
