"""Mounting into a container while it runs."""

import os
from pathlib import Path

import pytest
from tests.conftest import CONFIG, MAPPED, Lxc

import lxc as api
from lxc.errors import NotRunning

pytestmark = pytest.mark.root

RDONLY, NOEXEC, BIND, REC = 1, 8, 4096, 16384
DETACH = 2


@pytest.fixture
def it(lxc: Lxc, box: str) -> api.Container:
    lxc.start(box)
    return api.Container(box, str(lxc.path))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    (path / "x").write_text("host")
    return path


def mounts(it: api.Container) -> dict[str, str]:
    """Where something is mounted in the container -> its line of mountinfo."""
    lines = Path(f"/proc/{it.init_pid}/mountinfo").read_text().splitlines()
    return {line.split()[4]: line for line in lines}


def inside(it: api.Container, path: str) -> Path:
    return Path(f"/proc/{it.init_pid}/root/{path}")


def test_a_directory_of_the_host_comes_and_goes(it: api.Container, data: Path) -> None:
    assert it.mount(str(data), "/srv/new/data", flags=BIND | RDONLY | NOEXEC)
    assert inside(it, "srv/new/data/x").read_text() == "host"
    options = mounts(it)["/srv/new/data"].split()[5].split(",")
    assert {"ro", "noexec"} <= set(options)
    assert it.umount("/srv/new/data")
    assert not inside(it, "srv/new/data/x").exists()
    assert "/srv/new/data" not in mounts(it)
    assert (data / "x").exists()


def test_a_file_is_mounted_on_a_file(it: api.Container, data: Path) -> None:
    assert it.mount(str(data / "x"), "etc/injected", flags=BIND)
    assert inside(it, "etc/injected").read_text() == "host"
    assert not it.mount(str(data / "x"), "/mnt", flags=BIND)
    assert "a file cannot be mounted on a directory" in str(it.last_error)


def test_a_new_file_system(it: api.Container) -> None:
    assert it.mount("", "/mnt", "tmpfs", 2, "size=64k,mode=0711")
    line = mounts(it)["/mnt"]
    assert " - tmpfs none " in line
    assert "size=64k" in line
    assert "nosuid" in line.split()[5]
    assert not it.mount("", "/mnt", "tmpfs", 0, "sise=64k")
    assert "tmpfs: Unknown parameter" in str(it.last_error)


def test_a_file_system_that_there_is_once_is_not_read_only_itself(it: api.Container) -> None:
    """Its next mount would be, too, on the host."""
    assert it.mount("", "/mnt", "pstore", RDONLY)
    line = mounts(it)["/mnt"]
    assert "ro" in line.split()[5].split(",")
    assert "rw" in line.split()[-1].split(",")


def test_what_is_mounted_below_comes_along_only_if_asked_for(it: api.Container) -> None:
    assert it.mount("/sys", "/srv/one", flags=BIND)
    assert it.mount("/sys", "/srv/all", flags=BIND | REC)
    below = [path for path in mounts(it) if path.startswith("/srv/one/")]
    assert not below
    assert "/srv/all/fs/cgroup" in mounts(it)


def test_the_host_sees_nothing_of_it(it: api.Container, data: Path, lxc: Lxc) -> None:
    def seen() -> list[str]:
        """What other tests do not mount."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line for line in lines if str(lxc.path) in line or str(data) in line or "/srv/" in line]

    before = seen()
    assert it.mount(str(data), "/srv/data", flags=BIND)
    (data / "deep").mkdir()
    lxc.attach(it.name, "mount", "-t", "tmpfs", "none", "/srv/data/deep")
    assert "/srv/data/deep" in mounts(it)
    assert seen() == before


def test_no_link_leads_it_elsewhere(it: api.Container, data: Path) -> None:
    root = inside(it, "")
    (root / "away").symlink_to("/etc")
    before = set(mounts(it))
    for target in ("/away", "/away/new", "mnt/../away", "away/../mnt"):
        assert not it.mount(str(data), target, flags=BIND)
        assert "/away is a symbolic link" in str(it.last_error) or ".." in target
        assert not it.umount(target, DETACH)
    (root / "leads").symlink_to(data)
    assert not it.mount("", "/leads", "tmpfs")
    assert set(mounts(it)) == before


def test_proc_of_the_container_is_not_unmounted_by_way_of_a_link(it: api.Container) -> None:
    (inside(it, "") / "away").symlink_to("/proc")
    assert not it.umount("/away", DETACH)
    assert "/proc" in mounts(it)
    assert not it.umount("/away/../proc", DETACH)
    assert "/proc" in mounts(it)


def test_in_a_user_namespace_what_is_made_belongs_to_its_root(lxc: Lxc, data: Path) -> None:
    name = lxc.create("ids", CONFIG + MAPPED)
    lxc.start(name)
    it = api.Container(name, str(lxc.path))
    assert it.mount(str(data), "/srv/made/data", flags=BIND | RDONLY)
    assert inside(it, "srv/made/data/x").read_text() == "host"
    assert lxc.attach(name, "stat", "-c", "%u", "/srv/made").strip() == "0"
    assert it.umount("/srv/made/data")


@pytest.mark.parametrize("fstype", ["proc", "sysfs", "mqueue", "cgroup2"])
def test_the_hosts_processes_devices_and_cgroups_are_not_let_in_by_mistake(it: api.Container, fstype: str) -> None:
    assert not it.mount(fstype, "/srv/there", fstype)
    assert "would show the host's" in str(it.last_error)
    assert "/srv/there" not in mounts(it)
    assert not inside(it, "srv/there").exists()


def test_what_is_refused_is_said(it: api.Container, data: Path) -> None:
    for flags in (32 | BIND, 8192, 1 << 18):  # remount, move, private
        with pytest.raises(ValueError, match="no new one"):
            it.mount(str(data), "/mnt", flags=flags)
    with pytest.raises(ValueError, match="expected a file system type"):
        it.mount(str(data), "/mnt")
    assert not it.mount("/nonexistent", "/mnt", flags=BIND)
    assert "/nonexistent" in str(it.last_error)
    for target in ("", "/", "/.", "/mnt/..", ".."):
        assert not it.mount(str(data), target, flags=BIND)
        assert not it.umount(target)
    assert not it.umount("/mnt")
    assert it.stop()
    assert not it.mount(str(data), "/mnt", flags=BIND)
    assert isinstance(it.last_error, NotRunning)


def test_a_process_of_ours_that_mounts_has_no_trace_in_the_caller(it: api.Container, data: Path) -> None:
    own = Path("/proc/self/mountinfo").read_text(), sorted(os.listdir("/proc/self/fd"))
    assert it.mount(str(data), "/mnt", flags=BIND)
    assert (Path("/proc/self/mountinfo").read_text(), sorted(os.listdir("/proc/self/fd"))) == own
