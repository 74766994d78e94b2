"""A Debian root with systemd as init, made once for each kind of machine and kept: nobody writes to it, tests lay overlays on it.

Where `/srv/debian.tar` is (the virtual machine of `make vm-test`), it is that; elsewhere debootstrap makes it, from where the
machine's own apt has its packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

CACHE = Path("/var/cache/lxcpy")
TAR = Path("/srv/debian.tar")
PACKAGES = ("systemd-sysv", "dbus", "iproute2", "procps")
PERSIST = Path(__file__).parents[1] / "tools/persist"


def can_be_made() -> bool:
    return os.geteuid() == 0 and (TAR.exists() or shutil.which("debootstrap", path="/usr/sbin:/sbin") is not None)


def root() -> Path:
    """Where it is; made if it is not there yet, which takes minutes."""
    CACHE.mkdir(mode=0o711, exist_ok=True)
    made = CACHE / f"debian-{_content()}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            new = CACHE / "debian.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            _unpack(new) if TAR.exists() else _bootstrap(new)
            new.rename(made)
    return made


def _content() -> str:
    """What is in it, in twelve digits."""
    from_tar = [str(TAR.stat().st_mtime_ns)] if TAR.exists() else [_suite(), *PACKAGES]
    return hashlib.sha256(" ".join((platform.machine(), *from_tar)).encode()).hexdigest()[:12]


def _suite() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def _unpack(new: Path) -> None:
    subprocess.run(["tar", "-xpf", TAR, "--numeric-owner", "-C", new], check=True)


def _bootstrap(new: Path) -> None:
    words = ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    mirrors = [line.split()[2] for line in lines if line.split()[:2] == [_suite(), "main"]]
    packages = ["--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command = [PERSIST, "debootstrap", *packages, _suite(), new, *mirrors[:1]]
    environment = os.environ | _proxies() | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(
        command, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, f"debootstrap ended with {done.returncode}:\n{done.stdout[-4000:]}"
    for left in (*(new / "var/cache/apt/archives").glob("*.deb"), *(new / "var/lib/apt/lists").glob("*_*")):
        left.unlink()


def _proxies() -> dict[str, str]:
    """What apt goes through."""
    found = {}
    for scheme in ("http", "https"):
        words = ["apt-config", "shell", "it", f"Acquire::{scheme}::Proxy"]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        if text:
            found[f"{scheme}_proxy"] = text.partition("=")[2].strip("'")
    return found
