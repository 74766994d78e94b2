"""rtnetlink messages into addresses, whatever they contain."""

from __future__ import annotations

import sys
from socket import AF_INET, AF_INET6, AF_PACKET, inet_pton

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.network.addresses import Address, Interfaces, messages, parse_address

LINKS = {1: "lo", 2: "eth0"}
LOCAL, ADDRESS, LABEL = 2, 1, 3


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, sys.byteorder)


def attribute(kind: int, content: bytes) -> bytes:
    return (number(4 + len(content), 2) + number(kind, 2) + content).ljust((4 + len(content) + 3) & ~3, b"\0")


def address_message(family: int, index: int, *attributes: bytes) -> bytes:
    return bytes((family, 24, 0, 0)) + number(index, 4) + b"".join(attributes)


def message(kind: int, body: bytes) -> bytes:
    return (number(16 + len(body), 4) + number(kind, 2) + bytes(10) + body).ljust((16 + len(body) + 3) & ~3, b"\0")


def test_an_address_has_its_interfaces_name() -> None:
    raw = address_message(AF_INET, 2, attribute(LABEL, b"eth0:1\0"), attribute(ADDRESS, inet_pton(AF_INET, "10.0.3.2")))
    assert parse_address(raw, LINKS) == Address("eth0", "inet", "10.0.3.2")


def test_of_a_point_to_point_link_our_end_counts() -> None:
    ends = (attribute(kind, inet_pton(AF_INET, text)) for kind, text in ((ADDRESS, "10.0.0.1"), (LOCAL, "10.0.0.2")))
    assert parse_address(address_message(AF_INET, 2, *ends), LINKS) == Address("eth0", "inet", "10.0.0.2")


@pytest.mark.parametrize(
    ("text", "scope"), [("fd00::2", 0), ("fe80::1", 2), ("febf::1", 2), ("fec0::1", 0), ("::1", 0)]
)
def test_the_scope_of_a_link_local_address_is_its_link(text: str, scope: int) -> None:
    raw = address_message(AF_INET6, 2, attribute(ADDRESS, inet_pton(AF_INET6, text)))
    assert parse_address(raw, LINKS) == Address("eth0", "inet6", text, scope)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        address_message(AF_PACKET, 2, attribute(ADDRESS, b"\1\2\3\4\5\6")),
        address_message(AF_INET, 2),
        address_message(AF_INET, 2, attribute(ADDRESS, b"\1\2\3")),
        address_message(AF_INET, 9, attribute(ADDRESS, b"\1\2\3\4")),
        address_message(AF_INET, 2, number(200, 2) + number(ADDRESS, 2) + b"\1\2\3\4"),
        address_message(AF_INET, 2, number(0, 2) + number(ADDRESS, 2) + b"\1\2\3\4"),
    ],
)
def test_what_is_no_address_of_ours_is_none(raw: bytes) -> None:
    assert parse_address(raw, LINKS) is None


def test_several_messages_may_come_at_once() -> None:
    assert list(messages(message(20, b"one") + message(20, b"four") + message(3, b""))) == [
        (20, b"one"),
        (20, b"four"),
        (3, b""),
    ]


@pytest.mark.parametrize("length", [0, 15, 100])
def test_a_message_with_a_wrong_length_ends_it(length: int) -> None:
    assert list(messages(message(20, b"one") + number(length, 4) + bytes(20))) == [(20, b"one")]


@given(st.binary(max_size=200))
def test_nothing_in_a_message_can_break_out(data: bytes) -> None:
    for _, body in messages(data):
        parse_address(body, LINKS)
    parse_address(data, LINKS)


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
