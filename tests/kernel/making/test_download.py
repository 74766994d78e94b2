"""The template `download`, with an image server on the loopback."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import imageserver
from tests import user as users
from tests.conftest import PATIENCE, Lxc, until
from tests.imageserver import FILES, IMAGE, Server, cut, image, link, member, redirecting, refusing
from tests.kernel.storage.apart import apart

from lxc.images import template
from lxc.loading import PACKAGES

from .conftest import Host, command

pytestmark = pytest.mark.root

DOWNLOAD = template.find("download")
MAPPED = "lxc.net.0.type = empty\nlxc.idmap = u 0 700000 65536\nlxc.idmap = g 0 700000 65536\n"
ROOTFS, META, SUMS = f"{FILES}rootfs.tar.xz", f"{FILES}meta.tar.xz", f"{FILES}SHA256SUMS"
INDEX = "/meta/1.0/index-system"


@pytest.fixture
def server() -> Iterator[Server]:
    with imageserver.serving() as server:
        server.offer(image())
        yield server


@pytest.fixture
def cache(host: Host, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the only image is kept, in a cache of the test's own."""
    host.base.chmod(0o755)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LXC_CACHE_PATH", str(host.base / "cache"))
    return host.base / "cache/download/debian/bookworm/amd64/default"


def create(host: Host, server: Server, *words: str, name: str = "web") -> subprocess.CompletedProcess[str]:
    return host.create(name, "-t", "download", "--", "--server", server.url, *IMAGE, *words)


def made(host: Host, server: Server, *words: str, name: str = "web") -> str:
    """What it says that makes a container."""
    done = create(host, server, *words, name=name)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(host: Host, server: Server, *words: str) -> str:
    """What it says that makes none, of which nothing is left."""
    done = create(host, server, *words)
    assert done.returncode == 1
    assert host.made() == []
    assert "Traceback" not in done.stderr
    return done.stderr


def cached(host: Host) -> list[str]:
    """All files in the cache."""
    return sorted(
        str(path.relative_to(host.base / "cache")) for path in (host.base / "cache").rglob("*") if not path.is_dir()
    )


