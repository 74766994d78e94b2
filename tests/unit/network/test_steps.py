"""What is said to do about a step that failed."""

from errno import EADDRNOTAVAIL, EBUSY, EEXIST, EHOSTUNREACH, EINVAL, ENETUNREACH, EOPNOTSUPP, EPERM

import pytest

from lxc.network.steps import HardwareAddress, Move, Mtu, Route, Stacked, Step, Up, Veth, hint
from lxc.record import Record

ROUTE, DEFAULT = Route("ipv4", "eth0", "10.0.0.0", 8, "10.9.9.9"), Route("ipv4", "eth0", gateway="10.9.9.9")
STACKED, VETH = Stacked("macvlan", "eth0", "dummy0", 9000), Veth("veth0", mtu=70000)
ADDRESS, NONE, MOVE, MTU = (
    HardwareAddress("eth0", "01:2:3:4:5:6"),
    HardwareAddress("eth0", "00:00"),
    Move("a", "b"),
    Mtu("eth0", 5),
)


@pytest.mark.parametrize(("step", "number", "said"), [
    (ROUTE, ENETUNREACH, "10.9.9.9 must be reachable through eth0"), (ROUTE, EHOSTUNREACH, "10.9.9.9 must be"),
    (ROUTE, EINVAL, "10.9.9.9 must be"), (DEFAULT, EINVAL, "10.9.9.9 must be"),
    (ROUTE.replace(to="10.0.0.9", gateway=""), EINVAL, "10.0.0.9 is an address in a network of /8"),
    (DEFAULT, EEXIST, "a default route already"), (VETH, EINVAL, "have an MTU of 70000"), (MTU, EINVAL, "have an MTU of 5"),
    (STACKED, EINVAL, "an MTU of 9000, and dummy0 has that or more"), (STACKED, EBUSY, "dummy0 is used already"),
    (STACKED, EOPNOTSUPP, "no devices of type macvlan"), (VETH, EOPNOTSUPP, "no devices of type veth"),
    (ADDRESS, EADDRNOTAVAIL, "second digit must be even"), (NONE, EADDRNOTAVAIL, "it is no address"),
    (ADDRESS, EOPNOTSUPP, "the address of its link"), (MOVE, EINVAL, "loopback and bridges"),
])  # fmt: skip
def test_what_to_do_is_told(step: Record, number: int, said: str) -> None:
    assert said in hint(step, number)


@pytest.mark.parametrize(("step", "number"), [
    (ROUTE, EEXIST), (ROUTE, EPERM), (DEFAULT, EPERM), (VETH.replace(mtu=0), EINVAL), (VETH, EBUSY), (VETH, EPERM),
    (STACKED, EPERM), (ADDRESS, EPERM), (ADDRESS, EINVAL), (NONE, EINVAL), (MOVE, EPERM), (MOVE, EOPNOTSUPP),
    (Up("eth0"), EINVAL), (Up("eth0"), EEXIST), (Up("eth0"), EADDRNOTAVAIL), (Up("eth0"), ENETUNREACH), (Up("eth0"), None),
])  # fmt: skip
def test_nothing_is_told_where_nothing_is_known(step: Step, number: int | None) -> None:
    assert hint(step, number) == ""
