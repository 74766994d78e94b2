"""What a command that only looks may load.  Modules are counted, not milliseconds: they are the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lxc

PACKAGES = str(Path(lxc.__file__).parents[1])
LOADED = """
import sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
from lxc.cli import main
main(sys.argv[2], sys.argv[3:])
print(*set(sys.modules) - before, file=sys.stderr)
"""
# Of the standard library: what os is made of, command lines, sockets without the module `socket`, and what is built in.
LIBRARY = {"os", "os.path", "posixpath", "genericpath", "stat", "_stat", "_collections_abc", "__future__"}
LIBRARY |= {"getopt", "gettext", "_socket", "errno", "_operator"}
# Of ours: what acts.  Those who look ask the monitor over its socket and read configuration.
ACTING = ("kernel._libc", "cgroups", "images", "mounts", "network", "security", "storage", "terminal", "hooks", "loop")


@pytest.fixture
def lxcpath(tmp_path: Path) -> Path:
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1/config").write_text(
        "lxc.uts.name = c1\nlxc.net.0.type = veth\nlxc.mount.entry = /srv data none rbind,ro\nlxc.tty.max = 4\n"
    )
    return tmp_path


def loaded(tool: str, *words: str) -> set[str]:
    command = [sys.executable, "-IS", "-c", LOADED, PACKAGES, tool, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


LOOKING = ["lxc-ls", "lxc-ls -1", "lxc-ls -f", "lxc-info -n c1", "lxc-info -n c1 -s", "lxc-info -n c1 -c lxc.tty.max"]
LOOKING += ["lxc-wait -n c1 -s STOPPED", "lxc-config lxc.lxcpath"]


@pytest.mark.parametrize("line", LOOKING)
def test_a_command_that_looks_loads_little_of_the_standard_library(lxcpath: Path, line: str) -> None:
    tool, *words = line.split()
    where = () if tool == "lxc-config" else ("-P", str(lxcpath))
    assert {name for name in loaded(tool, *where, *words) if not name.startswith("lxc")} <= LIBRARY


@pytest.mark.parametrize("line", LOOKING)
def test_a_command_that_looks_loads_nothing_that_acts(lxcpath: Path, line: str) -> None:
    tool, *words = line.split()
    where = () if tool == "lxc-config" else ("-P", str(lxcpath))
    acting = tuple(f"lxc.{name}" for name in ACTING)
    assert {name for name in loaded(tool, *where, *words) if name.startswith(acting)} == set()


def test_a_start_with_a_filter_of_system_calls_loads_no_openssl(lxcpath: Path) -> None:
    """Which is what hashlib does."""
    (lxcpath / "policy").write_text("2\ndenylist\nreboot errno 1\n")
    with open(lxcpath / "c1/config", "a") as config:
        config.write(f"lxc.seccomp.profile = {lxcpath}/policy\n")
    assert loaded("lxc-start", "-P", str(lxcpath), "-n", "c1", "--dry-run") & {"hashlib", "_hashlib"} == set()


def test_listing_names_reads_no_configuration(lxcpath: Path) -> None:
    assert {
        name for name in loaded("lxc-ls", "-P", str(lxcpath)) if name.startswith(("lxc.config", "lxc.values"))
    } == set()


# What understands the few keys that are read without the rest.
BRIEF = {f"lxc.config.{name}" for name in ("brief", "excerpt", "key", "lines", "batch", "reader", "table")}
BRIEF |= {f"lxc.values.{name}" for name in ("environment", "idmap", "plain", "words")}


def test_a_table_of_containers_reads_only_what_it_shows(lxcpath: Path) -> None:
    """And nobody runs who would be asked."""
    found = {name for name in loaded("lxc-ls", "-f", "-P", str(lxcpath)) if name.count(".") == 2}
    assert {name for name in found if name.startswith(("lxc.config", "lxc.values"))} == BRIEF
    assert "lxc.runtime.lists.running" not in found


ASKED = """
import sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
from lxc.cli import info
from lxc.network import addresses
from lxc.runtime import statistics
from lxc.runtime.lists import running
print(*set(sys.modules) - before)
"""


def test_who_looks_at_what_runs_loads_no_more_than_c_modules_for_it() -> None:
    command = [sys.executable, "-IS", "-c", ASKED, PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split() if not name.startswith("lxc")}
    assert found <= LIBRARY | {"_ctypes", "_struct", "fcntl", "select"}


def test_a_start_loads_nothing_for_what_it_does_not_do(lxcpath: Path) -> None:
    rare = {"ctypes", "resource", "struct", "lxc.config.enumeration", "lxc.config.legacy", "lxc.idmap.fork"}
    rare |= {"lxc.kernel.statx", "lxc.storage.ours", "lxc.storage.removal", "lxc.programs"}
    assert loaded("lxc-start", "-P", str(lxcpath), "-n", "c1", "--dry-run") & rare == set()


def test_who_attaches_loads_no_plan_of_a_start(lxcpath: Path) -> None:
    found = loaded("lxc-attach", "-P", str(lxcpath), "-n", "c1", "--", "true")
    assert {name for name in found if name.startswith("lxc.") and name.endswith(".plan")} == {
        "lxc.security.plan",
        "lxc.security.landlock.plan",
    }
    assert {name for name in found if name.startswith("lxc.config.")} <= BRIEF


def test_the_public_names_are_imported_on_first_use() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import lxc; print(*[n for n in sys.modules if n[:4] == 'lxc.'])"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", code, PACKAGES], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_installed_commands_are_run_by_the_client() -> None:
    scripts = sorted(Path(sys.executable).parent.glob("lxc*"))
    assert len(scripts) > 5
    assert {script.read_text().splitlines()[0] for script in scripts} == {f"#!{PACKAGES}/lxc/libexec/lxc-client"}


def test_without_a_server_they_start_an_isolated_interpreter(lxcpath: Path) -> None:
    command = [Path(sys.executable).parent / "lxc-wait", "-P", lxcpath, "-n", "c1", "-s", "RUNNING"]
    with subprocess.Popen(command, env={**os.environ, "LXC_FORKSERVER": "0"}) as waiting:
        try:
            while not (words := Path(f"/proc/{waiting.pid}/cmdline").read_bytes()) or b"lxc-client" in words:
                time.sleep(0.01)
            interpreter, flags, *_ = words.decode().split("\0")
            assert (flags, Path(interpreter).samefile(sys.executable)) == ("-IS", True)
        finally:
            waiting.kill()


def test_they_look_around_for_the_first_module_only(lxcpath: Path) -> None:
    script = Path(sys.executable).parent / "lxc-ls"
    command = [sys.executable, "-ISv", script, "-P", lxcpath, "-f"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours = [line for line in done.stderr.splitlines() if line.startswith(("import 'lxc'", "import 'lxc."))]
    assert [line.split("'")[1] for line in ours if "<lxc.loading." not in line] == ["lxc", "lxc.loading"]


SERVED = """
import sys
sys.path.insert(0, sys.argv[1])
from lxc import cli
from lxc.cli import rehearsal
cli._load_all()
for scene in (*rehearsal.LOOKING, *rehearsal.ACTING):
    scene()
before = set(sys.modules)
cli.main(sys.argv[2], sys.argv[3:])
print(*set(sys.modules) - before, "", file=sys.stderr)
"""
SERVED_LINES = [*LOOKING, "lxc-start -n c1 --dry-run", "lxc-stop -n c1", "lxc-attach -n c1", "lxc-autostart -L"]


@pytest.mark.parametrize("line", SERVED_LINES)
def test_what_is_forked_from_the_server_loads_nothing_any_more(lxcpath: Path, line: str) -> None:
    tool, *words = line.split()
    where = () if tool == "lxc-config" else ("-P", str(lxcpath))
    command = [sys.executable, "-IS", "-c", SERVED, PACKAGES, tool, *where, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1].split() == []
