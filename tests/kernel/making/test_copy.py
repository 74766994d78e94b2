"""lxc-copy: what a copy has, what it shares, and what is left when it cannot be made."""

import errno
import os
import shlex
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc, opened, until
from tests.kernel.making.conftest import Host, command

from lxc.errors import LxcError
from lxc.hooks.plan import quoted
from lxc.runtime.disk import copying
from lxc.runtime.place import place

pytestmark = pytest.mark.root

FILL = """
for word; do case $word in --rootfs=*) root=${word#*=};; --path=*) path=${word#*=};; esac; done
mkdir -p $root/etc $root/bin; echo data > $root/etc/data; printf web > $root/etc/hostname
ln -s /etc/passwd $root/etc/link; echo 'proc proc proc' > $path/fstab
cat >> $path/config <<END
# a comment stays

lxc.uts.name = web
lxc.net.0.type = empty
lxc.net.0.hwaddr = 00:16:3e:01:02:03
lxc.mount.fstab = $path/fstab
lxc.x-mine = $path
END
"""


@pytest.fixture
def web(host: Host) -> Path:
    """The directory of the container `web`."""
    assert host.create("web", "-t", host.template(FILL)).returncode == 0
    return host.path / "web"


def copied(host: Host, *words: object) -> Path:
    """lxc-copy of web to copy, which must succeed; the copy's directory."""
    done = host.run("lxc-copy", "-n", "web", "-N", "copy", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return host.path / "copy"


def values(directory: Path, key: str) -> list[str]:
    lines = (directory / "config").read_text().splitlines()
    return [line.split(" = ", 1)[1] for line in lines if line.startswith(f"{key} = ")]


def test_a_copy_has_the_files_and_names_itself(host: Host, web: Path) -> None:
    copy = copied(host)
    assert (copy / "rootfs/etc/data").read_text() == "data\n"
    assert os.readlink(copy / "rootfs/etc/link") == "/etc/passwd"
    assert (copy / "rootfs/etc/hostname").read_text() == "copy"
    assert (web / "rootfs/etc/hostname").read_text() == "web"
    assert (copy / "fstab").read_text() == "proc proc proc\n"
    assert values(copy, "lxc.uts.name") == ["copy"]
    assert values(copy, "lxc.rootfs.path") == [f"dir:{copy}/rootfs"]
    assert values(copy, "lxc.mount.fstab") == [f"{copy}/fstab"]
    assert values(copy, "lxc.x-mine") == [str(web)]
    assert "# a comment stays\n\n" in (copy / "config").read_text()


def test_a_hardware_address_is_new_unless_kept(host: Host, web: Path) -> None:
    (address,) = values(copied(host), "lxc.net.0.hwaddr")
    assert address.startswith("00:16:3e:")
    assert address != "00:16:3e:01:02:03"
    assert host.run("lxc-copy", "-n", "web", "-N", "kept", "-M", "-K").returncode == 0
    assert values(host.path / "kept", "lxc.net.0.hwaddr") == ["00:16:3e:01:02:03"]
    assert values(host.path / "kept", "lxc.uts.name") == ["web"]
    assert (host.path / "kept/rootfs/etc/hostname").read_text() == "web"


def test_a_snapshot_of_a_directory_is_an_overlay_that_the_source_knows_of(host: Host, web: Path) -> None:
    copy = copied(host, "-s")
    assert values(copy, "lxc.rootfs.path") == [f"overlay:{web}/rootfs:{copy}/overlay/delta"]
    assert (copy / "overlay/delta/etc/hostname").read_text() == "copy"
    assert not (copy / "overlay/delta/etc/data").exists()
    assert (copy / "lxc_rdepends").read_text() == f"{host.path}\nweb\n"
    assert (web / "lxc_snapshots").read_text() == f"{host.path}\ncopy\n"
    assert "has clones" in host.destroy("web").stderr
    assert host.destroy("copy").returncode == 0
    assert not (web / "lxc_snapshots").exists()
    assert host.destroy("web").returncode == 0


def test_a_snapshot_of_an_overlay_has_its_changes_and_the_same_base(host: Host, web: Path) -> None:
    copy = copied(host, "-s")
    (copy / "overlay/delta/new").write_text("changed")
    assert host.run("lxc-copy", "-n", "copy", "-N", "third", "-s").returncode == 0
    third = host.path / "third"
    assert values(third, "lxc.rootfs.path") == [f"overlay:{web}/rootfs:{third}/overlay/delta"]
    assert (third / "overlay/delta/new").read_text() == "changed"
    assert (web / "lxc_snapshots").read_text() == f"{host.path}\ncopy\n{host.path}\nthird\n"
    assert host.destroy("copy").returncode == 0


def test_a_copy_of_an_overlay_has_all_files_as_the_container_sees_them(host: Host, web: Path) -> None:
    layered = copied(host, "-s")
    (layered / "overlay/delta/new").write_text("added")
    os.mknod(layered / "overlay/delta/etc/link", 0o20000, 0)  # a whiteout
    assert host.run("lxc-copy", "-n", "copy", "-N", "whole").returncode == 0
    whole = host.path / "whole"
    assert values(whole, "lxc.rootfs.path") == [f"dir:{whole}/rootfs"]
    assert (whole / "rootfs/etc/data").read_text() == "data\n"
    assert (whole / "rootfs/new").read_text() == "added"
    assert not os.path.lexists(whole / "rootfs/etc/link")
    assert not (whole / "lxc_rdepends").exists()


def test_a_copy_of_an_image_is_an_image(host: Host, web: Path) -> None:
    image = web / "rootdev"
    with image.open("wb") as file:
        file.truncate(20 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-d", web / "rootfs", image], check=True)
    text = (web / "config").read_text().replace(f"dir:{web}/rootfs", f"loop:{image}")
    (web / "config").write_text(text)
    copy = copied(host)
    assert values(copy, "lxc.rootfs.path") == [f"loop:{copy}/rootdev"]
    said = subprocess.run(["debugfs", "-R", "cat /etc/hostname", copy / "rootdev"], text=True, capture_output=True)
    assert said.stdout == "copy"
    assert (copy / "rootdev").stat().st_blocks * 512 < 5 << 20


def test_on_btrfs_a_copy_is_a_snapshot_of_the_subvolume(host: Host, apart: object) -> None:
    host.base.joinpath("image").touch()
    os.truncate(host.base / "image", 200 << 20)
    subprocess.run(["mkfs.btrfs", "-q", host.base / "image"], check=True)
    host.path.mkdir()

    def work() -> None:
        subprocess.run(["mount", "-o", "loop", host.base / "image", host.path], check=True)
        (host.path / "web").mkdir()
        subprocess.run(["btrfs", "-q", "subvolume", "create", host.path / "web/rootfs"], check=True)
        (host.path / "web/rootfs/file").write_text("data")
        (host.path / "web/config").write_text(f"lxc.rootfs.path = btrfs:{host.path}/web/rootfs\n")
        copy = copied(host)
        assert values(copy, "lxc.rootfs.path") == [f"btrfs:{copy}/rootfs"]
        assert (copy / "rootfs").stat().st_ino == 256
        assert (copy / "rootfs/file").read_text() == "data"
        assert host.run("lxc-snapshot", "-n", "web").returncode == 0
        assert (host.path / "web/snaps/snap0/rootfs").stat().st_ino == 256
        assert host.destroy("copy").returncode == 0
        assert host.destroy("web", "-s").returncode == 0
        assert list(host.path.iterdir()) == []

    apart(work)  # type: ignore[operator]


def test_the_clone_hook_is_told_of_both_and_sees_the_root(host: Host, web: Path) -> None:
    hook, said = web / "hook.sh", host.base / "said"
    hook.write_text(
        f'#!/bin/sh\necho "$@" > {said}\nenv | grep ^LXC_[CHNRS] | sort >> {said}\ntouch $LXC_ROOTFS_MOUNT/etc/seen\n'
    )
    hook.chmod(0o755)
    with (web / "config").open("a") as file:
        file.write(f"lxc.hook.clone = {hook} own\n")
    copy = copied(host, "-s", "--", "one", "two words")
    assert values(copy, "lxc.hook.clone") == [f"{copy}/hook.sh own"]
    assert said.read_text().splitlines() == [
        "own copy lxc clone one two words",
        f"LXC_CONFIG_FILE={copy}/config",
        "LXC_HOOK_VERSION=0",
        "LXC_NAME=copy",
        f"LXC_ROOTFS_MOUNT={copy}/overlay/delta",
        f"LXC_ROOTFS_PATH=overlay:{web}/rootfs:{copy}/overlay/delta",
        "LXC_SRC_NAME=web",
    ]
    assert (copy / "overlay/delta/etc/seen").exists()
    assert not (web / "rootfs/etc/seen").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-N", "copy", "-B", "zfs"), "cannot be stored as zfs"),
        (("-N", "copy", "-B", "overlay"), "overlay can only be used for snapshots"),
        (("-N", "copy", "-B", "nonsense"), "cannot be stored as nonsense"),
        (("-N", "web"), "already exists"),
        (("-N", "a/b"), "contains a slash"),
        ((), "You must provide a NEWNAME"),
        (("-N", "copy", "-t"), "-t can only be used with -e"),
        (("-e", "-m", "nonsense=/a"), "expected bind=SOURCE"),
        (("-e", "-N", "copy", "-m", "bind=/no/such"), "there is no /no/such"),
    ],
)
def test_what_cannot_be_copied_is_said_and_nothing_is_left(
    host: Host, web: Path, words: tuple[str, ...], said: str
) -> None:
    before = host.made()
    done = host.run("lxc-copy", "-n", "web", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert host.made() == before


def test_a_failing_hook_leaves_nothing_of_the_copy(host: Host, web: Path) -> None:
    with (web / "config").open("a") as file:
        file.write("lxc.hook.clone = sh -c 'echo no good; exit 3'\n")
    before = host.made()
    done = host.run("lxc-copy", "-n", "web", "-N", "copy", "-s")
    assert done.returncode == 1
    assert "run the clone hook" in done.stderr
    assert "no good" in done.stderr
    assert host.made() == before


def test_a_full_disk_leaves_nothing_of_the_copy(host: Host, web: Path, apart: object) -> None:
    (web / "rootfs/big").write_bytes(os.urandom(3 << 20))

    def work() -> None:
        small = host.base / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=True)
        done = host.run("lxc-copy", "-n", "web", "-N", "copy", "-p", small)
        assert done.returncode == 1
        assert "rootfs/big: No space left on device" in done.stderr
        assert list(small.iterdir()) == []

    apart(work)  # type: ignore[operator]


