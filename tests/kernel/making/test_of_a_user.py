"""Root destroys or copies a container that another user owns: what that user wrote there decides nothing about the host."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import as_often

from lxc import beneath
from lxc.checkpoint import outside as criu
from lxc.checkpoint.plan import Images
from lxc.config.container import Config
from lxc.config.document import Document
from lxc.errors import LxcError
from lxc.idmap.plan import IdMapPlan, Range
from lxc.runtime import as_root
from lxc.runtime.disk import copying, making, snapshots
from lxc.runtime.place import Place, place
from lxc.storage import creation, ours

from .conftest import Host, command

pytestmark = pytest.mark.root

USER = 65534


@pytest.fixture
def theirs(host: Host) -> Path:
    """A container of the user's, in a path of his."""
    directory = host.path / "web"
    (directory / "rootfs/etc").mkdir(parents=True)
    (directory / "config").write_text(f"lxc.rootfs.path = dir:{directory}/rootfs\n")
    host.base.chmod(0o755)
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


@pytest.mark.parametrize("key", ["clone", "destroy"])
def test_the_users_hooks_are_not_run_by_root(host: Host, theirs: Path, key: str) -> None:
    pwned = host.base / "pwned"
    with (theirs / "config").open("a") as config:
        config.write(f"lxc.hook.{key} = sh -c 'touch {pwned}'\n")
    words = {"clone": ("lxc-copy", "-N", "new"), "destroy": ("lxc-destroy",)}[key]
    done = host.run(*words, "-n", "web")
    assert not pwned.exists()
    assert (done.returncode, theirs.is_dir()) == (1, True)
    assert "root runs no hook that another user has configured" in done.stderr
    assert f"{theirs}/config:2" in done.stderr
    done = host.run("lxc-copy", "-R", "-n", "web", "-N", "new")
    assert (done.returncode, pwned.exists(), theirs.is_dir()) == (1, False, True)


def test_a_file_of_the_users_that_roots_configuration_includes_has_no_hooks_for_root(host: Host, theirs: Path) -> None:
    pwned, included = host.base / "pwned", theirs / "included"
    included.write_text(f"lxc.hook.destroy = sh -c 'touch {pwned}'\n")
    give(host)
    with (theirs / "config").open("a") as config:
        config.write(f"lxc.include = {included}\n")
    os.chown(theirs / "config", 0, 0)
    assert host.destroy("web").returncode == 1
    assert not pwned.exists()


def test_what_a_link_of_the_users_on_the_way_leads_to_has_no_hooks_for_root(host: Host, theirs: Path) -> None:
    """Also if that is root's for now."""
    pwned, included = host.base / "pwned", host.base / "included"
    included.write_text(f"lxc.hook.destroy = sh -c 'touch {pwned}'\n")
    (host.path / "theirs").symlink_to(included)
    (host.base / "way").symlink_to(host.path / "theirs")
    with (theirs / "config").open("a") as config:
        config.write(f"lxc.include = {host.base}/way\n")
    give(host)
    assert host.destroy("web").returncode == 1
    assert not pwned.exists()


def test_the_hosts_hooks_are_run_for_a_users_container(host: Host, theirs: Path) -> None:
    told, hosts = host.base / "told", host.base / "hosts.conf"
    hosts.write_text(f"lxc.hook.clone = echo $LXC_NAME >> {told}\nlxc.hook.destroy = echo $LXC_NAME >> {told}\n")
    with (theirs / "config").open("a") as config:
        config.write(f"lxc.include = {hosts}\n")
    for words in (("lxc-copy", "-n", "web", "-N", "new"), ("lxc-destroy", "-n", "web")):
        done = host.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in told.read_text().splitlines()] == ["new", "web"]


