"""No link is followed below a hostile root: whatever kind it is, wherever it stands, and however fast it comes."""

import ctypes
import errno
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import forked

from lxc import beneath
from lxc.kernel import fs
from lxc.kernel.fs import closing

_RENAME_EXCHANGE = 2


class Tree:
    """`root`, which is hostile, and `outside`, which must stay as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path / "root"
        self.outside = path / "outside"
        (self.path / "dir/sub").mkdir(parents=True)
        (self.path / "dir/file").write_text("inside")
        (self.outside / "sub").mkdir(parents=True)
        (self.outside / "file").write_text("secret")
        self.fd = os.open(self.path, os.O_PATH | os.O_DIRECTORY)
        self.before = self.state()

    def link(self, path: str, target: str) -> None:
        (self.path / path).symlink_to(target)

    def state(self) -> list[str]:
        return sorted(str(path) for path in self.outside.rglob("*"))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path)
    yield tree
    os.close(tree.fd)
    assert tree.state() == tree.before


Action = Callable[[int, str], object]


def open_it(root: int, path: str) -> None:
    os.close(beneath.open(root, path, os.O_PATH))


ACTIONS: list[Action] = [open_it, beneath.make_directory, beneath.make_file]
LINKS = [
    ("link", "dir"),  # relative
    ("link", "/dir"),  # absolute: below the root if it were followed as the container means it
    ("link", "../outside"),
    ("link", "/etc"),
    ("link", "nowhere"),  # dangling
    ("link", "link"),  # circular
    ("link", "."),
    ("dir/link", "sub"),
    ("dir/sub/link", "../../../outside"),
    ("link", "/proc/self/root"),
    ("link", "/proc/self/cwd"),
]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("behind", ["", "/new", "/sub", "/sub/new", "/file"])
@pytest.mark.parametrize(("link", "target"), LINKS)
def test_a_link_is_an_error_that_names_it(tree: Tree, action: Action, behind: str, link: str, target: str) -> None:
    tree.link(link, target)
    before = sorted(tree.path.rglob("*"))
    with pytest.raises(OSError) as caught:
        action(tree.fd, link + behind)
    assert caught.value.errno == errno.ELOOP
    assert str(caught.value.strerror) == f"/{link} is a symbolic link; links are not followed"
    assert sorted(tree.path.rglob("*")) == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("path", ["..", "../outside", "dir/../../outside/file", "dir/sub/../../.."])
def test_a_path_that_leads_out_is_refused(tree: Tree, action: Action, path: str) -> None:
    with pytest.raises(OSError) as caught:
        action(tree.fd, path)
    assert caught.value.errno == errno.EXDEV
    assert "leads out of the directory that it is to be in" in str(caught.value)


def test_dots_that_stay_inside_are_fine(tree: Tree) -> None:
    with closing(beneath.open(tree.fd, "dir/sub/../file", os.O_RDONLY)) as fd:
        assert os.read(fd, 10) == b"inside"
    beneath.make_directory(tree.fd, "dir/../dir/./new")
    assert (tree.path / "dir/new").is_dir()


@pytest.mark.parametrize("path", ["/dir/file", "dir/file", "//dir//file", "./dir/file"])
def test_a_leading_slash_means_the_root(tree: Tree, path: str) -> None:
    with closing(beneath.open(tree.fd, path, os.O_RDONLY)) as fd:
        assert os.read(fd, 10) == b"inside"


@pytest.mark.parametrize("path", ["", "/", "."])
def test_nothing_means_the_root_itself(tree: Tree, path: str) -> None:
    with closing(beneath.open(tree.fd, path, os.O_PATH | os.O_DIRECTORY)) as fd:
        assert os.path.samestat(os.fstat(fd), tree.path.stat())
    beneath.make_directory(tree.fd, path)


def test_the_magic_links_of_proc_are_links(tree: Tree) -> None:
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    with closing(proc):
        me = os.getpid()
        for path in ("self", "self/root", f"{me}/root", f"{me}/root/etc", f"{me}/fd/{tree.fd}/x"):
            with pytest.raises(OSError) as caught:
                open_it(proc, path)
            assert caught.value.errno == errno.ELOOP


def test_an_opened_descriptor_is_close_on_exec(tree: Tree) -> None:
    with closing(beneath.open(tree.fd, "dir", os.O_PATH)) as fd:
        assert not os.get_inheritable(fd)


def test_a_mount_is_crossed_unless_it_must_not_be() -> None:
    with closing(os.open("/", os.O_PATH | os.O_DIRECTORY)) as root:
        os.close(beneath.open(root, "proc/self/stat".replace("self", str(os.getpid())), os.O_RDONLY))
        with pytest.raises(OSError) as caught:
            beneath.open(root, "proc/version", os.O_RDONLY, same_mount=True)
    assert caught.value.errno == errno.EXDEV
    assert "leads out" not in str(caught.value)


def test_directories_are_made_with_their_mode_all_the_way(tree: Tree) -> None:
    umask = os.umask(0)
    try:
        beneath.make_directory(tree.fd, "a/b/c", 0o750)
    finally:
        os.umask(umask)
    assert [(tree.path / path).stat().st_mode & 0o7777 for path in ("a", "a/b", "a/b/c")] == [0o750] * 3


def test_what_exists_is_left_as_it_is(tree: Tree) -> None:
    (tree.path / "dir").chmod(0o700)
    (tree.path / "dir/file").chmod(0o640)
    beneath.make_directory(tree.fd, "dir/sub")
    beneath.make_file(tree.fd, "dir/file")
    beneath.make_file(tree.fd, "dir/sub")
    assert (tree.path / "dir").stat().st_mode & 0o777 == 0o700
    assert (tree.path / "dir/file").stat().st_mode & 0o777 == 0o640
    assert (tree.path / "dir/file").read_text() == "inside"


def test_a_file_is_made_empty_with_the_directories_above_it(tree: Tree) -> None:
    umask = os.umask(0)
    try:
        beneath.make_file(tree.fd, "/x/y/file", 0)
    finally:
        os.umask(umask)
    made = (tree.path / "x/y/file").stat()
    assert (made.st_size, made.st_mode) == (0, 0o100000)


@pytest.mark.parametrize("path", ["dir/file", "dir/file/below", "dir/file/below/that"])
def test_a_file_in_the_way_of_a_directory_is_an_error(tree: Tree, path: str) -> None:
    with pytest.raises(OSError) as caught:
        beneath.make_directory(tree.fd, path)
    assert caught.value.errno == errno.ENOTDIR


def test_a_failure_leaves_no_descriptor_open(tree: Tree) -> None:
    tree.link("dir/link", "sub")
    before = os.listdir("/proc/self/fd")
    for action in ACTIONS:
        for path in ("dir/link/x", "dir/file/x/y", "../x"):
            with pytest.raises(OSError):
                action(tree.fd, path)
        action(tree.fd, "dir/sub")
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("action", [beneath.make_directory, beneath.make_file, open_it])
def test_a_directory_that_becomes_a_link_while_it_is_walked_leads_nowhere(tree: Tree, action: Action) -> None:
    """Another process swaps the two all the time (renameat2(2), RENAME_EXCHANGE)."""
    tree.link("swap", "../outside")
    swapper = os.fork()
    if swapper == 0:
        try:
            _swap_for_ever(str(tree.path / "swap"), str(tree.path / "dir"))
        finally:
            os._exit(1)
    done = 0
    refused: list[int] = []
    try:
        deadline = time.monotonic() + 10
        while min(done, len(refused)) < 200 and time.monotonic() < deadline:
            try:
                action(tree.fd, f"dir/sub/{done}" if action is not open_it else "dir/file")
                done += 1
            except OSError as error:
                refused.append(error.errno or 0)
    finally:
        os.kill(swapper, 9)
        os.waitpid(swapper, 0)
    assert done > 0
    assert errno.ELOOP in refused
    assert set(refused) <= {errno.ELOOP, errno.ENOENT}


def _swap_for_ever(one: str, other: str) -> None:
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    names = (ctypes.c_char_p(one.encode()), ctypes.c_char_p(other.encode()))
    while True:
        renameat2(-100, names[0], -100, names[1], _RENAME_EXCHANGE)
        for _ in range(300):
            pass


@pytest.mark.root
def test_dots_are_not_lost_to_whoever_mounts_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "f").touch()
    script = f"while :; do mount -t tmpfs x {tmp_path}/m; umount {tmp_path}/m; done"
    busy = subprocess.Popen(["unshare", "--mount", "sh", "-c", script])
    try:
        with closing(os.open(tmp_path, os.O_PATH)) as root:
            end = time.monotonic() + 2
            while time.monotonic() < end:
                os.close(fs.openat2(root, "../" * 8 + "f", os.O_RDONLY, resolve=fs.RESOLVE_IN_ROOT))
    finally:
        busy.kill()
        busy.wait()


def test_a_directory_that_cannot_be_opened_when_it_is_made_does_not_stay(tree: Tree) -> None:
    def runs_out() -> str:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # of new ones
        try:
            beneath.new_directory(tree.fd, "new", 0o755)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return ""

    assert forked(runs_out) == "EMFILE"
    assert not (tree.path / "new").exists()
