"""The template for OCI images: what becomes of an image, whoever made it, and what its container finds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import user as users
from tests.conftest import CONFIG, MAPPED, PATIENCE, Lxc, until
from tests.kernel.making.registry import serving
from tests.user import COUNT, FIRST, UID, User

from lxc.images import template

pytestmark = [pytest.mark.root, pytest.mark.command("skopeo"), pytest.mark.command("umoci")]

OCI = template.find("oci")
LOOK = 'id -u; id -g; pwd; echo "$FOO|it\'s"; ls /data; stat -c %u:%a /data/two; hostname; cat /etc/hostname; grep -c 127.0.1.1 /etc/hosts'


class Image:
    """An image on disk, made by umoci."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, f"{path}:web"
        self.url = f"oci:{self.name}"

    def umoci(self, *words: str) -> None:
        subprocess.run(["umoci", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def insert(self, source: Path, target: str) -> None:
        self.umoci("insert", "--image", self.name, str(source), target)

    def add(self, *members: tarfile.TarInfo) -> None:
        """A layer of these; a regular file's text is its name."""
        file = self.path.with_suffix(".tar")
        with tarfile.open(file, "w") as tar:
            for member in members:
                content = member.name.encode() if member.isreg() else b""
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        self.umoci("raw", "add-layer", "--image", self.name, str(file))

    def config(self, **changes: object) -> None:
        """Change what it says of how to run it."""
        self._change(lambda config, manifest: config.setdefault("config", {}).update(changes))

    def about(self, **changes: object) -> None:
        """Change what it says of itself."""
        self._change(lambda config, manifest: config.update(changes))

    def kinds(self, kind: str) -> None:
        """Change what kind its layers are said to be of."""
        self._change(lambda config, manifest: [layer.update(mediaType=kind) for layer in manifest["layers"]])

    def _change(self, change: Callable[[Any, Any], object]) -> None:
        index = json.loads((self.path / "index.json").read_text())
        entry = next(each for each in index["manifests"] if "web" in each["annotations"].values())
        manifest = self._read(entry)
        config = self._read(manifest["config"])
        change(config, manifest)
        manifest["config"].update(self._write(config))
        entry.update(self._write(manifest))
        index["manifests"] = [entry]
        (self.path / "index.json").write_text(json.dumps(index))

    def _read(self, of: dict[str, str]) -> Any:
        return json.loads((self.path / "blobs/sha256" / of["digest"].removeprefix("sha256:")).read_text())

    def _write(self, value: object) -> dict[str, object]:
        content = json.dumps(value).encode()
        digest = hashlib.sha256(content).hexdigest()
        (self.path / "blobs/sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that other users may search, too, which those of pytest are not."""
    path = Path(tempfile.mkdtemp(prefix="lx", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def image(base: Path) -> Image:
    """A small system in layers, the last of which takes away what the first has brought."""
    root = base / "root"
    for name in ("bin", "sbin", "etc", "data", "srv/dir", "proc", "sys", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", root / "bin/busybox")
    for name in ("sh", "id", "ls", "stat", "cat", "grep", "hostname", "sleep", "touch", "env", "dd"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "sbin/init").symlink_to("../bin/busybox")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nweb:x:1001:\nstaff:x:50:\n")
    (root / "data/one").write_text("one")
    (root / "data/two").write_text("two")
    os.chown(root / "data/two", 1000, 1001)
    (base / "three").write_text("three")
    made = Image(base / "image")
    made.umoci("init", "--layout", str(made.path))
    made.umoci("new", "--image", made.name)
    made.insert(root, "/")
    made.insert(base / "three", "/data/three")
    made.umoci("insert", "--image", made.name, "--whiteout", "/data/one")
    words = ["--config.entrypoint", "/bin/sh", "--config.entrypoint", "-c", "--config.cmd", LOOK]
    words += ["--config.env", 'FOO= a "b" ', "--config.env", "PATH=/bin:/sbin", "--config.user", "web"]
    made.umoci("config", "--image", made.name, *words, "--config.workingdir", "/srv/dir")
    return made


@pytest.fixture
def user() -> Iterator[User]:
    yield from users.made(delegated=True)


def create(
    lxc: Lxc, url: str, *words: str, ids: str = "", **options: object
) -> tuple[str, subprocess.CompletedProcess[str]]:
    """Try to make a container of the image at `url`: its name, and how that went."""
    name = f"oci-{lxc.tag}"
    file = lxc.path / "initial"
    file.write_text(CONFIG + ids)
    done = lxc.run("lxc-create", "-n", name, "-t", "oci", "-f", str(file), "--", "-u", url, *words, **options)
    file.unlink()
    return name, done


def made(lxc: Lxc, url: str, *words: str, ids: str = "", **options: object) -> str:
    """A container of the image at `url`; its name."""
    name, done = create(lxc, url, *words, ids=ids, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (lxc.path / name).iterdir()) == ["config", "rootfs"]
    return name


def refused(lxc: Lxc, url: str, *words: str, **options: object) -> str:
    """Why no container is made of that image; and nothing is left."""
    _, done = create(lxc, url, *words, **options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert list(lxc.path.iterdir()) == []
    return done.stderr


def settings(lxc: Lxc, name: str, key: str) -> list[str]:
    lines = (line.partition(" = ") for line in lxc.config(name).read_text().splitlines())
    return [value for found, _, value in lines if found == key]


@pytest.mark.parametrize("ids", ["", MAPPED], ids=["root", "mapped"])
def test_lxc_execute_runs_what_the_image_says_as_it_says(lxc: Lxc, image: Image, ids: str) -> None:
    name = made(lxc, image.url, ids=ids)
    seen = lxc.ok("lxc-execute", "-n", name).splitlines()
    assert seen == ["1000", "1001", "/srv/dir", ' a "b" |it\'s', "three", "two", "1000:644", name, name, "1"]
    above = 100000 if ids else 0
    assert (lxc.rootfs(name) / "data/two").stat().st_uid == above + 1000
    assert (lxc.rootfs(name) / "etc/hosts").stat().st_uid == above


@pytest.mark.parametrize("ids", ["", MAPPED], ids=["root", "mapped"])
def test_lxc_start_starts_the_init_that_it_has(lxc: Lxc, image: Image, ids: str) -> None:
    image.config(User="", WorkingDir="")
    name = made(lxc, image.url, ids=ids)
    lxc.start(name)
    assert lxc.attach(name, "/bin/cat", "/data/three") == "three"
    assert "FOO= a" in lxc.attach(name, "/bin/env")


def test_no_other_lxc_needs_to_be_installed(lxc: Lxc, image: Image, base: Path) -> None:
    def alone(tool: str, *words: str) -> str:
        script = 'mkdir -p /usr/share/lxc && mount -t tmpfs none /usr/share/lxc && exec "$@"'
        argv = ["unshare", "-m", "sh", "-c", script, "sh", *lxc.command(tool, *words)]
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (base / "initial").write_text(CONFIG)
    name = f"oci-{lxc.tag}"
    alone("lxc-create", "-n", name, "-t", "oci", "-f", f"{base}/initial", "--", "-u", image.url)
    assert alone("lxc-execute", "-n", name).startswith("1000\n")


def test_an_archive_of_docker_does_as_well(lxc: Lxc, image: Image, base: Path) -> None:
    archive = f"docker-archive:{base}/web.tar"
    subprocess.run(["skopeo", "copy", "-q", image.url, f"{archive}:web:1"], check=True)
    name = made(lxc, archive)
    assert lxc.ok("lxc-execute", "-n", name).splitlines()[4:6] == ["three", "two"]


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("1000", ("1000", "1001")),
        ("7", ("7", "0")),
        ("web:staff", ("1000", "50")),
        ("7:8", ("7", "8")),
        ("", ("0", "0")),
    ],
)
def test_its_user_is_who_its_own_passwd_and_group_say(lxc: Lxc, image: Image, user: str, ids: tuple[str, ...]) -> None:
    image.config(User=user)
    name = made(lxc, image.url)
    assert (*settings(lxc, name, "lxc.init.uid"), *settings(lxc, name, "lxc.init.gid")) == ids


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"User": "nobody"}, "its user 'nobody' is neither a number nor in its /etc/passwd"),
        ({"User": "web:nobody"}, "its group 'nobody' is neither"),
        ({"User": "0\nlxc.idmap = u 0 0 1"}, "is neither a number nor in"),
        ({"User": "-1"}, "is neither a number nor in"),
        ({"Env": "A=b"}, "its Env is no list of words"),
        ({"Cmd": [1]}, "its Cmd is no list of words"),
    ],
)
def test_what_makes_no_sense_is_refused(lxc: Lxc, image: Image, change: dict[str, object], why: str) -> None:
    image.config(**change)
    assert why in refused(lxc, image.url)


def test_an_image_for_another_machine_is_refused_by_its_name(lxc: Lxc, image: Image) -> None:
    image.about(architecture="s390x")
    assert "the image is for linux/s390x, and this machine runs linux/" in refused(lxc, image.url)


HOSTILE = "\nlxc.hook.start-host = touch {there}\n"


@pytest.mark.parametrize("key", ["Env", "Entrypoint", "Cmd", "WorkingDir"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\0\n"])
def test_no_value_becomes_a_line_of_the_configuration(lxc: Lxc, image: Image, base: Path, key: str, end: str) -> None:
    value = f"/bin/sh=a{end}lxc.hook.start-host = touch {base}/there{end}"
    image.config(**{"User": "", key: value if key == "WorkingDir" else [value]})
    name, done = create(lxc, image.url)
    assert (done.returncode, "is left out" in done.stderr) == (0, True)
    assert lxc.run("lxc-config", "-n", name, "lxc.hook.start-host").stdout.strip() == ""
    lxc.ok("lxc-execute", "-n", name, "--", "/bin/ls")
    assert not (base / "there").exists()


def test_a_variable_without_value_does_not_tell_the_hosts(lxc: Lxc, image: Image) -> None:
    image.config(Env=["SECRET", "=x", "PATH=/bin"], Entrypoint=["/bin/env"], Cmd=None)
    name = made(lxc, image.url)
    environment = {**os.environ, "SECRET": "told"}
    assert "told" not in lxc.ok("lxc-execute", "-n", name, env=environment)


def test_hooks_of_the_host_take_no_orders_from_the_image(lxc: Lxc, image: Image, base: Path) -> None:
    """A mount hook is told lxc.environment: neither what it loads nor where it looks for programs is the image's to say."""
    evil = base / "evil"
    evil.mkdir()
    (evil / "env").write_text(f"#!/bin/sh\ntouch {base}/there\n")
    (evil / "env").chmod(0o755)
    image.config(
        Env=[f"PATH={evil}:/bin", f"LD_PRELOAD={evil}/x.so", f"BASH_ENV={evil}/env", "NVIDIA_VISIBLE_DEVICES=all"]
    )
    name = made(lxc, image.url)
    lxc.extend(name, f"lxc.hook.mount = env >{base}/told #\n")
    lxc.ok("lxc-execute", "-n", name, "--", "/bin/sh", "-c", "env >/data/env || :; env")
    told = (base / "told").read_text()
    assert "NVIDIA_VISIBLE_DEVICES=all\n" in told
    assert "evil" not in told
    assert not (base / "there").exists()
    assert f"LD_PRELOAD={evil}/x.so\n" in lxc.ok("lxc-execute", "-n", name, "--", "/bin/env")


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.mode = kind, to, mode
    return found


@pytest.mark.parametrize("ids", ["", MAPPED], ids=["root", "mapped"])
def test_no_layer_reaches_what_is_outside_the_root(lxc: Lxc, image: Image, base: Path, ids: str) -> None:
    out = base / "out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    (out / "mine").write_text("mine")
    image.add(
        member("link", tarfile.SYMTYPE, str(out)), member("up", tarfile.SYMTYPE, "../../../../../../.." + str(out))
    )
    image.add(member("link/new"), member("up/new"), member(f"../../../../..{out}/dots"), member(f"{out}/absolute"))
    image.add(member("link/.wh.mine"))
    create(lxc, image.url, ids=ids)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"mine": "mine"}


def test_a_hard_link_to_a_file_of_the_hosts_is_none(lxc: Lxc, image: Image, base: Path) -> None:
    (base / "secret").write_text("secret")
    image.add(member("data/stolen", tarfile.LNKTYPE, f"../../../../../../../..{base}/secret"))
    name, _ = create(lxc, image.url)
    assert not (lxc.rootfs(name) / "data/stolen").exists()
    assert (base / "secret").stat().st_nlink == 1


def test_a_device_that_it_brings_is_not_to_be_used(lxc: Lxc, image: Image) -> None:
    """Memory itself, for all to read; a mapped container gets an empty file in its place."""
    device = member("data/mem", tarfile.CHRTYPE, mode=0o666)
    device.devmajor, device.devminor = 1, 1
    image.add(device)
    image.config(User="")
    name = made(lxc, image.url)
    done = lxc.run("lxc-execute", "-n", name, "--", "/bin/dd", "if=/data/mem", "of=/data/got", "bs=1", "count=1")
    assert done.returncode != 0
    assert "not permitted" in done.stderr


def test_nobody_on_the_host_reaches_a_program_of_its_with_set_user_id(lxc: Lxc, image: Image) -> None:
    image.add(member("bin/mine", mode=0o4755))
    name = made(lxc, image.url)
    tried = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls", lxc.rootfs(name)], capture_output=True
    )
    assert tried.returncode != 0


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_its_passwd_is_read_through_no_link_and_waits_for_nobody(lxc: Lxc, image: Image, kind: str) -> None:
    if kind == "link":
        image.add(member("etc/passwd", tarfile.SYMTYPE, "/etc/passwd"))
    else:
        image.add(member("etc/passwd", tarfile.FIFOTYPE))
    image.config(User="daemon")  # a user of the host's
    assert "its user 'daemon' is neither a number nor in its /etc/passwd" in refused(lxc, image.url)


@pytest.mark.parametrize("ids", ["", MAPPED], ids=["root", "mapped"])
def test_the_containers_name_is_written_through_no_link(lxc: Lxc, image: Image, base: Path, ids: str) -> None:
    (base / "out").mkdir()
    (base / "out").chmod(0o777)
    (base / "file").write_text("mine")
    (base / "file").chmod(0o666)
    image.config(User="")
    image.add(member("etc/hostname", tarfile.SYMTYPE, f"{base}/file"))
    name = made(lxc, image.url, ids=ids)
    assert (lxc.rootfs(name) / "etc/hostname").read_text() == f"{name}\n"
    assert (base / "file").read_text() == "mine"
    lxc.ok("lxc-destroy", "-n", name)
    image.umoci("insert", "--image", image.name, "--whiteout", "/etc")
    image.add(member("etc", tarfile.SYMTYPE, f"{base}/out"))
    _, done = create(lxc, image.url, ids=ids)
    assert done.returncode == 0
    assert "the container's name is not in its /etc/hostname" in done.stderr
    assert list((base / "out").iterdir()) == []


def test_a_registry_is_told_the_password_and_nobody_else(lxc: Lxc, image: Image, base: Path) -> None:
    with serving(image.path, "joe:sesame") as registry:
        environment = {**os.environ, **registry.trusting_home(base)}
        for words in ((), ("--username", "joe", "--password", "wrong")):
            assert "give --username and --password" in refused(lxc, registry.url, *words, env=environment)
        seen = base / "seen"
        spy = base / "spy/skopeo"
        spy.parent.mkdir()
        spy.write_text(f'#!/bin/sh\necho "$@" >>{seen}\nexec {shutil.which("skopeo")} "$@"\n')
        spy.chmod(0o755)
        environment["PATH"] = f"{spy.parent}:{environment['PATH']}"
        name = made(lxc, registry.url, "--username", "joe", "--password", "sesame", env=environment)
        assert "inspect" in seen.read_text()
        assert "sesame" not in seen.read_text()
        assert "sesame" not in lxc.config(name).read_text()
        lxc.ok("lxc-destroy", "-n", name)
        made(lxc, registry.url, "--username=joe", "--password=-", input="sesame\n", env=environment)


@pytest.mark.parametrize("ids", ["", MAPPED], ids=["root", "mapped"])
def test_layers_are_fetched_once_and_again_if_they_are_damaged(lxc: Lxc, image: Image, base: Path, ids: str) -> None:
    def again(*words: str) -> int:
        name = made(lxc, registry.url, *words, ids=ids, env=environment, cwd=base)
        assert (lxc.rootfs(name) / "data/three").read_text() == "three"
        lxc.ok("lxc-destroy", "-n", name)
        return registry.layers_asked()

    with serving(image.path) as registry:
        environment = {**os.environ, **registry.trusting_home(base)}
        assert again("--no-cache") == 3
        assert not (base / "cache").exists()
        assert again() == 3
        assert again() == 0
        kept = base / "cache/oci"
        assert kept.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_uid for path in (kept.parent, kept, *kept.iterdir())} == {0}
        assert len(list(kept.iterdir())) == 3
        next(iter(kept.iterdir())).write_bytes(b"damaged")
        assert again() == 1
        assert again() == 0
        assert again("--no-cache") == 3
        environment["LXC_CACHE_PATH"] = "new"
        assert again() == 3
        assert again() == 0
        assert (base / "new/oci").is_dir()