def test_a_copys_configuration_is_written_into_its_directory_wherever_that_has_gone(host: Host, theirs: Path) -> None:
    elsewhere = host.base / "elsewhere"
    elsewhere.mkdir()
    new = place("new", str(host.path))

    def swap(document: Document, _place: Place, _ids: IdMapPlan) -> Document:
        (host.path / "new").rename(host.path / "moved")
        (host.path / "new").symlink_to(elsewhere)
        return document

    with pytest.raises((LxcError, OSError)):
        copying.copy(place("web", str(host.path)), new, copying.Wish(edit=swap))
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("driver", ["dir", "overlay", "loop"])
def test_a_copys_root_is_made_in_its_directory_wherever_that_has_gone(host: Host, theirs: Path, driver: str) -> None:
    elsewhere = host.base / "elsewhere"
    elsewhere.mkdir()
    new = place("new", str(host.path))
    paths = {"dir": "rootfs", "overlay": "overlay/delta", "loop": "rootdev"}
    root = f"{theirs}/rootfs:{new.directory}" if driver == "overlay" else new.directory
    (elsewhere / "config").write_text(f"lxc.rootfs.path = {driver}:{root}/{paths[driver]}\n")

    def swap(document: Document, _place: Place, _ids: IdMapPlan) -> Document:
        (host.path / "new").rename(host.path / "moved")
        (host.path / "new").symlink_to(elsewhere)
        return document

    with suppress(LxcError, OSError):
        wish = copying.Wish(edit=swap, driver=driver, as_snapshot=driver == "overlay")
        copying.copy(place("web", str(host.path)), new, wish)
    assert os.listdir(elsewhere) == ["config"]


def test_the_containers_root_gets_no_directory_elsewhere(host: Host) -> None:
    """In whose place the user has put a link."""
    dear, ids = host.base / "dear", IdMapPlan((Range(0, 100000, 65536),), (Range(0, 100000, 65536),))
    (host.path / "web").mkdir(parents=True)
    (dear / "delta").mkdir(parents=True)
    (host.path / "web/overlay").symlink_to(dear)
    (host.path / "web/rootfs").symlink_to(dear)
    directory = os.open(host.path / "web", os.O_RDONLY)
    as_root.give(ids, directory, ("rootfs",))
    with pytest.raises(OSError, match="overlay is a symbolic link"):
        as_root.give(ids, directory, ("overlay/delta",))
    os.close(directory)
    assert {each.stat().st_uid for each in (dear, dear / "delta")} == {0}


def test_a_link_where_the_configuration_belongs_is_replaced(host: Host, theirs: Path) -> None:
    program = host.base / "program"
    program.write_text("dear")
    program.chmod(0o4755)
    (theirs / "config").unlink()
    (theirs / "config").symlink_to(program)
    directory = os.open(theirs, os.O_RDONLY)
    Document(text="lxc.uts.name = a\n").save_in(directory, str(theirs / "config"))
    os.close(directory)
    assert (program.read_text(), (theirs / "config").read_text()) == ("dear", "lxc.uts.name = a\n")
    assert not (theirs / "config").is_symlink()
    assert (theirs / "config").stat().st_mode & 0o7000 == 0


@pytest.mark.parametrize("part", ["config", "web", "lxc"])
@pytest.mark.parametrize("way", ["update", "fix", "define"])
def test_what_root_saves_follows_no_link_of_the_users(host: Host, theirs: Path, way: str, part: str) -> None:
    """To a configuration of root's, or to where one is read."""
    roots = host.base / "roots"
    (roots / "web").mkdir(parents=True)
    dear = roots / "web/config"
    dear.write_text("lxc.utsname = dear\n")
    path = {"config": theirs / "config", "web": theirs, "lxc": host.path}[part]
    path.rename(f"{path}.old")
    path.symlink_to({"config": dear, "web": roots / "web", "lxc": roots}[part])
    os.chown(path, USER, USER, follow_symlinks=False)
    if way == "define":
        with pytest.raises(LxcError, match="is another user's symbolic link"):
            making.define(Place("web", str(host.path)), Document(text=""))
    else:
        words = {"update": ("lxc-update-config", "-c"), "fix": ("lxc-check", "--fix")}[way]
        done = subprocess.run([*command(words[0]), *words[1:], theirs / "config"], capture_output=True, text=True)
        assert (done.returncode, "is another user's symbolic link" in done.stderr) == (2 if way == "fix" else 1, True)
    assert (dear.read_text(), os.listdir(roots / "web")) == ("lxc.utsname = dear\n", ["config"])


def test_what_root_saves_follows_links_of_its_own(host: Host, theirs: Path) -> None:
    dear = host.base / "dear"
    dear.write_text("lxc.utsname = dear\n")
    (theirs / "config").unlink()
    (theirs / "config").symlink_to("../../dear")
    (host.base / "way").symlink_to(host.path)
    path = host.base / "way/web/config"
    assert subprocess.run([*command("lxc-update-config"), "-c", path], check=False).returncode == 0
    assert (dear.read_text(), (theirs / "config").is_symlink()) == ("lxc.uts.name = dear\n", True)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_containers_own_log_is_a_file_of_its_own(host: Host, theirs: Path, kind: str) -> None:
    dear, log = host.base / "dear", theirs / "web.log"
    dear.write_text("dear\n")
    make = {"link": log.symlink_to, "pipe": lambda _: os.mkfifo(log)}[kind]
    make(dear)
    give(host)
    for words in (("lxc-info", "-l", "trace"), ("lxc-start", "-s", "lxc.rootfs.path=/nowhere")):
        host.run(*words, "-n", "web")
    assert dear.read_text() == "dear\n"


