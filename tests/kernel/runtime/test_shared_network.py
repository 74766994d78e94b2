"""A container that shares somebody's network finds it configured, and leaves it as it is."""

import subprocess
from collections.abc import Iterator

import pytest
from tests.conftest import Lxc, until

pytestmark = pytest.mark.root

ADDRESS = "10.66.6.6/24"  # in a namespace of the test's own


@pytest.fixture
def network() -> Iterator[int]:
    """The pid of a process in a network namespace of its own, whose eth0 has an address as a host's has."""
    script = f"ip link add eth0 type bridge && ip addr add {ADDRESS} dev eth0 && ip link set eth0 up && echo ready && exec sleep 100"
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    yield holder.pid
    holder.kill()
    holder.wait()


def addresses(pid: int) -> str:
    argv = ["nsenter", "-t", str(pid), "-n", "ip", "-o", "addr", "show", "dev", "eth0"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_booting_busybox_does_not_take_the_addresses_away(lxc: Lxc, box: str, network: int) -> None:
    """As with lxc.net.0.type = none, where the network is the host's."""
    assert ADDRESS in addresses(network)
    lxc.start(box, "--share-net", str(network))
    assert ADDRESS in lxc.attach(box, "ip", "addr")
    until(lambda: "getty" in lxc.attach(box, "ps"), "the system has booted")
    assert ADDRESS in addresses(network)
