"""What is there on the host before, during and after a container's life, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import as_often, until
from tests.lab import Lab, kill_init, kill_monitor, stop

from lxc.kernel.fs import closing

pytestmark = pytest.mark.root
OWN = {"lo", "br0", "wire0", "wire1"}


def state(lab: Lab, device: str) -> dict[str, object]:
    """What a device of the host's must have again afterwards."""
    shown = lab.links()[device]
    flags = {flag for flag in shown["flags"] if flag not in ("UP", "LOWER_UP", "M-DOWN", "NO-CARRIER")}
    kept = ("address", "mtu", "altnames", "link_netnsid", "linkinfo", "group", "ifalias", "txqlen", "promiscuity")
    return {**{key: shown.get(key) for key in kept}, "flags": flags}


def swept(lab: Lab, name: str) -> None:
    """The next start removes what a killed monitor has left of its cgroups."""
    until(lambda: lab.state(name) == "STOPPED", "it has ended")
    lab.config(name).write_text(f"lxc.rootfs.path = dir:{lab.rootfs(name)}\nlxc.init.cmd = /bin/sleep 1000\n")
    lab.start(name)


def lend(lab: Lab, *lines: str) -> str:
    """A running container that has the host's wire1, which has alternative names."""
    for altname in ("a-long-alternative-name", "another"):
        lab.at_home("ip", "link", "property", "add", "dev", "wire1", "altname", altname)
    lab.at_home("ip", "address", "add", "10.78.0.1/24", "dev", "wire0")
    name = lab.box("link = wire1", "name = card", "mtu = 1400", "ipv4.address = 10.78.0.5/24", *lines, kind="phys")
    lab.start(name)
    assert set(lab.links()) == OWN - {"wire1"}
    card = lab.links(name)["card"]
    assert (card["mtu"], card.get("altnames")) == (1400, None)
    lab.reaches(name, "10.78.0.1")
    return name


@pytest.mark.parametrize("end", [stop, kill_init, kill_monitor])
def test_a_device_of_the_hosts_comes_back_as_it_was(lab: Lab, end: Callable[[Lab, str], None]) -> None:
    lab.at_home("ip", "link", "property", "add", "dev", "wire1", "altname", "first")
    before = {**state(lab, "wire1"), "altnames": ["first", "a-long-alternative-name", "another"]}
    name = lend(lab, "hwaddr = 10:66:6a:00:00:09")
    # The container's administrator does what they like with it.
    lab.inside(name, "ip", "link", "set", "card", "down")
    lab.inside(name, "ip", "link", "set", "card", "name", "stolen", "mtu", "1300")
    lab.inside(name, "ip", "link", "property", "add", "dev", "stolen", "altname", "wire0")
    lab.inside(
        name, "ip", "link", "set", "stolen", "arp", "off", "promisc", "on", "allmulticast", "on", "multicast", "off"
    )
    lab.inside(name, "ip", "link", "set", "stolen", "group", "7", "alias", "an uplink", "txqueuelen", "5")
    end(lab, name)
    until(lambda: "wire1" in lab.links(), "the device is back")
    until(lambda: state(lab, "wire1") == before, "it is as it was")
    swept(lab, name)


def test_who_gives_it_back_is_not_killed_with_all_that_is_called_a_monitor(lab: Lab) -> None:
    name = lab.box("link = wire1", kind="phys")
    lab.ok("lxc-start", "-n", name, env=os.environ | {"LXC_FORKSERVER": "0"})
    called = f"[lxc monitor] {lab.path} {name}".encode()
    for pid in (lab.monitor(name), *_children(lab.monitor(name))):
        if called in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    until(lambda: "wire1" in lab.links(), "the device is back")
    swept(lab, name)


@pytest.mark.parametrize("end", [stop, kill_monitor])
def test_a_device_that_is_at_home_already_is_as_it_was_all_the_same(lab: Lab, end: Callable[[Lab, str], None]) -> None:
    """As if a monitor were killed when it had just brought it."""
    before = {**state(lab, "wire1"), "altnames": ["a-long-alternative-name", "another"]}
    name = lend(lab, "hwaddr = 10:66:6a:00:00:09")
    lab.inside(name, "ip", "link", "set", "card", "netns", str(lab.host), "name", "wire1")
    assert state(lab, "wire1") != before
    end(lab, name)
    until(lambda: state(lab, "wire1") == before, "it is as it was")
    swept(lab, name)


