"""Root destroys or copies a container that another user owns: what that user wrote there decides nothing about the host."""

import os
from pathlib import Path

import pytest

from lxc.storage import ours

from .conftest import Host

pytestmark = pytest.mark.root

USER = 65534


@pytest.fixture
def theirs(host: Host) -> Path:
    """A container of the user's, in a path of his."""
    directory = host.path / "web"
    (directory / "rootfs/etc").mkdir(parents=True)
    (directory / "config").write_text(f"lxc.rootfs.path = dir:{directory}/rootfs\n")
    give(host)
    return directory


def give(host: Host) -> None:
    for path in (host.path, *host.path.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)


def test_a_record_that_the_user_wrote_removes_nothing_elsewhere(host: Host, theirs: Path) -> None:
    dear = host.base / "dear"
    dear.mkdir()
    (theirs / "config").write_text(f"lxc.rootfs.path = dir:{dear}\n")
    directory = os.open(theirs, os.O_RDONLY)
    ours.remember(directory, ours.identity(str(dear)))
    os.close(directory)
    give(host)
    done = host.destroy("web")
    assert dear.is_dir()
    assert (done.returncode, theirs.exists()) == (0, False)
    assert f"{dear} was left alone" in done.stderr