def test_a_link_that_was_put_in_the_place_of_hostname_is_refused(host: Host, web: Path) -> None:
    victim = host.base / "victim"
    victim.write_text("dear")
    (web / "rootfs/etc/hostname").unlink()
    (web / "rootfs/etc/hostname").symlink_to(victim)
    done = host.run("lxc-copy", "-n", "web", "-N", "copy")
    assert done.returncode == 1
    assert "/etc/hostname is a symbolic link" in done.stderr
    assert victim.read_text() == "dear"
    assert not (host.path / "copy").exists()
    assert copied(host, "-K").is_dir()


def test_a_device_in_the_place_of_hostname_is_not_opened(host: Host, web: Path) -> None:
    """Which a container's root may make, and may not open itself: opening some has effects."""
    (web / "rootfs/etc/hostname").unlink()
    os.mknod(web / "rootfs/etc/hostname", stat.S_IFCHR | 0o600, os.makedev(5, 0))  # /dev/tty: ENXIO for who has none
    done = host.run("lxc-copy", "-n", "web", "-N", "copy")
    assert done.returncode == 1
    assert "it is no regular file" in done.stderr
    assert not (host.path / "copy").exists()


def test_copies_at_the_same_time_are_made_one_after_the_other(host: Host, web: Path) -> None:
    for number in range(2000):
        (web / f"rootfs/{number}").write_text("x")
    ways = [(), ("-s",), (), ("-s",)]
    at_once = [
        subprocess.Popen(command("lxc-copy", "-P", host.path, "-n", "web", "-N", f"copy{number}", *words))
        for number, words in enumerate(ways)
    ]
    assert [copying.wait(timeout=60) for copying in at_once] == [0, 0, 0, 0]
    assert sorted(path.name for path in host.path.iterdir()) == ["copy0", "copy1", "copy2", "copy3", "web"]