@pytest.mark.parametrize("end", [stop, kill_monitor])
def test_a_device_comes_back_however_many_names_the_container_has_given_it(
    lab: Lab, end: Callable[[Lab, str], None]
) -> None:
    name = lend(lab)
    batch = lab.path / "names"
    batch.write_text("".join(f"link property add dev card altname {number:x>127}\n" for number in range(500)))
    lab.inside(name, "ip", "-force", "-batch", str(batch), check=False)  # as many as the kernel takes
    end(lab, name)
    until(lambda: "wire1" in lab.links(), "the device is back")
    until(lambda: state(lab, "wire1")["altnames"] == ["a-long-alternative-name", "another"], "it has its own names")
    swept(lab, name)


def test_a_device_that_is_gone_is_missed_and_nothing_else_taken(lab: Lab) -> None:
    name = lend(lab)
    lab.inside(name, "ip", "link", "delete", "card")
    lab.inside(name, "ip", "link", "add", "card", "type", "bridge")
    lab.ok("lxc-stop", "-n", name)
    until(lambda: set(lab.links()) == OWN - {"wire0", "wire1"}, "the pair is gone, both ends")


def test_a_name_that_is_taken_by_now_stays_with_who_has_it(lab: Lab) -> None:
    """All else of the container's device is as before."""
    before = {**state(lab, "wire1"), "altnames": ["a-long-alternative-name", "another"]}
    name = lend(lab, "hwaddr = 10:66:6a:00:00:09")
    lab.inside(name, "ip", "link", "set", "card", "mtu", "1300", "arp", "off", "group", "7")
    lab.at_home("ip", "link", "add", "wire1", "type", "bridge")
    lab.ok("lxc-stop", "-n", name)
    until(lambda: len(lab.links()) == 5, "the device is back")
    until(lambda: set(lab.links()) - OWN == {"phys0"}, "it has a name")
    until(lambda: state(lab, "phys0") == before, "it is as it was")
    assert lab.links()["wire1"]["linkinfo"]["info_kind"] == "bridge"


def test_one_of_the_hosts_devices_by_the_beginning_of_its_name(lab: Lab) -> None:
    name = lab.box("link = wire+", kind="phys")
    lab.start(name)
    (given,) = OWN - set(lab.links())
    assert given.startswith("wire")
    assert set(lab.links(name)) == {"lo", given}
    lab.ok("lxc-stop", "-n", name)
    assert set(lab.links()) == OWN


@pytest.mark.parametrize("end", [stop, kill_init, kill_monitor])
def test_nobody_answers_for_a_container_that_has_gone(lab: Lab, end: Callable[[Lab, str], None]) -> None:
    lab.at_home("sysctl", "-qw", "net.ipv4.conf.wire0.forwarding=1", "net.ipv6.conf.wire0.forwarding=1")
    lab.at_home("sysctl", "-qw", "net.ipv6.conf.wire0.proxy_ndp=1")
    name = lab.box(
        "link = wire0", "l2proxy = 1", "ipv4.address = 10.78.0.5/24", "ipv6.address = fd78::5/64", kind="macvlan"
    )
    lab.start(name)

    def answered() -> str:
        return lab.at_home("ip", "neigh", "show", "proxy") + lab.at_home("ip", "-6", "neigh", "show", "proxy")

    assert "10.78.0.5 dev wire0" in answered()
    assert "fd78::5 dev wire0" in answered()
    end(lab, name)
    until(lambda: answered() == "", "nobody answers for it")
    swept(lab, name)


def test_answering_needs_a_host_that_forwards(lab: Lab) -> None:
    name = lab.box("link = wire0", "l2proxy = 1", "ipv4.address = 10.78.0.5/24", kind="macvlan")
    done = lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "/proc/sys/net/ipv4/conf/wire0/forwarding is 0" in done.stderr
    assert f"set in {lab.config(name)}:8" in done.stderr


