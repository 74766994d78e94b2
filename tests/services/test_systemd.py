"""The units, run by systemd: copies of other names, so that a host's own are left alone; the bridge in a network of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import BIN, until
from tests.services.test_services import SERVICES

pytestmark = [pytest.mark.root, pytest.mark.systemd]

UNITS = Path("/run/systemd/system")
APART = "[Unit]\nAfter=\nWants=\nBefore=\n[Service]\nPrivateNetwork=yes\nTemporaryFileSystem=/run/lxc:mode=755\n"
Install = Callable[[str, str], None]


def systemctl(*words: str) -> str:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=100).stdout.strip()


@pytest.fixture
def install() -> Iterator[Install]:
    """`install(unit, name)` makes a unit of another name; all are stopped and removed afterwards."""
    made: list[str] = []

    def install(unit: str, name: str) -> None:
        (UNITS / name).write_text((SERVICES / "systemd" / unit).read_text())
        made.append(name)
        systemctl("daemon-reload")

    yield install
    for name in made:
        (UNITS / name).unlink()
        drop_in = UNITS / f"{name}.d/apart.conf"
        if drop_in.exists():
            drop_in.unlink()
            drop_in.parent.rmdir()
    systemctl("daemon-reload")


def test_the_bridge(install: Install) -> None:
    unit = f"lxctest{os.getpid()}-net.service"
    (UNITS / f"{unit}.d").mkdir()
    (UNITS / f"{unit}.d/apart.conf").write_text(APART)
    install("lxc-net.service", unit)
    systemctl("start", unit)
    try:
        assert systemctl("is-active", unit) == "active", systemctl("status", unit)
        [cgroup] = Path("/sys/fs/cgroup").rglob(unit)
        [server] = (cgroup / "cgroup.procs").read_text().split()
        assert b"dnsmasq" in Path(f"/proc/{server}/cmdline").read_bytes()
        seen = ["nsenter", f"--target={server}", "--net", "ip", "-o", "address", "show", "dev", "lxcbr0"]
        assert "inet 10.0.3.1/24" in subprocess.run(seen, capture_output=True, text=True).stdout
    finally:
        systemctl("stop", unit)
    assert systemctl("is-active", unit) == "inactive"
    assert not Path(f"/proc/{server}").exists()


def test_a_container(install: Install, tmp_path: Path) -> None:
    name, template = f"box{os.getpid()}", f"lxctest{os.getpid()}@"
    config = tmp_path / "config"
    config.write_text("lxc.net.0.type = empty\n")
    install("lxc@.service", f"{template}.service")
    subprocess.run([BIN / "lxc-create", "-n", name, "-t", "busybox", "-f", config], check=True, capture_output=True)
    unit = f"{template}{name}.service"
    try:
        systemctl("start", unit)
        state = [BIN / "lxc-info", "-n", name, "-s", "-H"]
        until(lambda: subprocess.run(state, capture_output=True).stdout == b"RUNNING\n", "it runs", 60)
        assert systemctl("is-active", unit) == "active"
        systemctl("stop", unit)
        assert subprocess.run(state, capture_output=True).stdout == b"STOPPED\n"
        assert systemctl("is-failed", unit) == "inactive", systemctl("status", unit)
    finally:
        systemctl("stop", unit)
        subprocess.run([BIN / "lxc-destroy", "-n", name, "-f"], check=True, capture_output=True)


def test_containers_are_shut_down_with_the_host_though_one_of_them_did_not_start(
    install: Install, tmp_path: Path
) -> None:
    """A unit that has failed is not stopped: systemd would kill what had been started."""
    names = (f"good{os.getpid()}", f"bad{os.getpid()}")
    config = tmp_path / "config"
    config.write_text("lxc.net.0.type = empty\nlxc.start.auto = 1\n")
    for name in names:
        words = (BIN / "lxc-create", "-P", tmp_path, "-n", name, "-t", "busybox", "-f", config)
        subprocess.run(words, check=True, capture_output=True)
    with (tmp_path / names[1] / "config").open("a") as file:
        file.write("lxc.hook.pre-start = false\n")
    settings = tmp_path / "settings"
    settings.write_text(f'OPTIONS="-P {tmp_path}"\nSTOPOPTS="-a -s -P {tmp_path}"\nSHUTDOWNDELAY=60\n')
    unit = f"lxctest{os.getpid()}-containers.service"
    (UNITS / f"{unit}.d").mkdir()
    apart = f"TemporaryFileSystem=/etc/default\nBindReadOnlyPaths={settings}:/etc/default/lxc\n"
    (UNITS / f"{unit}.d/apart.conf").write_text(f"[Unit]\nAfter=\nWants=\n[Service]\n{apart}")
    install("lxc.service", unit)
    state = [BIN / "lxc-info", "-P", tmp_path, "-n", names[0], "-s", "-H"]
    try:
        systemctl("start", unit)
        assert subprocess.run(state, capture_output=True).stdout == b"RUNNING\n", systemctl("status", unit)
        assert systemctl("is-active", unit) == "active"
        assert "status=2" in systemctl("show", "--property=ExecStart", unit)
        systemctl("stop", unit)
        assert subprocess.run(state, capture_output=True).stdout == b"STOPPED\n"
    finally:
        systemctl("stop", unit)
        for name in names:
            subprocess.run([BIN / "lxc-destroy", "-P", tmp_path, "-n", name, "-f"], check=True, capture_output=True)