def test_who_waits_for_another_copy_can_be_interrupted(host: Host, web: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"\0{web}/command")
        words = shlex.join(command("lxc-copy", "-P", host.path, "-n", "web", "-N", "copy"))
        copying = subprocess.Popen(["env", "--default-signal=INT", "sh", "-c", f"exec {words}"], stderr=subprocess.PIPE)
        until(lambda: "anon_inode:[signalfd]" in opened(copying.pid), "it listens to signals")
        with pytest.raises(subprocess.TimeoutExpired):
            copying.wait(timeout=0.3)
        copying.terminate()
        assert copying.wait() == 143
        assert "web is being copied, moved or destroyed" in host.destroy("web").stderr
        assert "web is being copied, moved or destroyed" in host.run("lxc-start", "-n", "web").stderr
    assert (web / "config").exists()


@pytest.mark.parametrize("line", ["lxc-copy -N copy", "lxc-copy -N copy -R", "lxc-snapshot"])
def test_who_waits_for_another_copy_says_for_whom(host: Host, web: Path, line: str) -> None:
    tool, *words = line.split()
    other = socket.socket(socket.AF_UNIX)
    other.bind(f"\0{web}/command")
    argv = command(tool, "-P", host.path, "-n", "web", *words)
    waiting = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    assert waiting.stderr
    said = waiting.stderr.readline()
    assert said.startswith(f"{tool}: waiting for process {os.getpid()} (")
    assert said.endswith("), which copies, moves or destroys web\n")
    other.close()
    assert (waiting.communicate(timeout=60)[1], waiting.returncode) == ("", 0)


