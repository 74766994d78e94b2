"""What an installation has besides the commands: manual pages and completions, where man and the shells look; and a place of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import BIN, ROOT
from tests.hosts import Host

INSTALL = ROOT / "tools/install.py"
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
def test_what_a_distribution_installs_for_its_python_names_places_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a package is built: the system's interpreter, /usr, and a directory in the place of /."""
    root = tmp_path / "root"
    monkeypatch.setenv(
        "PYTHONPYCACHEPREFIX", "/dev/null/bytecode"
    )  # is for who installs it, and not for what is installed
    monkeypatch.chdir(tmp_path)
    done = install(tmp_path, "--destdir", "root", prefix="/usr")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(root.rglob("__pycache__/loading.*.pyc"))
    (client,) = root.rglob("lxc-client")
    script = root / "usr/bin/lxc-ls"
    assert script.read_text().splitlines()[0] == f"#!/{client.relative_to(root)}"
    done = subprocess.run(["/usr/bin/python3", script, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (root / "usr/lib/systemd/system/lxc.service").is_file()
    for unit in root.rglob("systemd/system/*.service"):
        for program in re.findall(r"(?<==)-?(/\S*lxc\S*)", unit.read_text()):
            assert (root / program[1:]).exists(), (unit.name, program)
    assert (root / "usr/share/man/man7/lxc.7").is_file()
    (share,) = (path.parent for path in root.rglob("share/hooks"))
    assert all(os.access(path, os.X_OK) for path in (share / "hooks").iterdir())
    told = re.findall(r'^(bindir|templatedir|hookdir|lxcinitdir)="(/.*)"$', (share / "lxc.functions").read_text(), re.M)
    assert len(told) == 4
    assert all((root / path[1:]).is_dir() for _, path in told)


@pytest.mark.root
@pytest.mark.command("ninja")
def test_what_is_installed_is_the_systems_and_goes_again_without_a_trace(tmp_path: Path) -> None:
    root, conf = tmp_path / "root", tmp_path / "conf"
    conf.write_text("lxc.net.0.type = empty\n")
    create = ("lxc-create", "-P", str(root), "-n", "c", "-t", "busybox", "-f", str(conf))
    path = f"PATH=/usr/local/bin:{os.environ['PATH']}"
    with Host() as host:

        def installed(*words: str) -> str:
            return host.ok(sys.executable, str(INSTALL), *words, "/usr/local", str(tmp_path / "build"))

        host.ok("mount", "-t", "tmpfs", "none", "/usr/local")
        host.write("/usr/local/share/man/man1/another.1", "somebody's")
        assert "systemctl enable" in installed()
        host.ok("env", path, *create)
        assert host.ok("env", path, "lxc-execute", "-P", str(root), "-n", "c", "--", "echo", "well") == "well\n"
        host.ok("env", path, "lxc-destroy", "-P", str(root), "-n", "c")
        package = host.ok("/usr/bin/python3", "-c", "import lxc; print(lxc.__path__[0])").strip()
        assert package.startswith("/usr/local/lib/python3")
        assert host.path(f"{package}/libexec/lxc-user-nic").stat().st_mode & 0o7777 == 0o4755

        # An older version had another module, and somebody has put something beside ours.
        record = host.path(f"{package}/share/installed")
        record.write_text(record.read_text() + f"{package}/older/gone.py\n")
        for file in ("older/gone.py", "older/__pycache__/gone.cpython-311.pyc", "theirs.py"):
            host.write(f"{package}/{file}", "")
        installed()
        assert not host.path(f"{package}/older").exists()

        installed("--remove")
        files = [path for path in host.path("/usr/local").rglob("*") if not path.is_dir()]
        assert sorted(path.name for path in files) == ["another.1", "theirs.py"]
        assert not host.path("/usr/local/bin").exists()

        def failed() -> str:
            done = host.run(sys.executable, str(INSTALL), "/usr/local", str(tmp_path / "build"))
            assert done.returncode == 1
            return done.stderr

        # A package of another LXC is there; or something that ends it half-way.
        host.write("/usr/local/bin/lxc-top", "another's")
        assert "/usr/local/bin/lxc-top is another's: nothing was installed\n  remove the package" in failed()
        assert not host.path(f"{package}/loading.py").exists()
        host.path("/usr/local/bin/lxc-top").unlink()
        host.write("/usr/local/share/fish", "no directory")
        assert "/usr/local/share/fish" in failed()
        assert host.path(f"{package}/loading.py").exists()
        installed("--remove")
        host.path("/usr/local/share/fish").unlink()
        assert [path for path in host.path("/usr/local").rglob("*") if not path.is_dir()] == files
        again = host.run(sys.executable, str(INSTALL), "--remove", "/usr/local", str(tmp_path / "build"))
        assert (again.returncode, "nothing is installed below /usr/local" in again.stderr) == (1, True)


def install(tmp_path: Path, *words: str, prefix: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, INSTALL, *words, prefix, tmp_path / "build"], capture_output=True, text=True)


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
