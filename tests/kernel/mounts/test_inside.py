"""Each step, in a mount namespace of its own: what is mounted then, and what is said if it cannot be."""

import errno
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lxc.kernel import mount, mountinfo, process
from lxc.kernel.fs import closing
from lxc.mounts import inside, plan
from lxc.mounts.plan import (
    NODEV,
    NOEXEC,
    NOSUID,
    RDONLY,
    Bind,
    BootId,
    Device,
    Link,
    MakeDir,
    MakeFile,
    Move,
    New,
    Step,
)
from lxc.storage.inside import take_root
from lxc.storage.plan import RootPlan
from lxc.values import mount as values

pytestmark = pytest.mark.root

Apart = Callable[[Callable[[], object]], object]


class Place:
    """`root`, below which steps are performed, and `host`, where sources are."""

    def __init__(self, path: Path) -> None:
        self.path, self.root, self.host = path, path / "root", path / "host"
        for directory in (self.root / "dir/sub", self.host / "data", self.host / "below"):
            directory.mkdir(parents=True)
        (self.root / "file").write_text("container")
        (self.host / "file").write_text("host")
        (self.host / "data/x").write_text("host")

    def perform(self, *steps: Step) -> None:
        with closing(os.open(self.root, os.O_PATH | os.O_DIRECTORY)) as root:
            for step in steps:
                try:
                    inside.perform(step, root)
                except OSError:
                    if not step.optional:
                        raise

    def failure(self, step: Step) -> tuple[int | None, str, str]:
        """(errno, text, file name) with which the step fails, optional or not."""
        with closing(os.open(self.root, os.O_PATH | os.O_DIRECTORY)) as root:
            try:
                inside.perform(step, root)
            except OSError as error:
                return error.errno, error.strerror or "", str(error.filename or "")
        return 0, "", ""

    def entry(self, text: str) -> None:
        steps, _ = plan.entries([(values.parse(text), "config:1")], (str(self.root),))
        self.perform(*steps)

    def mounts(self) -> list[str]:
        """`target type options` of what is mounted below root, in order; options are those of the mount, sorted."""
        found = []
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            _, _, _, _, path, options, *tags = before.split()
            if path.startswith(f"{self.root}"):
                words = [word for word in options.split(",") if word not in ("rw", "relatime")]
                words += [tag.partition(":")[0] for tag in tags]
                target = path.removeprefix(str(self.root)).lstrip("/") or "."
                found.append(f"{target} {after.split()[0]} {','.join(sorted(words))}".rstrip())
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def apart(apart: Apart, tmp_path: Path) -> Apart:
    """The same, where this test's files are on a mount that has no attribute of the host's (noatime)."""

    def run(function: Callable[[], object]) -> object:
        subprocess.run(["mount", "--bind", "-o", "relatime", tmp_path, tmp_path], check=True)
        return function()

    return lambda function: apart(lambda: run(function))


def fstype(path: Path) -> str:
    """The type of the file system below the mounts of these tests."""
    best, kind = "", ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        where = before.split()[4]
        if f"{path}/".startswith(where.rstrip("/") + "/") and len(where) >= len(best):
            best, kind = where, after.split()[0]
    return kind


def test_directories_and_files_for_targets_are_made(place: Place) -> None:
    place.perform(MakeDir("a/b"), MakeFile("c/d"))
    assert (place.root / "a/b").is_dir()
    assert stat.S_IMODE((place.root / "c/d").stat().st_mode) == 0