def test_a_base_that_lies_elsewhere_is_kept_for_its_overlays(host: Host) -> None:
    """In whatever container path they are."""
    elsewhere, other = host.base / "srv/ext", host.base / "other"
    assert host.create("ext", "-t", "none", "--dir", elsewhere).returncode == 0
    other.mkdir()
    assert host.run("lxc-copy", "-n", "ext", "-N", "copy", "-s", "-p", other).returncode == 0
    assert "has clones" in host.destroy("ext").stderr
    assert elsewhere.is_dir()
    assert subprocess.run(command("lxc-destroy", "-P", other, "-n", "copy")).returncode == 0
    assert host.destroy("ext").returncode == 0
    assert not elsewhere.exists()


def test_ctrl_c_while_it_copies_leaves_nothing(host: Host, web: Path) -> None:
    with (web / "config").open("a") as file:
        file.write(f"lxc.hook.clone = sh -c 'touch {host.base}/begun; sleep 1'\n")
    before = host.made()
    words = shlex.join(command("lxc-copy", "-P", host.path, "-n", "web", "-N", "copy"))
    copying = subprocess.Popen(["env", "--default-signal=INT", "sh", "-c", f"exec {words}"], stderr=subprocess.PIPE)
    while not (host.base / "begun").exists():
        pass
    copying.terminate()
    assert copying.wait() == 143
    assert host.made() == before


def test_a_renamed_container_is_the_same_under_another_name(host: Host, web: Path) -> None:
    inode = (web / "rootfs").stat().st_ino
    done = host.run("lxc-copy", "-n", "web", "-N", "shop", "-R")
    assert (done.returncode, done.stderr) == (0, "")
    shop = host.path / "shop"
    assert sorted(path.name for path in host.path.iterdir()) == ["shop"]
    assert (shop / "rootfs").stat().st_ino == inode
    assert (shop / "rootfs/etc/hostname").read_text() == "shop"
    assert values(shop, "lxc.uts.name") == ["shop"]
    assert values(shop, "lxc.rootfs.path") == [f"dir:{shop}/rootfs"]
    assert values(shop, "lxc.mount.fstab") == [f"{shop}/fstab"]
    assert values(shop, "lxc.net.0.hwaddr") == ["00:16:3e:01:02:03"]


