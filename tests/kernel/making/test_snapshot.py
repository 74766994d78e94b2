"""lxc-snapshot, and the same from Python."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.kernel.making.conftest import Host, command, cut_short
from tests.kernel.making.test_copy import values

import lxc

pytestmark = pytest.mark.root

FILL = """
for word; do case $word in --rootfs=*) root=${word#*=};; esac; done
mkdir -p $root/etc; echo first > $root/etc/data
"""


@pytest.fixture
def web(host: Host) -> Path:
    assert host.create("web", "-t", host.template(FILL)).returncode == 0
    return host.path / "web"


@pytest.fixture
def layered(host: Host, web: Path) -> Path:
    """A container that is an overlay over web."""
    assert host.run("lxc-copy", "-n", "web", "-N", "layered", "-s").returncode == 0
    return host.path / "layered"


def snapshot(host: Host, *words: object, name: str = "web") -> str:
    done = host.run("lxc-snapshot", "-n", name, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_snapshots_are_numbered_dated_and_commented(host: Host, web: Path) -> None:
    comment = host.base / "comment"
    comment.write_text("before the upgrade\n")
    assert snapshot(host, "-L") == "No snapshots\n"
    snapshot(host)
    snapshot(host, "-c", comment)
    first, second, text = snapshot(host, "-L", "-C").splitlines()
    assert re.fullmatch(rf"snap0 \({web}/snaps\) \d{{4}}:\d\d:\d\d \d\d:\d\d:\d\d", first)
    assert second.startswith(f"snap1 ({web}/snaps) ")
    assert text == "before the upgrade"
    snapshot(host, "-d", "snap0")
    snapshot(host)
    assert sorted(path.name for path in (web / "snaps").iterdir()) == ["snap0", "snap1"]
    snapshot(host, "-d", "ALL")
    assert not (web / "snaps").exists()


def test_a_comment_is_kept_whole_wherever_it_comes_from(host: Host, web: Path) -> None:
    text = "a word or two\n" * 20000
    late = "sleep 0.3; seq 20000 | sed 's/.*/a word or two/'"
    argv = " ".join(map(shlex.quote, command("lxc-snapshot", "-P", host.path, "-n", "web", "-c")))
    subprocess.run(["bash", "-c", f"{argv} <({late})"], check=True, stdin=subprocess.DEVNULL)
    assert (web / "snaps/snap0/comment").read_text() == text
    assert snapshot(host, "-L", "-C").endswith(text)


@pytest.mark.parametrize(
    ("size", "said"), [(60000, "web/snaps/snap0/comment: File too large"), (2 << 20, "it has more than 1048576 bytes")]
)
def test_a_comment_that_cannot_be_kept_whole_is_an_error_and_leaves_no_snapshot(
    host: Host, web: Path, size: int, said: str
) -> None:
    comment = host.base / "comment"
    comment.write_bytes(b"x" * size)
    argv = command("lxc-snapshot", "-P", host.path, "-n", "web", "-c", comment)
    done = subprocess.run(["prlimit", "--fsize=32768", *argv], text=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert not (web / "snaps").exists()


def test_some_that_are_made_at_the_same_time_have_names_of_their_own(host: Host, web: Path) -> None:
    argv = command("lxc-snapshot", "-P", host.path, "-n", "web")
    making = [subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    said = "".join(process.communicate()[1] for process in making)
    assert [process.returncode for process in making] == 6 * [0]
    assert {line for line in said.splitlines() if "waiting for" not in line} == set()
    assert sorted(os.listdir(web / "snaps")) == [f"snap{number}" for number in range(6)]


def test_a_restored_container_is_as_it_was_and_keeps_its_snapshots(host: Host, web: Path) -> None:
    config = (web / "config").read_text()
    snapshot(host)
    (web / "rootfs/etc/data").write_text("second\n")
    (web / "rootfs/more").write_text("")
    snapshot(host)
    snapshot(host, "-r", "snap0")
    assert (web / "rootfs/etc/data").read_text() == "first\n"
    assert not (web / "rootfs/more").exists()
    assert sorted(values(web, "lxc.rootfs.path")) == [f"dir:{web}/rootfs"]
    assert sorted(config.splitlines()) == sorted((web / "config").read_text().splitlines())
    assert sorted(path.name for path in host.path.iterdir()) == ["web"]
    snapshot(host, "-r", "snap1")
    assert (web / "rootfs/etc/data").read_text() == "second\n"


def test_a_snapshot_can_become_another_container(host: Host, web: Path) -> None:
    snapshot(host)
    snapshot(host, "-r", "snap0", "-N", "old")
    assert snapshot(host, "-r", "snap0", "older") == ""
    for name in ("old", "older"):
        assert (host.path / name / "rootfs/etc/data").read_text() == "first\n"
        assert values(host.path / name, "lxc.uts.name") == [name]


def test_of_an_overlay_the_changes_are_kept_and_put_back(host: Host, layered: Path) -> None:
    (layered / "overlay/delta/new").write_text("one")
    snapshot(host, name="layered")
    made = layered / "snaps/snap0"
    assert values(made, "lxc.rootfs.path") == [f"overlay:{host.path}/web/rootfs:{made}/overlay/delta"]
    assert (host.path / "web/lxc_snapshots").read_text() == f"{host.path}\nlayered\n{layered}/snaps\nsnap0\n"
    (layered / "overlay/delta/new").write_text("two")
    snapshot(host, "-r", "snap0", name="layered")
    assert (layered / "overlay/delta/new").read_text() == "one"
    assert values(layered, "lxc.rootfs.path") == [f"overlay:{host.path}/web/rootfs:{layered}/overlay/delta"]
    assert sorted(path.name for path in host.path.iterdir()) == ["layered", "web"]
    snapshot(host, "-d", "ALL", name="layered")
    assert host.destroy("layered").returncode == 0
    assert not (host.path / "web/lxc_snapshots").exists()


def test_an_overlay_over_its_own_directory_is_put_back_too(host: Host, web: Path) -> None:
    """What lxc-create -B overlay of LXC makes."""
    delta = web / "overlay/delta"
    delta.mkdir(parents=True)
    text = (web / "config").read_text().replace(f"dir:{web}/rootfs", f"overlay:{web}/rootfs:{delta}")
    (web / "config").write_text(text)
    (delta / "new").write_text("one")
    snapshot(host)
    (delta / "new").write_text("two")
    snapshot(host, "-r", "snap0")
    assert (delta / "new").read_text() == "one"
    assert (web / "rootfs/etc/data").read_text() == "first\n"
    assert sorted(path.name for path in host.path.iterdir()) == ["web"]
    assert (web / "config").read_text() == text


def test_what_lies_beside_the_root_is_there_when_it_has_been_put_back(host: Host, web: Path) -> None:
    (web / "more").write_text("lxc.tty.max = 3\n")
    (web / "policy").write_text("2\ndenylist\n")
    with (web / "config").open("a") as file:
        file.write(f"lxc.include = {web}/more\nlxc.seccomp.profile = {web}/policy\n")
    snapshot(host)
    (web / "notes").write_text("mine")
    snapshot(host, "-r", "snap0")
    assert sorted(path.name for path in host.path.iterdir()) == ["web"]
    there = {path.name for path in web.iterdir()}
    assert there >= {"config", "rootfs", "snaps", "more", "policy", "notes"}
    assert values(web, "lxc.include")[-1] == f"{web}/more"
    assert host.run("lxc-info", "-n", "web", "-c", "lxc.tty.max").stdout == "lxc.tty.max = 3\n"


def test_a_snapshot_that_cannot_be_read_leaves_all_as_it_was(host: Host, web: Path) -> None:
    (host.base / "more").write_text("lxc.tty.max = 3\n")
    snapshot(host)
    with (web / "snaps/snap0/config").open("a") as file:
        file.write(f"lxc.include = {host.base}/gone\n")
    before = host.made()
    assert "gone" in host.run("lxc-snapshot", "-n", "web", "-r", "snap0").stderr
    assert host.made() == before


def test_a_container_that_needs_what_cannot_be_read_is_left_as_it_was(host: Host, web: Path) -> None:
    snapshot(host)
    (web / "lxc_rdepends").symlink_to("config")
    before = host.made()
    done = host.run("lxc-snapshot", "-n", "web", "-r", "snap0")
    assert (done.returncode, f"{web}/lxc_rdepends" in done.stderr) == (1, True)
    assert host.made() == before


def test_what_it_was_before_and_cannot_be_removed_is_named(host: Host, web: Path) -> None:
    snapshot(host)
    (web / "rootfs/etc/more").touch()
    subprocess.run(["chattr", "+i", web / "rootfs/etc/more"], check=True)
    done = host.run("lxc-snapshot", "-n", "web", "-r", "snap0")
    (old,) = set(host.path.iterdir()) - {web}
    subprocess.run(["chattr", "-i", old / "rootfs/etc/more"], check=True)
    assert done.returncode == 1
    assert "web is restored, but what it was before could not all be removed: cannot remove" in done.stderr
    assert f"lxc-destroy -P {host.path} -n {old.name} removes the rest" in done.stderr
    assert host.destroy(old.name).returncode == 0
    assert sorted(path.name for path in host.path.iterdir()) == ["web"]
    assert not (web / "rootfs/etc/more").exists()


def test_where_something_else_cannot_be_kept_all_is_as_it_was(host: Host, web: Path) -> None:
    snapshot(host)
    (web / "rootfs/etc/data").write_text("second\n")
    for number in range(9):
        (web / f"notes{number}").write_text("mine")
    before = host.made()
    subprocess.run(["chattr", "+i", web / "notes4"], check=True)
    done = host.run("lxc-snapshot", "-n", "web", "-r", "snap0")
    made = host.made()
    subprocess.run(["chattr", "-i", next(host.path.glob("*/notes4"))], check=True)
    assert (done.returncode, "notes4: Operation not permitted" in done.stderr) == (1, True)
    assert made == before
    assert (web / "rootfs/etc/data").read_text() == "second\n"


def test_the_configuration_of_an_overlay_is_put_back_too(host: Host) -> None:
    assert host.create("web", "-t", host.template(FILL), "-B", "overlay").returncode == 0
    web = host.path / "web"
    before = (web / "config").read_text()
    snapshot(host)
    with (web / "config").open("a") as file:
        file.write("lxc.environment = AFTER=1\n")
    snapshot(host, "-r", "snap0")
    assert sorted((web / "config").read_text().splitlines()) == sorted(before.splitlines())
    assert sorted(path.name for path in host.path.iterdir()) == ["web"]


def test_an_overlay_that_cannot_be_put_back_keeps_its_changes(host: Host) -> None:
    assert host.create("web", "-t", host.template(FILL), "-B", "overlay").returncode == 0
    web = host.path / "web"
    snapshot(host)
    (web / "overlay/delta/new").write_text("mine")
    subprocess.run(["chattr", "+i", web / "config"], check=True)
    done = host.run("lxc-snapshot", "-n", "web", "-r", "snap0")
    subprocess.run(["chattr", "-i", web / "config"], check=True)
    assert done.returncode == 1
    assert (web / "overlay/delta/new").read_text() == "mine"
    assert sorted(path.name for path in host.path.iterdir()) == ["web"]


def test_what_was_made_of_an_overlays_snapshot_keeps_its_base(host: Host) -> None:
    assert host.create("web", "-t", host.template(FILL), "-B", "overlay").returncode == 0
    snapshot(host)
    snapshot(host, "-r", "snap0", "-N", "new")
    assert "has clones" in host.destroy("web", "-s").stderr
    assert (host.path / "web/rootfs/etc/data").exists()
    assert host.destroy("new").returncode == 0
    assert host.destroy("web", "-s").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-r", ""), "expected a SNAPSHOT, got nothing"),
        (("-d", ""), "expected a SNAPSHOT, got nothing"),
        (("-r", "snap0", "-N", "../x"), "../x"),
        (("-r", "snap0", "-N", "web/rootfs/evil"), "web/rootfs/evil"),
        (("-r", "snap0", "-N", "a\nb"), "cannot be a container's name"),
        (("-r", "snap7"), "Could not open snapshot snap7"),
        (("-d", "snap7"), "Could not open snapshot snap7"),
        (("-c", "/no/such/file"), "cannot read /no/such/file"),
        (("surplus",), "Too many arguments"),
        (("-r", "snap0", "a", "b"), "Too many arguments"),
        (("-r", "snap0", "-d", "snap0"), "one at a time"),
        (("-r", "snap0", "-N", "taken"), "already exists"),
    ],
)
def test_a_mistake_is_said_and_changes_nothing(host: Host, web: Path, words: tuple[str, ...], said: str) -> None:
    snapshot(host)
    assert host.create("taken", "-t", "none").returncode == 0
    before = host.made()
    done = host.run("lxc-snapshot", "-n", "web", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert host.made() == before


def test_of_a_container_that_is_not_there_nothing_is_made(host: Host) -> None:
    done = host.run("lxc-snapshot", "-n", "nobody")
    assert done.returncode == 1
    assert "nobody is not defined" in done.stderr
    assert host.made() == []


@pytest.mark.parametrize(
    "words", [("-L",), ("-L", "--format", "json"), ("-d", "ALL"), ("-d", "snap0"), ("-r", "snap0")]
)
def test_a_container_that_is_not_there_is_said_not_to_be_there(host: Host, words: tuple[str, ...]) -> None:
    done = host.run("lxc-snapshot", "-n", "nobody", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody is not defined" in done.stderr
    with pytest.raises(KeyError, match="Unable to list snapshots"):
        lxc.Container("nobody", str(host.path)).snapshot_list()


def test_snapshots_that_a_container_has_left_are_listed_and_removed(host: Host, web: Path) -> None:
    snapshot(host)
    snapshot(host)
    (web / "config").unlink()
    assert [line.split()[0] for line in snapshot(host, "-L").splitlines()] == ["snap0", "snap1"]
    assert [each[0] for each in lxc.Container("web", str(host.path)).snapshot_list()] == ["snap0", "snap1"]
    snapshot(host, "-d", "snap0")
    snapshot(host, "-d", "ALL")
    assert not (web / "snaps").exists()


@pytest.mark.parametrize(
    "words", [("lxc-snapshot", "-d", "snap0"), ("lxc-snapshot", "-d", "ALL"), ("lxc-destroy", "-s")]
)
def test_one_whose_making_was_cut_short_can_be_removed(host: Host, web: Path, words: tuple[str, ...]) -> None:
    made = web / "snaps/snap0"
    made.mkdir(parents=True)
    (made / "partial").touch(0)
    cut_short(made, "config")
    assert "web has snapshots" in host.destroy("web").stderr
    done = host.run(*words, "-n", "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert not made.exists()


def test_python_has_the_same(host: Host, web: Path) -> None:
    container = lxc.Container("web", str(host.path))
    copy = container.clone("copy", flags=lxc.LXC_CLONE_SNAPSHOT)
    assert isinstance(copy, lxc.Container)
    assert copy.get_config_item("lxc.rootfs.path") == f"{web}/rootfs:{host.path}/copy/overlay/delta"
    assert container.rename("shop") is False
    assert "needs the root file system" in str(container.last_error)
    assert copy.destroy()
    assert container.snapshot() == "snap0"
    ((name, comment, timestamp, path),) = container.snapshot_list()
    assert (name, comment, path) == ("snap0", f"{web}/snaps/snap0/comment", f"{web}/snaps")
    assert re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", timestamp)
    (web / "rootfs/etc/data").write_text("second\n")
    assert container.snapshot_restore("snap0")
    assert (web / "rootfs/etc/data").read_text() == "first\n"
    assert container.snapshot_restore("snap0", "other")
    assert container.snapshot_destroy("snap0")
    assert container.snapshot_destroy("snap0") is False
    assert container.snapshot_list() == ()
    renamed = container.rename("shop")
    assert isinstance(renamed, lxc.Container)
    assert (renamed.name, renamed.defined, container.defined) == ("shop", True, False)
    with pytest.raises(ValueError, match="hookargs"):
        renamed.clone("again", hookargs=["a"])  # type: ignore[arg-type]