@pytest.mark.parametrize("version", [0, 1])
def test_the_scripts_are_told_what_LXC_tells_them(lab: Lab, version: int) -> None:
    script = lab.path / "script"
    script.write_text(
        "#!/bin/sh\nfile=$1; shift\n"
        f"{{ echo \"$@\"; env | grep ^LXC_ | sort; ip -br link; }} >{lab.path}/$file\n"
    )  # fmt: skip
    script.chmod(0o755)
    name = lab.box(
        "link = br0", f"script.up = {script} up", f"script.down = {script} down", "veth.pair = vbox", kind="veth"
    )
    lab.extend(name, f"lxc.hook.version = {version}\n")
    lab.start(name)
    pid, monitor = lab.init_pid(name), lab.monitor(name)
    lab.ok("lxc-stop", "-n", name)
    for kind in ("up", "down"):
        arguments, *lines = (lab.path / kind).read_text().splitlines()
        told = dict(line.split("=", 1) for line in lines if line.startswith("LXC_"))
        expected = "veth br0 vbox"
        assert arguments == (f"{name} net {kind} {expected}" if version == 0 else expected)
        assert (told["LXC_NAME"], told["LXC_PID"], told["LXC_HOOK_VERSION"]) == (name, str(pid), str(version))
        extra = {
            key: told.get(key)
            for key in ("LXC_HOOK_TYPE", "LXC_HOOK_SECTION", "LXC_NET_TYPE", "LXC_NET_PARENT", "LXC_NET_PEER")
        }
        assert extra == (
            dict.fromkeys(extra)
            if version == 0
            else dict(zip(extra, (kind, "net", "veth", "br0", "vbox"), strict=True))
        )
        assert any(line.startswith("vbox@") for line in lines), "the device is there"
        assert told.get("LXC_NET_NS", f"/proc/{monitor}/fd/").startswith(f"/proc/{monitor}/fd/")
    assert "LXC_NET_NS" in (lab.path / "down").read_text()


def test_a_script_that_fails_ends_the_start_and_leaves_nothing(lab: Lab) -> None:
    down = lab.path / "down"
    name = lab.box_of(
        f"lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.script.down = sh -c 'echo $0 >>{down}'\n"
        "lxc.net.1.type = veth\nlxc.net.1.link = br0\nlxc.net.1.script.up = sh -c 'echo no such thing; exit 3'\n"
        f"lxc.net.1.script.down = sh -c 'echo one >>{down}'\n"
    )
    done = lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "cannot run the up script sh -c 'echo no such thing; exit 3': it ended with status 3" in done.stderr
    assert "it said: no such thing" in done.stderr
    assert f"set in {lab.config(name)}:10" in done.stderr
    until(lambda: set(lab.links()) == OWN, "no device is left")
    assert down.read_text().split() == [name]  # of the device whose up script had succeeded


FAILURES = {
    "an address twice": ("ipv4.address = 10.1.1.1/24\nlxc.net.1.ipv4.address = 10.1.1.1/24", "File exists", 16),
    "an unreachable gateway": ("ipv6.address = fd01::1/64\nlxc.net.1.ipv6.gateway = ff02::1", "Invalid argument", 16),
    "the address of a group": ("hwaddr = 11:22:33:44:55:66", "Cannot assign requested address", 15),
    "a large packet": ("mtu = 70000", "cannot ip link add", 13),
    "a name with a blank": ("name = ab\nlxc.net.0.name = c d", "no network device can be called c d", 16),
    "a name with a per cent sign": ("name = ab\nlxc.net.0.name = c%s", "'c%s' cannot be the name", 5),
    "a name with a slash": ("name = a/b", "no network device can be called a/b", 15),
}


@pytest.mark.parametrize("what", FAILURES)
def test_whatever_fails_nothing_is_left(lab: Lab, what: str) -> None:
    lines, why, where = FAILURES[what]
    first = "lxc.net.0.type = phys\nlxc.net.0.link = wire1\n" + "lxc.net.2.type = veth\nlxc.net.2.link = br0\n"
    name = lab.box_of(
        f"{first}lxc.net.3.type = macvlan\nlxc.net.3.link = wire0\nlxc.net.3.flags = up\nlxc.net.3.name = x0\n"
        f"lxc.net.1.type = veth\nlxc.net.1.flags = up\nlxc.net.1.{lines}\n"
    )
    before = state(lab, "wire1")
    done = lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert why in done.stderr
    assert f"config:{where}" in done.stderr
    until(lambda: set(lab.links()) == OWN, "no device is left, none is missing")
    assert state(lab, "wire1") == before