def test_whatever_names_a_renamed_containers_directory_follows(host: Host, web: Path) -> None:
    pool = Path(f"{host.base}/pool{web}")  # in which its path stands, too
    pool.mkdir(parents=True)
    (web / "data").mkdir()
    (web / "more").write_text("lxc.tty.max = 3\n")
    with (web / "config").open("a") as file:
        file.write(f"lxc.mount.entry = {web}/data mnt none bind,create=dir 0 0\nlxc.include = {web}/more\n")
        file.write(f"lxc.seccomp.profile = {web}/policy\nlxc.mount.entry = {pool}/data mnt none bind,optional\n")
        file.write(f"lxc.console.logfile = {web}-else/log\n")
    assert host.run("lxc-copy", "-n", "web", "-N", "shop", "-R").returncode == 0
    shop = host.path / "shop"
    assert values(shop, "lxc.mount.entry")[-2:] == [
        f"{shop}/data mnt none bind,create=dir 0 0",
        f"{pool}/data mnt none bind,optional",
    ]
    assert values(shop, "lxc.include")[-1] == f"{shop}/more"
    assert values(shop, "lxc.seccomp.profile") == [f"{shop}/policy"]
    assert values(shop, "lxc.console.logfile") == [f"{web}-else/log"]


def test_a_root_in_a_directory_that_is_called_alike_stays_there(host: Host, web: Path) -> None:
    """/pool/var/lib/lxc/web/rootfs of /var/lib/lxc/web."""
    pool = Path(f"{host.base}/pool{web}")
    pool.mkdir(parents=True)
    (web / "rootfs").rename(pool / "rootfs")
    (web / "config").write_text((web / "config").read_text().replace(f"dir:{web}/rootfs", f"dir:{pool}/rootfs"))
    assert host.run("lxc-copy", "-n", "web", "-N", "shop", "-R").returncode == 0
    assert values(host.path / "shop", "lxc.rootfs.path") == [f"dir:{pool}/rootfs"]


@pytest.mark.parametrize("words", [("-B", "nonsense"), ("-B", "loop"), ("-L", "1G")])
def test_a_rename_stores_nothing_otherwise(host: Host, web: Path, words: tuple[str, ...]) -> None:
    done = host.run("lxc-copy", "-n", "web", "-N", "shop", "-R", *words)
    assert (done.returncode, web.exists()) == (1, True)
    assert "-B and -L are for copies" in done.stderr


def test_a_rename_to_another_path_is_refused(host: Host, web: Path) -> None:
    done = host.run("lxc-copy", "-n", "web", "-N", "shop", "-R", "-p", host.base)
    assert done.returncode == 1
    assert "renaming does not move a container to another path" in done.stderr
    assert (web / "config").exists()


def test_a_renamed_overlay_is_still_known_to_its_base(host: Host, web: Path) -> None:
    copied(host, "-s")
    assert host.run("lxc-copy", "-n", "copy", "-N", "other", "-R").returncode == 0
    other = host.path / "other"
    assert values(other, "lxc.rootfs.path") == [f"overlay:{web}/rootfs:{other}/overlay/delta"]
    assert (web / "lxc_snapshots").read_text() == f"{host.path}\nother\n"
    done = host.run("lxc-copy", "-n", "web", "-N", "base", "-R")
    assert done.returncode == 1
    assert "needs the root file system of web" in done.stderr


def test_a_rename_that_a_hook_refuses_is_undone(host: Host, web: Path) -> None:
    with (web / "config").open("a") as file:
        file.write("lxc.hook.clone = false\n")
    text, before = (web / "config").read_text(), host.made()
    assert host.run("lxc-copy", "-n", "web", "-N", "shop", "-R").returncode == 1
    assert host.made() == before
    assert (web / "config").read_text() == text


