"""The template `local`: an image that is on this host."""

import bz2
import gzip
import lzma
import os
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Lxc
from tests.imageserver import image, member

from lxc.images import template

from .conftest import Host

pytestmark = pytest.mark.root

MAPPED = "lxc.net.0.type = empty\nlxc.idmap = u 0 700000 65536\nlxc.idmap = g 0 700000 65536\n"


@pytest.fixture
def archives(tmp_path: Path) -> tuple[str, str]:
    for above in (tmp_path, *tmp_path.parents):
        if above.owner() == "root" and str(above).startswith("/tmp/"):
            above.chmod(0o755)
    for name, data in image().items():
        (tmp_path / name).write_bytes(data)
    return str(tmp_path / "rootfs.tar.xz"), str(tmp_path / "meta.tar.xz")


@pytest.mark.parametrize("first", ["lxc.net.0.type = empty\n", MAPPED])
def test_a_container_is_made_and_runs(lxc: Lxc, archives: tuple[str, str], tmp_path: Path, first: str) -> None:
    (tmp_path / "initial").write_text(first)
    name = f"web-{lxc.tag}"
    words = ("--", "-f", archives[0], "-m", archives[1])
    said = lxc.ok("lxc-create", "-n", name, "-t", "local", "-f", str(tmp_path / "initial"), *words)
    assert said.splitlines() == ["Unpacking the rootfs", "", "---", "Welcome to LXC_NAME"]
    lxc.start(name)
    assert lxc.attach(name, "cat", "/etc/hostname") == f"{name}\n"
    base = 700000 if first == MAPPED else 0
    assert (lxc.rootfs(name).stat().st_uid, lxc.config(name).stat().st_uid) == (base, 0)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
def test_any_compression_is_understood(
    host: Host, archives: tuple[str, str], tmp_path: Path, pack: type[bytes]
) -> None:
    for name in ("rootfs", "meta"):
        (tmp_path / name).write_bytes(pack(lzma.decompress((tmp_path / f"{name}.tar.xz").read_bytes())))
    words = ("--", "--fstree", tmp_path / "rootfs", "--metadata", tmp_path / "meta")
    assert host.create("web", "-t", "local", *words).returncode == 0
    assert (host.path / "web/rootfs/etc/hostname").read_text() == "web\n"


def test_without_metadata_it_has_what_all_containers_have(host: Host, archives: tuple[str, str]) -> None:
    assert host.create("web", "-t", "local", "--", "-f", archives[0]).returncode == 0
    assert "/common.conf\n" in (host.path / "web/config").read_text()
    assert (host.path / "web/rootfs/etc/hostname").read_text() == "LXC_NAME\n"


def test_what_is_in_dev_may_be_left_out(host: Host, tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(image(member("./dev/file", b"x"))["rootfs.tar.xz"])
    for name, words, expected in (("with", (), ["file", "pts"]), ("without", ("--no-dev",), ["pts"])):
        assert host.create(name, "-t", "local", "--", "-f", tmp_path / "root", *words).returncode == 0
        assert sorted(os.listdir(host.path / name / "rootfs/dev")) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say --fstree"),
        (("-f", "{0}/nosuch"), "cannot open {0}/nosuch: No such file"),
        (("-f", "{0}"), "{0} is no file"),
        (("-f", "{0}/text"), "cannot unpack {0}/text"),
        (("-f", "{0}/rootfs.tar.xz", "-m", "{0}/text"), "cannot unpack {0}/text"),
        (("-f", "{0}/cut"), "cannot unpack {0}/cut"),
    ],
)
def test_what_cannot_be_is_said(
    host: Host, archives: tuple[str, str], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "text").write_text("no archive" * 1000)
    (tmp_path / "cut").write_bytes(Path(archives[0]).read_bytes()[:100_000])
    done = host.create("web", "-t", "local", "--", *(word.format(tmp_path) for word in words))
    assert (done.returncode, host.made()) == (1, [])
    assert said.format(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_help_makes_no_container(host: Host) -> None:
    assert subprocess.run([template.find("local"), "-h"], capture_output=True).returncode == 1
    assert host.create("web", "-t", "local", "--", "-h").returncode == 1
    assert host.made() == []
