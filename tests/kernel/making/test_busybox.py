"""The busybox template."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lxc.images import template

from .conftest import Host

pytestmark = pytest.mark.root

BUSYBOX = template.find("busybox")


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUSYBOX, *map(str, words)], text=True, capture_output=True)


@pytest.fixture
def made(host: Host) -> Path:
    """The directory of a container that the template filled."""
    (host.path / "web").mkdir(parents=True)
    done = run(f"--path={host.path}/web", "--name=web", f"--rootfs={host.path}/web/rootfs")
    assert (done.returncode, done.stderr) == (0, "")
    return host.path / "web"


def test_every_command_of_busybox_is_there(made: Path) -> None:
    applets = subprocess.run(["busybox", "--list"], text=True, capture_output=True, check=True).stdout.split()
    directory = made / "rootfs/bin"
    assert {name for name in os.listdir(directory) if (directory / name).is_symlink()} == {*applets} - {"busybox"}
    assert all(os.readlink(directory / name) == "busybox" for name in applets if name != "busybox")
    assert (made / "rootfs/sbin/init").samefile(directory / "busybox")


def test_it_runs_there(made: Path) -> None:
    done = subprocess.run(["chroot", made / "rootfs", "/bin/sh", "-c", "id -un"], text=True, capture_output=True)
    assert done.stdout == "root\n"


def test_its_dhcp_client_finds_its_script(made: Path) -> None:
    script = made / "rootfs/etc/udhcpc/default.script"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["busybox", "sh", "-n", script]).returncode == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--nosuch",), "unrecognized arguments: --nosuch"),
        ((), "'path' parameter is required"),
        (("--path={path}", "--busybox-path=/nosuch"), "/nosuch is not a program"),
        (("--path={path}", "--busybox-path=/bin/true"), "among its"),
    ],
)
def test_what_makes_no_sense_is_an_error(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    done = run(*(word.format(path=tmp_path) for word in words))
    assert done.returncode == 1
    assert why in done.stderr
    assert not (tmp_path / "rootfs/bin/sh").exists()


def test_without_busybox_it_names_the_package(tmp_path: Path) -> None:
    words, environment = (sys.executable, BUSYBOX, f"--path={tmp_path}"), {"PATH": "/nonexistent"}
    done = subprocess.run(words, text=True, capture_output=True, env=environment)
    assert done.returncode == 1
    assert "busybox-static" in done.stderr


def test_help_is_no_error() -> None:
    done = run("-h")
    assert done.returncode == 0
    assert "--busybox-path" in done.stdout


@pytest.mark.parametrize("link", ["etc", "bin", "tmp", "usr", "etc/init.d", "sbin"])
def test_a_link_in_a_root_that_was_there_leads_nowhere(host: Host, link: str) -> None:
    root, precious = host.base / "root", host.base / "precious"
    precious.mkdir()
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(precious)
    assert host.create("web", "-t", "busybox", "--dir", root).returncode == 1
    assert os.listdir(precious) == []
    assert (root / link).is_symlink()


@pytest.mark.parametrize("link", ["etc/passwd", "etc/inittab", "bin/busybox", "sbin/init", "etc/udhcpc/default.script"])
def test_a_link_in_a_files_place_is_replaced_not_followed(host: Host, link: str) -> None:
    root, precious = host.base / "root", host.base / "precious"
    precious.write_text("dear")
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(precious)
    assert host.create("web", "-t", "busybox", "--dir", root).returncode == 0
    assert precious.read_text() == "dear"
    assert not (root / link).is_symlink()


def test_a_name_that_no_host_can_have_is_not_written_as_one(host: Host) -> None:
    assert host.create("x" * 65, "-t", "busybox").returncode == 0
    assert "lxc.uts.name" not in (host.path / ("x" * 65) / "config").read_text()