def test_a_user_makes_one_too_and_has_a_cache_of_his_own(user: User, image: Image) -> None:
    (user.top / "initial").write_text(f"{CONFIG}lxc.idmap = u 0 {FIRST} {COUNT}\nlxc.idmap = g 0 {FIRST} {COUNT}\n")
    with serving(image.path) as registry:
        registry.trusting_home(user.top)
        subprocess.run(["chown", "-R", f"{UID}:{UID}", user.top / "home"], check=True)
        for name, layers in (("one", 3), ("two", 0)):
            user.ok("lxc-create", "-n", name, "-t", "oci", "-f", f"{user.top}/initial", "--", "-u", registry.url)
            assert registry.layers_asked() == layers
    kept = user.top / "home/.cache/lxc/oci"
    assert {path.stat().st_uid for path in (kept.parents[1], kept.parent, kept, *kept.iterdir())} == {UID}
    assert user.ok("lxc-execute", "-n", "one").splitlines()[:6] == [
        "1000",
        "1001",
        "/srv/dir",
        ' a "b" |it\'s',
        "three",
        "two",
    ]


def test_who_offers_no_tls_is_not_trusted_unless_that_is_said(lxc: Lxc, image: Image, base: Path) -> None:
    with serving(image.path) as registry:
        environment = {**os.environ, **registry.trusting_home(base), "HOME": str(base)}
        assert "insecure = true in containers-registries.conf(5)" in refused(lxc, registry.url, env=environment)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_while_it_fetches_it_leaves_nothing(
    lxc: Lxc, image: Image, base: Path, number: signal.Signals
) -> None:
    with serving(image.path) as registry:
        registry.is_silent = True
        environment = {**os.environ, **registry.trusting_home(base)}
        words = ["-n", f"oci-{lxc.tag}", "-t", "oci", "-f", "/dev/null", "--", "-u", registry.url]
        going = lxc.spawn("lxc-create", *words, env=environment)
        until(lambda: any("/blobs/" in path for path in registry.asked), "it asks for a layer")
        going.send_signal(number)
        said = going.communicate(timeout=3 * PATIENCE)[1]
        assert going.returncode != 0
        assert "Traceback" not in said
        assert list(lxc.path.iterdir()) == []
        assert not (base / "cache").exists()


