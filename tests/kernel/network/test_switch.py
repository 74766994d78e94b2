"""Ports of an Open vSwitch bridge: a switch of the test's own, in user space."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import until
from tests.lab import Lab

pytestmark = [pytest.mark.root, pytest.mark.command("ovs-vsctl")]
PLACES = f"{os.environ['PATH']}:/usr/sbin:/sbin:/usr/lib/openvswitch-switch"


class Switch:
    """A bridge sw0 on the lab's host, with an address; ovs-vsctl finds it by OVS_RUNDIR."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self._directory = lab, directory

    def start(self) -> None:
        database, socket = self._directory / "conf.db", f"unix:{self._directory}/db.sock"
        vsctl = shutil.which("ovs-vsctl", path=PLACES) or ""
        schema = Path(vsctl).parents[1] / "share/openvswitch/vswitch.ovsschema"
        self._run("ovsdb-tool", "create", str(database), str(schema))
        self._run("ovsdb-server", str(database), f"--remote=p{socket}", "--pidfile", "--detach", "--log-file")
        self._run("ovs-vsctl", "--no-wait", "init")
        self._run("ovs-vswitchd", socket, "--pidfile", "--detach", "--log-file")
        self._run("ovs-vsctl", "add-br", "sw0", "--", "set", "bridge", "sw0", "datapath_type=netdev")
        self.lab.at_home("ip", "address", "add", "10.79.0.1/24", "dev", "sw0")
        self.lab.at_home("ip", "link", "set", "sw0", "up")

    def stop(self) -> None:
        for name in ("ovs-vswitchd", "ovsdb-server"):
            file = self._directory / f"{name}.pid"
            if file.exists():
                os.kill(int(file.read_text()), signal.SIGTERM)
                until(lambda file=file: not file.exists(), f"{name} ends")  # type: ignore[misc]

    def ports(self) -> list[str]:
        return self._run("ovs-vsctl", "list-ports", "sw0").split()

    def port(self, name: str) -> tuple[str, ...]:
        """Its mode, its untagged VLAN, its tagged ones."""
        return tuple(self._run("ovs-vsctl", "get", "port", name, "vlan_mode", "tag", "trunks").split("\n")[:3])

    def _run(self, tool: str, *words: str) -> str:
        return self.lab.at_home(shutil.which(tool, path=PLACES) or tool, *words)


@pytest.fixture
def switch(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Switch]:
    for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    it = Switch(lab, tmp_path)
    try:
        it.start()
        yield it
    finally:
        it.stop()


@pytest.mark.parametrize(
    ("lines", "port"),
    [
        ((), ("[]", "[]", "[]")),
        (("veth.vlan.id = 10",), ("access", "10", "[]")),
        (("veth.vlan.tagged.id = 20", "veth.vlan.tagged.id = 30"), ("trunk", "[]", "[20, 30]")),
        (("veth.vlan.id = none", "veth.vlan.tagged.id = 20"), ("trunk", "[]", "[20]")),
        (("veth.vlan.id = 10", "veth.vlan.tagged.id = 20"), ("native-untagged", "10", "[20]")),
    ],
)
def test_a_port_of_a_switch(switch: Switch, lines: tuple[str, ...], port: tuple[str, ...]) -> None:
    name = switch.lab.box("link = sw0", "veth.pair = vbox", "ipv4.address = 10.79.0.5/24", *lines, kind="veth")
    switch.lab.start(name)
    assert switch.port("vbox") == port
    if not lines:
        switch.lab.reaches(name, "10.79.0.1")
    switch.lab.ok("lxc-stop", "-n", name, "-k")
    assert switch.ports() == []


def test_a_port_is_forgotten_when_the_monitor_is_killed(switch: Switch) -> None:
    lab = switch.lab
    name = lab.box("link = sw0", kind="veth")
    lab.start(name)
    assert len(switch.ports()) == 1
    os.kill(lab.monitor(name), signal.SIGKILL)
    until(lambda: switch.ports() == [], "the port is forgotten")
    until(lambda: lab.state(name) == "STOPPED", "it has ended")
    lab.start(name)


def test_a_port_must_be_in_a_vlan(switch: Switch) -> None:
    name = switch.lab.box("link = sw0", "veth.vlan.id = none", kind="veth")
    done = switch.lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "an Open vSwitch port is in a VLAN" in done.stderr
    assert switch.ports() == []


def test_what_the_switch_refuses_is_told_in_its_words(switch: Switch) -> None:
    switch.lab.at_home("ip", "link", "add", "other", "type", "ifb")
    name = switch.lab.box("link = other", kind="veth")
    done = subprocess.run(switch.lab.command("lxc-start", "-n", name), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot ovs-vsctl add-port other veth" in done.stderr
    assert "no bridge named other" in done.stderr
    until(lambda: not any(link.startswith("veth") for link in switch.lab.links()), "no device is left")
