"""lxc-net beside others: administrators' own bridges and rules, a host that changes, users who are in the way."""

from __future__ import annotations

import json

import pytest
from tests.kernel.bridge.conftest import Net

pytestmark = pytest.mark.root


# ---- users -------------------------------------------------------------------------------------------------------------


def test_no_user_can_hold_up_a_start_or_a_stop(net: Net) -> None:
    net.ok("start")
    net.ok("stop")
    for path in ("/run/lxc", "/run/lxc/lxc-net.lock"):
        script = "echo held; exec sleep infinity"
        user = net.host.popen(*net.host.argv("flock", "--no-fork", path, "sh", "-c", script, user="alice"))
        assert user.stdout
        assert any("held" in line or "Permission denied" in line for line in user.stdout)
    net.ok("start")
    net.ok("stop")


def test_a_users_process_that_looks_like_the_server_is_not_taken_for_it(net: Net) -> None:
    sleep = ("python3", "-c", "import time; print(flush=True); time.sleep(600)", "--pid-file=/run/lxc/dnsmasq.pid")
    process = net.host.popen(*net.host.argv(*sleep, user="alice"))
    assert process.stdout
    assert process.stdout.readline() == "\n"
    assert net.status()["server_pid"] == 0
    net.ok("start")
    net.host.path("/run/lxc/dnsmasq.pid").unlink()
    assert net.status()["server_pid"] not in (0, process.pid)
    net.ok("stop")
    assert net.status()["server_pid"] == 0
    assert process.poll() is None


def test_two_starts_at_once_make_one_bridge(net: Net) -> None:
    starts = [net.host.popen(*net.host.argv(net.program, "start")) for _ in range(3)]
    said = sorted(start.communicate(timeout=60)[0] for start in starts)
    assert said == ["", "lxc-net is already running\n", "lxc-net is already running\n"]


# ---- what is administrators' own ---------------------------------------------------------------------------------------

BRIDGE = "ip link add lxcbr0 type bridge && ip address add 10.0.3.1/24 dev lxcbr0 && ip link set lxcbr0 up"
RULES = (
    "iptables -A FORWARD -i lxcbr0 -j ACCEPT && "
    "iptables -t nat -A POSTROUTING -s 10.0.3.0/24 ! -d 10.0.3.0/24 -j MASQUERADE"
)
TABLES = ("filter", "nat", "mangle")
LIVES = [("stop",), ("restart", "stop"), ("start", "start", "restart", "stop")]


def rules(net: Net) -> str:
    """All rules and chains that iptables has; a table without any is as none."""
    tables = (net.host.ok(program, "-S", "-t", table) for program in ("iptables", "ip6tables") for table in TABLES)
    return "".join(tables)


@pytest.mark.parametrize("verbs", LIVES)
def test_an_administrators_bridge_keeps_its_address(net: Net, verbs: tuple[str, ...]) -> None:
    net.host.ok("sh", "-c", BRIDGE)
    for verb in verbs:
        net.call(verb)
    assert net.addresses() == ["10.0.3.1/24"]
    assert net.files() == set()


@pytest.mark.parametrize("verbs", LIVES)
def test_an_administrators_rules_stay_and_those_of_a_start_go(net: Net, verbs: tuple[str, ...]) -> None:
    net.set(LXC_USE_NFT="false")
    net.host.ok("sh", "-c", RULES)
    before = rules(net)
    for verb in verbs:
        net.call(verb)
    assert rules(net) == before


@pytest.mark.parametrize(
    "change",
    [
        "nft add rule inet lxc input tcp dport 80 accept",
        "nft add rule ip lxc postrouting accept",
        "nft flush table inet lxc",
        "nft flush ruleset && nft add table inet lxc",
    ],
)
@pytest.mark.parametrize("verbs", [("start", "stop"), ("restart", "stop"), ("stop",)])
def test_its_tables_stay_its_own_whatever_somebody_does_to_their_rules(
    net: Net, change: str, verbs: tuple[str, ...]
) -> None:
    net.ok("start")
    net.host.ok("sh", "-c", change)
    for verb in verbs:
        net.ok(verb)
        assert verb == "stop" or net.status()["missing"] == []
    assert " lxc {" not in net.ruleset()


def test_a_table_with_a_chain_of_somebody_elses_is_not_taken_for_one_that_was_emptied(net: Net) -> None:
    net.host.ok("nft", "add table inet lxc; add chain inet lxc mine { type filter hook input priority 5; }")
    before = net.ruleset()
    assert net.call("start")[0] == 1
    net.ok("stop")
    assert net.ruleset() == before


