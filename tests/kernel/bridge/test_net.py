"""lxc-net in a host of its own: what it makes, repairs and takes away; and packets through it."""

from __future__ import annotations

import json
import os
import re
from signal import SIGKILL

import pytest
from tests.conftest import BIN, until
from tests.hosts import Host
from tests.kernel.bridge.conftest import Net

pytestmark = pytest.mark.root

UDHCPC = """#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/busybox ip address add $ip/$mask dev $interface
/bin/busybox ip route add default via $router
echo "nameserver $dns" >/run/resolv.conf
"""


# ---- what containers get from it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", ["nft", "iptables"])
def test_containers_get_addresses_and_reach_each_other_by_name_and_the_world_through_nat(net: Net, rules: str) -> None:
    """The world is a host behind this one, which knows no way back to the bridge's networks."""
    host = net.host
    world = net.world()
    net.set(LXC_DOMAIN="lxc", LXC_USE_NFT="true" if rules == "nft" else "false")
    net.ok("start")
    host.write("/run/udhcpc", UDHCPC, 0o755)
    ways = []
    for name in ("web", "db"):
        way = net.container()
        udhcpc = (
            "busybox",
            "udhcpc",
            "-i",
            "eth0",
            "-s",
            "/run/udhcpc",
            "-x",
            f"hostname:{name}",
            "-q",
            "-n",
            "-t",
            "20",
        )
        host.ok(*way, *udhcpc)
        ways.append(way)
    for way in ways:
        until(lambda way=way: "inet6 fd" in host.ok(*way, "ip", "address", "show", "dev", "eth0"), "an IPv6 address")  # type: ignore[misc]
    for way, other in zip(ways, ("db", "web"), strict=True):
        answer = host.ok(*way, "busybox", "nslookup", f"{other}.lxc", "10.0.3.1")
        found = re.search(rf"Name:\t{other}.lxc\nAddress: (10\.0\.3\.\d+)\n", answer)
        assert found, answer
        address = found[1]
        for target in (address, "192.0.2.9", "2001:db8::9"):
            ping = (*way, "busybox", "ping", "-c", "1", "-w", "2", target)
            until(lambda ping=ping: host.run(*ping).returncode == 0, f"{target} answers")  # type: ignore[misc]
    assert net.status()["leases"] == 2
    server = host.popen(
        *host.argv("nsenter", f"--target={world}", "--net", "busybox", "nc", "-l", "-p", "80", "-e", "echo", "hello")
    )
    until(
        lambda: ":0050 " in host.ok("nsenter", f"--target={world}", "--net", "cat", "/proc/net/tcp", "/proc/net/tcp6"),
        "it listens",
    )
    assert host.ok(*ways[0], "busybox", "nc", "-w", "5", "192.0.2.9", "80") == "hello\n"
    assert server.wait(timeout=20) == 0


# ---- start, stop, and again --------------------------------------------------------------------------------------------


def test_stop_leaves_the_host_as_start_has_found_it(net: Net) -> None:
    net.host.ok("nft", "add table inet mine; add chain inet mine c { type filter hook forward priority 5; }")
    before = net.ruleset(), net.host.links()
    assert net.ok("start") == ""
    assert net.host.links() == ["lo", "lxcbr0"]
    assert net.status()["missing"] == []
    assert net.ok("stop") == ""
    assert (net.ruleset(), net.host.links()) == before
    assert net.files() == set()


@pytest.mark.parametrize("network", ["10.0.3.1/32", "10.0.3.7", "10.0.0.0/8", "0.0.0.0/0"])
def test_what_is_masqueraded_is_found_as_it_was_made(net: Net, network: str) -> None:
    net.set(LXC_NETWORK=network)
    net.ok("start")
    assert net.call("status")[0] == 0
    assert net.ok("start") == "lxc-net is already running\n"


def test_both_may_be_repeated(net: Net) -> None:
    assert net.ok("stop") == "lxc-net isn't running\n"
    net.ok("start")
    shown = net.ruleset(), net.addresses(), net.status()
    assert net.ok("start") == "lxc-net is already running\n"
    assert (net.ruleset(), net.addresses(), net.status()) == shown
    net.ok("stop")
    assert net.ok("stop") == "lxc-net isn't running\n"


