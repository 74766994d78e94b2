"""Files of processes are read and written in the kernel's proc, whatever is mounted at its place, or in it."""

import errno
import os
from collections.abc import Callable

import pytest

from lxc.kernel import mount, procfs
from lxc.kernel.fs import closing

pytestmark = pytest.mark.root


def read_over(source: str, target: str, fstype: str | None, flags: int, path: str) -> str:
    """Read `path` of proc with something mounted at `target`: the text, or the error's words."""
    mount.mount(source, target, fstype, flags)
    try:
        with closing(procfs.root()) as root:
            return procfs.read(root, path)
    except OSError as error:
        return error.strerror or str(error)


@pytest.mark.parametrize(
    ("source", "fstype", "flags"), [("tmpfs", "tmpfs", 0), ("/proc/sys", None, mount.MS_BIND)], ids=["tmpfs", "a part"]
)
def test_what_is_not_the_whole_proc_is_refused(
    apart: Callable[[Callable[[], object]], object], source: str, fstype: str | None, flags: int
) -> None:
    said = apart(lambda: read_over(source, "/proc", fstype, flags, "kernel/ostype"))
    assert said == "/proc is not the kernel's"


def test_what_is_mounted_in_it_is_not_entered(apart: Callable[[Callable[[], object]], object]) -> None:
    me = os.getpid()
    assert apart(lambda: read_over("tmpfs", f"/proc/{me}", "tmpfs", 0, f"{me}/status")) == os.strerror(errno.EXDEV)


def test_no_link_of_a_process_is_followed() -> None:
    with closing(procfs.root()) as root, pytest.raises(OSError, match="symbolic links") as caught:
        procfs.openat(root, f"{os.getpid()}/root/etc/passwd", os.O_RDONLY)
    assert caught.value.errno == errno.ELOOP


def test_a_file_is_read_whole_and_written() -> None:
    path = f"{os.getpid()}/comm"
    with closing(procfs.root()) as root:
        before = procfs.read(root, path)
        procfs.write(path, "another")
        assert procfs.read(root, path) == "another\n"
        procfs.write(path, before.strip())
        assert procfs.read(root, "kallsyms").count("\n") > 1000