def test_ended_by_itself_it_leaves_nothing_either(image: Image, base: Path) -> None:
    (base / "web/rootfs").mkdir(parents=True)
    with serving(image.path) as registry:
        registry.is_silent = True
        environment = {**os.environ, **registry.trusting_home(base)}
        with subprocess.Popen([OCI, f"--path={base}/web", "-u", registry.url], env=environment) as going:
            until(lambda: any("/blobs/" in path for path in registry.asked), "it asks for a layer")
            going.terminate()
    assert going.returncode == -signal.SIGTERM
    assert os.listdir(base / "web") == ["rootfs"]


def test_a_full_disk_is_said_to_be_one_and_nothing_is_left(lxc: Lxc, image: Image, base: Path) -> None:
    large = base / "large"
    large.write_bytes(b"\0" * (8 << 20))  # which is small in the archive
    image.insert(large, "/large")
    script = f"mount -t tmpfs -o size=4m,mode=755 tmpfs {lxc.path} && {' '.join(lxc.command('lxc-create'))} -n web -t oci -f /dev/null -- -u {image.url}; echo $?; ls -A {lxc.path}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "1"
    assert "no space left on device" in done.stderr
    assert "free some space" in done.stderr


HELPER = """#!/bin/bash
echo "$@" >>{log}
[ "$1 $2" = "mount --persist" ] && [ -d "$3" ] && [ -e "${{4%:*}}/index.json" ] || exit 7
mount --bind {root} "$5"
"""