@pytest.mark.parametrize(
    ("spoil", "missing"),
    [
        ("ip link set lxcbr0 down", "bring lxcbr0 up"),
        ("ip address del 10.0.3.1/24 dev lxcbr0", "give lxcbr0 the address 10.0.3.1/24"),
        ("echo 0 >/proc/sys/net/ipv4/ip_forward", "set net/ipv4/ip_forward to 1"),
        ("nft flush ruleset", "make the nftables table inet lxc"),
        ("nft flush chain inet lxc forward", "make the nftables table inet lxc"),
        ("nft add rule ip lxc postrouting drop comment lxc-net", "make the nftables table ip lxc"),
        ("kill -9 $(cat /run/lxc/dnsmasq.pid)", "start dnsmasq"),
        ("ip link del lxcbr0", "make the bridge lxcbr0"),
    ],
)
def test_what_somebody_has_undone_is_told_and_start_makes_it_good(net: Net, spoil: str, missing: str) -> None:
    net.ok("start")
    net.host.ok("sh", "-c", spoil)
    until(lambda: missing in net.status()["missing"], missing)  # type: ignore[operator]
    code, said, _ = net.call("status")
    assert code == 1
    assert f"missing: to {missing}\n" in said
    code, said, _ = net.call("doctor")
    assert code == 1
    assert f"somebody has undone what was to {missing}\n  lxc-net start does it again\n" in said
    net.ok("start")
    assert net.call("status")[0] == 0
    assert net.call("doctor") == (0, "lxcbr0: nothing is wrong\n", "")


def test_a_server_without_its_pid_file_is_found_all_the_same(net: Net) -> None:
    net.ok("start")
    before = net.status()["server_pid"]
    net.host.path("/run/lxc/dnsmasq.pid").unlink()
    assert net.status()["server_pid"] == before
    net.ok("stop")
    assert net.status()["server_pid"] == 0


def test_the_server_of_another_host_is_left_alone(net: Net) -> None:
    """A container's own lxc-net has one that looks the same from here."""
    with Host() as host:
        other = Net(host)
        other.ok("start")
        net.ok("start")
        pid = str(other.status()["server_pid"])
        net.host.write("/run/lxc/dnsmasq.pid", pid)
        net.ok("stop")
        assert str(other.status()["server_pid"]) == pid
        other.ok("stop")


def test_a_failure_is_told_and_leaves_nothing(net: Net) -> None:
    before = net.ruleset()
    net.occupy_port_53("0.0.0.0")
    code, _, said = net.call("start")
    assert code == 1
    first, second, third = said.splitlines()
    assert first == "Failed to setup lxc-net."
    assert second.startswith(
        "lxc-net: cannot start dnsmasq: failed to create listening socket for 10.0.3.1: Address already in use"
    )
    assert third == "  another server has that port on all addresses: have it listen on single ones"
    assert (net.ruleset(), net.host.links()) == (before, ["lo"])
    assert net.files() == set()


def test_a_bridge_with_containers_stays_and_they_find_it_again(net: Net) -> None:
    net.ok("start")
    way = net.container()
    net.host.ok(*way, "ip", "address", "add", "10.0.3.77/24", "dev", "eth0")
    net.ok("restart")
    assert net.status()["ports"] == ["port1"]
    net.host.ok(*way, "busybox", "ping", "-c", "1", "-w", "5", "10.0.3.1")
    net.ok("stop")
    assert "lxcbr0" in net.host.links()
    assert net.addresses() == []
    net.host.ok("ip", "link", "del", "port1")
    net.ok("start")
    net.ok("stop")
    assert net.host.links() == ["lo"]


