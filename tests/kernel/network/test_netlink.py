"""Requests to the kernel, in a network namespace of the test's own."""

from __future__ import annotations

import errno
import subprocess
from _socket import AF_NETLINK, SOCK_RAW, socket
from collections.abc import Callable

import pytest

from lxc.kernel import rtnetlink
from lxc.kernel.netlink import Channel
from lxc.kernel.rtnetlink import Message

pytestmark = pytest.mark.root
Netless = Callable[[Callable[[], object]], object]
CREATE = rtnetlink.NEW
PAIR = {"kind": "veth", "veth": {"peer": {"ifname": "two"}}}


def names(channel: Channel) -> set[str]:
    return {message.fields["ifname"] for message in channel.dump(rtnetlink.RTM_GETLINK)}


def test_what_is_asked_for_is_there(netless: Netless) -> None:
    def act() -> object:
        with Channel() as channel:
            channel.request(rtnetlink.RTM_NEWLINK, CREATE, ifname="one", mtu=1400, linkinfo=PAIR)
            (link,) = channel.request(rtnetlink.RTM_GETLINK, ifname="one")
            shown = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
            return names(channel), link.fields["mtu"], sorted(line.split("@")[0] for line in shown.splitlines())[1:]

    assert netless(act) == ({"lo", "one", "two"}, 1400, ["one", "two"])


@pytest.mark.parametrize(
    ("fields", "number", "said"),
    [
        ({"ifname": "one", "linkinfo": PAIR}, errno.EEXIST, "File exists"),
        ({"ifname": "new", "linkinfo": {"kind": "nosuchkind"}}, errno.EOPNOTSUPP, "Unknown device type"),
        ({"ifname": "a-name-of-more-than-15", "linkinfo": PAIR}, errno.ERANGE, "Attribute failed policy validation"),
    ],
)
def test_a_refusal_has_the_kernels_own_words(
    netless: Netless, fields: dict[str, object], number: int, said: str
) -> None:
    def act() -> object:
        with Channel() as channel:
            channel.request(rtnetlink.RTM_NEWLINK, CREATE, ifname="one", linkinfo=PAIR)
            try:
                channel.request(rtnetlink.RTM_NEWLINK, CREATE, **fields)
            except OSError as error:
                return error.errno, error.strerror, sorted(names(channel))
        return None

    assert netless(act) == (number, _contains(said), ["lo", "one", "two"])


class _contains(str):
    """Equal to any text that contains it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self) in other

    __hash__ = str.__hash__


def test_after_a_refusal_the_next_request_gets_its_own_answer(netless: Netless) -> None:
    def act() -> object:
        with Channel() as channel:
            for _ in range(3):
                with pytest.raises(OSError):
                    channel.request(rtnetlink.RTM_GETLINK, ifname="none-such")
                (link,) = channel.request(rtnetlink.RTM_GETLINK, ifname="lo")
            return link.fields["index"]

    assert netless(act) == 1


def test_more_than_one_datagram_of_answers_is_read(netless: Netless) -> None:
    def act() -> object:
        with Channel() as channel:
            for number in range(300):
                channel.request(
                    rtnetlink.RTM_NEWADDR,
                    CREATE,
                    family=2,
                    prefixlen=32,
                    index=1,
                    local=f"10.1.{number // 250}.{number % 250}",
                )
            return len(channel.dump(rtnetlink.RTM_GETADDR, family=2))

    assert netless(act) == 300


def test_what_others_send_is_not_taken_for_the_kernels_answer(netless: Netless) -> None:
    """Whoever is root in the namespace may send to our socket."""

    def act() -> object:
        with Channel() as channel, _socket() as other:
            other.bind((0, 0))
            forged = Message(rtnetlink.RTM_NEWLINK, 0, {"index": 1, "ifname": "forged"}, sequence=1)
            channel._socket.bind((0, 0))
            port = channel._socket.getsockname()[0]
            other.sendto(rtnetlink.pack(forged), (port, 0))
            (link,) = channel.request(rtnetlink.RTM_GETLINK, ifname="lo")
            return link.fields["ifname"]

    assert netless(act) == "lo"


class _socket(socket):
    def __init__(self) -> None:
        super().__init__(AF_NETLINK, SOCK_RAW, 0)

    def __enter__(self) -> _socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
