"""Whose an abstract address is, the kernel tells, and nobody else."""

import os
from socket import AF_NETLINK, AF_UNIX, SOCK_RAW, socket

import pytest

from lxc.kernel import unixdiag

pytestmark = pytest.mark.root  # who may speak to another process over netlink

DONE = b"".join(number.to_bytes(4, "little") for number in (20, 3, 1, 0, 0))


class Overheard(socket):
    """One that somebody else answers before the kernel does."""

    def send(self, data: bytes, *_: int) -> int:  # type: ignore[override]
        self.bind((0, 0))
        with socket(AF_NETLINK, SOCK_RAW, 4) as other:
            other.sendto(DONE, (self.getsockname()[0], 0))
        return super().send(data)


def test_who_speaks_in_the_kernels_place_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"lxc-test-{os.getpid()}".encode()
    monkeypatch.setattr(unixdiag, "socket", Overheard)
    with socket(AF_UNIX) as listener:
        listener.bind(b"\0" + name)
        listener.listen()
        assert name in {it.address for it in unixdiag.bound(unixdiag.LISTENING)}
