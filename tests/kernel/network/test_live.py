"""Network devices that come and go while the container runs, from the command line and from Python."""

from __future__ import annotations

import os

import pytest
from tests.lab import Lab

from lxc.errors import StepError
from lxc.kernel import rtnetlink
from lxc.kernel.fs import closing
from lxc.network.links import Link, Links
from lxc.network.moving import Side, links_in, move

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


def altname(lab: Lab, device: str, name: str) -> None:
    lab.at_home("ip", "link", "property", "add", "dev", device, "altname", name)


@pytest.mark.parametrize(
    ("words", "called", "altnames"),
    [
        (("alt1",), "wire1", ["alt1", "alt2"]),
        (("alt1", "eth7"), "eth7", ["alt1", "alt2"]),
        (("wire1", "alt1"), "alt1", ["alt2"]),
        (("wire1", "lan%d"), "lan0", ["alt1", "alt2"]),
    ],
)
def test_a_device_with_alternative_names_is_given(
    lab: Lab, name: str, words: tuple[str, ...], called: str, altnames: list[str]
) -> None:
    for each in ("alt1", "alt2"):
        altname(lab, "wire1", each)
    lab.ok("lxc-device", "-n", name, "--", "add", *words)
    assert set(lab.links(name)) == {"lo", called}
    assert lab.links(name)[called]["altnames"] == altnames
    assert "wire1" not in lab.links()


@pytest.mark.parametrize("added", ["evilname", "wire0"])
@pytest.mark.parametrize("words", [("eth6",), ("eth6", "wire1")])
def test_names_that_the_container_gave_a_device_do_not_come_to_the_host(
    lab: Lab, name: str, words: tuple[str, ...], added: str
) -> None:
    lab.ok("lxc-device", "-n", name, "--", "add", "wire1", "eth6")
    lab.inside(name, "ip", "link", "property", "add", "dev", "eth6", "altname", added)
    lab.ok("lxc-device", "-n", name, "--", "del", *words)
    assert set(lab.links(name)) == {"lo"}
    assert set(lab.links()) == {"wire0", words[-1], "lo", "br0"}
    assert "altnames" not in lab.links()[words[-1]]


def test_a_device_is_fetched_under_the_name_that_it_was_asked_for_by(lab: Lab, name: str) -> None:
    lab.ok("lxc-device", "-n", name, "--", "add", "wire1", "eth6")
    lab.inside(name, "ip", "link", "set", "eth6", "name", "evilname")
    lab.inside(name, "ip", "link", "property", "add", "dev", "evilname", "altname", "eth6")
    lab.ok("lxc-device", "-n", name, "--", "del", "eth6")
    assert set(lab.links()) == {"wire0", "eth6", "lo", "br0"}


def test_what_cannot_be_fetched_keeps_its_names(lab: Lab, name: str) -> None:
    lab.inside(name, "ip", "link", "add", "mine", "type", "bridge")
    lab.inside(name, "ip", "link", "property", "add", "dev", "mine", "altname", "alt1")
    assert call(lab, name, "c.detach_interface('mine')").startswith("False cannot move the network device mine: ")
    assert lab.links(name)["mine"]["altnames"] == ["alt1"]


class Rivals(Links):
    """The devices of a namespace in which somebody makes one as soon as they have been told that there is none."""

    def find(self, name: str) -> Link | None:
        found = super().find(name)
        if not found and name == "eth0":
            peer = {"peer": {"ifname": "eth1"}}
            self.channel.request(
                rtnetlink.RTM_NEWLINK, rtnetlink.NLM_F_CREATE, ifname=name, linkinfo={"kind": "veth", "veth": peer}
            )
        return found


def test_a_device_whose_name_is_taken_while_it_moves_comes_back(lab: Lab, name: str) -> None:
    altname(lab, "wire1", "alt1")
    namespaces = (f"/proc/{pid}/ns/net" for pid in (lab.host, lab.init_pid(name)))
    home, away = (os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in namespaces)
    with (
        closing(home), closing(away), links_in(home) as here, links_in(away) as there,
        pytest.raises(StepError, match="cannot move the network device wire1: File exists"),
    ):  # fmt: skip
        move("wire1", Side(here, home), Side(Rivals(there.channel), away), "eth0")
    assert set(lab.links(name)) == {"lo", "eth0", "eth1"}
    assert lab.links()["wire1"]["altnames"] == ["alt1"]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("c.attach_interface('nothing')", "False there is no network device nothing"),
        ("c.detach_interface('nothing')", "False there is no network device nothing"),
        ("c.attach_interface('wire1', 'lo')", "there is a network device lo already, where it would go"),
        ("c.attach_interface('lo')", "there is a network device lo already"),
        ("c.attach_interface('wire1', 'a/b')", "wire1: 'a/b' cannot be the name of a network device"),
        ("c.attach_interface('wire1', 'foo%s')", "wire1: 'foo%s' cannot be the name of a network device"),
        ("c.attach_interface('wire1', 'a%d%d')", "wire1: 'a%d%d' cannot be the name of a network device"),
        ("c.attach_interface('wire1', 'a-name-that-is-too-long')", "cannot move the network device wire1: "),
    ],
)
def test_what_cannot_be_moved_stays_where_it_is(lab: Lab, name: str, expression: str, why: str) -> None:
    assert why in call(lab, name, expression)
    assert set(lab.links(name)) == {"lo"}
    assert {"wire0", "wire1", "lo", "br0"} == set(lab.links())


def test_what_is_not_there_is_told_by_the_name_that_was_asked_for(lab: Lab, name: str) -> None:
    done = lab.run("lxc-device", "-n", name, "--", "del", "eth77", "eth1")
    why = f"Failed to del eth77 from {name}: there is no network device eth77"
    assert (done.returncode, done.stderr) == (1, f"lxc-device: {name}: {why}\n")


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