CHANGE = """
import os, sys, time
new, elsewhere, text = sys.argv[1:]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print("ready", flush=True)
while not os.path.isdir(new + "/rootfs"):
    time.sleep(0.001)
os.rename(new + "/rootfs", new + "/moved")
os.symlink(elsewhere, new + "/rootfs")
with open(new + "/config", "w") as file:
    file.write(text)
print("changed", flush=True)
"""


def test_what_is_done_in_a_copys_root_follows_nothing_that_the_user_changes_meanwhile(host: Host, theirs: Path) -> None:
    elsewhere, pwned, hosts = host.base / "elsewhere", host.base / "pwned", host.base / "hosts.conf"
    for root in (elsewhere, theirs / "rootfs"):
        (root / "etc").mkdir(parents=True, exist_ok=True)
        (root / "etc/hostname").write_text("dear")
    for number in range(5000):  # it takes time to copy them
        (theirs / f"rootfs/{number}").touch()
    hosts.write_text("lxc.hook.clone = sh -c 'touch $LXC_ROOTFS_MOUNT/seen'\n")
    with (theirs / "config").open("a") as config:
        config.write(f"lxc.include = {hosts}\n")
    give(host)
    new = host.path / "new"
    text = f"lxc.rootfs.path = dir:{elsewhere}\nlxc.include = {hosts}\nlxc.hook.clone = sh -c 'touch {pwned}'\n"
    argv = [sys.executable, "-c", CHANGE, str(new), str(elsewhere), text]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout
        assert user.stdout.readline() == "ready\n"
        host.run("lxc-copy", "-n", "web", "-N", "new")
        user.kill()
        assert user.stdout.read() == "changed\n"
    assert (elsewhere / "etc/hostname").read_text() == "dear"
    assert not (elsewhere / "seen").exists()
    assert not pwned.exists()


@pytest.mark.parametrize("driver", ["dir", "overlay", "loop"])
def test_the_name_is_written_into_no_root_that_the_user_has_put_there(host: Host, theirs: Path, driver: str) -> None:
    """A link of his, in the place of what was made."""
    dear, new = host.base / "dear", place("new", str(host.path))
    for root in (dear / "delta", theirs / "rootfs"):
        (root / "etc").mkdir(parents=True, exist_ok=True)
        (root / "etc/hostname").write_text("dear")
    (dear / "work").mkdir()
    (host.path / "new/overlay").mkdir(parents=True)
    image = dear / "image"
    subprocess.run(["mkfs.ext4", "-q", "-d", dear / "delta", image, "2M"], check=True, capture_output=True)
    text, link, target = {
        "dir": (f"dir:{new.rootfs}", "rootfs", dear / "delta"),
        "overlay": (f"overlay:{theirs}/rootfs:{new.directory}/overlay/delta", "overlay/delta", dear / "delta"),
        "loop": (f"loop:{new.directory}/rootdev", "rootdev", image),
    }[driver]
    (host.path / "new/overlay/work").mkdir()
    (host.path / "new" / link).symlink_to(target)
    (host.path / "new/rootfs").mkdir(exist_ok=True)
    directory = os.open(new.directory, os.O_RDONLY)
    with pytest.raises((LxcError, OSError), match="symbolic link"):
        copying.finish_root(
            place("web", str(host.path)), new, copying.Wish(), Document(text=f"lxc.rootfs.path = {text}\n"), directory
        )
    os.close(directory)
    read = ["debugfs", "-R", "cat /etc/hostname", image]
    assert (dear / "delta/etc/hostname").read_text() == "dear"
    assert subprocess.run(read, capture_output=True, text=True, check=True).stdout == "dear"


@pytest.fixture
def secret(host: Host) -> Path:
    """What nobody but root gets to see, by the directory that it is in."""
    directory = host.base / "secret/root"
    (directory / "etc").mkdir(parents=True)
    (directory / "etc/hostname").write_text("dear")
    (host.base / "secret/lower").mkdir()
    (host.base / "secret/work").mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-d", directory, host.base / "secret/image", "2M"], check=True)
    (host.base / "secret").chmod(0o700)
    return directory