@pytest.mark.parametrize(
    ("kind", "line", "what_to_do"),
    [
        ("veth", "mtu = 70000", "see whether a device of its kind can have an MTU of 70000\n"),
        ("macvlan", "mtu = 9000", "can have an MTU of 9000, and wire0 has that or more\n"),
        ("veth", "hwaddr = 00:00:00:00:00:00", "leave hwaddr out, and the kernel chooses one\n"),
        ("veth", "hwaddr = 01:00:00:00:00:00", "the second digit must be even"),
    ],
)
def test_what_a_device_cannot_be_is_told_with_what_to_do(lab: Lab, kind: str, line: str, what_to_do: str) -> None:
    done = lab.run("lxc-start", "-n", lab.box("link = wire0" if kind == "macvlan" else "link = br0", line, kind=kind))
    assert done.returncode == 1
    assert what_to_do in done.stderr


def test_what_fails_while_init_is_at_work_is_told_each_time(lab: Lab) -> None:
    """Init shares the monitor's memory then, and is ended without harm to that."""
    name = lab.box("mtu = 70000", kind="veth")
    for _ in range(as_often(40)):
        done = lab.run("lxc-start", "-n", name)
        assert (done.returncode, "cannot ip link add" in done.stderr) == (1, True), done.stderr


def test_a_device_that_cannot_be_moved_is_said_to_be_one(lab: Lab) -> None:
    name = lab.box("link = br0", kind="phys")
    done = lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "cannot ip link set br0 netns INIT name br0: Invalid argument" in done.stderr
    assert "stay in the namespace that they were made in" in done.stderr
    assert set(lab.links()) == OWN


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("mtu = 10", "cannot ip link set wire1 mtu 10: Invalid argument"),
        ("name = a/b", "no network device can be called a/b"),
    ],
)
def test_a_device_that_could_be_moved_is_not_said_to_stay(lab: Lab, line: str, why: str) -> None:
    done = lab.run("lxc-start", "-n", lab.box("link = wire1", line, kind="phys"))
    assert done.returncode == 1
    assert why in done.stderr
    assert "stay in the namespace" not in done.stderr
    assert set(lab.links()) == OWN


def test_the_hosts_end_keeps_its_second_family_where_that_cannot_be_changed(lab: Lab) -> None:
    lab.at_home("mount", "--bind", "/proc/sys", "/proc/sys")
    lab.at_home("mount", "-o", "remount,bind,ro", "/proc/sys")
    name = lab.box("link = br0", "ipv4.address = 10.77.0.5/24", kind="veth")
    lab.start(name)
    lab.reaches(name, "10.77.0.1")


def test_a_name_of_somebody_elses_is_left_alone(lab: Lab) -> None:
    lab.at_home("ip", "link", "add", "vbox", "type", "veth", "peer", "name", "vother")
    before = state(lab, "vbox")
    name = lab.box("link = br0", "veth.pair = vbox", kind="veth")
    done = lab.run("lxc-start", "-n", name)
    assert done.returncode == 1
    assert "there is a network device vbox already" in done.stderr
    assert state(lab, "vbox") == before


def test_a_name_is_free_again_for_the_next_start_however_soon(lab: Lab) -> None:
    name = lab.box("link = br0", "veth.pair = vbox", kind="veth")
    for end in (stop, kill_init, kill_monitor, stop):
        lab.start(name)
        end(lab, name)
        until(lambda: lab.state(name) == "STOPPED", "it has ended")


@pytest.mark.parametrize("is_at_rest", [False, True])
@pytest.mark.parametrize("line", ["name = lan", "veth.pair = vbox"])
def test_who_holds_a_network_that_is_over_keeps_nothing_of_the_hosts(lab: Lab, line: str, is_at_rest: bool) -> None:
    """Neither the bridge, on which the next life has the same address, nor the name that this has."""
    name = lab.box("link = br0", "ipv4.address = 10.77.0.5/24", line, kind="veth")
    lab.start(name)
    (first,) = set(lab.links()) - OWN
    monitor = Path(f"/proc/{lab.monitor(name)}/exe")
    until(lambda: not is_at_rest or monitor.resolve().name == "lxc-client", "the monitor rests")
    with subprocess.Popen(
        ["nsenter", f"--net=/proc/{lab.init_pid(name)}/ns/net", "cat"], stdin=subprocess.PIPE
    ) as holder:
        network = Path(f"/proc/{lab.init_pid(name)}/ns/net").readlink()
        until(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() == network, "somebody is in the network")
        stop(lab, name)
        assert not any(link.get("master") or "UP" in link["flags"] for link in _beside_own(lab).values())
        lab.start(name)
        ports = [each for each, link in _beside_own(lab).items() if link.get("master")]
        assert ports == [first] if "pair" in line else len(ports) == 1
        assert len(_beside_own(lab)) == 2
        stop(lab, name)
        assert holder.stdin
        holder.stdin.close()
    until(lambda: set(lab.links()) == OWN, "no device is left")