def test_a_root_that_cannot_be_given_what_the_other_has_is_named_and_does_not_stay(
    host: Host, web: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **_more: object) -> None:  # as where others' files keep their times
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    before = host.made()
    monkeypatch.setattr(os, "utime", fails)
    with pytest.raises(LxcError, match="cannot copy the root of web: Operation not permitted"):
        copying.copy(place("web", str(host.path)), place("copy", str(host.path)), copying.Wish(as_snapshot=True))
    assert host.made() == before


def test_a_container_that_needs_what_cannot_be_read_keeps_its_name(host: Host, web: Path) -> None:
    (web / "lxc_rdepends").symlink_to("config")
    text, before = (web / "config").read_text(), host.made()
    done = host.run("lxc-copy", "-n", "web", "-N", "shop", "-R")
    assert (done.returncode, f"{web}/lxc_rdepends" in done.stderr) == (1, True)
    assert host.made() == before
    assert (web / "config").read_text() == text


def test_a_running_container_is_copied_only_if_that_is_allowed(host: Host, web: Path) -> None:
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.bind(f"\0{web}/command")
        monitor.listen()
        for words in (("-N", "copy"), ("-N", "copy", "-R")):
            done = host.run("lxc-copy", "-n", "web", *words)
            assert done.returncode == 1
            assert "web is running" in done.stderr
        assert copied(host, "-a").is_dir()


@pytest.fixture
def running(lxc: Lxc) -> tuple[Lxc, str]:
    return lxc, lxc.create()


def test_an_ephemeral_copy_runs_a_command_and_is_gone(running: tuple[Lxc, str]) -> None:
    lxc, name = running
    source = lxc.path / "shared dir"
    source.mkdir()
    (source / "file").write_text("from the host\n")
    mounts = f"bind={source}:mnt/shared:ro"
    before = sorted(os.listdir(lxc.path))
    said = lxc.ok(
        "lxc-copy", "-n", name, "-e", "-m", mounts, "--", "sh", "-c", "cat /mnt/shared/file; touch /new; hostname"
    )
    made, *rest = said.splitlines()
    copy = made.removeprefix("Created ").removesuffix(f" as clone of {name}")
    assert copy.startswith(f"{name}_")
    assert rest == ["from the host", copy]
    assert sorted(os.listdir(lxc.path)) == before
    assert not (lxc.rootfs(name) / "new").exists()
    assert not (lxc.path / name / "lxc_snapshots").exists()


def test_a_name_that_is_longer_than_a_host_name_may_be_is_cut_for_that(running: tuple[Lxc, str]) -> None:
    lxc, name = running
    longer, renamed = (f"{letter * 70}-{lxc.tag}" for letter in "ab")
    lxc.ok("lxc-copy", "-n", name, "-N", longer)
    assert values(lxc.path / longer, "lxc.uts.name") == [64 * "a"]
    assert lxc.ok("lxc-copy", "-n", longer, "-e", "--", "hostname").splitlines()[1] == 64 * "a"
    lxc.ok("lxc-copy", "-n", longer, "-N", renamed, "-R")
    lxc.extend(renamed, "lxc.uts.name =\n")
    lxc.start(renamed)
    assert lxc.attach(renamed, "hostname") == 64 * "b" + "\n"
    lxc.ok("lxc-stop", "-n", renamed, "-k")


def test_what_a_copy_in_memory_writes_never_reaches_the_disk(running: tuple[Lxc, str]) -> None:
    lxc, name = running
    lxc.ok("lxc-copy", "-n", name, "-N", f"mem-{lxc.tag}", "-e", "-t")
    copy = f"mem-{lxc.tag}"
    lxc.attach(copy, "sh", "-c", "echo written > /new")
    assert lxc.attach(copy, "cat", "/new", "/etc/hostname") == f"written\n{copy}"
    assert not (lxc.path / copy / "overlay/delta/new").exists()
    assert lxc.ok("lxc-info", "-n", copy, "-c", "lxc.ephemeral") == "lxc.ephemeral = 1\n"
    lxc.ok("lxc-stop", "-n", copy, "-k")
    assert not (lxc.path / copy).exists()


