"""Which devices a container has, and what is done for each: golden plans."""

from __future__ import annotations

import pytest

from lxc.config import document
from lxc.errors import StepError
from lxc.network import plan as network
from lxc.network.plan import NetworkPlan
from lxc.network.tenant import Tenant


def planned(text: str) -> NetworkPlan:
    config, _ = document.parse(text, "config")
    return network.plan(config.net, config.places)


def device(*lines: str, kind: str = "veth") -> NetworkPlan:
    """The plan for one device, lxc.net.0, which is up."""
    keys = (f"type = {kind}", "flags = up", *lines)
    return planned("".join(f"lxc.net.0.{line}\n" for line in keys))


def printed(*lines: str, kind: str = "veth") -> list[str]:
    """Its steps, without the places, and without bringing it and lo up."""
    text = (line.partition("  # ")[0] for line in str(device(*lines, kind=kind)).splitlines())
    return [line for line in text if not (line.startswith("ip link set ") and line.endswith(" up"))]


@pytest.mark.parametrize(
    ("text", "own", "loopback"),
    [
        ("", True, False),
        ("lxc.net.0.type = empty\n", True, False),
        ("lxc.net.0.type = empty\nlxc.net.0.flags = up\n", True, True),
        ("lxc.net.0.type = none\n", False, False),
        ("lxc.net.0.type = none\nlxc.net.0.flags = up\nlxc.net.1.type = none\n", False, False),
        ("lxc.net.0.type = none\nlxc.net.1.type = empty\nlxc.net.1.flags = up\n", True, True),
        ("lxc.net.0.type = none\nlxc.net.1.type = veth\n", True, False),
    ],
)
def test_a_container_has_a_network_of_its_own_unless_it_asks_for_none(text: str, own: bool, loopback: bool) -> None:
    plan = planned(text)
    assert (plan.has_namespace, plan.loopback_up) == (own, loopback)
    assert ("ip link set lo up" in str(plan)) == loopback


def test_each_step_has_its_place() -> None:
    text = (
        "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.flags = up\nlxc.net.0.hwaddr = 10:66:6a:1:2:3\n"
        "lxc.net.0.ipv4.address = 10.0.3.5/24\nlxc.net.0.ipv4.address = 10.0.4.5/24 10.0.4.9\n"
        "lxc.net.0.ipv4.gateway = auto\nlxc.net.0.ipv6.address = fd00::5\nlxc.net.0.ipv6.gateway = dev\n"
    )
    assert str(planned(text)).splitlines() == [
        "ip link set lo up",
        "ip link add vethXXXXXX master br0 up type veth peer name eth0 netns INIT  # config:1",
        "sysctl -w net/ipv6/conf/vethXXXXXX/disable_ipv6=1  # config:2",
        "ip link set eth0 address 10:66:6a:1:2:3  # config:4",
        "ip address add 10.0.3.5/24 broadcast 10.0.3.255 dev eth0  # config:5",
        "ip address add 10.0.4.5/24 broadcast 10.0.4.9 dev eth0  # config:6",
        "ip address add fd00::5/64 dev eth0  # config:8",
        "ip link set eth0 up  # config:3",
        "ip route add default via ADDRESS_OF_br0 dev eth0  # config:7",
        "ip -6 route add default dev eth0  # config:9",
    ]


