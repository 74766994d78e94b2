"""What a start would make: the plan's print."""

from __future__ import annotations

from lxc.bridge.plan import Facts, plan
from lxc.bridge.settings import settings

FACTS = Facts("/usr/sbin/nft", "/usr/sbin/iptables", "/usr/sbin/dnsmasq", "dnsmasq", True)
V4 = {"LXC_IPV6_ENABLE": "false"}


def lines(given: dict[str, str], facts: Facts = FACTS) -> list[str]:
    return "\n".join(map(str, plan(settings(given), facts))).splitlines()


def test_an_ipv4_bridge() -> None:
    assert lines(V4) == [
        "ip link add lxcbr0 address 10:66:6a:00:00:00 type bridge",
        "echo 1 >/proc/sys/net/ipv4/ip_forward",
        "ip address add 10.0.3.1/24 broadcast 10.0.3.255 dev lxcbr0",
        "echo 0 >/proc/sys/net/ipv6/conf/lxcbr0/accept_dad",
        "ip link set lxcbr0 up",
        "nft -f - <<.",
        "table inet lxc {",
        "  chain input {",
        "    type filter hook input priority 0;",
        '    iifname "lxcbr0" udp dport { 53, 67 } accept comment "lxc-net"',
        '    iifname "lxcbr0" tcp dport { 53, 67 } accept comment "lxc-net"',
        "  }",
        "  chain forward {",
        "    type filter hook forward priority 0;",
        '    iifname "lxcbr0" accept comment "lxc-net"',
        '    oifname "lxcbr0" accept comment "lxc-net"',
        "  }",
        "}",
        ".",
        "nft -f - <<.",
        "table ip lxc {",
        "  chain postrouting {",
        "    type nat hook postrouting priority 100;",
        '    ip saddr 10.0.3.0/24 ip daddr != 10.0.3.0/24 counter masquerade comment "lxc-net"',
        "  }",
        "}",
        ".",
        "/usr/sbin/dnsmasq --conf-file=/dev/null -u dnsmasq --strict-order --bind-interfaces "
        "--pid-file=/run/lxc/dnsmasq.pid --listen-address 10.0.3.1 --dhcp-range 10.0.3.2,10.0.3.254 --dhcp-lease-max=253 "
        "--dhcp-no-override --except-interface=lo --interface=lxcbr0 "
        "--dhcp-leasefile=/var/lib/misc/dnsmasq.lxcbr0.leases --dhcp-authoritative",
    ]


def test_ipv6_is_added_where_the_kernel_has_it() -> None:
    with_ipv6 = lines({"LXC_IPV6_PREFIX": "fd00:1:2:3"})
    for line in (
        "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
        "echo 0 >/proc/sys/net/ipv6/conf/lxcbr0/autoconf",
        "ip address add fd00:1:2:3::1/64 dev lxcbr0",
        "table ip6 lxc {",
        '    ip6 saddr fd00:1:2:3::/64 ip6 daddr != fd00:1:2:3::/64 counter masquerade comment "lxc-net"',
    ):
        assert line in with_ipv6
    assert with_ipv6[-1].endswith(
        " --dhcp-authoritative --dhcp-range=fd00:1:2:3::1,ra-only --listen-address fd00:1:2:3::1"
    )
    assert lines({}, FACTS.replace(has_ipv6=False)) == lines(V4)
    assert "table ip6 lxc {" not in lines({"LXC_IPV6_NAT": "false"})


def test_a_host_that_learns_its_routes_goes_on_to() -> None:
    found = lines({}, FACTS.replace(advertised=("eth0",)))
    listen, forward = (
        found.index(f"echo {line}")
        for line in ("2 >/proc/sys/net/ipv6/conf/eth0/accept_ra", "1 >/proc/sys/net/ipv6/conf/all/forwarding")
    )
    assert listen < forward
    assert not any("accept_ra" in line for line in lines({}))


def test_the_words_for_dnsmasq() -> None:
    given = {"LXC_DHCP_CONFILE": "/etc/d.conf", "LXC_DOMAIN": "lxc", "LXC_DHCP_PING": "false", "LXC_DHCP_MAX": "9"}
    assert lines(given | V4)[-1].startswith(
        "/usr/sbin/dnsmasq --conf-file=/etc/d.conf -s lxc -S /lxc/ --no-ping -u dnsmasq --strict-order "
    )
    assert " --dhcp-lease-max=9 " in lines(given)[-1]


def test_without_nft_the_rules_are_iptables() -> None:
    rules = [
        "iptables -w -t filter -I INPUT -i lxcbr0 -p udp --dport 67 -j ACCEPT",
        "iptables -w -t filter -I INPUT -i lxcbr0 -p tcp --dport 67 -j ACCEPT",
        "iptables -w -t filter -I INPUT -i lxcbr0 -p udp --dport 53 -j ACCEPT",
        "iptables -w -t filter -I INPUT -i lxcbr0 -p tcp --dport 53 -j ACCEPT",
        "iptables -w -t filter -I FORWARD -i lxcbr0 -j ACCEPT",
        "iptables -w -t filter -I FORWARD -o lxcbr0 -j ACCEPT",
        "iptables -w -t nat -A POSTROUTING -s 10.0.3.0/24 ! -d 10.0.3.0/24 -j MASQUERADE",
        "ip6tables -w -t nat -A POSTROUTING -s fd00:1:2:3::/64 ! -d fd00:1:2:3::/64 -j MASQUERADE",
        "iptables -w -t mangle -A POSTROUTING -o lxcbr0 -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill",
    ]
    given = {"LXC_IPV6_PREFIX": "fd00:1:2:3"}
    for found in (lines(given, FACTS.replace(nft="")), lines(given | {"LXC_USE_NFT": "false"})):
        assert [line for line in found if "tables " in line] == rules


def test_every_step_says_its_purpose_in_words() -> None:
    for step in (*plan(settings({}), FACTS), *plan(settings({}), FACTS.replace(nft=""))):
        assert step.purpose.split()[0] in ("make", "set", "give", "bring", "add", "start")
