"""Hooks that are shipped: Debian's and ours, run with the same root and variables, leave the same files."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from lxc.images import template

pytestmark = [pytest.mark.root, pytest.mark.parity]

WAYS = {"ours": Path(template.OWN).parent / "hooks", "theirs": Path("/usr/share/lxc/hooks")}
CLONED = ("box", "lxc", "clone")
# What Debian's need, and this host may not have, stands in on a /usr/share of the test's own.
HOST = """
set -e
mount -t tmpfs tmpfs "$1/host"
mkdir "$1/host/upper" "$1/host/work"
mount -t overlay overlay -o "lowerdir=/usr,upperdir=$1/host/upper,workdir=$1/host/work" /usr
mkdir -p /usr/lib/locale /usr/share/squid-deb-proxy-client
echo archive >/usr/lib/locale/locale-archive
printf '#!/bin/sh\\necho 01234567-89ab-cdef-0123-456789abcdef\\n' >/usr/bin/uuidgen
chmod +x /usr/bin/uuidgen
mount -t tmpfs tmpfs /etc/apt/apt.conf.d
eval "$2"
shift 2
exec "$@"
"""


def files(root: Path) -> dict[str, tuple[str, str]]:
    """What is in the root: of each file its permissions, and its text without the random id."""
    return {
        str(path.relative_to(root)): (
            oct(path.stat().st_mode),
            re.sub("lxc-[0-9a-f]{8}\n", "lxc-RANDOM\n", path.read_text()),
        )
        for path in root.rglob("*")
        if path.is_file()
    }


def left(tmp_path: Path, hook: str, *words: str, before: str = ":", **variables: str) -> dict[str, tuple[str, str]]:
    """What both leave, which is the same."""
    found = {}
    (tmp_path / "host").mkdir()
    (tmp_path / "key").write_text("ssh-rsa one\n# two\n\nssh-rsa three\n")
    for way, hooks in WAYS.items():
        root = tmp_path / way
        for directory in ("etc/init", "etc/sysconfig/network-scripts", "etc/apt/apt.conf.d", "usr/lib/locale"):
            (root / directory).mkdir(parents=True)
        (root / "var/lib/cloud/seed").mkdir(parents=True)
        (root / "etc/hostname").write_text("old\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 old old.lan older\n::1 Old\n")
        (root / "etc/sysconfig/network").write_text("HOSTNAME=old\nGATEWAY=old-old")
        (root / "etc/sysconfig/network-scripts/ifcfg-eth0").write_text("DHCP_HOSTNAME=old old\n")
        (root / "etc/sysconfig/network-scripts/other").write_text("old\n")
        told = {"LXC_NAME": "box", "LXC_SRC_NAME": "old", "LXC_ROOTFS_MOUNT": str(root), "LXC_ROOTFS_PATH": str(root)}
        argv = ["unshare", "-m", "sh", "-c", HOST, "sh", tmp_path, before, hooks / hook]
        argv += [str(root) if word == "ROOT" else word.replace("HERE", str(tmp_path)) for word in words]
        done = subprocess.run(argv, env={**os.environ, **told, **variables}, capture_output=True, text=True)
        assert done.returncode == 0, f"{way}: {done.stdout}{done.stderr}"
        found[way] = files(root)
    assert found["ours"] == found["theirs"]
    return found["ours"]


def test_a_copy_s_name(tmp_path: Path) -> None:
    assert left(tmp_path, "clonehostname", *CLONED)["etc/hosts"][1].splitlines()[1] == "127.0.1.1 box old.lan older"


@pytest.mark.parametrize(
    "words",
    [
        ("ROOT",), ("--name=web", "ROOT"), ("-i", "abc", "-S", "HERE/key", "ROOT"), ("-C", "ROOT"), ("--create-etc-init", "ROOT"),
        CLONED, (*CLONED, "-i", "abc"), (*CLONED, "-S", "HERE/key"), ("-u", "HERE/key", "ROOT"),
    ],
)  # fmt: skip
def test_what_a_cloud_image_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert left(tmp_path, "ubuntu-cloud-prep", *words, LANG="de_DE.UTF-8")["etc/hostname"][1] != "old\n"


SETTING = "etc/apt/apt.conf.d/50squid-deb-proxy"
DISCOVERED = "f=/usr/share/squid-deb-proxy-client/apt-avahi-discover; printf '#!/bin/sh\\necho http://10.1.1.1:8000/\\n' >$f; chmod +x $f"


@pytest.mark.parametrize("before", [":", f"echo 'Acquire::http::Proxy \"http://x:1\";' >/{SETTING}", DISCOVERED])
def test_apt_s_proxy(tmp_path: Path, before: str) -> None:
    found = left(tmp_path, "squid-deb-proxy-client", "box", "lxc", "pre-start", before=before)
    assert (SETTING in found) == (before != ":")
