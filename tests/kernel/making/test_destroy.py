"""lxc-destroy: what it removes, and all that it must never remove."""

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import as_often

from lxc.config.container import Config
from lxc.errors import NotFound
from lxc.kernel import mount, sockets
from lxc.runtime.disk import destroy
from lxc.runtime.place import place

from .conftest import Host, command

pytestmark = pytest.mark.root


@pytest.fixture
def precious(host: Host) -> Iterator[Path]:
    """A directory that must survive."""
    directory = host.base / "precious"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep/file").write_text("dear")
    yield directory
    assert (directory / "deep/file").read_text() == "dear"


def container(host: Host, name: str = "web", config: str = "") -> Path:
    """A container with a root file system in its place, and `config` besides."""
    directory = host.path / name
    (directory / "rootfs/etc").mkdir(parents=True)
    (directory / "config").write_text(f"lxc.rootfs.path = dir:{directory}/rootfs\n{config}")
    return directory


def rooted(host: Host, root: object, name: str = "web") -> None:
    """A container whose configuration names a root file system that was not made with it."""
    (host.path / name).mkdir(parents=True)
    (host.path / name / "config").write_text(f"lxc.rootfs.path = {root}\n")


# ---- what goes -------------------------------------------------------------------------------------------------------


def test_a_container_goes_with_all_that_is_its_own(host: Host) -> None:
    assert host.create("web", "-t", "busybox").returncode == 0
    done = host.destroy("web")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.made() == []
    assert not Path(f"/run/lxc/lock{host.path}/.web").exists()


def test_what_is_not_there_is_not_defined(host: Host) -> None:
    host.path.mkdir()
    done = host.destroy("web")
    assert done.returncode == 1
    assert "Container is not defined" in done.stderr


def test_what_lxc_made_can_be_destroyed(host: Host) -> None:
    host.path.mkdir()
    subprocess.run(
        ["/usr/bin/lxc-create", "-P", host.path, "-n", "web", "-t", "busybox"], check=True, capture_output=True
    )
    assert host.destroy("web").returncode == 0
    assert host.made() == []


def test_links_inside_lead_nowhere(host: Host, precious: Path) -> None:
    directory = container(host)
    for at, target in (("a", precious), ("b", precious / "deep"), ("c", "/"), ("d", "../../../precious")):
        (directory / "rootfs" / at).symlink_to(target)
    os.link(precious / "deep/file", directory / "rootfs/hard")
    assert host.destroy("web").returncode == 0
    assert host.made() == []


def test_a_root_that_is_a_link_goes_and_what_it_leads_to_stays(host: Host, precious: Path) -> None:
    directory = container(host)
    (directory / "rootfs/etc").rmdir()
    (directory / "rootfs").rmdir()
    (directory / "rootfs").symlink_to(precious)
    done = host.destroy("web")
    assert done.returncode == 0
    assert f"{directory}/rootfs was left alone" in done.stderr
    assert host.made() == []


def test_what_cannot_be_removed_is_named_and_the_container_can_be_destroyed_again(host: Host) -> None:
    directory = container(host)
    (directory / "rootfs/etc/kept").touch()
    subprocess.run(["chattr", "+i", directory / "rootfs/etc/kept"], check=True)
    done = host.destroy("web")
    assert done.returncode == 1
    assert f"cannot remove {directory}/rootfs/etc/kept: Operation not permitted, it is immutable" in done.stderr
    assert (directory / "config").exists()
    subprocess.run(["chattr", "-i", directory / "rootfs/etc/kept"], check=True)
    assert host.destroy("web").returncode == 0
    assert host.made() == []


def test_a_directory_that_cannot_go_though_all_in_it_did_is_said_to_be_empty(host: Host) -> None:
    directory = container(host)
    subprocess.run(["chattr", "+a", host.path], check=True)
    done = host.destroy("web")
    subprocess.run(["chattr", "-a", host.path], check=True)
    assert done.returncode == 1
    assert f"cannot remove {directory}: Operation not permitted" in done.stderr
    assert f"rmdir {directory} removes it" in done.stderr
    assert host.made() == ["web"]


