"""The files that start and stop containers with the host: installed, understood by what reads them, and doing their part."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import BIN
from tests.hosts import Host

import lxc

SERVICES = Path(lxc.__file__).parent / "share/services"
SCRIPTS = [f"{kind}/lxc-{name}" for kind in ("sysvinit", "openrc") for name in ("containers", "net")]


def test_all_are_installed_with_the_commands_path() -> None:
    found = {str(path.relative_to(SERVICES)) for path in SERVICES.rglob("*") if path.is_file()}
    units = {f"systemd/{name}.service" for name in ("lxc", "lxc@", "lxc-net", "lxc-monitord")}
    units |= {f"systemd/lxc-forkserver.{kind}" for kind in ("service", "socket")}
    profiles = {f"lxc/lxc-default{kind}" for kind in ("", "-cgns", "-with-mounting", "-with-nesting")}
    profiles |= {"lxc-containers", "abstractions/lxc/container-base", "abstractions/lxc/start-container"}
    assert found == {*SCRIPTS, *units, "default/lxc", "default/lxc-net", *(f"apparmor/{name}" for name in profiles)}
    for name in (*SCRIPTS, *units):
        text = (SERVICES / name).read_text()
        assert "@" not in re.sub(r"lxc@|%i", "", text), name
        assert f"{BIN}/lxc-" in text or name.startswith("systemd/lxc-forkserver")
        for command in set(re.findall(rf"{re.escape(str(BIN))}/(\S+)", text)):
            assert os.access(BIN / command, os.X_OK), command


@pytest.mark.parametrize("name", [*SCRIPTS, "default/lxc", "default/lxc-net"])
def test_a_shell_reads_them(name: str) -> None:
    subprocess.run(["sh", "-n", SERVICES / name], check=True)
    assert os.access(SERVICES / name, os.X_OK) == name.startswith(("sysvinit", "openrc"))


@pytest.mark.root
def test_profiles_are_loaded_where_there_is_apparmor_only() -> None:
    load = SERVICES.parents[1] / "libexec/lxc-apparmor-load"
    assert f"\nExecStartPre=-{load}\n" in (SERVICES / "systemd/lxc.service").read_text()
    without = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys && "$1"', "sh", load)
    done = subprocess.run(without, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.command("systemd-analyze")
def test_systemd_understands_the_units() -> None:
    units = [str(path) for path in (SERVICES / "systemd").iterdir()]
    instances = [unit.replace("lxc@", "lxc@web") for unit in units]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *instances], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "lxc" in line]) == (0, [])


def test_the_default_files_say_what_is_so_without_them() -> None:
    """Each variable that is shown, commented out or not, has the value that it has if it is not set."""
    from lxc.bridge.settings import NAMES, settings
    from lxc.cli.containers import VARIABLES

    text = (SERVICES / "default/lxc-net").read_text()
    shown = dict(re.findall(r'^#?([A-Z0-9_]+)="(.*)"$', text, re.M))
    assert set(shown) == set(NAMES)
    prefix = "fd00:aaaa:bbbb:cccc"
    given = {name: value.replace("$LXC_IPV6_PREFIX", prefix) for name, value in shown.items()}
    assert settings(given) == settings({"LXC_IPV6_PREFIX": prefix})
    text = (SERVICES / "default/lxc").read_text()
    assert dict(re.findall(r'^([A-Z0-9_]+)="?([^"\n]*)"?$', text, re.M)) == VARIABLES


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as it:
        yield it


@pytest.mark.root
def test_the_sysvinit_script_of_the_bridge_starts_and_stops_it(host: Host) -> None:
    script = str(SERVICES / "sysvinit/lxc-net")
    host.ok(script, "start")
    assert host.run(script, "status").returncode == 0
    assert "lxcbr0" in host.links()
    host.ok(script, "restart")
    host.ok(script, "stop")
    assert host.run(script, "status").returncode == 3
    assert host.links() == ["lo"]
    assert host.run(script, "begin").returncode == 2


@pytest.mark.root
def test_the_containers_script_passes_on_how_it_went(host: Host) -> None:
    script = str(SERVICES / "sysvinit/lxc-containers")
    host.write("/etc/default/lxc", "LXC_AUTO=false\n")
    host.ok(script, "start")
    assert host.run(script, "begin").returncode == 2


@pytest.mark.root
@pytest.mark.parametrize(("user", "path"), [("alice", "/run/lock/lxc"), ("root", "/run/lxc/lxc-containers.lock")])
def test_only_another_lxc_containers_keeps_it_from_starting_them(host: Host, user: str, path: str) -> None:
    """/run/lock is everybody's."""
    for directory in ("lock", "lxc"):
        host.path(f"/run/{directory}").mkdir(exist_ok=True)
    host.path("/run/lock").chmod(0o1777)
    locking = host.popen(*host.argv("flock", path, "sh", "-c", "echo locked; exec sleep 60", user=user))
    assert locking.stdout
    assert locking.stdout.readline() == "locked\n"
    host.write("/etc/default/lxc", 'OPTIONS="-P /nowhere"\n')
    done = host.run(str(BIN / "lxc-containers"), "start")
    said = "there is no directory /nowhere" if user == "alice" else "another lxc-containers is starting them"
    assert (done.returncode, said in done.stderr) == (int(user == "alice"), True)


OPENRC = """
description=; depend() { :; }; need() { :; }; use() { :; }; after() { :; }
ebegin() { echo "$1 ..."; }; eend() { [ "$1" = 0 ] && echo ok || echo "failed $1"; return "$1"; }
. "$1"; depend; "$2"
"""


@pytest.mark.root
def test_the_openrc_script_of_the_bridge_starts_and_stops_it(host: Host) -> None:
    """With the functions of openrc-run(8) that it uses, as they are described there."""
    script = str(SERVICES / "openrc/lxc-net")
    assert host.ok("sh", "-c", OPENRC, "sh", script, "start").splitlines()[-1] == "ok"
    assert "lxcbr0" in host.links()
    assert host.ok("sh", "-c", OPENRC, "sh", script, "stop").splitlines()[-1] == "ok"
    assert host.links() == ["lo"]
