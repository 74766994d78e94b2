"""Which network a container has."""

import pytest

from lxc.network.plan import NetworkPlan, plan


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ([], NetworkPlan(True, False)),
        ([("empty", False)], NetworkPlan(True, False)),
        ([("empty", True)], NetworkPlan(True, True)),
        ([("none", False)], NetworkPlan(False, False)),
        ([("none", True)], NetworkPlan(False, False)),
        ([("empty", False), ("empty", True)], NetworkPlan(True, True)),
    ],
)
def test_a_container_has_a_network_of_its_own_unless_it_asks_for_none(
    devices: list[tuple[str, bool]], expected: NetworkPlan
) -> None:
    assert plan(devices) == expected


def test_devices_may_come_from_a_generator() -> None:
    assert plan(device for device in [("none", True)]) == NetworkPlan(False, False)


def test_the_plan_prints_what_it_brings_up() -> None:
    assert str(plan([("empty", True)])) == "ip link set lo up"
    assert str(plan([("none", True)])) == ""