@pytest.mark.parametrize(
    ("kind", "program"), [("squashfs", "atomfs"), ("puzzlefs.v1", "puzzlefs"), ("squashfs", "mine")]
)
@pytest.mark.parametrize("ids", ["", MAPPED], ids=["root", "mapped"])
def test_an_image_that_is_mounted_is_so_before_each_start(
    lxc: Lxc, image: Image, base: Path, kind: str, program: str, ids: str
) -> None:
    image.kinds(f"application/vnd.test.{kind}")
    image.config(Env=["PATH=/bin", "LD_PRELOAD=/x"])
    root, helper = base / "root", base / "programs" / program
    for below in (root, *root.rglob("*")):
        if ids and not below.is_symlink():
            os.chown(below, 100000, 100000)
    helper.parent.mkdir()
    helper.write_text(HELPER.format(log=base / "log", root=root))
    helper.chmod(0o755)
    (base / "log").touch()
    (base / "log").chmod(0o666)
    environment = {**os.environ, "PATH": f"{helper.parent}:{os.environ['PATH']}"}
    words = ("--mount-helper", str(helper)) if program == "mine" else ()
    name, done = create(lxc, image.url, *words, ids=ids, env=environment)
    assert done.returncode == 0, done.stderr
    assert list(lxc.rootfs(name).iterdir()) == []
    assert (root / "etc/hostname").read_text() == f"{name}\n"
    where = lxc.path / name
    call = f"mount --persist {where}/upper {where}/oci:latest {where}/rootfs"
    assert settings(lxc, name, "lxc.hook.pre-mount") == [f"{helper} {call}"]
    assert settings(lxc, name, "lxc.hook.version") == ["1"]
    seen = lxc.ok("lxc-execute", "-n", name, "--", "/bin/cat", "/data/one")
    assert seen == "one"
    assert (base / "log").read_text() == f"{call}\n" * 2
    assert str(where) not in Path("/proc/self/mountinfo").read_text()
    lxc.ok("lxc-destroy", "-n", name)
    assert (root / "data/one").exists()


