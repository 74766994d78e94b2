"""What lxc-create leaves on disk: Debian's LXC and ours, file by file."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

pytestmark = [pytest.mark.root, pytest.mark.parity]

RUN = "import os, sys; from lxc.cli import main; os._exit(main(sys.argv[1], sys.argv[2:]))"
THEIRS = {tool: ["/usr/bin/" + tool] for tool in ("lxc-create", "lxc-destroy")}
OURS = {tool: [sys.executable, "-P", "-c", RUN, tool] for tool in THEIRS}
BETTER = {
    "rootfs/etc/udhcpc",  # LXC's directory cannot be entered by anyone but root: 0644
    "rootfs/etc/shadow",  # LXC's can be read by everybody
    "rootfs/etc/udhcpc/default.script",  # other words for the same
    "rootfs/etc/init.d/rcS",  # LXC's takes the addresses of a network that is shared away
    "config",
}


@pytest.fixture
def base() -> Iterator[Path]:
    base = Path(mkdtemp(dir="/tmp", prefix="lx"))
    yield base
    subprocess.run(["rm", "-rf", "--one-file-system", base, f"/run/lxc/lock{base}"], check=True)


def both(base: Path, *words: str) -> tuple[Path, Path]:
    """The container `web`, made by LXC and by us."""
    for commands, path in ((THEIRS, base / "theirs"), (OURS, base / "ours")):
        path.mkdir()
        subprocess.run([*commands["lxc-create"], "-P", path, "-n", "web", *words], check=True, capture_output=True)
    return base / "theirs/web", base / "ours/web"


def described(directory: Path) -> dict[str, object]:
    """Each path below, with its type, mode, owner, number of names, and what it holds."""
    found: dict[str, object] = {".": oct(directory.stat().st_mode)}
    for path in directory.rglob("*"):
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file() and status.st_size < 100_000:
            content = path.read_bytes()
        name = str(path.relative_to(directory))
        links = status.st_nlink if stat.S_ISREG(status.st_mode) else 0
        found[name] = (oct(status.st_mode), status.st_uid, status.st_gid, links, status.st_size * bool(links), content)
    return found


def settings(directory: Path) -> list[str]:
    """The configuration without comments, and without where it is."""
    text = (directory / "config").read_text().replace(str(directory), "WHERE")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_container_without_template_is_the_same_to_the_byte(base: Path) -> None:
    (base / "initial").write_text("# mine\nlxc.uts.name = web\nlxc.tty.max = 3\n")
    theirs, ours = both(base, "-t", "none", "-f", str(base / "initial"))
    assert described(theirs) == described(ours)


def test_a_busybox_container_has_the_same_files(base: Path) -> None:
    theirs, ours = both(base, "-t", "busybox", "--", "--busybox-path", "/usr/bin/busybox")
    left, right = described(theirs), described(ours)
    assert {name: left[name] for name in left if name not in BETTER} == {
        name: right[name] for name in right if name not in BETTER
    }


def test_its_configuration_says_the_same_in_the_same_order(base: Path) -> None:
    theirs, ours = both(base, "-t", "busybox")
    assert sorted(settings(theirs)) == sorted(settings(ours))
    assert stat.S_IMODE((theirs / "config").stat().st_mode) == stat.S_IMODE((ours / "config").stat().st_mode)


def test_its_heading_says_the_same(base: Path) -> None:
    theirs, ours = both(base, "-t", "/bin/true", "--", "a", "b")
    heads = [
        [line for line in (it / "config").read_text().splitlines()[:9] if "SHA-1" not in line] for it in (theirs, ours)
    ]
    assert heads[0][:5] == heads[1][:5]


@pytest.mark.parametrize("words", [("-t", "none"), ("-t", "busybox"), ("-t", "busybox", "--dir", "{base}/root")])
def test_each_destroys_what_the_other_made(base: Path, words: tuple[str, ...]) -> None:
    words = tuple(word.format(base=base) for word in words)
    theirs = base / "theirs"
    for maker, destroyer in ((THEIRS, OURS), (OURS, THEIRS)):
        theirs.mkdir(exist_ok=True)
        subprocess.run([*maker["lxc-create"], "-P", theirs, "-n", "web", *words], check=True, capture_output=True)
        subprocess.run([*destroyer["lxc-destroy"], "-P", theirs, "-n", "web"], check=True, capture_output=True)
        assert list(theirs.iterdir()) == []
        subprocess.run(["rm", "-rf", base / "root"], check=True)  # made by LXC, so left alone by us


@pytest.mark.parametrize("words", [(), ("-t", "nosuch"), ("-t", "none", "--dir", "sub"), ("-t", "/bin/false")])
def test_what_one_refuses_the_other_does(base: Path, words: tuple[str, ...]) -> None:
    for commands in (THEIRS, OURS):
        path = base / "lxc"
        path.mkdir(exist_ok=True)
        done = subprocess.run([*commands["lxc-create"], "-P", path, "-n", "web", *words], capture_output=True)
        assert done.returncode == 1
        assert list(path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [("-B", "loop", "--fssize", "20M"), ("-B", "overlay"), ("-B", "best")], ids=lambda words: words[1]
)
def test_other_storage_is_laid_out_alike(base: Path, words: tuple[str, ...]) -> None:
    template = base / "template"
    template.write_text(
        '#!/bin/sh\nfor word; do case $word in --rootfs=*) echo 1 > "${word#--rootfs=}/file";; esac; done\n'
    )
    template.chmod(0o755)
    theirs, ours = both(base, "-t", str(template), *words)
    assert settings(theirs) == settings(ours)
    kinds = [{name: what[:4] for name, what in described(each).items()} for each in (ours, theirs)]  # type: ignore[index]
    assert kinds[0] == kinds[1]
