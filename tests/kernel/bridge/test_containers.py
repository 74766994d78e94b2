"""Containers as a user makes them, on the bridge of lxc-net: what they get without a word of configuration, and what they leave."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from tests.conftest import BIN, ROOT, Lxc, until
from tests.kernel.bridge.conftest import Net

pytestmark = pytest.mark.root
DEFAULT = (ROOT / "src/lxc/share/config/default.conf").read_text()
ROUNDS = int(os.environ.get("LXC_ROUNDS", "12"))  # lives in the test of lives; the issue asks for 200 now and then


class OnHost(Lxc):
    """Lxc, with all commands run on a host of its own."""

    def __init__(self, lxcpath: Path, net: Net) -> None:
        super().__init__(lxcpath)
        self.net = net

    def command(self, tool: str, *words: str) -> list[str]:
        return self.net.host.argv(*super().command(tool, *words))

    def monitor(self, name: str) -> int:
        status = Path(f"/proc/{self.init_pid(name)}/status").read_text()
        return int(re.search(r"^PPid:\t(\d+)", status, re.M)[1])  # type: ignore[index]

    def addresses(self, name: str) -> list[str]:
        return self.ok("lxc-info", "-n", name, "-i", "-H").split()


@pytest.fixture
def there(net: Net) -> Iterator[OnHost]:
    path = Path(tempfile.mkdtemp(prefix="lx", dir="/tmp"))
    path.chmod(0o755)
    it = OnHost(path, net)
    yield it
    for name in it.ok("lxc-ls", "-1", "--active").split():
        it.run("lxc-stop", "-n", name, "-k")
    until(lambda: not it.leftovers(), f"nothing of its containers is left: {it.leftovers()}")
    shutil.rmtree(path)


def test_two_containers_with_the_shipped_configuration_find_each_other_by_name_and_the_world(
    net: Net, there: OnHost
) -> None:
    world = net.world()
    net.set(LXC_DOMAIN="lxc", LXC_DHCP_PING="false")
    net.ok("start")
    names = [there.create(name, DEFAULT) for name in ("web", "db")]
    for name in names:
        there.start(name)
    for name in names:
        until(lambda name=name: any(each.startswith("10.0.3.") for each in there.addresses(name)), "an IPv4 address")  # type: ignore[misc]
        until(lambda name=name: any(each.startswith("fd") for each in there.addresses(name)), "an IPv6 address")  # type: ignore[misc]
        until(lambda name=name: "10.0.3.1" in there.attach(name, "cat", "/etc/resolv.conf"), "a server for names")  # type: ignore[misc]
    listening = ("nsenter", f"--target={world}", "--net", "busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello")
    net.host.popen(*net.host.argv(*listening))
    for name, other in zip(names, reversed(names), strict=True):
        found = there.attach(name, "nslookup", f"{other}.lxc", "10.0.3.1")
        assert f"Name:\t{other}.lxc\nAddress: 10.0.3." in found
        sixth = next(each for each in there.addresses(other) if each.startswith("fd"))
        for target in (f"{other}.lxc", other, sixth, "192.0.2.9", "2001:db8::9"):
            ping = ("lxc-attach", "-n", name, "--", "ping", "-c", "1", "-w", "2", target)
            until(lambda ping=ping: there.run(*ping).returncode == 0, f"{target} answers")  # type: ignore[misc]
        for target in ("192.0.2.9", "2001:db8::9"):
            assert there.attach(name, "nc", "-w", "5", target, "80") == "hello\n"
    assert len(net.status()["ports"]) == 2  # type: ignore[arg-type]


def test_an_ipv6_address_from_elsewhere_neither_prevents_the_lease_nor_is_lost_to_it(net: Net, there: OnHost) -> None:
    net.set(LXC_DHCP_PING="false")
    net.ok("start")
    name = there.create("web", f"{DEFAULT}lxc.net.0.ipv6.address = fd77::5/64\n")
    there.start(name)
    until(lambda: any(each.startswith("10.0.3.") for each in there.addresses(name)), "an IPv4 address")
    assert "fd77::5" in there.addresses(name)


def end_by_stop(there: OnHost, name: str) -> None:
    there.ok("lxc-stop", "-n", name, "-k")


def end_by_init(there: OnHost, name: str) -> None:
    os.kill(there.init_pid(name), SIGKILL)


def end_by_monitor(there: OnHost, name: str) -> None:
    os.kill(there.monitor(name), SIGKILL)


@pytest.mark.timeout(1200)
def test_many_lives_a_third_of_them_ended_with_their_monitor_leave_nothing(net: Net, there: OnHost) -> None:
    net.set(LXC_DHCP_PING="false")
    net.ok("start")
    ends = (end_by_stop, end_by_init, end_by_monitor)
    names = [there.create(f"c{number}", DEFAULT) for number in range(len(ends))]
    before = net.ruleset(), net.host.links()
    for life in range(ROUNDS):
        name = names[life // len(ends) % len(names)]
        there.start(name)
        until(lambda name=name: any(each.startswith("10.0.3.") for each in there.addresses(name)), "an address")  # type: ignore[misc]
        ends[life % len(ends)](there, name)
        until(lambda name=name: there.state(name) == "STOPPED", f"life {life} has ended")  # type: ignore[misc]
    until(lambda: (net.ruleset(), net.host.links()) == before, f"no device or rule is left: {net.host.links()}")
    assert net.status()["leases"] == len(names)
    for name in names:  # the next life removes what a killed monitor has left of its cgroups
        there.start(name)
        there.ok("lxc-stop", "-n", name, "-k")
    assert there.leftovers() == []


def test_a_device_that_has_no_bridge_is_told_with_what_makes_it(there: OnHost) -> None:
    name = there.create("web", DEFAULT)
    done = there.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "there is no network device lxcbr0" in done.stderr
    assert "lxc-net" in done.stderr


def test_containers_start_and_stop_with_the_host_once_the_bridge_is_there(net: Net, there: OnHost) -> None:
    names = [there.create(name, f"{DEFAULT}lxc.start.auto = 1\nlxc.group = onboot\n") for name in ("web", "db")]
    other = there.create("other", DEFAULT)
    net.host.write("/etc/lxc/default.conf", DEFAULT)
    words = f'OPTIONS="-P {there.path}"\nSTOPOPTS="-a -A -s -P {there.path}"\nSHUTDOWNDELAY=20\n'
    net.host.write("/etc/default/lxc", f"USE_LXC_BRIDGE=true\n{words}")
    starting = net.host.popen(*net.host.argv(str(BIN / "lxc-containers"), "start"))
    assert starting.poll() is None
    net.ok("start")
    said, _ = starting.communicate(timeout=60)
    assert starting.returncode == 0, said
    assert [there.state(name) for name in (*names, other)] == ["RUNNING", "RUNNING", "STOPPED"]
    net.host.ok(str(BIN / "lxc-containers"), "stop")
    assert [there.state(name) for name in names] == ["STOPPED", "STOPPED"]
