"""The templates `download` and `local`: Debian's and ours make the same of the same images."""

import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from tests import imageserver
from tests.imageserver import IMAGE, Server, directory, image, link, member, packed

from lxc.images import template

pytestmark = [pytest.mark.root, pytest.mark.parity, pytest.mark.command("openssl"), pytest.mark.command("wget")]

OURS, THEIRS = Path(template.OWN), Path("/usr/share/lxc/templates")
FIRST = "# mine\nlxc.net.0.type = empty\nlxc.tty.max = 3\n\nlxc.net.0.name = x\nlxc.net.1.type = empty\n"
WAYS = {"ours": OURS, "theirs": THEIRS}


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of the test's own, where both keep their images."""
    base = Path(mkdtemp(dir="/tmp", prefix="lx"))
    base.chmod(0o755)
    monkeypatch.setenv("LXC_CACHE_PATH", f"{base}/cache")
    yield base
    subprocess.run(["rm", "-rf", "--one-file-system", base], check=True)


@pytest.fixture
def server(base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    certificate = imageserver.certificate(base)
    (base / "wgetrc").write_text(f"ca_certificate = {certificate}\n")
    monkeypatch.setenv("WGETRC", f"{base}/wgetrc")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with imageserver.serving(certificate) as server:
        yield server


def run(base: Path, way: str, name: str, *words: str, within: tuple[str, ...] = ()) -> Path:
    """The directory of a container that one of the two has filled."""
    path = base / way / "web"
    (path / "rootfs").mkdir(parents=True)
    (path / "config").write_text(FIRST)
    for file in (path, path / "rootfs"):
        os.chown(file, 700000 if within else 0, 700000 if within else 0)
    told = (f"--path={path}", "--name=web", f"--rootfs={path}/rootfs")
    argv = [*within, WAYS[way] / name, *words, *told]
    done = subprocess.run(argv, text=True, capture_output=True, stdin=subprocess.DEVNULL, errors="surrogateescape")
    assert done.returncode == 0, f"{way}: {done.stdout}{done.stderr}"
    (path / "said").write_text(done.stdout)
    return path


def described(top: Path) -> dict[str, object]:
    """Each file of the root, with its type, mode, owner, number of names, and what it holds."""
    found: dict[str, object] = {}
    for path in (top, *top.rglob("*")):
        status = path.lstat()
        content: object = os.readlink(path) if path.is_symlink() else None
        if stat.S_ISREG(status.st_mode):
            content = (status.st_nlink, path.read_bytes().replace(os.fsencode(top.parent), b"WHERE"))
        attributes = {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        }
        found[str(path.relative_to(top))] = (
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            content,
            attributes,
        )
    return found


def settings(path: Path, file: str = "config") -> list[str]:
    """What a configuration says, without where it is."""
    text = (path / file).read_text().replace(str(path), "WHERE")
    return [line for line in text.split("\n") if line]


def same(base: Path) -> None:
    ours, theirs = base / "ours/web", base / "theirs/web"
    assert described(ours / "rootfs") == described(theirs / "rootfs")
    assert settings(ours) == settings(theirs)
    assert (ours / "fstab").exists() == (theirs / "fstab").exists()
    if (ours / "fstab").exists():
        assert settings(ours, "fstab") == settings(theirs, "fstab")
    for file in ("config", "rootfs"):
        assert (ours / file).stat().st_uid == (theirs / file).stat().st_uid


MORE = {
    "the usual image": image(),
    "files for later versions": image(config_7="lxc.arch = x86\n", config_user_7="lxc.arch = arm\n", config_5="lxc.arch = s390\n"),
    "files for kinds": image(excludes_user="./srv\n", excludes_system="./etc/plain\n", templates_system="etc/plain\n"),
    "a file system table": image(fstab="LXC_ROOTFS/a b none bind LXC_NAME 0 0\n"),
    "placeholders everywhere": image(config="lxc.hook.start = LXC_HOOK_DIR/x LXC_NAMES LXC_PATH\n# LXC_ROOTFS\n", config_user="lxc.arch = x86\n"),
    "names that are left out": image(
        member("./srv/a", b"x"), member("./srv/b/c", b"x"), member("srv/d", b"x"), member("./etc/srv", b"x"),
        excludes="./srv/a\nsrv/b\n./srv/b/*\nsrv/d\nsrv\n*plain\n", excludes_user="./s*/a\n./srv/[b]\n",
    ),
    "nothing to tell": image(create_message="", templates="", excludes=""),
    "kinds of files": image(
        member("./etc/twice", type=tarfile.LNKTYPE, linkname="./etc/plain"),
        link("./etc/away", "/nosuch"), link("./etc/up", "../../x"), member("./run", type=tarfile.FIFOTYPE),
        member("./bin/su", b"x", mode=0o4755, uid=5, gid=6), directory("./tmp", 0o1777),
    ),
}  # fmt: skip


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("which", MORE)
def test_both_make_the_same_of_an_image_that_is_downloaded(
    base: Path, server: Server, which: str, *, within: bool
) -> None:
    ids = ("b:0:700000:65536", "b:65536:0:1")
    inside = ("/usr/bin/lxc-usernsexec", "-m", ids[0], "-m", ids[1], "--") if within else ()
    mapped = ("--mapped-uid", "65536", "--mapped-gid", "65536") if within else ()
    (base / "cache").mkdir()
    (base / "cache").chmod(0o777)
    server.offer(MORE[which])
    for way in WAYS:
        run(base, way, "lxc-download", "--server", server.host, *IMAGE, "--flush-cache", *mapped, within=inside)
    same(base)


@pytest.mark.parametrize("which", MORE)
def test_both_make_the_same_of_an_image_that_is_here(base: Path, which: str) -> None:
    for name, data in MORE[which].items():
        (base / name).write_bytes(data)
    for way in WAYS:
        run(base, way, "lxc-local", f"--fstree={base}/rootfs.tar.xz", f"--metadata={base}/meta.tar.xz")
    same(base)


@pytest.mark.parametrize(("first", "second"), [("ours", "theirs"), ("theirs", "ours")])
def test_what_one_has_kept_the_other_uses(base: Path, server: Server, first: str, second: str) -> None:
    server.offer(image())
    run(base, first, "lxc-download", "--server", server.host, *IMAGE)
    server.asked.clear()
    path = run(base, second, "lxc-download", "--server", server.host, *IMAGE)
    assert server.asked == []
    assert (path / "said").read_text().splitlines()[0] == "Using image from local cache"
    same(base)


@pytest.mark.parametrize(("first", "second"), [("ours", "theirs"), ("theirs", "ours")])
def test_what_has_expired_the_other_renews(base: Path, server: Server, first: str, second: str) -> None:
    server.offer(image(expiry="1000\n"))
    run(base, first, "lxc-download", "--server", server.host, *IMAGE)
    server.offer(image(expiry="1000\n"), "20260202_00:00")
    said = (run(base, second, "lxc-download", "--server", server.host, *IMAGE) / "said").read_text()
    assert said.startswith(
        "The cached copy has expired, re-downloading...\nDownloading the image index\nDownloading the rootfs\n"
    )
    kept = base / "cache/download/debian/bookworm/amd64/default"
    assert (kept / "build_id").read_text() == "20260202_00:00\n"
    assert sorted(os.listdir(kept.parent)) == ["default"]


def test_both_say_the_same(base: Path, server: Server) -> None:
    server.offer(image())
    said = {}
    for way in WAYS:
        texts = [(run(base / str(number), way, "lxc-download", "--server", server.host, *IMAGE, *words) / "said").read_text()
                 for number, words in enumerate(((), (), ("--flush-cache",)))]  # fmt: skip
        said[way] = texts
        subprocess.run(["rm", "-r", base / "cache"], check=True)
    assert said["ours"] == said["theirs"]


def test_both_keep_the_same_files(base: Path, server: Server) -> None:
    server.offer(image())
    kept = []
    for way in WAYS:
        run(base, way, "lxc-download", "--server", server.host, *IMAGE)
        found = {}
        for path in (base / "cache").rglob("*"):
            found[str(path.relative_to(base))] = (
                oct(path.stat().st_mode),
                path.read_bytes() if path.is_file() else b"",
            )
        kept.append(found)
        subprocess.run(["rm", "-r", base / "cache"], check=True)
    assert kept[0] == kept[1]


def test_an_archive_of_names_without_a_dot_is_the_same(base: Path, server: Server) -> None:
    files = image(excludes="etc/a\n./etc/b\nc\n")
    files["rootfs.tar.xz"] = packed(
        directory("etc"), *(member(f"etc/{name}", b"x") for name in "abc"), directory("dev")
    )
    server.offer(files)
    for way in WAYS:
        run(base, way, "lxc-download", "--server", server.host, *IMAGE, "--flush-cache")
    same(base)