def test_a_directory_that_cannot_be_looked_at_is_not_taken_for_gone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, real = container(host), os.lstat

    def looked_at(path: str, **more: object) -> os.stat_result:  # on a disk that fails
        if path == str(directory):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(path, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", looked_at)
        with pytest.raises(OSError, match="Input/output error"):
            destroy.remove(place("web", str(host.path)), Config())
    assert (directory / "config").exists()


def test_a_root_that_is_the_containers_own_directory_goes_with_it_and_is_not_said_to_stay(host: Host) -> None:
    assert host.create("web", "-t", host.template("true"), "--dir", host.path / "web").returncode == 0
    done = host.destroy("web")
    assert (done.returncode, done.stderr, host.made()) == (0, "", [])


# ---- what stays ------------------------------------------------------------------------------------------------------


def test_a_root_elsewhere_that_was_not_made_with_the_container_stays(host: Host, precious: Path) -> None:
    rooted(host, precious)
    done = host.destroy("web")
    assert done.returncode == 0
    assert f"{precious} was left alone: it was not made with the container" in done.stderr
    assert host.made() == []


@pytest.mark.parametrize(
    "root", ["/", "dir:/", ".", "dir:.", "..", "", "dir:", "dir:..", "precious", "/proc", "dir:/dev", "/nosuch/root"]
)
def test_no_root_in_a_configuration_can_make_it_remove_anything_else(host: Host, precious: Path, root: str) -> None:
    rooted(host, root)
    done = subprocess.run(
        command("lxc-destroy", "-P", host.path, "web"),
        cwd=host.base,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert sorted(os.listdir(host.base)) == ["lxc", "precious"]


def test_a_forged_record_of_what_was_made_is_seen_through(host: Host, precious: Path) -> None:
    """As a restored backup may have it: the path is right, but it is another directory."""
    rooted(host, precious)
    (host.path / "other").mkdir()
    assert host.create("made", "-t", host.template("true"), "--dir", host.base / "root").returncode == 0
    record = (host.path / "made/rootfs.made").read_text()
    (host.path / "web/rootfs.made").write_text(record.replace(str(host.base / "root"), str(precious)))
    done = host.destroy("web")
    assert done.returncode == 0
    assert f"{precious} is not removed: it is another directory than the one made for the container" in done.stderr


def test_a_root_that_was_replaced_since_stays(host: Host, precious: Path) -> None:
    assert host.create("web", "-t", host.template("true"), "--dir", host.base / "root").returncode == 0
    (host.base / "root").rmdir()
    precious.rename(host.base / "root")
    try:
        done = host.destroy("web")
    finally:
        (host.base / "root").rename(precious)
    assert "is another directory than the one made for the container" in done.stderr
    assert host.made() == []


@pytest.mark.parametrize("through", ["root", "link/root"])
def test_a_root_that_another_container_uses_too_stays(host: Host, through: str) -> None:
    """Whatever path it uses it by."""
    root = host.base / "root"
    (host.base / "link").symlink_to(host.base)
    assert host.create("one", "-t", host.template("true"), "--dir", root).returncode == 0
    assert host.create("two", "-t", "none", "--dir", host.base / through).returncode == 0
    done = host.destroy("one")
    assert done.returncode == 0
    assert f"{root} was left alone: two uses it, too" in done.stderr
    assert root.is_dir()


def test_a_root_with_a_home_in_it_stays(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    root = host.base / "root"
    assert host.create("web", "-t", host.template("true"), "--dir", root).returncode == 0
    (root / "people/jo").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(root / "people/jo"))
    done = host.destroy("web")
    assert done.returncode == 0
    assert f"{root}/people/jo is in it" in done.stderr
    assert (root / "people/jo").is_dir()


def test_a_root_that_holds_the_container_path_stays(host: Host) -> None:
    root = host.base / "root"
    assert host.create("web", "-t", host.template("true"), "--dir", root).returncode == 0
    host.path.rename(root / "lxc")
    host.path = root / "lxc"
    done = host.destroy("web")
    assert "is in it" in done.stderr
    assert (root / "lxc").is_dir()


def test_a_link_in_the_place_of_the_containers_directory_is_refused(host: Host, precious: Path) -> None:
    host.path.mkdir()
    (precious / "config").touch()
    (host.path / "web").symlink_to(precious)
    done = host.destroy("web", "-f")
    assert done.returncode == 1
    assert "is a symbolic link" in done.stderr
    assert (host.path / "web").is_symlink()


def test_a_home_is_no_container_whatever_is_in_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.path / "jo").mkdir(parents=True)
    (host.path / "jo/config").write_text("lxc.uts.name = x\n")
    (host.path / "jo/letter").touch()
    monkeypatch.setenv("HOME", str(host.path / "jo"))
    done = host.destroy("jo")
    assert done.returncode == 1
    assert "is not removed" in done.stderr
    assert (host.path / "jo/letter").exists()


def test_an_ephemeral_containers_monitor_is_no_less_careful(host: Host) -> None:
    """It may run with a configuration from elsewhere, in the name of any directory."""
    (host.path / "jo").mkdir(parents=True)
    (host.path / "jo/letter").touch()
    with pytest.raises(NotFound):
        destroy.remove(place("jo", str(host.path)), Config())
    assert (host.path / "jo/letter").exists()


def test_the_removal_of_what_is_gone_leaves_nothing(host: Host) -> None:
    assert destroy.remove(place("web", str(host.path)), Config()) == ()
    assert not Path(f"/run/lxc/lock{host.path}").exists()


@pytest.mark.parametrize("text", ["", "[core]\n\tbare = true\n", "# lxc.uts.name = x\n"])
def test_a_directory_that_merely_has_a_file_called_config_is_no_container(host: Host, text: str) -> None:
    (host.path / "repository/objects").mkdir(parents=True)
    (host.path / "repository/config").write_text(text)
    done = host.destroy("repository")
    assert done.returncode == 1
    assert "does not look like a container" in done.stderr
    assert host.made() == ["repository", "repository/config", "repository/objects"]


def test_a_container_with_an_empty_configuration_and_nothing_else_goes(host: Host) -> None:
    (host.path / "web").mkdir(parents=True)
    (host.path / "web/config").touch()
    assert host.destroy("web").returncode == 0
    assert host.made() == []


@pytest.mark.parametrize("at", ["rootfs/mnt", "rootfs", "."])
def test_what_is_mounted_below_makes_it_refuse_and_nothing_is_lost(
    host: Host, precious: Path, apart: Callable[[Callable[[], None]], None], at: str
) -> None:
    directory = container(host)
    (directory / "rootfs/mnt").mkdir()

    def work() -> None:
        if at == ".":
            (precious / "config").write_text("lxc.uts.name = x\n")
        mount.mount(str(precious), str(directory / at), None, mount.MS_BIND)
        done = host.destroy("web")
        assert done.returncode == 1
        assert str((directory / at).resolve()) in done.stderr
        assert "mount" in done.stderr
        assert (directory / "config").exists()

    apart(work)


def test_an_unmanaged_root_keeps_everything(host: Host) -> None:
    directory = container(host, config="lxc.rootfs.managed = 0\n")
    done = host.destroy("web")
    assert (done.returncode, done.stderr) == (0, "")
    assert (directory / "rootfs/etc").is_dir()


@pytest.mark.parametrize("root", ["lvm:/dev/nosuch/web", "zfs:tank/web", "loop:/srv/image"])
def test_storage_of_other_kinds_stays_and_is_named(host: Host, root: str) -> None:
    rooted(host, root)
    (host.base / "image").touch()
    if root.startswith("loop"):
        rooted(host, f"loop:{host.base}/image", "other")
        done = host.destroy("other")
        assert f"loop:{host.base}/image was left alone" in done.stderr
        assert (host.base / "image").exists()
    assert host.destroy("web").returncode == 0
    assert not (host.path / "web").exists()


# ---- running, snapshots, clones, hooks -----------------------------------------------------------------------------------


def test_who_has_a_monitor_is_not_destroyed(host: Host) -> None:
    directory = container(host)
    listener = sockets.listen(place("web", str(host.path)).socket_name)
    try:
        done = host.destroy("web")
    finally:
        listener.close()
    assert done.returncode == 1
    assert "web is running" in done.stderr
    assert "lxc-destroy -f" in done.stderr
    assert (directory / "rootfs/etc").is_dir()


def test_while_it_is_removed_nobody_can_start_it(host: Host) -> None:
    directory = container(host, config=f"lxc.hook.destroy = sh -c 'cat {host.base}/go'\n")
    os.mkfifo(host.base / "go")
    process = subprocess.Popen(command("lxc-destroy", "-P", host.path, "web"))
    with open(host.base / "go", "wb"), pytest.raises(OSError, match="in use"):  # opens when the hook does
        sockets.listen(place("web", str(host.path)).socket_name)
    assert process.wait() == 0
    assert not directory.exists()


def test_a_running_container_of_lxc_is_killed_first_if_asked(host: Host) -> None:
    (host.base / "initial").write_text("lxc.net.0.type = empty\n")
    assert host.create("web", "-t", "busybox", "-f", host.base / "initial").returncode == 0
    subprocess.run(["/usr/bin/lxc-start", "-P", host.path, "-n", "web"], check=True, capture_output=True)
    assert host.destroy("web").returncode == 1
    assert (host.path / "web/rootfs/bin/busybox").exists()
    assert host.destroy("web", "-f").returncode == 0
    assert host.made() == []


def test_who_has_snapshots_is_destroyed_only_with_them(host: Host) -> None:
    directory = container(host)
    snapshot = directory / "snaps/snap0"
    (snapshot / "rootfs").mkdir(parents=True)
    (snapshot / "config").write_text(f"lxc.rootfs.path = dir:{snapshot}/rootfs\n")
    done = host.destroy("web")
    assert done.returncode == 1
    assert "web has snapshots" in done.stderr
    assert snapshot.is_dir()
    assert host.destroy("web", "-s").returncode == 0
    assert host.made() == []


def test_with_no_snapshots_there_is_nothing_more_to_destroy(host: Host) -> None:
    directory = container(host)
    (directory / "snaps").mkdir()
    assert host.destroy("web", "-s").returncode == 0
    assert host.made() == []


def test_what_is_no_snapshot_is_not_destroyed_as_one(host: Host) -> None:
    directory = container(host)
    (directory / "snaps/mine/letters").mkdir(parents=True)
    done = host.destroy("web", "-s")
    assert done.returncode == 1
    assert "is not a snapshot" in done.stderr
    assert (directory / "snaps/mine/letters").is_dir()


@pytest.mark.parametrize("words", [(), ("-s",), ("-f", "-s")])
def test_who_has_clones_is_not_destroyed(host: Host, words: tuple[str, ...]) -> None:
    directory = container(host)
    (directory / "lxc_snapshots").write_text(f"{host.path}\nclone\n")
    done = host.destroy("web", *words)
    assert done.returncode == 1
    assert "web has clones" in done.stderr
    assert f"{host.path}/clone" in done.stderr
    assert (directory / "rootfs/etc").is_dir()


def test_when_the_clone_is_gone_its_base_can_go(host: Host) -> None:
    directory = container(host)
    (directory / "lxc_snapshots").write_text(f"{host.path}\nclone\n")
    clone = container(host, "clone", f"lxc.rootfs.path = overlay:{directory}/rootfs:{host.path}/clone/overlay/delta\n")
    (clone / "overlay/delta").mkdir(parents=True)
    (clone / "lxc_rdepends").write_text(f"{host.path}\nweb\n")
    done = host.destroy("clone")
    assert (done.returncode, done.stderr) == (0, "")
    assert (directory / "rootfs/etc").is_dir()
    assert host.destroy("web").returncode == 0
    assert host.made() == []


def test_the_destroy_hook_runs_before_anything_is_removed(host: Host) -> None:
    directory = container(host)
    hook = host.template(f'ls "$LXC_ROOTFS_PATH" > {host.base}/out; echo "$@" "$LXC_CONFIG_FILE" >> {host.base}/out')
    (directory / "config").write_text(f"lxc.rootfs.path = {directory}/rootfs\nlxc.hook.destroy = {hook}\n")
    assert host.destroy("web").returncode == 0
    assert (host.base / "out").read_text() == f"etc\nweb lxc destroy {directory}/config\n"


def test_a_destroy_hook_that_fails_keeps_everything(host: Host) -> None:
    directory = container(host, config="lxc.hook.destroy = sh -c 'echo not yet; exit 2'\n")
    done = host.destroy("web")
    assert done.returncode == 1
    assert "ended with status 2" in done.stderr
    assert "not yet" in done.stderr
    assert (directory / "rootfs/etc").is_dir()


def test_a_configuration_that_cannot_be_read_keeps_everything(host: Host) -> None:
    directory = container(host, config="lxc.nonsense = 1\n")
    done = host.destroy("web")
    assert done.returncode == 1
    assert f"{directory}/config:2" in done.stderr
    assert (directory / "rootfs/etc").is_dir()


def test_two_at_once_are_one(host: Host) -> None:
    assert host.create("web", "-t", "busybox").returncode == 0
    processes = [
        subprocess.Popen(command("lxc-destroy", "-P", host.path, "web"), stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    errors = [process.communicate()[1] for process in processes]
    assert 0 in [process.returncode for process in processes]
    assert all("Traceback" not in error for error in errors)
    assert host.made() == []


def test_an_interrupted_destroy_can_be_repeated(host: Host) -> None:
    directory = container(host)
    files = as_often(20_000)
    for number in range(files):
        os.close(os.open(directory / "rootfs/etc" / str(number), os.O_CREAT))
    process = subprocess.Popen(command("lxc-destroy", "-P", host.path, "web"), stderr=subprocess.PIPE)
    while len(os.listdir(directory / "rootfs/etc")) == files:
        pass
    process.send_signal(signal.SIGINT)
    process.communicate()
    if process.returncode:
        assert (directory / "config").exists()
        assert host.destroy("web").returncode == 0
    assert host.made() == []