@contextmanager
def held_by_another(lab: Lab, name: str) -> Iterator[None]:
    """Somebody else is in the container's network while this lasts."""
    file = f"/proc/{lab.init_pid(name)}/ns/net"
    network = Path(file).readlink()
    with subprocess.Popen(["nsenter", f"--net={file}", "sleep", "1000"]) as holder:
        try:
            until(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() == network, "somebody is in the network")
            yield
        finally:
            holder.kill()


@pytest.mark.parametrize("line", ["name = lan", "veth.pair = vbox"])
def test_the_next_start_takes_from_who_holds_it_what_a_killed_monitor_had_of_the_hosts(lab: Lab, line: str) -> None:
    name = lab.box("link = br0", "ipv4.address = 10.77.0.5/24", line, kind="veth")
    lab.start(name)
    (first,) = set(lab.links()) - OWN
    with held_by_another(lab, name):
        kill_monitor(lab, name)
        until(lambda: lab.state(name) == "STOPPED", "it has ended")
        assert lab.links()[first].get("master") == "br0"
        lab.start(name)
        ports = [each for each, link in _beside_own(lab).items() if link.get("master") or "UP" in link["flags"]]
        assert len(ports) == 1
        assert (ports == [first]) == ("pair" in line)
        stop(lab, name)
        lab.start(name)
        assert len([each for each, link in _beside_own(lab).items() if link.get("master")]) == 1
        stop(lab, name)
    until(lambda: set(lab.links()) == OWN, "no device is left")


def test_two_pairs_of_which_one_is_not_configured_any_more_are_both_taken_back(lab: Lab) -> None:
    second = "lxc.net.1.type = veth\nlxc.net.1.link = br0\n"
    name = lab.box_of(f"lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.veth.pair = vbox\n{second}")
    lab.start(name)
    with held_by_another(lab, name):
        kill_monitor(lab, name)
        until(lambda: lab.state(name) == "STOPPED", "it has ended")
        lab.config(name).write_text(lab.config(name).read_text().replace(second, ""))
        lab.start(name)
        assert [each for each, link in _beside_own(lab).items() if link.get("master")] == ["vbox"]
        stop(lab, name)
    until(lambda: set(lab.links()) == OWN, "no device is left")


def test_destroying_takes_back_what_a_killed_monitor_had_of_the_hosts(lab: Lab) -> None:
    name = lab.box("link = br0", "veth.pair = vbox", kind="veth")
    lab.start(name)
    with held_by_another(lab, name):
        kill_monitor(lab, name)
        until(lambda: lab.state(name) == "STOPPED", "it has ended")
        lab.ok("lxc-destroy", "-n", name)
        (left,) = _beside_own(lab).values()
        assert "master" not in left
        assert "UP" not in left["flags"]
        assert left["ifname"] != "vbox"


def test_only_an_end_of_a_pair_is_taken_for_what_a_killed_monitor_has_left(lab: Lab) -> None:
    """A card that was lent may come back with names that the container's administrator has given it."""
    name = lab.box("link = br0", kind="veth")
    lab.start(name)
    ((mark,),) = (link["altnames"] for link in _beside_own(lab).values())
    stop(lab, name)
    until(lambda: set(lab.links()) == OWN, "no device is left")
    for device in ("br0", "wire0"):
        lab.at_home("ip", "link", "property", "add", "dev", device, "altname", mark)
        lab.start(name)
        link = lab.links()[device]
        assert ("UP" in link["flags"], link["altnames"]) == (True, [mark])
        stop(lab, name)
        lab.at_home("ip", "link", "property", "del", "dev", device, "altname", mark)