# ---- what it makes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["lxc.net.0.type = empty\n", MAPPED])
def test_a_container_is_made_and_runs(
    lxc: Lxc, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setenv("LXC_CACHE_PATH", f"{lxc.path}/cache")
    (tmp_path / "initial").write_text(first)
    name, server_of_ours = f"web-{lxc.tag}", ("--server", server.url)
    said = lxc.ok(
        "lxc-create", "-n", name, "-t", "download", "-f", str(tmp_path / "initial"), "--", *server_of_ours, *IMAGE
    )
    assert said.splitlines() == [
        "Downloading the image index",
        "Downloading the rootfs",
        "Downloading the metadata",
        "The image cache is now ready",
        "Unpacking the rootfs",
        "",
        "---",
        "Welcome to LXC_NAME",
    ]
    lxc.start(name)
    assert lxc.attach(name, "id", "-u") == "0\n"
    assert lxc.attach(name, "cat", "/etc/hostname", "/etc/where", "/etc/plain").splitlines() == [
        name,
        f"{lxc.path}/{name} {lxc.rootfs(name)}",
        "LXC_NAME",
    ]
    assert lxc.attach(name, "stat", "-c", "%a %u %g", "/etc/where") == "640 7 8\n"
    assert lxc.attach(name, "ls", "-a", "/srv").split() == [".", ".."]
    base = 700000 if first == MAPPED else 0
    assert lxc.rootfs(name).stat().st_uid == base
    assert ((lxc.path / "cache/download").stat().st_uid, lxc.config(name).stat().st_uid) == (0, 0)
    assert ("userns.conf" in lxc.config(name).read_text()) == bool(base)
    shutil.rmtree(lxc.path / "cache")


def test_a_user_has_one_and_a_cache_of_ones_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LXC_CACHE_PATH", raising=False)
    for user in users.made(delegated=False):
        (user.top / "initial").write_text(MAPPED)
        name = f"web-{user.tag}"
        words = ("-t", "download", "-f", f"{user.top}/initial", "--", "--server", server.url, *IMAGE)
        user.ok("lxc-create", "-n", name, *words)
        user.start(name)
        assert user.attach(name, "cat", "/etc/hostname") == f"{name}\n"
        kept = user.top / "home/.cache/lxc/download/debian/bookworm/amd64/default"
        assert {path.stat().st_uid for path in (kept, *kept.iterdir(), *kept.parents[:5])} == {users.UID}
        user.ok("lxc-destroy", "-n", name, "-f")
        (kept / "expiry").write_text("1000\n")
        server.offer(image(), "20260202_00:00")
        user.ok("lxc-create", "-n", name, *words)
        assert (kept / "build_id").read_text() == "20260202_00:00\n"
        user.ok("lxc-destroy", "-n", name)


def test_the_configuration_is_the_images_and_then_the_containers_own(host: Host, server: Server, cache: Path) -> None:
    (host.base / "initial").write_text("# mine\nlxc.net.0.type = empty\nlxc.tty.max = 3\nlxc.net.0.name = x\n")
    server.offer(image(fstab="proc LXC_ROOTFS/proc proc defaults 0 0\n"))
    words = ("-f", host.base / "initial", "--", "--server", server.url, *IMAGE)
    assert host.create("web", "-t", "download", *words).returncode == 0
    path = host.path / "web"
    assert (path / "config").read_text().split("nesting.conf\n# (Be aware this has security implications)\n\n")[
        1
    ].split("\n") == [
        "# mine",
        "",
        "# Distribution configuration",
        "lxc.include = /usr/share/lxc/config/common.conf",
        "lxc.arch = linux64",
        "",
        "# Container specific configuration",
        "lxc.tty.max = 3",
        f"lxc.rootfs.path = dir:{path}/rootfs",
        f"lxc.mount.fstab = {path}/fstab",
        "lxc.uts.name = web",
        "",
        "# Network configuration",
        "lxc.net.0.type = empty",
        "lxc.net.0.name = x",
        "",
    ]
    assert (path / "fstab").read_text() == f"proc {path}/rootfs/proc proc defaults 0 0\n"
    assert (path / "rootfs/dev/pts").is_dir()


def test_the_list_has_a_line_for_each_image(server: Server, cache: Path) -> None:
    done = subprocess.run([DOWNLOAD, "--server", server.url, "--list"], text=True, capture_output=True)
    assert done.stdout.splitlines() == [
        "Downloading the image index",
        "",
        "---",
        "DIST             RELEASE     ARCH   VARIANT  BUILD",
        "---",
        "debian           bookworm    amd64  default  20260101_05:24",
        "alpine           3.19        arm64  cloud    20260102_13:00",
        "---",
    ]
    assert server.asked == [f"{INDEX}.7", INDEX]
    assert {agent.partition("/")[0] for agent in server.agents} == {"lxc"}
    assert all(agent.endswith(" compat:7") for agent in server.agents)


def test_it_asks_for_what_is_missing_on_a_terminal(host: Host, server: Server, cache: Path) -> None:
    (host.base / "web").mkdir()
    argv = [
        DOWNLOAD,
        "--server",
        server.url,
        f"--path={host.base}/web",
        "--name=web",
        f"--rootfs={host.base}/web/rootfs",
    ]
    ours, theirs = pty.openpty()
    with subprocess.Popen([*argv, "-r", "bookworm"], stdin=theirs, stdout=subprocess.PIPE, text=True) as process:
        os.write(ours, b"debian\namd64\n")
        said = process.communicate(timeout=PATIENCE)[0]
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert said.index("debian           bookworm") < said.index("Distribution: ") < said.index("Architecture: ")
    assert "alpine" not in said
    assert (host.base / "web/rootfs/bin/busybox").exists()


def test_without_a_terminal_the_options_are_named(host: Host, server: Server, cache: Path) -> None:
    done = host.create("web", "-t", "download", "--", "--server", server.url, "-r", "bookworm")
    assert (done.returncode, host.made(), server.asked) == (1, [], [])
    assert "Say --dist, --arch" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-d", "nosuch"), "Couldn't find a matching image\n  --dist nosuch: there are alpine, debian"),
        (("-r", "sid"), "--release sid: there is bookworm of debian"),
        (("--variant", "cloud"), "--variant cloud: there is default of debian bookworm amd64"),
        (("-d", "../../x"), "--dist cannot be '../../x'"),
        (("--server", "ftp://x"), "no server"),
        (("--server", "x y"), "no server"),
        (("--nosuch",), "unrecognized arguments: --nosuch"),
    ],
)
def test_what_cannot_be_is_said(host: Host, server: Server, cache: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused(host, server, *words)
    assert cached(host) == []


# ---- the cache -------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_not_downloaded_again(host: Host, server: Server, cache: Path) -> None:
    made(host, server, name="one")
    server.asked.clear()
    assert "Using image from local cache\nUnpacking the rootfs" in made(host, server, name="two")
    assert server.asked == []
    assert (cache / "build_id").read_text() == "20260101_05:24\n"


def test_flushing_gets_it_anew(host: Host, server: Server, cache: Path) -> None:
    made(host, server, name="one")
    server.asked.clear()
    assert "Flushing the cache...\nDownloading the image index\nDownloading the rootfs" in made(
        host, server, "--flush-cache"
    )
    assert ROOTFS in server.asked


def test_an_expired_one_is_looked_for_and_if_it_is_the_same_build_used(host: Host, server: Server, cache: Path) -> None:
    made(host, server, name="one")
    (cache / "expiry").write_text("1000\n")
    server.asked.clear()
    said = made(host, server, name="two")
    assert "The cached copy has expired, re-downloading...\nDownloading the image index\n" in said
    assert "The cache is already up to date\nUsing image from local cache\n" in said
    assert server.asked == [f"{INDEX}.7", INDEX]
    server.asked.clear()
    assert "Using image from local cache" in made(host, server, "--force-cache", name="three")
    assert server.asked == []


def test_a_new_build_takes_its_place(host: Host, server: Server, cache: Path) -> None:
    made(host, server, name="one")
    (cache / "expiry").write_text("1000\n")
    server.offer(image(create_message="The second\n"), "20260202_00:00")
    assert "The second" in made(host, server, name="two")
    assert (cache / "build_id").read_text() == "20260202_00:00\n"
    assert os.listdir(cache.parent) == ["default"]


def test_without_the_server_an_expired_one_is_used_and_that_is_said(host: Host, server: Server, cache: Path) -> None:
    made(host, server, name="one")
    (cache / "expiry").write_text("1000\n")
    for name in ("", ".7"):
        server.files[INDEX + name] = refusing(500)
    done = create(host, server, name="two")
    assert done.returncode == 0
    assert "the server says 500" in done.stderr
    assert "Using the image of 20260101_05:24 from local cache, which has expired" in done.stdout


@pytest.mark.parametrize("missing", ["rootfs.tar.xz", "build_id"])
def test_half_an_image_in_the_cache_is_none(host: Host, server: Server, cache: Path, missing: str) -> None:
    made(host, server, name="one")
    (cache / missing).unlink()
    assert "The image cache is now ready" in made(host, server, name="two")
    assert os.listdir(cache.parent) == ["default"]


def test_what_a_killed_one_has_left_goes(host: Host, server: Server, cache: Path) -> None:
    (cache.parent / ".new-0").mkdir(parents=True)
    (cache.parent / ".new-0/rootfs.tar.xz").write_text("half")
    made(host, server)
    assert os.listdir(cache.parent) == ["default"]


def test_of_two_at_once_one_downloads(host: Host, server: Server, cache: Path) -> None:
    both = [host.begin("-n", name, "-t", "download", "--", "--server", server.url, *IMAGE) for name in ("one", "two")]
    said = [process.communicate(timeout=3 * PATIENCE) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert server.asked.count(ROOTFS) == 1
    assert all((host.path / name / "rootfs/bin/busybox").exists() for name in ("one", "two"))


def in_a_small_cache(host: Host, options: str, work: Callable[[], None]) -> None:
    def mounted() -> None:
        (host.base / "cache").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", host.base / "cache"], check=True)
        work()

    apart(mounted)


def test_a_full_cache_is_told_with_what_helps(host: Host, server: Server, cache: Path) -> None:
    def work() -> None:
        said = refused(host, server)
        assert f"cannot keep the image in {cache.parent}: No space left on device" in said
        assert "LXC_CACHE_PATH=" in said
        assert cached(host) == []

    in_a_small_cache(host, "size=100k", work)


def test_a_cache_that_cannot_be_written_to_is_told(host: Host, server: Server, cache: Path) -> None:
    def work() -> None:
        said = refused(host, server)
        assert f"cannot keep the image in {cache.parent}: Read-only file system" in said
        assert "LXC_CACHE_PATH=" in said

    in_a_small_cache(host, "ro", work)


def test_what_is_in_a_cache_that_cannot_be_written_to_is_used(host: Host, server: Server, cache: Path) -> None:
    def work() -> None:
        made(host, server, name="one")
        (cache.parent / ".new-0").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", host.base / "cache"], check=True)
        done = create(host, server, name="two")
        assert done.returncode == 0
        assert "Using image from local cache" in done.stdout
        assert f"{cache.parent}/.new-0 stays" in done.stderr

    in_a_small_cache(host, "size=10M", work)


def test_a_full_root_is_told_with_what_helps(host: Host, server: Server, cache: Path) -> None:
    made(host, server, name="one")

    def work() -> None:
        (host.base / "small").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", host.base / "small"], check=True)
        done = host.create(
            "web", "-t", "download", "--dir", host.base / "small/root", "--", "--server", server.url, *IMAGE
        )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "--fssize" in done.stderr

    apart(work)


# ---- what the server does --------------------------------------------------------------------------------------------


def test_a_checksum_that_is_wrong_is_tried_again_and_then_told(host: Host, server: Server, cache: Path) -> None:
    server.files[SUMS] = f"{'0' * 64}  rootfs.tar.xz\n{'1' * 64}  meta.tar.xz\n".encode()
    said = refused(host, server)
    assert "which the server's SHA256SUMS says" in said
    assert "tried 3 times" in said
    assert server.asked.count(ROOTFS) == 3
    assert cached(host) == []


def test_where_the_server_gives_no_checksum_that_is_said(host: Host, server: Server, cache: Path) -> None:
    del server.files[SUMS]
    assert "The server gives no SHA-256 of rootfs.tar.xz and meta.tar.xz" in made(host, server)


@pytest.mark.parametrize("path", [ROOTFS, META])
def test_what_is_cut_once_is_got_whole(host: Host, server: Server, cache: Path, path: str) -> None:
    data = server.files[path]
    assert isinstance(data, bytes)
    server.before[path] = [cut(data), refusing(503)]
    made(host, server)
    assert server.asked.count(path) == 3
    assert (cache / "rootfs.tar.xz").read_bytes() == server.files[ROOTFS]


def test_what_is_always_cut_is_no_cache(host: Host, server: Server, cache: Path) -> None:
    data = server.files[ROOTFS]
    assert isinstance(data, bytes)
    server.files[ROOTFS] = cut(data)
    said = refused(host, server)
    assert server.url + ROOTFS in said
    assert cached(host) == []


def test_what_the_server_does_not_have_is_not_asked_for_again(host: Host, server: Server, cache: Path) -> None:
    del server.files[META]
    assert f"{server.url}{META}: the server says 404" in refused(host, server)
    assert server.asked.count(META) == 1
    assert cached(host) == []


@pytest.mark.parametrize(
    "data", [b"", b"<html>log in first</html>\n", b"a;b;c\n", b"a/b;c;d;e;f;/g\n", bytes(range(256))]
)
def test_what_is_no_index_is_told(host: Host, server: Server, cache: Path, data: bytes) -> None:
    server.files[INDEX] = data
    assert "is no image index" in refused(host, server)


def test_a_server_that_is_silent_is_given_up(host: Host, server: Server, cache: Path) -> None:
    server.files[ROOTFS] = lambda handler: (handler.send_response(200), handler.end_headers(), server.over.wait(60))[0]
    assert "no answer for 0.2 s" in refused(host, server, "--timeout", "0.2")
    assert cached(host) == []


def test_a_server_that_is_not_there_is_told_as_it_is(host: Host, server: Server, cache: Path) -> None:
    server.close()
    said = refused(host, server)
    assert f"cannot get {server.url}{INDEX}.7: Connection refused (tried 3 times)" in said


def test_a_redirection_is_followed(host: Host, server: Server, cache: Path) -> None:
    server.files["/moved"] = server.files[ROOTFS]
    server.files[ROOTFS] = redirecting("/moved")
    made(host, server)


def test_one_in_a_circle_is_not(host: Host, server: Server, cache: Path) -> None:
    server.files[ROOTFS] = redirecting(ROOTFS)
    assert "redirects more than 5 times" in refused(host, server)


@pytest.mark.command("openssl")
def test_https_is_asked_for_believed_by_its_certificate_and_not_left(
    host: Host, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = imageserver.certificate(host.base)
    with imageserver.serving(certificate) as secure:
        secure.offer(image())
        done = host.create("web", "-t", "download", "--", "--server", secure.host, *IMAGE)
        assert done.returncode == 1
        assert "self-signed certificate" in done.stderr
        assert secure.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        done = host.create("web", "-t", "download", "--", "--server", secure.host, *IMAGE)
        assert done.returncode == 0, done.stderr
        secure.files[ROOTFS] = redirecting(server.url + ROOTFS)
        server.asked.clear()
        done = host.create("two", "-t", "download", "--", "--server", secure.host, *IMAGE, "--flush-cache")
        assert done.returncode == 1
        assert "which is not https: refused" in done.stderr
        assert server.asked == []


def test_a_server_without_https_is_told_as_one(host: Host, server: Server, cache: Path) -> None:
    done = host.create("web", "-t", "download", "--", "--server", server.host, *IMAGE)
    assert (done.returncode, server.asked) == (1, [])
    assert "http:// is taken if --server says so" in done.stderr


@pytest.mark.command("openssl")
def test_https_goes_through_a_proxy_unseen(
    host: Host, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = imageserver.certificate(host.base)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("https_proxy", server.host)
    with imageserver.serving(certificate) as secure:
        secure.offer(image())
        done = host.create("web", "-t", "download", "--", "--server", secure.host, *IMAGE)
        assert done.returncode == 0, done.stderr
        assert set(server.asked) == {f"CONNECT {secure.host}"}


def test_a_proxy_is_asked_unless_it_is_not_to_be(
    host: Host, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in list(server.files):
        server.files[f"/http:/images.invalid{path}"] = server.files[path]  # a request to a proxy names all of it
    monkeypatch.setenv("http_proxy", f"http://joe:secret@{server.host}")
    words = ("-t", "download", "--", "--server", "http://images.invalid", *IMAGE)
    assert host.create("web", *words).returncode == 0
    assert f"/http:/images.invalid{ROOTFS}" in server.asked
    monkeypatch.setenv("no_proxy", "images.invalid")
    done = host.create("two", *words, "--flush-cache")
    assert done.returncode == 1
    assert "secret" not in done.stderr


def test_an_interrupted_one_leaves_nothing(host: Host, server: Server, cache: Path) -> None:
    data = server.files[ROOTFS]
    assert isinstance(data, bytes)

    def slow(handler: imageserver.http.server.BaseHTTPRequestHandler) -> None:
        imageserver.send(handler, 200, data[:1000], len(data))
        server.over.wait(60)

    server.files[ROOTFS] = slow
    with host.begin("-n", "web", "-t", "download", "--", "--server", server.url, *IMAGE) as process:
        until(lambda: any("/.new-" in name for name in cached(host)), "the download begins")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in said
    assert (cached(host), host.made()) == ([], [])


# ---- archives of somebody hostile ------------------------------------------------------------------------------------


HOSTILE = {
    "a name that leads out": [member("../escaped", b"x")],
    "one that does so deeper": [member("./etc/../../escaped", b"x")],
    "a link that leads out, and a file behind it": [link("./out", "../.."), member("./out/escaped", b"x")],
    "an absolute link, and a file behind it": [link("./out", "{base}"), member("./out/escaped", b"x")],
    "a file in the place of a link": [link("./out", "{base}/escaped"), member("./out", b"x")],
    "a second name for what is outside": [member("./out", type=tarfile.LNKTYPE, linkname="../../../precious")],
    "a second name for it through a link": [
        link("./way", "{base}"),
        member("./out", type=tarfile.LNKTYPE, linkname="./way/precious"),
    ],
    "an absolute second name": [member("./out", type=tarfile.LNKTYPE, linkname="{base}/precious")],
    "an absolute name": [member("{base}/escaped", b"x")],
}


@pytest.mark.parametrize("which", HOSTILE)
def test_an_archive_does_not_reach_out_of_the_root(host: Host, server: Server, cache: Path, which: str) -> None:
    (host.base / "precious").write_text("dear")
    members = HOSTILE[which]
    for info, _ in members:
        info.linkname, info.name = (text.replace("{base}", str(host.base)) for text in (info.linkname, info.name))
    server.offer(image(*members))
    create(host, server)
    assert (host.base / "precious").read_text() == "dear"
    assert (host.base / "precious").stat().st_nlink == 1
    assert not [path for path in host.base.rglob("escaped") if "rootfs" not in path.parts]


@pytest.mark.parametrize("target", ["{base}/precious", "../../../precious"])
@pytest.mark.parametrize("way", ["link", "above"])
def test_a_file_to_fill_in_is_reached_by_no_link(
    host: Host, server: Server, cache: Path, target: str, way: str
) -> None:
    precious = host.base / "precious"
    precious.mkdir() if way == "above" else precious.write_text("LXC_NAME")
    if way == "above":
        (precious / "file").write_text("LXC_NAME")
    name = "etc/sly/file" if way == "above" else "etc/sly"
    server.offer(
        image(link("./etc/sly", target.format(base=host.base)), templates=f"{name}\n../../../precious\n/etc/hostname\n")
    )
    done = create(host, server)
    assert done.returncode == 0
    assert "not filled in, in the root: etc/sly" in done.stderr
    assert "not filled in, in the root: ../../../precious" in done.stderr
    assert (precious / "file" if way == "above" else precious).read_text() == "LXC_NAME"
    assert (host.path / "web/rootfs/etc/hostname").read_text() == "web\n"


@pytest.mark.parametrize("name", ["config", "create-message", "expiry"])
def test_metadata_that_are_links_are_not_followed(host: Host, server: Server, cache: Path, name: str) -> None:
    (host.base / "precious").write_text("secret")
    files = image()
    files["meta.tar.xz"] = imageserver.packed(member("config", b""), link(name, f"{host.base}/precious"))
    server.offer(files)
    said = refused(host, server)
    assert f"{name} is a symbolic link" in said
    assert "secret" not in said


def test_metadata_that_are_called_as_the_root_do_not_take_its_place(host: Host, server: Server, cache: Path) -> None:
    files = image()
    files["meta.tar.xz"] = imageserver.packed(
        member("config", imageserver.CONFIG.encode()), member("rootfs.tar.xz", b"x")
    )
    server.offer(files)
    made(host, server)
    assert (cache / "rootfs.tar.xz").read_bytes() == files["rootfs.tar.xz"]


def test_a_message_commands_no_terminal(host: Host, server: Server, cache: Path) -> None:
    server.offer(image(create_message="\x1b]0;owned\x07 hello\n"))
    assert "?]0;owned? hello" in made(host, server)


def test_a_device_is_none_of_a_container_with_ids_of_its_own(host: Host, server: Server, cache: Path) -> None:
    (host.base / "initial").write_text(MAPPED)
    server.offer(image(member("./etc/disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0)))
    words = ("-f", host.base / "initial", "--", "--server", server.url, *IMAGE)
    done = host.create("web", "-t", "download", *words)
    assert (done.returncode, host.made()) == (1, [])
    assert "Cannot mknod" in done.stderr
    assert "no device nodes" in done.stderr


def test_a_set_user_id_program_is_the_containers_roots(host: Host, server: Server, cache: Path) -> None:
    (host.base / "initial").write_text(MAPPED)
    server.offer(image(member("./bin/su", b"x", mode=0o4755)))
    words = ("-f", host.base / "initial", "--", "--server", server.url, *IMAGE)
    assert host.create("web", "-t", "download", *words).returncode == 0
    status = (host.path / "web/rootfs/bin/su").stat()
    assert (oct(status.st_mode), status.st_uid) == ("0o104755", 700000)


def test_a_root_that_has_links_is_not_unpacked_into(host: Host, server: Server, cache: Path) -> None:
    (host.base / "root").mkdir()
    (host.base / "root/etc").symlink_to(host.base)
    done = host.create("web", "-t", "download", "--dir", host.base / "root", "--", "--server", server.url, *IMAGE)
    assert done.returncode == 1
    assert f"{host.base}/root/etc is a symbolic link" in done.stderr
    assert not (host.base / "hostname").exists()


@pytest.mark.parametrize("looks_around", [True, False])
def test_the_library_may_be_among_the_systems_and_is_named_if_it_is_missing(
    server: Server, *, looks_around: bool
) -> None:
    """As where this package is installed apart: it is found with -S, that the system's are not looked among, too."""
    apart = (
        f"import sys; sys.path.insert(0, {PACKAGES!r}); from lxc.images import download; "
        f"sys.path = [path for path in sys.path if path != {PACKAGES!r}]; sys.exit(download.main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-I" if looks_around else "-IS", "-c", apart, "--server", server.url, "-l"]
    done = subprocess.run(argv, text=True, capture_output=True)
    if looks_around:
        assert "python3-urllib3" in done.stderr
        assert server.asked == []
    else:
        assert "bookworm" in done.stdout


def test_its_options_are_told_with_those_of_lxc_create() -> None:
    done = subprocess.run(command("lxc-create", "-t", "download", "-h"), text=True, capture_output=True)
    assert done.returncode == 0
    assert "--flush-cache" in done.stderr
    assert "LXC_CACHE_PATH" in done.stderr
