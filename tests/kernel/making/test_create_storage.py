"""Storage that lxc-create makes other than a directory, and the images that lxc-copy makes: what is in them, and that they go."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import MAPPED, PATIENCE, Lxc, until

from lxc.kernel import mount

from .conftest import Host, appears

pytestmark = pytest.mark.root

KINDS = ["btrfs", "overlay", "loop"]
FILL = 'for word; do case $word in --rootfs=*) root=${word#--rootfs=};; esac; done; echo "in $root" > "$root/file"'


def in_image(image: Path, path: str) -> str:
    """What the file `path` of an ext4 image holds, read without mounting it."""
    return subprocess.run(["debugfs", "-R", f"cat {path}", image], text=True, capture_output=True, check=True).stdout


def loop_devices(image: Path) -> str:
    return subprocess.run(["losetup", "-j", image], text=True, capture_output=True, check=True).stdout


def configured(directory: Path) -> str:
    lines = (directory / "config").read_text().splitlines()
    return next(line.partition("= ")[2] for line in lines if line.startswith("lxc.rootfs.path"))


@pytest.mark.parametrize(("fstype", "size"), [("ext4", "20M"), ("ext2", "16384k"), ("btrfs", "120")])
def test_an_image_has_the_file_system_and_the_size_that_are_wished_for(host: Host, fstype: str, size: str) -> None:
    done = host.create("web", "-t", host.template(FILL), "-B", "loop", "--fstype", fstype, "--fssize", size)
    assert (done.returncode, done.stderr) == (0, "")
    image, rootfs = host.path / "web/rootdev", host.path / "web/rootfs"
    assert configured(host.path / "web") == f"loop:{image}"
    assert image.stat().st_size == {"20M": 20 << 20, "16384k": 16 << 20, "120": 120 << 20}[size]
    assert image.stat().st_mode & 0o777 == 0o600
    blkid = ["blkid", "-p", "-o", "value", "-s", "TYPE", image]
    assert subprocess.run(blkid, text=True, capture_output=True).stdout == f"{fstype}\n"
    if fstype != "btrfs":
        assert in_image(image, "/file") == f"in {rootfs}\n"
    assert os.listdir(rootfs) == []
    until(lambda: not loop_devices(image), "no device has it any more")
    assert host.destroy("web").returncode == 0
    assert host.made() == []


def test_without_a_size_it_has_one_gibibyte_but_takes_no_room(host: Host) -> None:
    assert host.create("web", "-t", host.template(FILL), "-B", "loop").returncode == 0
    status = (host.path / "web/rootdev").stat()
    assert status.st_size == 1 << 30
    assert status.st_blocks * 512 < 100 << 20


def test_an_image_that_the_disk_had_no_room_for_is_an_error_and_nothing_is_left(
    host: Host, apart: Callable[[Callable[[], None]], None]
) -> None:
    ballast = f"""