def test_a_bind_shows_the_hosts_directory(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(Bind(f"{place.host}/data", "dir"))
        (place.root / "dir/new").write_text("written")
        return place.mounts(), (place.root / "dir/x").read_text()

    kind = fstype(place.path)
    assert apart(run) == ([f"dir {kind}"], "host")
    assert (place.host / "data/new").read_text() == "written"
    assert place.mounts() == []


def test_a_bind_has_its_attributes_from_the_first_moment_and_the_host_keeps_its_own(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(Bind(f"{place.host}/data", "dir", RDONLY | NOSUID | NODEV | NOEXEC))
        (place.host / "data/y").write_text("still writable")
        try:
            (place.root / "dir/new").write_text("")
        except OSError as error:
            return place.mounts(), error.errno
        return place.mounts(), 0

    assert apart(run) == ([f"dir {fstype(place.path)} nodev,noexec,nosuid,ro"], errno.EROFS)


def test_attributes_can_be_taken_away_again(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(Bind(f"{place.host}/data", "dir", RDONLY | NOEXEC))
        place.perform(Bind("dir", "dir/sub", attr_clear=RDONLY, in_root=True))
        return place.mounts()

    (place.host / "data/sub").mkdir()
    kind = fstype(place.path)
    assert apart(run) == [f"dir {kind} noexec,ro", f"dir/sub {kind} noexec"]


@pytest.mark.parametrize("relative", [False, True])
def test_a_mount_that_is_moved_is_gone_where_it_was_and_has_what_its_options_say(
    place: Place, apart: Apart, relative: bool
) -> None:
    def run() -> object:
        at = f"{place.root}/dir/sub" if relative else f"{place.host}/data"
        mount.mount("none", at, "tmpfs")
        Path(at, "y").write_text("moved")
        (place.root / "goal").mkdir()
        source = "dir/sub goal none relative" if relative else f"{at} goal none "
        place.entry(f"{source},move,ro,nosuid,shared")
        return place.mounts(), (place.root / "goal/y").read_text(), os.path.ismount(at)

    assert apart(run) == (["goal tmpfs nosuid,ro,shared"], "moved", False)


def test_only_a_mount_can_be_moved(place: Place, apart: Apart) -> None:
    assert apart(lambda: place.failure(Move(f"{place.host}/data", "dir"))[0]) == errno.EINVAL


def test_a_file_is_bound_on_a_file(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(Bind(f"{place.host}/file", "file", RDONLY))
        return (place.root / "file").read_text()

    assert apart(run) == "host"
    assert (place.root / "file").read_text() == "container"


@pytest.mark.parametrize("recursive", [False, True])
def test_only_a_recursive_bind_brings_what_is_mounted_below_with_the_same_attributes(
    place: Place, apart: Apart, recursive: bool
) -> None:
    def run() -> object:
        mount.mount("none", f"{place.host}/below", "tmpfs")
        place.perform(Bind(str(place.host), "dir", RDONLY, recursive=recursive))
        return place.mounts()

    below = ["dir/below tmpfs ro"] if recursive else []
    assert apart(run) == [f"dir {fstype(place.path)} ro", *below]


def test_a_new_file_system_has_its_options(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(New("tmpfs", "mine", "dir", NOSUID | NODEV, ("size=64k", "mode=0700", "nr_inodes=10")))
        status, space = (place.root / "dir").stat(), os.statvfs(place.root / "dir")
        return place.mounts(), status.st_mode & 0o777, space.f_blocks * space.f_frsize, space.f_files

    assert apart(run) == (["dir tmpfs nodev,nosuid"], 0o700, 65536, 10)


def test_a_new_file_system_has_the_name_of_its_source(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(New("tmpfs", "mine", "dir"))
        return [
            line.split()[-2] for line in Path("/proc/self/mountinfo").read_text().splitlines() if "root/dir" in line
        ]

    assert apart(run) == ["mine"]


@pytest.mark.parametrize("fstype", ["mqueue", "cgroup2"])
def test_a_file_system_that_others_have_as_well_stays_writable_for_them(
    place: Place, apart: Apart, fstype: str
) -> None:
    def run() -> object:
        process.unshare(process.CLONE_NEWIPC)
        place.perform(New(fstype, "none", "dir", RDONLY), New(fstype, "none", "dir/../new"))
        return [os.statvfs(place.root / path).f_flag & os.ST_RDONLY for path in ("dir", "new")]

    (place.root / "new").mkdir()
    assert apart(run) == [os.ST_RDONLY, 0]


def test_a_new_file_system_can_be_read_only(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(New("tmpfs", "none", "dir", RDONLY))
        return place.mounts(), place.failure(MakeDir("dir/x"))[0]

    assert apart(run) == (["dir tmpfs ro"], errno.EROFS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("none dir tmpfs noatime", "dir tmpfs noatime"),
        ("none dir tmpfs nodiratime,noatime", "dir tmpfs noatime,nodiratime"),
        ("none dir tmpfs nosymfollow", "dir tmpfs nosymfollow"),
        ("none dir tmpfs strictatime", "dir tmpfs"),
        ("none dir tmpfs shared", "dir tmpfs shared"),
        ("none new tmpfs create=dir,size=1m", "new tmpfs"),
        ("{host} dir none bind,noatime,nodev", "dir {kind} noatime,nodev"),
        ("{host} dir none bind,shared", "dir {kind} shared"),
        ("{host} dir none rbind,slave,ro", "dir {kind} ro"),
        ("{host} new/deep none bind,create=dir,nosuid", "new/deep {kind} nosuid"),
        ("{host}/file new none bind,create=file,ro", "new {kind} ro"),
        ("dir dir/sub none bind,relative,ro", "dir/sub {kind} ro"),
        ("{host} {root}/dir none bind,ro", "dir {kind} ro"),
    ],
)
def test_an_entry_is_mounted_as_it_says(place: Place, apart: Apart, text: str, line: str) -> None:
    def run() -> object:
        place.entry(text.format(host=place.host, root=place.root))
        return place.mounts()

    assert apart(run) == [line.format(kind=fstype(place.path))]


def test_a_shared_entry_is_shared_with_who_comes_later_only(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.entry(f"{place.host} dir none rbind,rshared")
        return place.mounts()

    assert apart(run) == [f"dir {fstype(place.path)} shared"]


def test_what_the_kernel_says_of_a_wrong_option_is_in_the_error(place: Place, apart: Apart) -> None:
    number, text, _ = apart(lambda: place.failure(New("tmpfs", "none", "dir", data=("frobnicate=1",))))  # type: ignore[misc]
    assert number == errno.EINVAL
    assert text == "Invalid argument (tmpfs: Unknown parameter 'frobnicate')"


def test_what_the_kernel_says_of_a_wrong_value_is_in_the_error(place: Place, apart: Apart) -> None:
    _, text, _ = apart(lambda: place.failure(New("tmpfs", "none", "dir", data=("size=much",))))  # type: ignore[misc]
    assert "Bad value for 'size'" in text


def test_what_a_file_system_says_that_cannot_be_made_is_in_the_error(place: Place, apart: Apart) -> None:
    options = ("lowerdir=/no/such/directory", f"upperdir={place.host}/data", f"workdir={place.host}/below")
    number, text, _ = apart(lambda: place.failure(New("overlay", "none", "dir", data=options)))  # type: ignore[misc]
    assert number == errno.ENOENT
    assert text.startswith("No such file or directory")


@pytest.mark.parametrize(
    ("step", "number", "name"),
    [
        (New("nosuchfs", "none", "dir"), errno.ENODEV, "nosuchfs"),
        (Bind("/no/such/source", "dir"), errno.ENOENT, "/no/such/source"),
        (Bind("no/such", "dir", in_root=True), errno.ENOENT, "no/such"),
        (Bind("/proc", "missing"), errno.ENOENT, "missing"),
        (New("tmpfs", "none", "missing/deep"), errno.ENOENT, "missing/deep"),
    ],
)
def test_a_missing_thing_is_named(place: Place, apart: Apart, step: Step, number: int, name: str) -> None:
    found = apart(lambda: place.failure(step))
    assert isinstance(found, tuple)
    assert (found[0], found[2]) == (number, name)


def test_a_directory_is_not_mounted_on_a_file_nor_a_file_on_a_directory(place: Place, apart: Apart) -> None:
    assert apart(lambda: place.failure(Bind(str(place.host), "file"))) == (
        errno.ENOTDIR, "a directory cannot be mounted on a file", "file",
    )  # fmt: skip
    assert apart(lambda: place.failure(Bind(f"{place.host}/file", "dir"))) == (
        errno.ENOTDIR, "a file cannot be mounted on a directory", "dir",
    )  # fmt: skip


STEPS: list[Callable[[str], Step]] = [
    lambda target: Bind("/proc", target),
    lambda target: Bind("/proc", target, in_root=False, recursive=True),
    lambda target: Bind(target, "dir", in_root=True),
    lambda target: New("tmpfs", "none", target),
    lambda target: MakeDir(target),
    lambda target: MakeFile(target),
    lambda target: Device(f"{target}/null", 1, 3),
    lambda target: Link(f"{target}/fd", "/proc/self/fd"),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("link", ["../host/data", "{host}/data", "dir"])
def test_no_step_goes_through_a_link_of_the_containers(
    place: Place, apart: Apart, step: Callable[[str], Step], link: str
) -> None:
    (place.root / "link").symlink_to(link.format(host=place.host))
    before = sorted(place.path.rglob("*"))

    def run() -> object:
        return place.failure(step("link"))[:2], mountinfo.mount_points()

    found = apart(run)
    assert isinstance(found, tuple)
    assert found[0] == (errno.ELOOP, "/link is a symbolic link; links are not followed")
    assert not [path for path in found[1] if path.startswith(f"{place.path}/")]
    assert sorted(place.path.rglob("*")) == before


def test_devices_are_made_with_their_numbers_and_modes_whatever_the_umask_of_init_was(
    place: Place, apart: Apart
) -> None:
    def run() -> object:
        os.umask(0)
        place.perform(*plan.autodev(500000), *plan.devices(), *plan.LINKS)
        dev = place.root / "dev"
        found = {path.name: path.lstat() for path in dev.iterdir() if stat.S_ISCHR(path.lstat().st_mode)}
        nodes = {name: (os.major(status.st_rdev), os.minor(status.st_rdev)) for name, status in found.items()}
        modes = {stat.S_IMODE(status.st_mode) for status in found.values()}
        links = {path.name: os.readlink(path) for path in dev.iterdir() if path.is_symlink()}
        (dev / "null").write_text("swallowed")
        return nodes, modes, links, place.mounts(), os.statvfs(dev).f_blocks * os.statvfs(dev).f_frsize

    nodes, modes, links, mounts, size = apart(run)  # type: ignore[misc]
    assert nodes == {"full": (1, 7), "null": (1, 3), "random": (1, 8), "tty": (5, 0), "urandom": (1, 9), "zero": (1, 5)}
    assert modes == {0o666}
    assert links == {
        "fd": "/proc/self/fd",
        **{f"std{w}": f"/proc/self/fd/{n}" for n, w in enumerate(("in", "out", "err"))},
    }
    assert mounts == ["dev tmpfs"]
    assert 500000 - 4096 <= size <= 500000 + 4096


def test_a_device_or_link_that_is_there_already_is_left(place: Place) -> None:
    (place.root / "dir/null").write_text("mine")
    (place.root / "dir/fd").symlink_to("elsewhere")
    place.perform(Device("dir/null", 1, 3), Link("dir/fd", "/proc/self/fd"))
    assert (place.root / "dir/null").read_text() == "mine"
    assert os.readlink(place.root / "dir/fd") == "elsewhere"


def test_mixed_proc_protects_the_host_and_leaves_the_network(place: Place, apart: Apart) -> None:
    (place.root / "proc").mkdir()

    def run() -> object:
        place.perform(*plan.proc("mixed", keeps_net_admin=True))
        writable = [
            os.access(place.root / "proc" / path, os.W_OK)
            for path in ("sys/kernel/hostname", "sys/net/ipv4/ip_forward", "self/comm")
        ]
        return place.mounts(), writable

    mounts, writable = apart(run)  # type: ignore[misc]
    assert mounts == [
        "proc proc nodev,noexec,nosuid",
        "proc/sys proc nodev,noexec,nosuid,ro",
        "proc/sys/net proc nodev,noexec,nosuid",
        *(["proc/sysrq-trigger proc nodev,noexec,nosuid,ro"] if os.path.exists("/proc/sysrq-trigger") else []),
    ]
    assert writable == [False, True, True]


def test_mixed_sys_is_read_only_but_for_the_containers_network_devices(place: Place, apart: Apart) -> None:
    def run() -> object:
        process.unshare(process.CLONE_NEWNET)
        place.perform(*plan.sys("mixed"))
        sys = place.root / "sys"
        devices = sys / "devices/virtual/net/lo"
        (devices / "ifalias").write_text("mine")
        try:
            (sys / "kernel/profiling").write_text("0")
        except OSError as error:
            return place.mounts(), (devices / "ifalias").read_text(), error.errno
        return None

    assert apart(run) == (
        ["sys sysfs nodev,noexec,nosuid,ro", "sys/devices/virtual/net sysfs nodev,noexec,nosuid"],
        "mine\n",
        errno.EROFS,
    )


def test_mixed_sys_takes_nothing_from_the_hosts_sys(place: Place, apart: Apart) -> None:
    def run() -> object:
        place.perform(*plan.sys("mixed"))
        return place.mounts()[0]

    assert apart(run) == "sys sysfs nodev,noexec,nosuid,ro"
    assert os.access("/sys/class/net/lo/ifalias", os.W_OK)


def test_the_boot_id_is_the_containers_own_and_stays_the_same(place: Place, apart: Apart) -> None:
    (place.root / "dev").mkdir()
    (place.root / "proc").mkdir()

    def run() -> object:
        place.perform(New("proc", "proc", "proc"), BootId())
        file = place.root / "proc/sys/kernel/random/boot_id"
        return file.read_text(), file.read_text(), place.mounts()[-1], os.access(file, os.W_OK)

    first, second, mounted, writable = apart(run)  # type: ignore[misc]
    host = Path("/proc/sys/kernel/random/boot_id").read_text()
    assert first == second != host
    assert [len(part) for part in first.split("-")] == [len(part) for part in host.split("-")]
    assert mounted == f"proc/sys/kernel/random/boot_id {fstype(place.path)} nodev,noexec,nosuid,ro"
    assert not writable


@pytest.mark.parametrize("apart_from_it", [False, True])
def test_the_root_is_taken_and_entered_and_the_hosts_is_gone(place: Place, apart: Apart, apart_from_it: bool) -> None:
    target = place.path / "mnt" if apart_from_it else place.root
    target.mkdir(exist_ok=True)
    (place.root / "proc").mkdir()

    def run() -> object:
        root = take_root(RootPlan(str(place.root), str(target)))
        inside.perform(New("proc", "proc", "proc"), root)
        inside.perform(Bind(f"{place.host}/data", "dir"), root)
        inside.enter(root)
        os.close(root)
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return (
            sorted(os.listdir("/")),
            os.getcwd(),
            [line.split()[4] for line in lines],
            ["shared:" in x for x in lines],
        )

    names, cwd, points, shared = apart(run)  # type: ignore[misc]
    assert names == ["dir", "file", "proc"]
    assert cwd == "/"
    assert points == ["/", "/proc", "/dir"]
    assert all(shared)
    assert not [path for path in mountinfo.mount_points() if path.startswith(str(place.path))]


def test_what_is_mounted_below_the_root_on_the_host_comes_along(place: Place, apart: Apart) -> None:
    def run() -> object:
        mount.mount("none", f"{place.root}/dir", "tmpfs")
        (place.root / "dir/mark").write_text("here")
        inside.enter(take_root(RootPlan(str(place.root), str(place.root))))
        return Path("/dir/mark").read_text()

    assert apart(run) == "here"


@pytest.mark.parametrize(("path", "number"), [("nowhere", errno.ENOENT), ("file", errno.ENOTDIR)])
def test_a_root_that_cannot_be_is_an_error_that_names_it(place: Place, apart: Apart, path: str, number: int) -> None:
    def run() -> object:
        try:
            take_root(RootPlan(f"{place.root}/{path}", f"{place.root}/{path}"))
        except OSError as error:
            return error.errno, error.filename
        return None

    assert apart(run) == (number, f"{place.root}/{path}")


def test_a_step_leaves_no_descriptor_open_whether_it_succeeds_or_not(place: Place, apart: Apart) -> None:
    (place.root / "link").symlink_to("dir")

    def run() -> object:
        os.makedirs(place.root / "dev", exist_ok=True)
        before = sorted(os.listdir("/proc/self/fd"))
        place.perform(
            Bind(str(place.host), "dir"), New("tmpfs", "none", "dir"), Device("dev/a", 1, 3), Link("dev/b", "c")
        )
        for step in (
            Bind("/nope", "dir"), Bind("/proc", "link"), Bind("/proc", "file"), New("tmpfs", "n", "link"),
            New("tmpfs", "n", "dir", data=("x=y",)), Device("link/a", 1, 3),
        ):  # fmt: skip
            assert place.failure(step)[0]
        return sorted(os.listdir("/proc/self/fd")) == before

    assert apart(run) is True