DEVICES = {
    "a pair with everything": (
        "veth",
        ("link = br0", "name = lan", "mtu = 1400", "veth.pair = vbox", "veth.n_rxqueues = 2", "veth.n_txqueues = 3",
         "veth.vlan.id = 10", "veth.vlan.tagged.id = 20", "veth.vlan.tagged.id = 30", "veth.ipv4.route = 10.9.0.0/16"),
        ["ip link add vbox mtu 1400 numrxqueues 3 numtxqueues 2 master br0 up "
         "type veth peer name lan mtu 1400 numrxqueues 2 numtxqueues 3 netns INIT",
         "sysctl -w net/ipv6/conf/vbox/disable_ipv6=1",
         "bridge vlan del dev vbox vid $(cat /sys/class/net/br0/bridge/default_pvid)",
         "bridge vlan add dev vbox vid 10 pvid untagged",
         "bridge vlan add dev vbox vid 20", "bridge vlan add dev vbox vid 30",
         "ip route add 10.9.0.0/16 dev vbox"],
    ),
    "in no untagged VLAN": (
        "veth", ("link = br0", "veth.vlan.id = none", "veth.vlan.tagged.id = 0"),
        ["ip link add vethXXXXXX master br0 up type veth peer name eth0 netns INIT",
         "sysctl -w net/ipv6/conf/vethXXXXXX/disable_ipv6=1",
         "bridge vlan del dev vethXXXXXX vid $(cat /sys/class/net/br0/bridge/default_pvid)",
         "bridge vlan add dev vethXXXXXX vid 0"],
    ),
    "a loose pair": ("veth", (), ["ip link add vethXXXXXX up type veth peer name eth0 netns INIT"]),
    "with routes of the second family, which need it": (
        "veth", ("link = br0", "veth.ipv6.route = fd09::/64"),
        ["ip link add vethXXXXXX master br0 up type veth peer name eth0 netns INIT",
         "ip -6 route add fd09::/64 dev vethXXXXXX"],
    ),
    "routed": (
        "veth",
        ("veth.mode = router", "link = uplink", "ipv4.address = 10.0.3.5/32", "ipv4.gateway = 169.254.0.1",
         "ipv6.address = fd00::5/128", "ipv6.gateway = fe80::1"),
        ["ip link add vethXXXXXX up type veth peer name eth0 netns INIT",
         "sysctl -w net/ipv4/conf/vethXXXXXX/forwarding=1",
         "ip neighbour add proxy 169.254.0.1 dev vethXXXXXX",
         "ip route add 10.0.3.5/32 dev vethXXXXXX",
         "test $(cat /proc/sys/net/ipv6/conf/all/forwarding) = 1",
         "sysctl -w net/ipv6/conf/vethXXXXXX/proxy_ndp=1",
         "sysctl -w net/ipv6/conf/vethXXXXXX/forwarding=1",
         "ip -6 neighbour add proxy fe80::1 dev vethXXXXXX",
         "ip -6 route add fd00::5/128 dev vethXXXXXX",
         "ip address add 10.0.3.5/32 dev eth0", "ip address add fd00::5/128 dev eth0",
         "ip route add default via 169.254.0.1 dev eth0", "ip -6 route add default via fe80::1 dev eth0"],
    ),
    "macvlan": (
        "macvlan", ("link = eth7", "macvlan.mode = passthru", "mtu = 1280"),
        ["ip link add link eth7 name eth0 mtu 1280 netns INIT type macvlan mode passthru"],
    ),
    "ipvlan that is answered for": (
        "ipvlan", ("link = eth7", "ipvlan.mode = l3s", "ipvlan.isolation = private", "l2proxy = 1",
                   "ipv4.address = 10.0.3.5/24", "ipv6.address = fd00::5/64"),
        ["test $(cat /proc/sys/net/ipv4/conf/eth7/forwarding) = 1",
         "ip neighbour add proxy 10.0.3.5 dev eth7", "ip route add 10.0.3.5/32 dev lo",
         "test $(cat /proc/sys/net/ipv6/conf/eth7/proxy_ndp) = 1",
         "test $(cat /proc/sys/net/ipv6/conf/eth7/forwarding) = 1",
         "ip -6 neighbour add proxy fd00::5 dev eth7", "ip -6 route add fd00::5/128 dev lo",
         "ip link add link eth7 name eth0 netns INIT type ipvlan mode l3s private",
         "ip address add 10.0.3.5/24 broadcast 10.0.3.255 dev eth0", "ip address add fd00::5/64 dev eth0"],
    ),
    "vlan": ("vlan", ("link = eth7", "vlan.id = 7"), ["ip link add link eth7 name eth0 netns INIT type vlan id 7"]),
    "a device of the host's": ("phys", ("link = eth7", "mtu = 1400"), ["ip link set eth7 mtu 1400 netns INIT name eth7"]),
    "one of several, with another name": (
        "phys", ("link = eth+", "name = up%d", "hwaddr = 2:0:0:0:0:1"),
        ["ip link set eth+ netns INIT name up0", "ip link set up0 address 2:0:0:0:0:1"],
    ),
    "the loopback device": ("empty", ("name = lo", "ipv4.address = 10.0.3.5/32"), ["ip address add 10.0.3.5/32 dev lo"]),
}  # fmt: skip


