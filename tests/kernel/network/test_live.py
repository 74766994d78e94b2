"""Network devices that come and go while the container runs, from the command line and from Python."""

from __future__ import annotations

import pytest
from tests.lab import Lab

pytestmark = pytest.mark.root


def call(lab: Lab, name: str, expression: str) -> str:
    """What `expression` of the container `c` is, in a Python of ours on the lab's host; and what it says went wrong."""
    code = f"import lxc, sys; c = lxc.Container(sys.argv[1], sys.argv[2]); print({expression}, c.last_error or '')"
    return lab.at_home(str(lab.bin / "python3"), "-c", code, name, str(lab.path)).strip()


@pytest.fixture
def name(lab: Lab) -> str:
    """A running container with a network of its own, and nothing in it."""
    box = lab.box(kind="empty")
    lab.start(box)
    return box


def test_lxc_device_moves_network_devices(lab: Lab, name: str) -> None:
    lab.at_home("ip", "address", "add", "10.78.0.1/24", "dev", "wire0")
    lab.ok("lxc-device", "-n", name, "--", "add", "wire1", "eth7")
    assert set(lab.links(name)) == {"lo", "eth7"}
    lab.inside(name, "ip", "address", "add", "10.78.0.5/24", "dev", "eth7")
    lab.inside(name, "ip", "link", "set", "eth7", "up")
    lab.reaches(name, "10.78.0.1")
    lab.ok("lxc-device", "-n", name, "--", "del", "eth7", "wire1")
    assert set(lab.links(name)) == {"lo"}
    assert "wire1" in lab.links()


def test_python_moves_them_too(lab: Lab, name: str) -> None:
    assert call(lab, name, "c.attach_interface('wire1')") == "True"
    assert call(lab, name, "c.get_interfaces()") == "('lo', 'wire1')"
    assert call(lab, name, "c.detach_interface('wire1', 'other')") == "True"
    assert {"other", "wire0"} < set(lab.links())
    assert call(lab, name, "c.add_device_net('other', 'eth0')") == "True"
    assert set(lab.links(name)) == {"lo", "eth0"}


def test_a_running_device_of_the_container_is_taken(lab: Lab, name: str) -> None:
    lab.inside(name, "ip", "link", "add", "mine", "type", "bridge")
    lab.inside(name, "ip", "link", "set", "mine", "up")
    assert call(lab, name, "c.detach_interface('mine')").startswith("False cannot move the network device mine: ")
    lab.ok("lxc-device", "-n", name, "--", "add", "wire1")
    lab.inside(name, "ip", "link", "set", "wire1", "up")
    assert call(lab, name, "c.detach_interface('wire1')") == "True"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("c.attach_interface('nothing')", "False there is no network device nothing"),
        ("c.detach_interface('nothing')", "False there is no network device nothing"),
        ("c.attach_interface('wire1', 'lo')", "there is a network device lo already, where it would go"),
        ("c.attach_interface('lo')", "there is a network device lo already"),
        ("c.attach_interface('wire1', 'a/b')", "wire1: 'a/b' cannot be the name of a network device"),
        ("c.attach_interface('wire1', 'a-name-that-is-too-long')", "cannot move the network device wire1: "),
    ],
)
def test_what_cannot_be_moved_stays_where_it_is(lab: Lab, name: str, expression: str, why: str) -> None:
    assert why in call(lab, name, expression)
    assert set(lab.links(name)) == {"lo"}
    assert {"wire0", "wire1", "lo", "br0"} == set(lab.links())


def test_of_a_stopped_container_nothing_is_moved(lab: Lab) -> None:
    name = lab.box(kind="empty")
    assert "not running" in call(lab, name, "c.attach_interface('wire1')")
    done = lab.run("lxc-device", "-n", name, "--", "add", "wire1")
    assert (done.returncode, done.stderr) == (1, f"lxc-device: {name}: Container {name} is not running\n")


def test_the_peers_tools_see_the_same(lab: Lab, name: str) -> None:
    lab.ok("lxc-device", "-n", name, "--", "add", "wire1", "eth7")
    lab.inside(name, "ip", "address", "add", "10.78.0.5/24", "dev", "eth7")
    lab.inside(name, "ip", "link", "set", "eth7", "up")
    assert lab.ok("lxc-info", "-n", name, "-i", "-H") == "10.78.0.5\n"
    assert "10.78.0.5" in lab.ok("lxc-ls", "-f")