@pytest.fixture(params=["dir", "a link to it", "overlay", "a layer below", "loop"])
def named(request: pytest.FixtureRequest, host: Host, theirs: Path, secret: Path) -> str:
    """The user's configuration names it as his container's root."""
    (theirs / "link").symlink_to(secret)
    (host.path / "upper").mkdir()
    path = {
        "dir": f"dir:{secret}",
        "a link to it": f"dir:{theirs}/link",
        "overlay": f"overlay:{theirs}/rootfs:{secret}",
        "a layer below": f"overlay:{secret}:{host.path}/upper",
        "loop": f"loop:{secret.parent}/image",
    }[request.param]
    (theirs / "config").write_text(f"lxc.rootfs.path = {path}\n")
    give(host)
    return path


@pytest.mark.parametrize("words", [(), ("-s",), ("-s", "-B", "overlay"), ("-B", "dir"), ("-B", "loop", "-L", "4M")])
def test_nothing_is_copied_for_a_user_that_he_could_not_see(host: Host, named: str, words: tuple[str, ...]) -> None:
    done = host.run("lxc-copy", "-n", "web", "-N", "new", *words)
    seen = [path for path in host.path.glob("new/**/hostname") if path.is_file()]
    assert (seen, (host.path / "new/rootdev").exists()) == ([], False)
    assert done.returncode == 0 or "may not go there" in done.stderr or "no overlays over loop" in done.stderr


def test_no_snapshot_is_made_for_a_user_of_what_he_could_not_see(host: Host, named: str) -> None:
    host.run("lxc-snapshot", "-n", "web")
    assert [path for path in host.path.glob("web/snaps/**/hostname") if path.is_file()] == []
    assert not list(host.path.glob("web/snaps/**/rootdev"))


def test_a_renamed_container_of_a_users_has_its_name_written_nowhere_else(host: Host, secret: Path, named: str) -> None:
    done = host.run("lxc-copy", "-R", "-n", "web", "-N", "new")
    assert (secret / "etc/hostname").read_text() == "dear"
    read = ["debugfs", "-R", "cat /etc/hostname", secret.parent / "image"]
    assert subprocess.run(read, capture_output=True, text=True, check=True).stdout == "dear"
    assert (done.returncode, (host.path / "web").is_dir(), (host.path / "new").exists()) == (1, True, False)


@pytest.mark.parametrize("kind", ["dir", "overlay", "loop"])
def test_what_is_the_users_is_copied_and_renamed(host: Host, theirs: Path, kind: str) -> None:
    for name in ("rootfs", "overlay/delta"):
        (theirs / name / "etc").mkdir(parents=True, exist_ok=True)
    (theirs / "overlay/work").mkdir()
    (theirs / "rootfs/etc/hostname").write_text("web")
    subprocess.run(["mkfs.ext4", "-q", "-d", theirs / "rootfs", theirs / "rootdev", "2M"], check=True)
    path = {
        "dir": f"dir:{theirs}/rootfs",
        "overlay": f"overlay:{theirs}/rootfs:{theirs}/overlay/delta",
        "loop": f"loop:{theirs}/rootdev",
    }[kind]
    (theirs / "config").write_text(f"lxc.rootfs.path = {path}\n")
    host.path.chmod(0o700)  # the user's home
    give(host)
    assert host.run("lxc-copy", "-n", "web", "-N", "new", "-B", "dir").returncode == 0
    assert (host.path / "new/rootfs/etc/hostname").read_text() == "new"
    assert host.run("lxc-copy", "-R", "-n", "web", "-N", "old").returncode == 0
    assert (host.path / "old").is_dir()


def test_what_is_kept_when_a_snapshot_is_restored_is_what_lies_in_the_container(host: Host, theirs: Path) -> None:
    (host.base / "dear").mkdir()
    (host.base / "dear/file").touch()
    (host.path / "old").symlink_to(host.base / "dear")
    with pytest.raises(OSError, match="symbolic link"):
        snapshots._carry(place("old", str(host.path)), Config(), place("web", str(host.path)))
    assert (host.base / "dear/file").exists()


SWAP = """
import ctypes, os, sys
rename = ctypes.CDLL(None, use_errno=True).renameat2
directory, dear = sys.argv[1:]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.chdir(directory)
os.symlink(dear, "link")
print("ready", flush=True)
while True:
    rename(-100, b"link", -100, b"rootfs", 2)  # RENAME_EXCHANGE
"""


