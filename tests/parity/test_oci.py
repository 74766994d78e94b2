"""A container made of an OCI image: Debian's template and ours, file by file and line by line."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.parity.test_create import base as base
from tests.parity.test_create import both, described, settings

from lxc.config import document
from lxc.images import metadata
from lxc.values import words

pytestmark = [
    pytest.mark.root,
    pytest.mark.parity,
    *(pytest.mark.command(name) for name in ("skopeo", "umoci", "jq")),
]
HERE = ("--config.entrypoint", "/bin/sh", "--config.entrypoint", "-c", "--config.cmd", "echo $FOO")
PLAIN = (
    "--config.user",
    "web:staff",
    "--config.workingdir",
    "/srv",
    "--config.env",
    "FOO=b a r",
    "--config.env",
    "PATH=/bin",
)


@pytest.fixture
def image(base: Path) -> Callable[..., str]:
    """Makes an image of two layers and a whiteout that says `words`: its URL."""

    def umoci(*words: str) -> None:
        subprocess.run(["umoci", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def make(*words: str) -> str:
        name = f"{base}/image:web"
        root = base / "root"
        for directory in ("bin", "etc", "srv/data"):
            (root / directory).mkdir(parents=True)
        shutil.copy("/bin/busybox", root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        (root / "bin/again").hardlink_to(root / "bin/busybox")
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\nstaff:x:50:\n")
        (root / "srv/one").write_text("one")
        shutil.chown(root / "srv/data", 1000, 1001)
        (root / "srv/data").chmod(0o1777)
        umoci("init", "--layout", f"{base}/image")
        umoci("new", "--image", name)
        umoci("insert", "--image", name, str(root), "/")
        umoci("insert", "--image", name, str(root / "etc/group"), "/srv/two")
        umoci("insert", "--image", name, "--whiteout", "/srv/one")
        umoci("config", "--image", name, *words)
        return f"oci:{name}"

    return make


def executed(directory: Path) -> tuple[str, ...]:
    return words.split(document.load(str(directory / "config"))[0].execute_cmd)


def others(directory: Path) -> list[str]:
    """All lines but that of the command, whose words are quoted otherwise."""
    return [line for line in settings(directory) if "lxc.execute.cmd" not in line]


@pytest.mark.parametrize("said", [(), HERE, PLAIN, (*HERE, *PLAIN)], ids=["nothing", "command", "rest", "all"])
def test_an_image_becomes_the_same_container(base: Path, image: Callable[..., str], said: tuple[str, ...]) -> None:
    url = image("--config.env", "A=b", *said)
    theirs, ours = both(base, "-t", "oci", "-f", "/dev/null", "--", "--no-cache", "--url", url)
    left, right = described(theirs), described(ours)
    assert left.keys() == right.keys()
    assert {name: left[name] for name in left if name != "config"} == {
        name: right[name] for name in right if name != "config"
    }
    assert executed(theirs) == executed(ours)
    assert others(theirs) == others(ours)


@pytest.mark.command("dhclient")
def test_the_hosts_dhclient_is_called_by_the_same_lines(base: Path, image: Callable[..., str]) -> None:
    theirs, ours = both(
        base, "-t", "oci", "-f", "/dev/null", "--", "-u", image("--config.env", "A=b"), "--dhcp", "--no-cache"
    )
    hook = metadata.hook("dhclient")
    assert others(theirs) == [line.replace(hook, "/usr/share/lxc/hooks/dhclient") for line in others(ours)]
    assert len([line for line in others(ours) if hook in line]) == 2
