"""The messages about wireless devices: byte for byte what pyroute2 builds."""

from __future__ import annotations

from typing import Any

import pytest
from pyroute2.netlink.nl80211 import nl80211cmd

from lxc.kernel import nl80211
from lxc.kernel.rtnetlink import Message, pack, unpack

TYPE, FLAGS = 28, 5  # what nl80211 happens to be called in some kernel


@pytest.mark.parametrize(
    ("fields", "command", "attributes"),
    [
        ({"command": 5, "interface": 7}, 5, [("NL80211_ATTR_IFINDEX", 7)]),
        ({"command": 8, "interface": 7}, 8, [("NL80211_ATTR_IFINDEX", 7)]),
        ({"command": 49, "radio": 3, "netns_fd": 11}, 49, [("NL80211_ATTR_WIPHY", 3), ("NL80211_ATTR_NETNS_FD", 11)]),
    ],
)
def test_they_are_pyroute2s(fields: dict[str, Any], command: int, attributes: list[tuple[str, int]]) -> None:
    theirs = nl80211cmd()
    theirs.update(cmd=command, version=0, attrs=attributes)
    theirs["header"].update(type=TYPE, flags=FLAGS, sequence_number=9, pid=0)
    theirs.encode()
    families = {TYPE: nl80211.WIRELESS}
    ours = pack(Message(TYPE, FLAGS, fields, 9), families)
    assert ours == bytes(theirs.data)
    assert [message.fields for message in unpack(ours, families)] == [{"version": 0, **fields}]


def test_without_wireless_devices_none_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nl80211.os.path, "exists", lambda path: False)
    with nl80211.Wireless() as here:
        assert (here.radio(1), here.interfaces(0)) == (-1, ())
