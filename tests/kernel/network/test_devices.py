"""Each type of network device, with packets through it, on a host that is a network namespace of the test's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.conftest import until
from tests.lab import Lab

pytestmark = pytest.mark.root
BRIDGED = (
    "link = br0", "hwaddr = 10:66:6a:00:00:05", "ipv4.address = 10.77.0.5/24", "ipv4.gateway = auto",
    "ipv6.address = fd77::5/64", "ipv6.gateway = fd77::1",
)  # fmt: skip


def own_links(lab: Lab) -> set[str]:
    """The host's devices that were not there from the beginning."""
    return set(lab.links()) - {"lo", "br0", "wire0", "wire1"}


def gone(lab: Lab) -> None:
    until(lambda: not own_links(lab), "no device of a container is left")


def test_veth_on_a_bridge(lab: Lab) -> None:
    name = lab.box(*BRIDGED, "name = lan", "mtu = 1400", "veth.n_rxqueues = 2", "veth.n_txqueues = 3", kind="veth")
    lab.start(name)
    lab.reaches(name, "10.77.0.1", "fd77::1")
    inside, (pair,) = lab.links(name), own_links(lab)
    assert set(inside) == {"lo", "lan"}
    assert inside["lo"]["flags"].count("UP") == 1
    lan, host = inside["lan"], lab.links()[pair]
    assert (lan["address"], lan["mtu"], lan["num_rx_queues"], lan["num_tx_queues"]) == ("10:66:6a:00:00:05", 1400, 2, 3)
    assert (host["master"], host["mtu"], host["address"][:3]) == ("br0", 1400, "fe:")
    assert pair.startswith("veth")
    assert lab.at_home("cat", f"/proc/sys/net/ipv6/conf/{pair}/disable_ipv6") == "1\n"
    assert "default via 10.77.0.1 dev lan" in lab.inside(name, "ip", "route")
    lab.ok("lxc-stop", "-n", name)
    gone(lab)


def test_two_containers_on_a_bridge_reach_each_other(lab: Lab) -> None:
    one = lab.box("link = br0", "ipv4.address = 10.77.0.5/24", kind="veth", name="one")
    two = lab.box("link = br0", "ipv4.address = 10.77.0.6/24", kind="veth", name="two")
    lab.start(one)
    lab.start(two)
    lab.reaches(one, "10.77.0.6")
    lab.reaches(two, "10.77.0.5")


def test_the_running_container_tells_the_names_of_its_devices(lab: Lab) -> None:
    text = "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.2.type = veth\nlxc.net.2.veth.pair = vtwo\nlxc.net.2.name = eth0\n"
    name = lab.box_of(text)
    lab.start(name)
    assert set(lab.links(name)) == {"lo", "eth0", "eth1"}
    code = (
        "import lxc, sys; c = lxc.Container(sys.argv[1], sys.argv[2]);"
        "print(*(c.get_running_config_item('lxc.net.' + key) for key in ('0.name', '2.name', '0.veth.pair', '2.veth.pair')))"
    )
    told = lab.at_home(str(lab.bin / "python3"), "-c", code, name, str(lab.path)).split()
    assert told[:2] == ["eth1", "eth0"]
    assert set(told[2:]) == own_links(lab)
    assert told[3] == "vtwo"