def test_what_is_to_be_mounted_on_needs_to_be_there_at_each_start(lxc: Lxc, image: Image, base: Path) -> None:
    (base / "initial").write_text(CONFIG)
    words = ["-t", "oci", "-f", f"{base}/initial", "-B", "loop", "--fssize", "20M", "--", "-u", image.url]
    done = lxc.run("lxc-create", "-n", f"oci-{lxc.tag}", *words, "--mount-helper", "true")
    assert done.returncode == 1
    assert "leave out -B, or give -B dir" in done.stderr
    assert list(lxc.path.iterdir()) == []


def test_without_who_mounts_it_that_is_said(lxc: Lxc, image: Image) -> None:
    image.kinds("application/vnd.test.squashfs")
    assert "there is no atomfs on this host" in refused(lxc, image.url)


@pytest.mark.parametrize("missing", ["skopeo", "umoci"])
def test_a_program_that_is_missing_is_named_with_its_package(base: Path, missing: str) -> None:
    other = {"skopeo": "umoci", "umoci": "skopeo"}[missing]
    (base / other).symlink_to(shutil.which(other) or "")
    words = [shutil.which("python3") or "", OCI, f"--path={base}", "-u", "oci:/nosuch"]
    done = subprocess.run(words, capture_output=True, text=True, env={"PATH": str(base)})
    assert done.returncode == 1
    assert f"there is no {missing} on this host\n  install it (package {missing} on Debian)" in done.stderr