def test_a_bridge_of_somebody_elses_keeps_what_it_had(net: Net) -> None:
    net.host.ok("ip", "link", "add", "lxcbr0", "address", "02:00:00:00:00:07", "type", "bridge")
    net.host.ok("ip", "address", "add", "10.0.3.1/24", "dev", "lxcbr0")
    net.host.ok("ip", "link", "set", "lxcbr0", "up")
    net.ok("start")
    assert len(net.addresses()) == 2
    assert net.call("status")[0] == 0
    net.ok("start")
    net.ok("stop")
    assert net.addresses() == ["10.0.3.1/24"]
    shown = net.host.ok("ip", "-o", "link", "show", "lxcbr0")
    assert "02:00:00:00:00:07" in shown
    assert ",UP" in shown


def test_a_table_of_somebody_elses_is_neither_used_nor_removed(net: Net) -> None:
    net.host.ok("nft", "add table inet lxc; add chain inet lxc mine; add rule inet lxc mine drop")
    before = net.ruleset()
    code, _, said = net.call("start")
    assert code == 1
    assert "cannot make the nftables table inet lxc: there is an nftables table inet lxc that is not ours\n" in said
    assert (net.ruleset(), net.host.links()) == (before, ["lo"])
    net.ok("stop")
    assert net.ruleset() == before


def test_a_device_of_another_type_is_told(net: Net) -> None:
    net.host.ok("ip", "link", "add", "lxcbr0", "type", "veth", "peer", "name", "x")
    code, _, said = net.call("start")
    assert code == 1
    assert "lxc-net: lxcbr0 is no bridge: it is of type veth\n" in said
    assert set(net.host.links()) == {"lo", "x", "lxcbr0"}


def test_what_was_started_is_stopped_whatever_the_settings_are_by_then(net: Net) -> None:
    before = net.ruleset()
    net.set(LXC_BRIDGE="old0", LXC_ADDR="10.1.1.1")
    net.ok("start")
    net.set(LXC_BRIDGE="new0", LXC_ADDR="10.2.2.1")
    net.ok("start")
    assert net.host.links() == ["lo", "new0"]
    assert net.addresses("new0")[0] == "10.2.2.1/24"
    assert "10.1.1" not in net.ruleset()
    net.set()
    net.ok("stop")
    assert (net.ruleset(), net.host.links()) == (before, ["lo"])


@pytest.mark.parametrize("text", ["LXC_ADDR=nonsense\n", "if true\n", "exit 0\n"])
def test_what_was_started_is_stopped_though_the_settings_have_become_wrong(net: Net, text: str) -> None:
    before = net.ruleset()
    net.ok("start")
    net.host.write("/etc/default/lxc-net", text)
    assert net.call("restart")[0] == 1
    assert net.host.links() == ["lo", "lxcbr0"]
    net.ok("stop")
    assert (net.ruleset(), net.host.links(), net.files()) == (before, ["lo"], set())
    net.set()


def test_a_start_that_has_no_room_for_its_note_makes_nothing(net: Net) -> None:
    fill = "mkdir -p /run/lxc && mount -t tmpfs -o size=4k none /run/lxc && head -c 4096 /dev/zero >/run/lxc/full"
    net.host.ok("sh", "-c", fill)
    code, _, said = net.call("start")
    assert code == 1
    assert "cannot note in /run/lxc/network_up what is made: No space left on device\n" in said
    assert (net.host.links(), net.files()) == (["lo"], {"full"})