@pytest.mark.parametrize("what", DEVICES)
def test_what_is_done_for_a_device(what: str) -> None:
    kind, lines, expected = DEVICES[what]
    assert printed(*lines, kind=kind) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("", "", ""), ("eth0", "eth1", "eth2")),
        (("", "eth0", ""), ("eth1", "eth0", "eth2")),
        (("lan%d", "", "lan%d"), ("lan0", "eth0", "lan1")),
        (("eth%d", "eth1", "eth%d"), ("eth0", "eth1", "eth2")),
    ],
)
def test_names_of_their_own_come_first(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    text = "".join(
        f"lxc.net.{number}.type = veth\n" + (f"lxc.net.{number}.name = {name}\n" if name else "")
        for number, name in enumerate(names)
    )
    assert tuple(each.name for each in planned(text).devices) == expected


def test_the_order_is_that_of_the_numbers() -> None:
    text = "lxc.net.7.type = veth\nlxc.net.3.type = macvlan\nlxc.net.3.link = a\nlxc.net.1.type = none\n"
    assert [(each.number, each.name) for each in planned(text).devices] == [(3, "eth0"), (7, "eth1")]


@pytest.mark.parametrize(
    ("lines", "where", "why"),
    [
        ("flags = up", 1, "it has no type"),
        ("type = veth\ntype =", 2, "it has no type"),
        ("type = macvlan", 1, "a device of type macvlan is made of one of the host's, and none is set"),
        ("type = phys", 1, "a device of type phys is made of one of the host's, and none is set"),
        ("type = empty\nname = eth0", 2, "cannot be called eth0"),
        ("type = veth\nname = lo", 2, "another device is called lo already"),
        ("type = veth\nipv4.address = 10.0.0.2/8\nipv4.gateway = 10.0.0.1", 3, "needs a device that is up"),
        ("type = veth\nflags = up\nipv4.gateway = 10.0.0.1", 3, "a gateway (10.0.0.1) needs an ipv4 address"),
        ("type = veth\nflags = up\nipv6.gateway = dev", 3, "a gateway (dev) needs an ipv6 address"),
        ("type = vlan\nlink = a\nvlan.id = 9\nflags = up\nipv4.address = 10.0.0.2/8\nipv4.gateway = auto", 6, "finds"),
        ("type = veth\nflags = up\nipv4.address = 10.0.0.2/8\nipv4.gateway = auto", 4, "with a link"),
        ("type = veth\nveth.vlan.id = 4", 2, "VLANs are of a bridge"),
        ("type = veth\nlink = a\nveth.mode = router\nveth.vlan.tagged.id = 4", 4, "VLANs are of a bridge"),
        ("type = veth\nlink = a\nveth.vlan.id = 4\nveth.vlan.tagged.id = 4", 4, "VLAN 4 is its untagged one"),
        ("type = vlan\nlink = a", 1, "VLANs are 1 to 4094, not 0"),
        ("type = veth\nname = all", 2, "no network device can be called all"),
        ("type = phys\nlink = a\nname = default", 3, "no network device can be called default"),
        ("type = veth\nveth.pair = web%d", 2, "no network device can be called web%d"),
        ("type = ipvlan\nlink = a\nl2proxy = 1", 3, "it needs ipvlan.mode = l3s, and has l2"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(lines: str, where: int, why: str) -> None:
    text = "".join(f"lxc.net.4.{line}\n" for line in lines.splitlines())
    with pytest.raises(StepError) as error:
        planned(text)
    assert str(error.value).startswith("cannot make the network device lxc.net.4: ")
    assert why in str(error.value)
    assert error.value.where == f"config:{where}"


def test_a_link_local_gateway_needs_no_address() -> None:
    assert printed("ipv6.gateway = fe80::1")[-1] == "ip -6 route add default via fe80::1 dev eth0"


def test_two_devices_cannot_have_one_name() -> None:
    text = "".join(f"lxc.net.{number}.type = veth\nlxc.net.{number}.name = lan\n" for number in (0, 1))
    with pytest.raises(StepError, match=r"lxc\.net\.1: another device is called lan already") as error:
        planned(text)
    assert error.value.where == "config:4"


def test_without_a_namespace_of_its_own_nothing_is_done_and_that_is_said() -> None:
    plan = device("link = br0").without_namespace()
    assert str(plan) == ""
    assert plan.warnings == ("lxc.net.0: without a network namespace of its own the container gets no devices",)
    assert planned("").without_namespace().warnings == ()


def test_the_hosts_end_gets_its_name_everywhere() -> None:
    (pair,) = device("veth.mode = router", "ipv4.address = 10.0.3.5/32", "ipv4.gateway = 10.0.3.1").devices
    assert "vethXXXXXX" not in str(pair.paired("vethAbCdEf"))
    assert str(pair.paired("vethAbCdEf")) == str(pair).replace("vethXXXXXX", "vethAbCdEf")
    assert pair.paired("vethAbCdEf").pair == "vethAbCdEf"


@pytest.mark.parametrize(("name", "found"), [("", "wlan1"), ("wifi", "wifi")])
def test_one_of_which_the_beginning_is_named_has_its_own_name_unless_it_was_to_have_another(
    name: str, found: str
) -> None:
    (lent,) = device("link = wlan+", f"name = {name}", "ipv4.address = 10.0.3.5/24", kind="phys").devices
    called = lent.called("wlan1")
    assert (called.link, called.name) == ("wlan1", found)
    assert str(called) == str(lent).replace("wlan+", "wlan1")


TENANT = Tenant("/u/lxc", "web")


def of_user(*lines: str, kind: str = "veth") -> NetworkPlan:
    config, _ = document.parse("".join(f"lxc.net.0.{line}\n" for line in (f"type = {kind}", *lines)), "config")
    return network.plan(config.net, config.places, TENANT)


def test_a_users_device_is_made_by_lxc_user_nic_and_configured_inside() -> None:
    assert str(
        of_user("link = br0", "flags = up", "hwaddr = 10:66:6a:1:2:3", "ipv4.address = 10.0.3.5/24")
    ).splitlines() == [
        "ip link set lo up",
        "lxc-user-nic create /u/lxc web INIT veth br0 eth0  # config:1",
        "ip link set eth0 address 10:66:6a:1:2:3  # config:4",
        "ip address add 10.0.3.5/24 broadcast 10.0.3.255 dev eth0  # config:5",
        "ip link set eth0 up  # config:3",
    ]
    assert str(of_user()) == "lxc-user-nic create /u/lxc web INIT veth none eth0  # config:1"


def test_what_only_root_can_have_of_it_is_told() -> None:
    keys = (
        "mtu = 1400",
        "l2proxy = 1",
        "veth.mode = router",
        "veth.pair = x",
        "veth.n_rxqueues = 2",
        "veth.ipv4.route = 10.0.0.0/8",
    )
    plan = of_user("link = br0", *keys)
    assert plan.warnings == tuple(
        f"config:{number}: lxc.net.0.{key.partition(' ')[0]} has no effect: the user is not root"
        for number, key in enumerate(keys, 3)
    )
    assert str(plan) == "lxc-user-nic create /u/lxc web INIT veth br0 eth0  # config:1"


@pytest.mark.parametrize(
    ("lines", "kind", "why"),
    [
        (("link = eth0",), "macvlan", "an ordinary user can have devices of type veth only, not macvlan"),
        (("link = eth0",), "phys", "an ordinary user can have devices of type veth only, not phys"),
        (("link = br0", "veth.vlan.id = 7"), "veth", "an ordinary user cannot choose the VLAN"),
        (("link = br0", "veth.vlan.tagged.id = 7"), "veth", "an ordinary user cannot choose the VLAN"),
    ],
)
def test_what_a_user_cannot_have_is_refused(lines: tuple[str, ...], kind: str, why: str) -> None:
    with pytest.raises(StepError, match=f"^cannot make the network device lxc.net.0: {why}$"):
        of_user(*lines, kind=kind)