@pytest.mark.parametrize(
    ("url", "words", "why"),
    [
        ("", (), "there is no image\n  -u URL names it"),
        ("oci:/nosuch:web", (), "cannot fetch oci:/nosuch:web: skopeo: "),
        ("web", (), "an image is docker://NAME:TAG"),
        ("oci:/nosuch", ("--username", "joe"), "--username and --password belong together"),
        ("oci:/nosuch", ("--username", "joe", "--password", "x"), "--username is for registries"),
        ("docker://127.0.0.1:1/web", (), "check the registry's name and port"),
        ("oci:/nosuch", ("--mount-helper", "/nosuch"), "there is no /nosuch on this host"),
    ],
)
def test_what_cannot_be_says_what_to_do(lxc: Lxc, url: str, words: tuple[str, ...], why: str) -> None:
    assert why in refused(lxc, url, *words)


@pytest.mark.command("dhclient")
def test_the_hosts_dhclient_is_called_if_that_is_wished(lxc: Lxc, image: Image) -> None:
    name = made(lxc, image.url, "--dhcp")
    for key in ("lxc.hook.start-host", "lxc.hook.stop"):
        (hook,) = settings(lxc, name, key)
        assert Path(hook) == Path(OCI).parents[1] / "hooks/dhclient"
        assert os.access(hook, os.X_OK)


def test_help_is_no_error() -> None:
    done = subprocess.run([OCI, "-h"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--mount-helper" in done.stdout