def test_a_bridge_that_is_not_wanted_is_not_made(net: Net) -> None:
    net.host.write(
        "/etc/default/lxc", 'USE_LXC_BRIDGE="false"\n[ ! -f /etc/default/lxc-net ] || . /etc/default/lxc-net\n'
    )
    net.ok("start")
    assert net.host.links() == ["lo"]
    assert net.call("status")[0] == 3
    net.set(USE_LXC_BRIDGE="true")
    net.ok("start")
    assert net.host.links() == ["lo", "lxcbr0"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("LXC_ADDR=10.0.3.999\n", "/etc/default/lxc-net: LXC_ADDR: "),
        ("LXC_NETMASK=255.255.255.255\n", "/etc/default/lxc-net: LXC_NETMASK: "),
        ("if true\n", "/etc/default/lxc-net cannot be read: "),
        ("exit 3\n", "/etc/default/lxc-net cannot be read: exit code 3"),
        ("exit 0\n", "/etc/default/lxc-net cannot be read: it ends the shell that reads it\n  leave exit out"),
        ("LXC_BRIDGE='br*'\n", "/etc/default/lxc-net: LXC_BRIDGE: "),
        ("LXC_NETMASK=0\n", "/etc/default/lxc-net: LXC_NETMASK: "),
    ],
)
def test_settings_that_are_wrong_are_told_before_anything_is_made(net: Net, text: str, says: str) -> None:
    net.host.write("/etc/default/lxc-net", text)
    code, out, err = net.call("start")
    assert (code, out) == (1, "")
    assert err.startswith(f"lxc-net: {says}")
    assert net.host.links() == ["lo"]
    net.set()


def test_the_settings_see_nothing_of_the_callers_environment(net: Net) -> None:
    done = net.host.run("env", "LXC_BRIDGE=evil0", str(BIN / "lxc-net"), "start", "--dry-run")
    assert "evil0" not in done.stdout
    assert "ip link add lxcbr0 " in done.stdout


@pytest.mark.parametrize("verb", ["status", "doctor"])
def test_a_user_cannot_look_at_a_firewall(net: Net, verb: str) -> None:
    done = net.host.run(str(BIN / "lxc-net"), verb, user="alice")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lxc-net: only root sees the firewall's rules\n  sudo lxc-net {verb}\n"


def test_a_user_is_told_that_it_takes_root(net: Net) -> None:
    done = net.host.run(str(BIN / "lxc-net"), "start", user="alice")
    assert (done.returncode, done.stderr) == (
        1,
        "lxc-net: only root changes the host's network\n  sudo lxc-net start\n",
    )


def test_an_nft_that_knows_no_json_is_none(net: Net) -> None:
    net.host.write(
        "/run/bin/nft",
        '#!/bin/sh\n[ "$1" = -j ] && { echo "JSON support not compiled-in" >&2; exit 1; }\nexec /usr/sbin/nft "$@"\n',
        0o755,
    )
    net.host.ok("mount", "--bind", "/run/bin", "/usr/local/sbin")
    net.ok("start")
    assert "-A FORWARD -i lxcbr0 -j ACCEPT" in net.host.ok("iptables", "-S", "FORWARD")
    net.ok("stop")
    assert "lxcbr0" not in net.host.ok("iptables", "-S")


def test_without_any_firewall_or_dnsmasq_it_is_told_what_to_install(net: Net) -> None:
    for program, says in (
        ("dnsmasq", "this host has no dnsmasq\n  install it (Debian: dnsmasq-base)"),
        ("xtables-nft-multi", "neither nft (with JSON) nor iptables"),
    ):
        net.host.ok("sh", "-c", f"mount --bind /dev/null $(readlink -f $(command -v {program}))")
        if says.startswith("neither"):
            net.host.ok("mount", "--bind", "/dev/null", "/usr/sbin/nft")
        code, _, said = net.call("start")
        assert code == 1
        assert says in said
        assert net.host.links() == ["lo"]


