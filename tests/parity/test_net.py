"""Debian's lxc-net and ours make the same of the same settings, and take each other's away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.conftest import BIN
from tests.hosts import Host

pytestmark = pytest.mark.parity

PEER, OURS = "/usr/libexec/lxc/lxc-net", str(BIN / "lxc-net")
SAME = "USE_LXC_BRIDGE=true\nLXC_BRIDGE_MAC=00:16:3e:00:00:00\nLXC_IPV6_ENABLE=false\n"


def made(settings: str, *programs: str) -> list[str]:
    """What there is after `programs`, one a word: the one to start with, and those to stop with."""
    with Host() as host:
        host.write("/etc/default/lxc", ". /etc/default/lxc-net\n")
        host.write("/etc/default/lxc-net", SAME + settings)
        host.ok(programs[0], "start")
        for program in programs[1:]:
            host.ok(program, "stop")
        pid_file = host.path("/run/lxc/dnsmasq.pid")
        words = Path(f"/proc/{pid_file.read_text().strip()}/cmdline").read_bytes() if pid_file.exists() else b""
        links = re.sub(r"\b\d+: (lxcbr|br)", r"\1", host.ok("ip", "-o", "address"))
        rules = host.ok("nft", "list", "ruleset").replace(' comment "lxc-net"', "")
        rules = re.sub(r"packets \d+ bytes \d+", "", rules)
        forwards = host.ok("cat", "/proc/sys/net/ipv4/ip_forward")
        seen = [links, rules, forwards, *words.decode().split("\0")[1:]]
        host.run(programs[0], "stop")
        return [re.sub(r"fe80:\S+", "LINK-LOCAL", each) for each in seen]


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "LXC_BRIDGE=br7\nLXC_ADDR=10.7.0.1\nLXC_NETMASK=255.255.0.0\nLXC_NETWORK=10.7.0.0/16\n"
        "LXC_DHCP_RANGE=10.7.0.2,10.7.9.9\nLXC_DHCP_MAX=99\nLXC_DOMAIN=lxc\n",
    ],
)
def test_the_same_is_made(settings: str) -> None:
    assert made(settings, OURS) == made(settings, PEER)


def test_what_the_peer_has_made_is_taken_away_whole() -> None:
    assert made("", PEER, OURS) == made("", PEER, PEER)