def test_a_stop_that_never_started_looks_at_no_device_of_another_type(net: Net) -> None:
    net.host.ok("sh", "-c", "ip link add lxcbr0 type veth peer name x && ip address add 10.0.3.1/24 dev lxcbr0")
    assert net.ok("stop") == "lxc-net isn't running\n"
    assert net.addresses() == ["10.0.3.1/24"]


def test_what_was_given_in_the_place_of_an_administrators_is_taken_away(net: Net) -> None:
    """His address is gone and a start has given it anew, so it is no longer his."""
    net.host.ok("sh", "-c", BRIDGE)
    net.ok("start")
    net.host.ok("ip", "address", "del", "10.0.3.1/24", "dev", "lxcbr0")
    net.ok("start")
    net.ok("stop")
    assert net.addresses() == []


def test_a_start_that_was_killed_leaves_nothing_that_a_stop_does_not_take_away(net: Net) -> None:
    net.set(LXC_USE_NFT="false")
    before = rules(net)
    net.host.write("/run/bin/dnsmasq", "#!/bin/sh\nkill -9 $PPID\n", 0o755)
    net.host.ok("mount", "--bind", "/run/bin", "/usr/local/sbin")
    assert net.call("start")[0] != 0
    assert rules(net) != before
    net.ok("stop")
    assert (rules(net), net.host.links()) == (before, ["lo"])


# ---- a host that changes -----------------------------------------------------------------------------------------------

NO_IPV6 = "echo 1 >/proc/sys/net/ipv6/conf/lxcbr0/disable_ipv6"
HIDE_NFT = "touch /run/none && mount --bind /run/none /usr/sbin/nft"


def test_a_stop_takes_all_away_though_ipv6_has_gone_since(net: Net) -> None:
    before = net.ruleset()
    net.ok("start")
    net.host.ok("sh", "-c", NO_IPV6)
    net.ok("stop")
    assert (net.ruleset(), net.host.links()) == (before, ["lo"])


@pytest.mark.parametrize("verbs", [("stop",), ("start", "stop")])
def test_a_stop_takes_iptables_rules_away_though_nft_has_come_since(net: Net, verbs: tuple[str, ...]) -> None:
    before = rules(net)
    net.host.ok("sh", "-c", HIDE_NFT)
    net.ok("start")
    net.host.ok("umount", "/usr/sbin/nft")
    for verb in verbs:
        net.ok(verb)
    assert rules(net) == before
    assert " lxc {" not in net.ruleset()


def test_a_start_goes_over_to_nft_when_it_has_come(net: Net) -> None:
    before = rules(net)
    net.host.ok("sh", "-c", HIDE_NFT)
    net.ok("start")
    net.host.ok("umount", "/usr/sbin/nft")
    server = net.status()["server_pid"]
    net.ok("start")
    assert rules(net) == before
    assert net.call("status")[0] == 0
    assert net.status()["server_pid"] == server


@pytest.mark.parametrize(
    ("given", "program", "says"),
    [
        ({}, "nft", "nft, which has made it, is no longer on this host\n  install it again, and then lxc-net stop\n"),
        ({"LXC_USE_NFT": "false"}, "iptables", "iptables, which has made it, is no longer on this host\n"),
    ],
)
def test_a_stop_without_the_program_that_made_the_rules_says_so_and_another_with_it_succeeds(
    net: Net, given: dict[str, str], program: str, says: str
) -> None:
    net.set(**given)
    before = rules(net)
    net.ok("start")
    path = net.host.ok("sh", "-c", f"readlink -f $(command -v {program})").strip()
    net.host.ok("mount", "--bind", "/dev/null", path)
    code, _, said = net.call("stop")
    assert code == 1
    assert says in said
    net.host.ok("umount", path)
    net.ok("stop")
    assert (rules(net), net.host.links(), net.files()) == (before, ["lo"], set())
    assert " lxc {" not in net.ruleset()


def test_an_older_versions_note_is_understood(net: Net) -> None:
    net.host.ok("sh", "-c", BRIDGE)
    net.ok("start")
    kept = "give lxcbr0 the address 10.0.3.1/24"
    net.host.write("/run/lxc/network_up", json.dumps({"settings": {}, "keeps": [kept]}))
    assert net.ok("start") == "lxc-net is already running\n"
    net.host.write("/run/lxc/network_up", json.dumps({"settings": {}, "keeps": [kept]}))
    net.ok("stop")
    assert net.addresses() == ["10.0.3.1/24"]
    assert " lxc {" not in net.ruleset()
