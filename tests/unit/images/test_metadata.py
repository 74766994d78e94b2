"""What an image says of itself, and the configuration that comes of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lxc.errors import LxcError
from lxc.images import metadata
from lxc.images.metadata import Container

BOX = Container("box", "/lxc/box", "/lxc/box/rootfs")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_of_several_files_the_last_that_there_is_counts(opened: int, tmp_path: Path) -> None:
    names = metadata.files("config", "user", 7)
    assert names == ("config", "config-user", "config.7", "config-user.7")
    assert metadata.read(opened, "user", 7).texts == {}
    for name in ("config.5", "config-system", "config-system.7"):
        (tmp_path / name).write_text("not for us")
    for name in names:
        (tmp_path / name).write_text(name)
        assert metadata.read(opened, "user", 7).text("config") == name


def test_what_is_no_file_is_refused(opened: int, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config")
    with pytest.raises(LxcError, match="config is no regular file"):
        metadata.read(opened, "user", 7)


def test_what_is_too_long_is_refused(opened: int, tmp_path: Path) -> None:
    (tmp_path / "excludes").write_bytes(b"x" * (1 << 20))
    assert len(metadata.read(opened, "user", 7).text("excludes")) == 1 << 20
    (tmp_path / "excludes").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(LxcError, match="excludes is longer"):
        metadata.read(opened, "user", 7)


def test_placeholders_are_filled_in_once() -> None:
    sly = Container("LXC_PATH", "/p", "/r")
    assert metadata.filled("LXC_NAME LXC_PATH LXC_ROOTFS/x LXC_OTHER", sly) == "LXC_PATH /p /r/x LXC_OTHER"
    assert metadata.filled("LXC_HOOK_DIR/x", sly) == "/usr/share/lxc/hooks/x"
    assert os.access(metadata.filled("LXC_HOOK_DIR/clonehostname", sly), os.X_OK)
    assert not metadata.filled("LXC_HOOK_DIR/clonehostname", sly).startswith("/usr/share/lxc/")
    assert os.path.isdir(metadata.filled("LXC_HOOK_DIR", sly))
    assert metadata.filled("a LXC_TEMPLATE_CONFIG/common.conf b", sly) == "a /usr/share/lxc/config/common.conf b"


def test_the_parts_of_a_configuration_come_in_their_order() -> None:
    first = "# top\nlxc.net.0.type = veth\n#lxc.old = 1\nlxc.tty.max = 2\nlxc.net.1.type = empty\nlxc.net.0.name = a\n"
    assert (
        metadata.assembled(first, "lxc.arch = x86_64\n\n", BOX, has_fstab=True)
        == """\
# top

# Distribution configuration
lxc.arch = x86_64

# Container specific configuration
#lxc.old = 1
lxc.tty.max = 2
lxc.net.1.type = empty
lxc.mount.fstab = /lxc/box/fstab
lxc.uts.name = box

# Network configuration
lxc.net.0.type = veth
lxc.net.0.name = a
"""
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a b", 'lxc.uts.name = "a b"'),
        ("#", 'lxc.uts.name = "#"'),
        ("x" * 64, f"lxc.uts.name = {'x' * 64}"),
        ("x" * 65, ""),
    ],
)
def test_a_name_is_written_so_that_it_is_read_again(name: str, line: str) -> None:
    text = metadata.assembled("", "", BOX.replace(name=name), has_fstab=False)
    assert [row for row in text.split("\n") if "uts.name" in row] == [line] * bool(line)