for word; do case $word in --rootfs=*) root=${{word#*=}};; esac; done
head -c 8M /dev/urandom > $root/big; sync; rm {host.path}/ballast
"""
    template, big = host.template(ballast), host.template("head -c 8M /dev/urandom > ${3#*=}/big", "big")

    def work() -> None:
        for path, size in (("lxc", 10), ("small", 4)):
            (host.base / path).mkdir()
            mount.mount("none", str(host.base / path), "tmpfs", 0, f"size={size}m")
        (host.path / "ballast").write_bytes(bytes(6 << 20))
        done = host.create("web", "-t", template, "-B", "loop", "--fssize", "16M")
        assert done.returncode == 1
        assert f"cannot write to {host.path}/web/rootdev all that is to be in it: " in done.stderr
        assert host.made() == []
        assert host.create("web", "-t", big).returncode == 0
        done = host.run("lxc-copy", "-n", "web", "-N", "copy", "-p", host.base / "small", "-B", "loop", "-L", "16M")
        assert done.returncode == 1
        assert f"cannot write to {host.base}/small/copy/rootdev all that is to be in it: " in done.stderr
        assert os.listdir(host.base / "small") == []

    apart(work)


def test_a_system_that_the_image_has_no_room_for_is_said_with_what_to_do(host: Host) -> None:
    done = host.create("web", "-t", "busybox", "-B", "loop", "--fssize", "1M")
    room = "No space left on device (with -B loop or lvm, --fssize makes it larger)"
    assert done.returncode == 1
    assert done.stderr.startswith(f"lxc-busybox: cannot make the system in {host.path}/web/rootfs: {room}\n")
    assert host.made() == []


def test_an_overlay_has_what_the_template_made_below_what_the_container_changes(host: Host) -> None:
    assert host.create("web", "-t", host.template(FILL), "-B", "overlayfs").returncode == 0
    web = host.path / "web"
    assert configured(web) == f"overlay:{web}/rootfs:{web}/overlay/delta"
    assert (web / "rootfs/file").read_text() == f"in {web}/rootfs\n"
    assert os.listdir(web / "overlay/delta") == []
    assert host.destroy("web").returncode == 0
    assert host.made() == []


@pytest.mark.parametrize("wish", ["btrfs", "best", "btrfs,dir"])
def test_a_subvolume_where_that_can_be(host: Host, on_btrfs: Callable[[Callable[[], None]], None], wish: str) -> None:
    def work() -> None:
        assert host.create("web", "-t", host.template(FILL), "-B", wish).returncode == 0
        web = host.path / "web"
        assert configured(web) == f"btrfs:{web}/rootfs"
        assert (web / "rootfs").stat().st_ino == 256
        assert (web / "rootfs/file").exists()
        assert host.destroy("web").returncode == 0
        listed = subprocess.run(["btrfs", "subvolume", "list", host.path], text=True, capture_output=True, check=True)
        assert listed.stdout == ""

    on_btrfs(work)


@pytest.mark.parametrize("existed", [False, True], ids=["new", "there before"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_template_that_fails_leaves_nothing(
    host: Host, on_btrfs: Callable[[Callable[[], None]], None], kind: str, existed: bool
) -> None:
    def work() -> None:
        if existed:
            (host.path / "web").mkdir()
            (host.path / "web/mine").touch()
        before = host.made()
        done = host.create(
            "web", "-t", host.template(f"{FILL}; exit 3"), "-B", kind, *("--fssize", "20M") * (kind == "loop")
        )
        assert (done.returncode, "ended with status 3" in done.stderr) == (1, True)
        assert host.made() == before

    on_btrfs(work)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-B", "btrfs"), "it is not on a btrfs"),
        (("-B", "loop", "--fstype", "nonsense"), "cannot mkfs.nonsense"),
        (("-B", "loop", "--fstype", "../x"), "is no type of a file system"),
        (("-B", "loop", "--fssize", "40K"), "Not enough space to build proposed filesystem"),
        (("-B", "loop", "--fssize", "9999999T"), "expected a size below 8 EiB"),
        (("-B", "loop", "--fssize", "4E"), "expected a size such as 500M or 2G"),
        (("-B", "loop", "--fssize", "7000000T"), "bytes long"),
        (("-B", "loop", "--dir", "/tmp/elsewhere"), "--dir can only be used with -B dir"),
        (("-B", "overlay", "--fssize", "1G"), "--fssize can only be used with -B"),
        (("-B", "zfs,rbd"), "zfs or rbd cannot be a new container's storage"),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_left(host: Host, words: tuple[str, ...], said: str) -> None:
    done = host.create("web", "-t", host.template(FILL), *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert host.made() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_image_that_is_being_filled_is_let_go_whatever_ends_that(host: Host, number: int) -> None:
    template = host.template(f"{FILL}; touch {host.base}/begun; sleep 600")
    creating = host.begin("-n", "web", "-t", template, "-B", "loop", "--fssize", "20M")
    appears(host.base / "begun")
    image = host.path / "web/rootdev"
    assert loop_devices(image)
    creating.send_signal(number)
    creating.communicate(timeout=PATIENCE)
    if number == signal.SIGKILL:  # nobody was left to clean up
        assert image.exists()
        assert host.destroy("web").returncode == 0
    assert host.made() == []
    until(lambda: not loop_devices(image), "no device has it any more")
    assert str(host.path) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("ids", ["", MAPPED], ids=["host", "own"])
@pytest.mark.parametrize("kind", ["overlay", "loop"])
def test_the_container_runs_and_keeps_what_it_wrote(lxc: Lxc, kind: str, ids: str) -> None:
    lxc.path.chmod(0o755)
    initial = lxc.path / "initial"
    initial.write_text(f"lxc.net.0.type = empty\nlxc.init.cmd = /bin/sleep 1000\n{ids}")
    name = f"box-{lxc.tag}"
    size = ("--fssize", "32M") if kind == "loop" else ()
    lxc.ok("lxc-create", "-n", name, "-t", "busybox", "-B", kind, "-f", str(initial), *size)
    for written in ("", "kept\n"):
        lxc.start(name)
        assert lxc.ok("lxc-attach", "-n", name, "--", "sh", "-c", "cat /file; true") == written
        lxc.ok("lxc-attach", "-n", name, "--", "sh", "-c", "echo kept > /file")
        lxc.ok("lxc-stop", "-n", name, "-k")
    lxc.ok("lxc-destroy", "-n", name)
    assert not (lxc.path / name).exists()


# ---- copies into an image --------------------------------------------------------------------------------------------


def test_a_copy_can_have_an_image_of_its_own(host: Host) -> None:
    assert host.create("web", "-t", host.template(FILL)).returncode == 0
    done = host.run("lxc-copy", "-n", "web", "-N", "copy", "-B", "loop", "-L", "24M")
    assert (done.returncode, done.stderr) == (0, "")
    image = host.path / "copy/rootdev"
    assert configured(host.path / "copy") == f"loop:{image}"
    assert image.stat().st_size == 24 << 20
    assert in_image(image, "/file") == f"in {host.path}/web/rootfs\n"
    assert host.run("lxc-copy", "-n", "copy", "-N", "larger", "-L", "40M").returncode == 0
    assert (host.path / "larger/rootdev").stat().st_size == 40 << 20
    assert in_image(host.path / "larger/rootdev", "/file") == f"in {host.path}/web/rootfs\n"
    until(lambda: not loop_devices(image), "no device has it any more")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-B", "loop", "-L", "2M"), "the copy's file system has 2 MiB; -L gives it more"),
        (("-B", "dir", "-L", "20M"), "only a copy in an image or a volume of its own has a size"),
        (("-L", "20M"), "only a copy in an image or a volume of its own has a size"),
        (("-B", "loop", "-L", "much"), "expected a size such as 500M or 2G"),
    ],
)
def test_what_has_no_room_or_no_sense_is_said_and_nothing_is_left(
    host: Host, words: tuple[str, ...], said: str
) -> None:
    fill = FILL.replace('echo "in $root" >', "head -c 4000000 /dev/urandom >")
    assert host.create("web", "-t", host.template(fill)).returncode == 0
    before = host.made()
    done = host.run("lxc-copy", "-n", "web", "-N", "copy", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert host.made() == before


def test_the_api_makes_them(host: Host) -> None:
    import lxc

    template = str(host.template(FILL))
    web = lxc.Container("web", str(host.path))
    assert web.create(template, bdevtype="loop", fssize=20 << 20)
    assert (host.path / "web/rootdev").stat().st_size == 20 << 20
    copy = web.clone("copy", bdevtype="loop", newsize=30 << 20)
    assert isinstance(copy, lxc.Container)
    assert (host.path / "copy/rootdev").stat().st_size == 30 << 20
    assert (copy.destroy(), web.destroy()) == (True, True)
    assert host.made() == []
