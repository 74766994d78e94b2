"""What an installation has besides the commands: manual pages and completions, where man and the shells look; and a place of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import BIN, ROOT

SHARE = BIN.parent / "share"
COMMANDS = sorted(path.name for path in BIN.glob("lxc-*"))


@pytest.mark.command("man")
def test_every_command_has_a_page_that_man_finds_by_the_path() -> None:
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C"}
    for command in COMMANDS:
        found = subprocess.run(["man", "-w", "1", command], capture_output=True, text=True, env=environment)
        assert found.stdout.strip() == f"{SHARE}/man/man1/{command}.1", found


def test_every_page_that_is_named_is_there() -> None:
    pages = list(SHARE.glob("man/man?/lxc*"))
    units = list(BIN.parent.glob("lib/*/site-packages/lxc/share/services/systemd/*"))
    assert len(pages) > len(COMMANDS)
    assert units
    for path in (*pages, *units):
        for name, section in re.findall(r"\b(lxc[a-z.-]*) ?\((\d)\)", path.read_text().replace("\\-", "-")):
            assert (SHARE / f"man/man{section}/{name}.{section}").is_file(), (path.name, name, section)


@pytest.mark.command("bash")
def test_the_shells_find_a_completion_by_each_commands_name() -> None:
    zsh = (SHARE / "zsh/site-functions/_lxc").read_text().partition("\n")[0].split()
    for command in COMMANDS:
        file = SHARE / "bash-completion/completions" / command
        script = f". '{file}'; complete -p {command}"
        done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (f"complete -F _lxc {command}\n", "")
        assert (SHARE / f"fish/vendor_completions.d/{command}.fish").is_file()
        assert command in zsh


@pytest.mark.command("ninja")
def test_what_a_distribution_installs_for_its_python_names_places_of_its_own(tmp_path: Path) -> None:
    """As a package is built: the system's interpreter, /usr, and a directory in the place of /."""
    native, build, root = tmp_path / "native", tmp_path / "build", tmp_path / "root"
    native.write_text("[binaries]\npython = '/usr/bin/python3'\n")
    meson = [sys.executable, "-m", "mesonbuild.mesonmain"]
    for words in (
        ["setup", build, ROOT, "--prefix=/usr", f"--native-file={native}"],
        ["install", "-C", build, f"--destdir={root}"],
    ):
        done = subprocess.run([*meson, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (client,) = root.rglob("lxc-client")
    script = root / "usr/bin/lxc-ls"
    assert script.read_text().splitlines()[0] == f"#!/{client.relative_to(root)}"
    done = subprocess.run(["/usr/bin/python3", script, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for unit in root.rglob("share/services/systemd/*.service"):
        for program in re.findall(r"(?<==)-?(/\S*lxc\S*)", unit.read_text()):
            assert (root / program[1:]).exists(), (unit.name, program)
    assert (root / "usr/share/man/man7/lxc.7").is_file()
    (share,) = (path.parent for path in root.rglob("share/hooks"))
    assert all(os.access(path, os.X_OK) for path in (share / "hooks").iterdir())
    told = re.findall(r'^(bindir|templatedir|hookdir|lxcinitdir)="(/.*)"$', (share / "lxc.functions").read_text(), re.M)
    assert len(told) == 4
    assert all((root / path[1:]).is_dir() for _, path in told)


def test_a_shell_script_learns_what_is_configured() -> None:
    (functions,) = BIN.parent.glob("lib/*/site-packages/lxc/share/lxc.functions")
    done = subprocess.run(
        [
            "sh",
            "-ec",
            '. "$0"; echo "$lxc_path $lxc_vg $lxc_zfsroot"; ls "$hookdir/clonehostname" "$templatedir/lxc-busybox"',
            functions,
        ],
        capture_output=True,
        text=True,
    )
    asked = [
        subprocess.run([BIN / "lxc-config", key], capture_output=True, text=True).stdout.strip()
        for key in ("lxc.lxcpath", "lxc.bdev.lvm.vg", "lxc.bdev.zfs.root")
    ]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == " ".join(asked)