def test_a_copy_that_is_kept_is_there_when_it_has_stopped(running: tuple[Lxc, str]) -> None:
    lxc, name = running
    copy = f"kept-{lxc.tag}"
    lxc.ok("lxc-copy", "-n", name, "-N", copy, "-e", "-D", "--", "touch", "/new")
    assert lxc.state(copy) == "STOPPED"
    assert (lxc.path / copy / "overlay/delta/new").exists()


def test_a_copy_that_does_not_start_is_gone(running: tuple[Lxc, str]) -> None:
    lxc, name = running
    lxc.extend(name, "lxc.hook.pre-start = false\n")
    before = sorted(os.listdir(lxc.path))
    assert lxc.run("lxc-copy", "-n", name, "-e").returncode == 1
    assert sorted(os.listdir(lxc.path)) == before


ODD = ["two words", 'it\'s a "quote"', "back\\slash", "$(id)", "colon:s"]


@pytest.fixture(params=[*map(os.fsencode, ODD), b"no text \xff"])
def oddly(lxc: Lxc, request: pytest.FixtureRequest) -> Iterator[tuple[Lxc, str]]:
    """A container in a container path with a name that programs read otherwise; and its name."""
    there = Lxc(lxc.path / os.fsdecode(request.param))
    there.path.mkdir()
    there.tag = lxc.tag
    name = lxc.create()
    lxc.ok("lxc-copy", "-n", name, "-N", name, "-p", str(there.path))
    yield there, name
    for directory in there.path.iterdir():
        there.run("lxc-stop", "-n", directory.name, "-k")


def test_an_ephemeral_copy_may_lie_in_any_directory(oddly: tuple[Lxc, str]) -> None:
    lxc, name = oddly
    memory, over = f"memory-{lxc.tag}", f"over-{lxc.tag}"
    lxc.ok("lxc-copy", "-n", name, "-N", memory, "-e", "-t")
    assert lxc.attach(memory, "cat", "/etc/hostname") == memory
    lxc.attach(memory, "touch", "/new")
    assert not (lxc.path / memory / "overlay/delta/new").exists()
    lxc.ok("lxc-stop", "-n", memory, "-k")
    lxc.ok("lxc-copy", "-n", name, "-N", over, "-e", "-D", "-m", "overlay=/etc:mnt", "--", "touch", "/mnt/passwd")
    assert (lxc.path / over / "delta#0/passwd").exists()


def test_what_lies_beside_the_root_is_the_copys_own_in_any_directory(oddly: tuple[Lxc, str]) -> None:
    lxc, name = oddly
    first, second, third = (f"{word}-{lxc.tag}" for word in ("first", "second", "third"))
    lxc.ok("lxc-copy", "-n", name, "-N", first, "-e", "-D", "-m", "overlay=/etc:mnt", "--", "touch", "/mnt/of-first")
    hook = lxc.path / first / "hook"
    hook.write_text('#!/bin/sh\necho "$0 $1" > "${0%/*}/told"\n')
    hook.chmod(0o755)
    lxc.extend(first, f"lxc.hook.pre-start = {quoted(str(hook))} word\n")
    lxc.ok("lxc-copy", "-n", first, "-N", second)
    lxc.ok("lxc-copy", "-n", second, "-N", third, "-R")
    lxc.start(third)
    lxc.attach(third, "touch", "/mnt/of-third")
    assert sorted(os.listdir(lxc.path / first / "delta#0")) == ["of-first"]
    assert "of-third" in os.listdir(lxc.path / third / "delta#0")
    told = (lxc.path / third / "told").read_text(errors="surrogateescape")
    assert told == f"{lxc.path / third}/hook word\n"
    assert not (lxc.path / first / "told").exists()
    lxc.ok("lxc-stop", "-n", third, "-k")
