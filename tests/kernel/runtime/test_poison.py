"""After a container was entered, nothing is loaded from it: its root carries poison at every place we could look at."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.conftest import BIN, Lxc

pytestmark = pytest.mark.root

POISON = "open('/poisoned', 'a').write(__name__ + chr(10))\n"
LIBRARIES = ("libnss_files.so.2", "libnss_compat.so.2", "libc.so.6", "libseccomp.so.2", "libffi.so.8")


@pytest.fixture
def root(lxc: Lxc, box: str) -> Path:
    """The root of a container whose Python files and libraries, at the host's own paths, are poison."""
    config = lxc.config(box)
    config.write_text("".join(f"{line}\n" for line in config.read_text().splitlines() if "ro,bind" not in line))
    root = lxc.rootfs(box)
    for directory in (sysconfig.get_path("stdlib"), "/usr/lib/python3.11", package()):
        poison_modules(directory, root)
    for name in LIBRARIES:
        for directory in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib", "lib64"):
            (root / directory).mkdir(parents=True, exist_ok=True)
            (root / directory / name).write_bytes(b"\x7fELF poison")
    (root / "etc/ld.so.preload").write_text("/lib/libnss_files.so.2\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\n")
    return root


def package() -> str:
    """Where the commands' own package is."""
    return os.path.realpath(BIN.parent / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages")


def poison_modules(directory: str, root: Path) -> None:
    for base, _, files in os.walk(directory):
        if "/test" in base or base.count("/") > directory.count("/") + 3:
            continue
        for file in files:
            if file.endswith(".py"):
                path = root / base.lstrip("/") / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(POISON)


def test_start_execute_and_attach_take_nothing_from_a_poisoned_root(lxc: Lxc, box: str, root: Path) -> None:
    lxc.start(box)
    assert lxc.attach(box, "echo", "in") == "in\n"
    assert lxc.ok("lxc-attach", "-n", box, "-u", "1000", "-g", "1000", "--clear-env", "--", "id", "-u") == "1000\n"
    assert lxc.ok("lxc-attach", "-n", box, input="echo $0\n").strip() == "/bin/sh"
    assert lxc.run("lxc-attach", "-n", box, "--", "/nonexistent").returncode == 127
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert lxc.ok("lxc-execute", "-n", box, "--", "echo", "in") == "in\n"
    assert lxc.run("lxc-execute", "-n", box, "--", "/nonexistent").returncode == 255
    assert lxc.run("lxc-start", "-n", box, "-s", "lxc.mount.entry=/nonexistent x none bind").returncode == 1
    assert not (root / "poisoned").exists()
    assert not Path("/poisoned").exists()


def test_the_poison_works_where_python_runs_inside(lxc: Lxc, box: str, root: Path) -> None:
    """Or the test above could not fail."""
    import subprocess

    directory = next(path.parent for path in root.rglob("os.py"))
    code = "import sys; sys.path.insert(0, sys.argv[1]); import shelve"
    replaced = (directory / "shelve.py").read_text().replace("/poisoned", str(root / "poisoned"))
    (directory / "shelve.py").write_text(replaced)
    subprocess.run([sys.executable, "-IS", "-c", code, str(directory)], check=True)
    assert (root / "poisoned").read_text() == "shelve\n"