def test_the_host_keeps_the_route_that_a_router_tells_it(net: Net) -> None:
    """A host that forwards does not listen to routers, and forgets what they said, unless it is told not to."""
    world = net.world()
    router = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "-u", "root", "--interface=out0"]
    router += ["--enable-ra", "--dhcp-range=2001:db8::,ra-only", "--pid-file=", "--dhcp-leasefile=/dev/null"]
    enter = ("nsenter", f"--target={world}", "--net")
    # one that does not forward says so when it tells its link-layer address, and is no router to the host from then on
    net.host.ok(*enter, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
    net.host.popen(*net.host.argv(*enter, *router))

    def route() -> str:
        return net.host.ok("ip", "-6", "route", "show", "default")

    until(lambda: " dev wan0 proto ra " in route(), "the router is heard")
    net.ok("start")
    assert " dev wan0 proto ra " in route()
    assert net.call("status")[0] == 0
    net.ok("stop")
    assert " dev wan0 proto ra " in route()


# ---- the doctor --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "values", "what", "remedy"),
    [
        ("true", {"USE_LXC_BRIDGE": "false"}, "the bridge is not wanted", "USE_LXC_BRIDGE"),
        (
            "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'",
            {},
            "the nftables chain ip filter FORWARD drops what is forwarded, and has no rule for lxcbr0",
            "nft insert rule ip filter FORWARD iifname \"lxcbr0\" accept && nft insert rule",
        ),
        (
            "iptables-legacy -P FORWARD DROP && iptables-legacy -A FORWARD -i other0 -j ACCEPT",
            {},
            "iptables-legacy's chain FORWARD drops what is forwarded, and has no rule for lxcbr0",
            "iptables-legacy -I FORWARD -i lxcbr0 -j ACCEPT && iptables-legacy -I FORWARD -o lxcbr0 -j ACCEPT",
        ),
        ("true", {"LXC_IPV6_MASK": "80"}, "LXC_IPV6_MASK: containers give themselves no address in ", "LXC_IPV6_MASK=64"),
        ("mkdir /run/firewalld", {}, "firewalld may reject what comes from lxcbr0", "--zone=trusted --add-interface=lxcbr0"),
        (
            "ip link add eth9 type veth && ip address add 10.0.3.50/16 dev eth9",
            {},
            "this host has the address 10.0.3.50/16, too, in the bridge's network 10.0.3.0/24",
            "give the bridge another network",
        ),
        ("true", {"LXC_NETWORK": "10.9.0.0/16"}, "LXC_ADDR 10.0.3.1 is not in LXC_NETWORK 10.9.0.0/16", "LXC_NETWORK=10.0.3.0/24"),
        ("echo '1 aa 10.0.3.2 x *' >/var/lib/misc/dnsmasq.lxcbr0.leases", {"LXC_DHCP_MAX": "1"}, "all 1 addresses are given away", "raise LXC_DHCP_MAX"),
        ("echo 1 >/proc/sys/net/ipv6/conf/lxcbr0/disable_ipv6", {}, "IPv6 is disabled on this host", "disable_ipv6=0"),
    ],
)  # fmt: skip
def test_the_doctor_tells_what_keeps_containers_from_the_network(
    net: Net, spoil: str, values: dict[str, str], what: str, remedy: str
) -> None:
    net.set(**values)
    net.ok("start")
    net.host.ok("sh", "-c", spoil)
    code, _, err = net.call("doctor")
    assert (code, err) == (1, "")
    found = json.loads(net.call("doctor", "--format", "json")[1])
    assert any(each["what"].startswith(what) and remedy in each["remedy"] for each in found), found


def test_its_remedy_for_a_chain_that_drops_helps(net: Net) -> None:
    net.ok("start")
    net.host.ok("nft", "add table ip f; add chain ip f c { type filter hook forward priority 0; policy drop; }")
    [found] = json.loads(net.call("doctor", "--format", "json")[1])
    net.host.ok("sh", "-c", found["remedy"])
    assert net.call("doctor")[0] == 0


def test_its_words_for_a_port_that_is_taken(net: Net) -> None:
    net.ok("start")
    server = int(net.host.path("/run/lxc/dnsmasq.pid").read_text())
    os.kill(server, SIGKILL)
    until(lambda: net.status()["server_pid"] == 0, "it has ended")
    net.occupy_port_53("10.0.3.1")
    assert "port 53 of 10.0.3.1, which dnsmasq needs, is taken by another server\n" in net.call("doctor")[1]


# ---- the command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("begin",), ("start", "stop")])
def test_other_words_are_misuse(net: Net, words: tuple[str, ...]) -> None:
    assert net.call(*words)[0] == 2


def test_a_dry_run_makes_nothing(net: Net) -> None:
    assert "dnsmasq --conf-file=/dev/null" in net.ok("start", "--dry-run")
    assert net.host.links() == ["lo"]
    assert net.files() == set()
