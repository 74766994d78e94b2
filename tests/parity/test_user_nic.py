"""Debian's lxc-user-nic and ours, one after the other, in the same situation: the same answers and exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.hosts import Host
from tests.native.test_user_nic import ANSWER, OURS, UserNic

pytestmark = pytest.mark.parity

PEER = Path("/usr/libexec/lxc/lxc-user-nic")


def scenario(program: Path) -> list[object]:
    """What a user gets who asks for this and that; random parts of names are left out."""
    seen: list[object] = []
    with Host() as host:
        nic = UserNic(host, program)
        alices, bobs = nic.container("alice"), nic.container("bob")

        def create(pid: int, bridge: str, *name: str, user: str = "alice") -> None:
            done = nic.create(pid, bridge, *name, user=user, groups=("team",))
            match = ANSWER.fullmatch(done.stdout)
            made = (match[1], re.sub("_....$", "_", match[3])) if match else done.stdout
            seen.append((done.returncode, made, [re.sub("_....$", "_", note) for note in nic.notes()]))

        create(alices, "br0", "net7")
        create(alices, "br0")
        create(alices, "br0")  # one too many
        create(alices, "br1")  # not allowed
        create(bobs, "br0")  # somebody else's
        create(bobs, "none", user="bob")
        create(alices, "none")
        create(alices, "none")  # the group's are used up
        create(1, "br0", user="bob")
        seen.append((host.links(alices), host.links(bobs)))
        for words in ((), ("create",), ("delete", "p", "c", f"/proc/{alices}/ns/net", "veth", "br0", "nothing")):
            seen.append(nic.call(*words).returncode)
    return seen


def test_the_same_requests_get_the_same_answers() -> None:
    assert scenario(OURS) == scenario(PEER)
