"""rtnetlink messages into addresses, whatever they contain."""

from __future__ import annotations

from typing import Any

import pytest

from lxc.kernel import rtnetlink
from lxc.kernel.rtnetlink import Message
from lxc.network.addresses import Address, Interfaces, parse

LINKS = {1: "lo", 2: "eth0"}
INET, INET6, PACKET = 2, 10, 17


def parsed(**fields: Any) -> Address | None:
    """What is made of a message of the kernel's with these fields."""
    data = rtnetlink.pack(Message(rtnetlink.RTM_NEWADDR, 0, {"prefixlen": 24, **fields}))
    (message,) = rtnetlink.unpack(data)
    return parse(message.fields, LINKS)


def test_an_address_has_its_interfaces_name() -> None:
    assert parsed(family=INET, index=2, address="10.0.3.2") == Address("eth0", "inet", "10.0.3.2")


def test_of_a_point_to_point_link_our_end_counts() -> None:
    found = parsed(family=INET, index=2, address="10.0.0.1", local="10.0.0.2")
    assert found == Address("eth0", "inet", "10.0.0.2")


@pytest.mark.parametrize(
    ("text", "scope"), [("fd00::2", 0), ("fe80::1", 2), ("febf::1", 2), ("fec0::1", 0), ("::1", 0), ("fe8:1::1", 0)]
)
def test_the_scope_of_a_link_local_address_is_its_link(text: str, scope: int) -> None:
    assert parsed(family=INET6, index=2, address=text) == Address("eth0", "inet6", text, scope)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"family": PACKET, "index": 2, "address": "10.0.0.1"},
        {"family": INET, "index": 2},
        {"family": INET, "index": 2, "address": "fd00::1"},
        {"family": INET, "index": 9, "address": "10.0.0.1"},
    ],
)
def test_what_is_no_address_of_ours_is_none(fields: dict[str, Any]) -> None:
    assert parsed(**fields) is None


INTERFACES = Interfaces(
    ("eth0", "lo"),
    (
        Address("lo", "inet", "127.0.0.1"),
        Address("eth0", "inet", "10.0.3.2"),
        Address("lo", "inet6", "::1"),
        Address("eth0", "inet6", "fd00::2"),
        Address("eth0", "inet6", "fe80::1", 2),
    ),
)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ("10.0.3.2", "fd00::2")),
        ({"family": "inet"}, ("10.0.3.2",)),
        ({"family": "inet6"}, ("fd00::2",)),
        ({"interface": "lo"}, ("127.0.0.1", "::1")),
        ({"interface": "eth0", "family": "inet6", "scope": 2}, ("fe80::1",)),
        ({"interface": "eth1"}, ()),
        ({"family": "inet9"}, ()),
    ],
)
def test_addresses_are_chosen_as_by_get_ips(asked: dict[str, str], expected: tuple[str, ...]) -> None:
    assert INTERFACES.addresses(**asked) == expected  # type: ignore[arg-type]  # the test's table mixes them