@pytest.mark.parametrize("way", ["in", "path", "define"])
def test_a_directory_that_becomes_a_link_as_it_is_made_changes_no_file_elsewhere(host: Host, way: str) -> None:
    dear, directory = host.base / "dear", host.base / "theirs"
    directory.mkdir()
    dear.touch(0o600)
    host.base.chmod(0o755)
    os.chown(directory, USER, USER)
    opened = os.open(directory, os.O_RDONLY)
    ways: dict[str, Callable[[], object]] = {
        "in": lambda: creation.make_directories(opened, ("rootfs",)),
        "path": lambda: beneath.make_directories(f"{directory}/rootfs"),
        "define": lambda: making.define(Place("rootfs", str(directory)), Document(text="")),
    }
    argv = [sys.executable, "-c", SWAP, str(directory), str(dear)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout
        assert user.stdout.readline() == "ready\n"
        for _ in range(as_often(300)):
            with suppress(OSError, LxcError):
                ways[way]()
            for name in ("rootfs", "link"):
                with suppress(OSError):
                    shutil.rmtree(directory / name)
            with suppress(OSError):
                os.rename(directory / "rootfs", directory / "link")
        user.kill()
    os.close(opened)
    assert dear.stat().st_mode & 0o777 == 0o600


def test_images_of_a_checkpoint_lie_in_no_directory_of_a_users(host: Host, theirs: Path) -> None:
    """He could put others in their place, and they say which processes to make."""
    (theirs / "dump").mkdir(mode=0o700)
    (host.base / "dump").mkdir(mode=0o700)
    criu.check_directory(Images(str(host.base / "dump")))
    (host.base / "way").symlink_to(host.path / "theirs")
    (host.path / "theirs").symlink_to(host.base)
    os.chown(host.path / "theirs", USER, USER, follow_symlinks=False)
    for path in (theirs, host.base / "way", host.path / "theirs"):
        with pytest.raises(LxcError, match=r"others than root decide what .*/dump is"):
            criu.check_directory(Images(f"{path}/dump"))


@pytest.mark.parametrize("words", [
    ("lxc-info", "-n", "web", "-c", "lxc.environment"),
    ("lxc-start", "-n", "web", "--dry-run"),
    ("lxc-snapshot", "-n", "web", "-L", "-C"),
    ("lxc-autostart", "-L", "-a"),
])  # fmt: skip
def test_a_terminal_is_shown_what_a_user_wrote_and_does_not_obey_it(
    host: Host, theirs: Path, words: tuple[str, ...]
) -> None:
    with (theirs / "config").open("a") as config:
        config.write("lxc.environment = A=\x1b]0;evil\x07\nlxc.start.auto = 1\n")
    (theirs / "snaps/snap0").mkdir(parents=True)
    for name, text in (
        ("config", "lxc.uts.name = a\n"),
        ("ts", "2026:01:01 \x1b]0;evil\x07"),
        ("comment", "\x1b]0;evil\x07\n"),
    ):
        (theirs / f"snaps/snap0/{name}").write_text(text)
    theirs.rename(host.path / "web\x1b]0;evil\x07") if words[0] == "lxc-autostart" else None
    master, slave = os.openpty()
    with subprocess.Popen(
        command(words[0], "-P", host.path, *words[1:]), stdin=slave, stdout=slave, stderr=slave
    ) as it:
        os.close(slave)
        said = b""
        with suppress(OSError):  # EIO: nobody has it any more
            while part := os.read(master, 4096):
                said += part
    os.close(master)
    assert (b"evil" in said, b"\x1b" in said, it.returncode) == (True, False, 0), said


def test_root_runs_the_hooks_of_our_own_configurations_though_the_package_is_a_user_s(host: Host) -> None:
    """Its files decide all that the command does."""
    package = host.base / "site/lxc"
    shutil.copytree(Path(creation.__file__).parents[1], package, symlinks=True)
    common = package / "share/config/common.conf"
    shutil.copy(common, host.base / "evil.conf")
    for path in (package, *package.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    for name, file in (("web", common), ("evil", f"{common.parent}/../../../../evil.conf")):
        (host.path / name / "rootfs/etc").mkdir(parents=True)
        (host.path / name / "config").write_text(
            f"lxc.rootfs.path = dir:{host.path}/{name}/rootfs\nlxc.include = {file}\n"
        )
    os.chown(host.base / "evil.conf", USER, USER)
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    for name, status in (("web", 0), ("evil", 1)):
        argv = command("lxc-copy", "-P", host.path, "-n", name, "-N", f"{name}2")
        done = subprocess.run(argv, env=environment, text=True, capture_output=True)
        assert (name, done.returncode) == (name, status), done.stderr