def test_a_routed_veth(lab: Lab) -> None:
    lab.at_home("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    lab.at_home("ip", "address", "add", "10.78.0.1/24", "dev", "wire1")
    lab.at_home("ip", "route", "add", "default", "via", "10.78.0.2")  # who does not know the way answers for nobody
    lab.at_home("ip", "address", "add", "10.99.0.1/32", "dev", "lo")
    lab.at_home("ip", "address", "add", "fd99::1/128", "dev", "lo")
    name = lab.box(
        "veth.mode = router", "ipv4.address = 10.88.0.5/32", "ipv4.gateway = 169.254.7.1",
        "ipv6.address = fd88::5/128", "ipv6.gateway = fe80::77", kind="veth",
    )  # fmt: skip
    lab.start(name)
    lab.reaches(name, "10.99.0.1", "fd99::1")
    lab.is_reached("10.88.0.5", "fd88::5")
    (pair,) = own_links(lab)
    assert lab.at_home("cat", f"/proc/sys/net/ipv4/conf/{pair}/forwarding") == "1\n"
    lab.ok("lxc-stop", "-n", name)
    gone(lab)
    assert "10.88.0.5" not in lab.at_home("ip", "route")


def test_a_routed_veth_needs_a_host_that_forwards(lab: Lab) -> None:
    name = lab.box("veth.mode = router", "ipv6.address = fd88::5/128", "ipv6.gateway = fe80::77", kind="veth")
    done = lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "/proc/sys/net/ipv6/conf/all/forwarding is 0" in done.stderr
    assert "sysctl -w net/ipv6/conf/all/forwarding=1" in done.stderr
    gone(lab)


def test_networks_behind_the_container(lab: Lab) -> None:
    name = lab.box(
        *BRIDGED, "veth.ipv4.route = 10.55.0.0/16", "veth.ipv6.route = fd55::/64", "veth.pair = vbox", kind="veth"
    )
    lab.start(name)
    lab.inside(name, "ip", "address", "add", "10.55.0.1/32", "dev", "lo")
    lab.inside(name, "ip", "-6", "address", "add", "fd55::1/128", "dev", "lo", "nodad")
    assert "10.55.0.0/16 dev vbox scope link" in lab.at_home("ip", "route")
    assert "fd55::/64 dev vbox" in lab.at_home("ip", "-6", "route")


@pytest.mark.parametrize("mode", ["private", "vepa", "bridge", "passthru"])
def test_macvlan(lab: Lab, mode: str) -> None:
    lab.at_home("ip", "address", "add", "10.78.0.1/24", "dev", "wire1")
    name = lab.box("link = wire0", f"macvlan.mode = {mode}", "mtu = 1400", "ipv4.address = 10.78.0.5/24",
                   "ipv4.gateway = 10.78.0.1", kind="macvlan")  # fmt: skip
    lab.start(name)
    eth0 = lab.links(name)["eth0"]
    assert (eth0["linkinfo"]["info_kind"], eth0["linkinfo"]["info_data"]["mode"], eth0["mtu"]) == (
        "macvlan",
        mode,
        1400,
    )
    lab.reaches(name, "10.78.0.1")
    assert own_links(lab) == set()
    lab.ok("lxc-stop", "-n", name)
    assert own_links(lab) == set()


def test_two_macvlans_of_one_device_reach_each_other_in_mode_bridge_only(lab: Lab) -> None:
    for mode, expected in (("bridge", True), ("private", False)):
        names = [
            lab.box("link = wire0", f"macvlan.mode = {mode}", f"ipv4.address = 10.78.0.{number}/24", kind="macvlan",
                    name=f"{mode}{number}")
            for number in (5, 6)
        ]  # fmt: skip
        for name in names:
            lab.start(name)
        if expected:
            lab.reaches(names[0], "10.78.0.6")
        else:
            ping = ("busybox", "ping", "-c", "1", "-W", "1", "10.78.0.6")
            assert "0 packets received" in lab.inside(names[0], *ping, check=False)
        for name in names:
            lab.ok("lxc-stop", "-n", name)


@pytest.mark.parametrize("kind", ["pre-mount", "mount", "autodev", "start", "start-host"])
def test_a_hook_finds_the_network_as_it_is_configured(lab: Lab, tmp_path: Path, kind: str) -> None:
    """Init mounts while its devices are made, but nobody's program sees that."""
    name = lab.box("link = br0", "ipv4.address = 10.77.0.5/24", kind="veth")
    here = lab.rootfs(name) if kind == "start" else tmp_path
    hook, seen = (Path("/") if kind == "start" else here) / "hook", here / "seen"
    enter = "nsenter --net=/proc/$LXC_PID/ns/net" if kind == "start-host" else ""
    (here / "hook").write_text(f"#!/bin/sh\n{enter} busybox ip address show dev eth0 >{hook.parent}/seen\n")
    (here / "hook").chmod(0o755)
    lab.start(name, "-s", f"lxc.hook.{kind}={hook}", "-s", "lxc.hook.version=1")
    assert "inet 10.77.0.5/24" in seen.read_text()


def test_empty(lab: Lab) -> None:
    name = lab.box("ipv4.address = 10.66.0.1/32", kind="empty")
    lab.start(name)
    assert set(lab.links(name)) == {"lo"}
    lab.reaches(name, "127.0.0.1", "::1", "10.66.0.1")


def test_none_shares_the_hosts(lab: Lab) -> None:
    name = lab.box_of("lxc.net.0.type = none\n")
    lab.start(name)
    host = os.stat(f"/proc/{lab.host}/ns/net").st_ino
    assert os.stat(f"/proc/{lab.init_pid(name)}/ns/net").st_ino == host


def test_who_shares_a_network_gets_no_devices_and_is_told(lab: Lab) -> None:
    other = lab.box(*BRIDGED, kind="veth", name="other")
    lab.start(other)
    before = own_links(lab)
    name = lab.box("link = br0", kind="veth")
    done = lab.run("lxc-start", "-n", name, "--share-net", other, "-l", "WARN", "-o", str(lab.path / "log"))
    assert done.returncode == 0, done.stderr
    assert own_links(lab) == before
    assert "lxc.net.0: without a network namespace of its own" in (lab.path / "log").read_text()
    lab.reaches(name, "10.77.0.1")


@pytest.mark.parametrize("kind", ["private", "mapped"])
def test_a_container_with_ids_of_its_own(lab: Lab, kind: str) -> None:
    ids = "lxc.idmap = u 0 200000 65536\nlxc.idmap = g 0 200000 65536\n" if kind == "mapped" else ""
    name = lab.box(*BRIDGED, kind="veth")
    if ids:
        lab.extend(name, ids)
        lab.at_home("chown", "-R", "200000:200000", str(lab.rootfs(name)))
    lab.path.chmod(0o755)
    lab.start(name)
    lab.reaches(name, "10.77.0.1", "fd77::1")
    lab.ok("lxc-stop", "-n", name)
    gone(lab)


def test_it_is_known_what_went_through(lab: Lab) -> None:
    name = lab.box(*BRIDGED, kind="veth")
    lab.start(name)
    lab.reaches(name, "10.77.0.1")
    (pair,) = own_links(lab)
    shown = [line.split() for line in lab.ok("lxc-info", "-n", name, "-S", "-H").splitlines()]
    at = shown.index(["Link:", pair])
    (*_, sent), (*_, received), (*_, total) = shown[at + 1 : at + 4]
    assert int(sent) > 80 < int(received)  # a packet of ping's, and its way found
    assert int(total) == int(sent) + int(received)
    assert lab.ok("lxc-info", "-n", name, "-i", "-H").split() == ["10.77.0.5", "fd77::5"]


def is_sleeping(pid: str) -> bool:
    """Whether the process, if there is one, executes sleep."""
    try:
        return bool(pid) and b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def test_a_reboot_makes_the_devices_anew(lab: Lab) -> None:
    name = lab.box(*BRIDGED, "veth.pair = vbox", kind="veth")
    text = lab.config(name).read_text().replace(
        "/bin/sleep 10000", "/bin/sh -c 'test -e /again && exec sleep 10000; : >/again; exec reboot -f'"
    )  # fmt: skip
    lab.config(name).write_text(text)
    lab.start(name)
    until(lambda: (lab.rootfs(name) / "again").exists(), "the container reboots")
    until(lambda: "vbox" in lab.links(), "the second life's device")
    until(lambda: is_sleeping(lab.ok("lxc-info", "-n", name, "-p", "-H").strip()), "a second life")
    lab.reaches(name, "10.77.0.1")


@pytest.mark.link_kind("vlan")
def test_vlan(lab: Lab) -> None:
    lab.at_home("ip", "link", "add", "link", "wire1", "name", "tagged", "type", "vlan", "id", "7")
    lab.at_home("ip", "address", "add", "10.78.0.1/24", "dev", "tagged")
    lab.at_home("ip", "link", "set", "tagged", "up")
    name = lab.box("link = wire0", "vlan.id = 7", "mtu = 1400", "ipv4.address = 10.78.0.5/24", kind="vlan")
    lab.start(name)
    lab.reaches(name, "10.78.0.1")
    eth0 = lab.links(name)["eth0"]
    assert (eth0["linkinfo"]["info_kind"], eth0["linkinfo"]["info_data"]["id"], eth0["mtu"]) == ("vlan", 7, 1400)
    assert own_links(lab) == {"tagged"}
    other = lab.box("link = wire0", "vlan.id = 8", "ipv4.address = 10.78.0.6/24", kind="vlan", name="other")
    lab.start(other)
    assert "0 packets received" in lab.inside(other, "busybox", "ping", "-c", "1", "-W", "1", "10.78.0.1", check=False)


@pytest.mark.link_kind("vlan")
def test_a_vlan_that_is_there_already_is_told_in_the_kernels_words(lab: Lab) -> None:
    one = lab.box("link = wire0", "vlan.id = 7", kind="vlan", name="one")
    two = lab.box("link = wire0", "vlan.id = 7", kind="vlan", name="two")
    lab.start(one)
    done = lab.run("lxc-start", "-n", two)
    assert done.returncode == 1
    assert "VLAN device already exists" in done.stderr
    assert f"set in {lab.config(two)}:5" in done.stderr


@pytest.mark.link_kind("ipvlan")
@pytest.mark.parametrize("mode", ["l2", "l3", "l3s"])
@pytest.mark.parametrize("isolation", ["bridge", "private", "vepa"])
def test_ipvlan(lab: Lab, mode: str, isolation: str) -> None:
    other = lab.box("link = wire1", "ipv4.address = 10.78.0.1/24", kind="phys", name="other")
    lab.start(other)
    lab.at_home("ip", "address", "add", "10.78.0.9/24", "dev", "wire0")
    name = lab.box("link = wire0", f"ipvlan.mode = {mode}", f"ipvlan.isolation = {isolation}",
                   "ipv4.address = 10.78.0.5/24", kind="ipvlan")  # fmt: skip
    lab.start(name)
    info = lab.links(name)["eth0"]["linkinfo"]
    assert (info["info_kind"], info["info_data"]["mode"]) == ("ipvlan", mode)
    assert info["info_data"].get(isolation) or isolation == "bridge"
    # In layer 3 nobody says who has the container's address: the other end has to be told.
    address = lab.links()["wire0"]["address"]
    lab.inside(other, "ip", "neighbour", "replace", "10.78.0.5", "lladdr", address, "dev", "wire1")
    lab.reaches(name, "10.78.0.1")


@pytest.mark.link_kind("ipvlan")
def test_an_ipvlan_is_answered_for(lab: Lab) -> None:
    lab.at_home("sysctl", "-qw", "net.ipv4.conf.wire0.forwarding=1")
    lab.at_home("ip", "address", "add", "10.78.0.2/24", "dev", "wire0")
    name = lab.box("link = wire0", "ipvlan.mode = l3s", "l2proxy = 1", "ipv4.address = 10.79.0.5/32", "ipv4.gateway = dev",
                   kind="ipvlan")  # fmt: skip
    lab.start(name)
    assert "10.79.0.5 dev wire0" in lab.at_home("ip", "neigh", "show", "proxy")
    assert "10.79.0.5 dev lo" in lab.at_home("ip", "route")
    lab.ok("lxc-stop", "-n", name)
    assert "10.79.0.5" not in lab.at_home("ip", "neigh", "show", "proxy") + lab.at_home("ip", "route")


FILTERING = pytest.mark.link_kind("bridge vlan_filtering 1")


def vlans(lab: Lab, port: str) -> dict[int, list[str]]:
    """The VLANs of a bridge's port, with their flags."""
    (shown,) = json.loads(lab.at_home("bridge", "-j", "vlan", "show", "dev", port))
    return {vlan["vlan"]: vlan.get("flags", []) for vlan in shown["vlans"]}


@FILTERING
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("veth.vlan.id = 10",), {10: ["PVID", "Egress Untagged"]}),
        (("veth.vlan.id = 1",), {1: ["PVID", "Egress Untagged"]}),
        (("veth.vlan.tagged.id = 20", "veth.vlan.tagged.id = 30"), {1: ["PVID", "Egress Untagged"], 20: [], 30: []}),
        (("veth.vlan.id = none", "veth.vlan.tagged.id = 20"), {20: []}),
        (("veth.vlan.id = 10", "veth.vlan.tagged.id = 20"), {10: ["PVID", "Egress Untagged"], 20: []}),
    ],
)
def test_the_vlans_of_a_port(lab: Lab, lines: tuple[str, ...], expected: dict[int, list[str]]) -> None:
    lab.at_home("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1")
    name = lab.box("link = br0", "veth.pair = vbox", *lines, kind="veth")
    lab.start(name)
    assert vlans(lab, "vbox") == expected


@FILTERING
def test_packets_stay_in_their_vlan(lab: Lab) -> None:
    lab.at_home("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1")
    names = [
        lab.box("link = br0", f"veth.vlan.id = {vlan}", f"ipv4.address = 10.77.1.{number}/24", kind="veth", name=f"b{number}")
        for number, vlan in ((5, 10), (6, 10), (7, 11))
    ]  # fmt: skip
    for name in names:
        lab.start(name)
    lab.reaches(names[0], "10.77.1.6")
    assert "0 packets received" in lab.inside(
        names[0], "busybox", "ping", "-c", "1", "-W", "1", "10.77.1.7", check=False
    )


def test_a_bridge_that_does_not_filter_has_no_vlans(lab: Lab) -> None:
    name = lab.box("link = br0", "veth.vlan.id = 10", kind="veth")
    done = lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "the bridge br0 does not filter VLANs" in done.stderr
    assert "ip link set br0 type bridge vlan_filtering 1" in done.stderr
    gone(lab)