@pytest.mark.parametrize("line", ["name = lan", "veth.pair = vbox"])
def test_what_has_the_name_of_a_pair_by_now_is_left_alone(lab: Lab, line: str) -> None:
    name = lab.box("link = br0", line, kind="veth")
    lab.start(name)
    (first,) = set(lab.links()) - OWN
    monitor = lab.monitor(name)
    until(lambda: Path(f"/proc/{monitor}/exe").resolve().name == "lxc-client", "the monitor rests")
    lab.at_home("ip", "link", "delete", first)
    with subprocess.Popen(["unshare", "--net", "sleep", "100"]) as away:
        try:
            ours = Path("/proc/self/ns/net").readlink()
            until(lambda: Path(f"/proc/{away.pid}/ns/net").readlink() != ours, "there is another network")
            pair = ("type", "veth", "peer", "name", "other", "netns", str(away.pid))
            lab.at_home("ip", "link", "add", first, *pair)
            lab.at_home("ip", "link", "set", first, "up", "master", "br0")
            stop(lab, name)
            link = lab.links()[first]
            assert (link.get("master"), "UP" in link["flags"]) == ("br0", True)
        finally:
            away.kill()


def test_a_reboot_takes_the_bridge_from_who_holds_the_network_of_before(lab: Lab) -> None:
    name = lab.box("link = br0", "veth.pair = vbox", kind="veth")
    text = lab.config(name).read_text().replace(
        "/bin/sleep 10000", "/bin/sh -c 'test -e /again && exec sleep 10000; read x </go; : >/again; exec reboot -f'"
    )  # fmt: skip
    lab.config(name).write_text(text)
    os.mkfifo(lab.rootfs(name) / "go")
    lab.start(name)
    before = lab.init_pid(name)
    with closing(os.open(f"/proc/{before}/ns/net", os.O_RDONLY)):
        (lab.rootfs(name) / "go").write_text("go\n")
        until(lambda: (lab.rootfs(name) / "again").exists(), "the container reboots")
        until(lambda: lab.state(name) == "RUNNING" and lab.init_pid(name) != before, "a second life")
        assert [each for each, link in _beside_own(lab).items() if link.get("master")] == ["vbox"]


def test_a_container_that_is_killed_while_it_starts_leaves_nothing(lab: Lab) -> None:
    name = lab.box("link = br0", "script.up = sh -c 'exec sleep 1000'", kind="veth")
    starting = subprocess.Popen(lab.command("lxc-start", "-F", "-n", name), stdin=subprocess.DEVNULL)
    until(lambda: set(lab.links()) != OWN, "the device is there")
    script = _descendant(starting.pid, b"sleep")
    starting.kill()
    starting.wait()
    os.kill(script, signal.SIGKILL)
    until(lambda: set(lab.links()) == OWN, "no device is left")
    swept(lab, name)


@pytest.mark.timeout(900)
def test_of_many_lives_and_deaths_nothing_is_left(lab: Lab) -> None:
    """A third end by lxc-stop, a third by the death of init, a third by that of the monitor."""
    ends = (stop, kill_init, kill_monitor)
    names = [
        lab.box("link = br0", "ipv4.address = 10.77.0.5/24", "ipv4.gateway = auto", kind="veth", name="random"),
        lab.box("link = br0", "veth.pair = vbox", "name = lan", kind="veth", name="named"),
        lab.box("link = wire0", "macvlan.mode = bridge", "ipv4.address = 10.78.0.5/24", kind="macvlan", name="macvlan"),
        lab.box("link = wire1", "mtu = 1400", kind="phys", name="phys"),
    ]  # fmt: skip
    before = state(lab, "wire1")

    def live(name: str) -> None:
        for number in range(as_often(50)):
            lab.start(name)
            ends[number % 3](lab, name)
            until(lambda: lab.state(name) == "STOPPED", f"{name} has ended")
            if name.startswith("phys"):
                until(lambda: "wire1" in lab.links(), "the host's device is back")
        lab.start(name)
        lab.ok("lxc-stop", "-n", name, "-k")

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(live, names))
    until(lambda: set(lab.links()) == OWN, "no device is left, none is missing")
    assert state(lab, "wire1") == before
    assert lab.at_home("nft", "list", "ruleset") == ""
    assert lab.at_home("ip", "neigh", "show", "proxy") == ""


def _beside_own(lab: Lab) -> dict[str, dict[str, Any]]:
    return {name: link for name, link in lab.links().items() if name not in OWN}


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _descendant(parent: int, words: bytes) -> int:
    """The child, or grandchild …, of process `parent` whose command line contains `words`."""

    def below(pid: int) -> list[int]:
        return [*_children(pid), *(pid for child in _children(pid) for pid in below(child))]

    def found() -> list[int]:
        return [pid for pid in below(parent) if words in Path(f"/proc/{pid}/cmdline").read_bytes()]

    seen: list[int] = []
    until(lambda: seen.extend(found()) or seen, f"a descendant {words!r}")
    return seen[0]
