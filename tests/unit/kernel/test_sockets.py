"""Sockets, between two ends in this process."""

import os

from lxc.kernel import sockets


def test_who_connects_before_anybody_serves_is_known_later() -> None:
    name = f"lxc-test-{os.getpid()}".encode()
    listener = sockets.listen(name)
    client = sockets.connect(name)
    sockets.send(client, b"early")
    channel = sockets.accept(listener)
    data, _, credentials = sockets.receive(channel, 16)
    for end in (listener, client, channel):
        end.close()
    assert (data, credentials) == (b"early", (os.getpid(), os.getuid(), os.getgid()))


def test_a_wait_may_be_longer_than_the_kernel_counts() -> None:
    one, other = sockets.pair()
    sockets.set_receive_timeout(one, 1e20)
    other.close()
    assert sockets.receive(one, 1)[0] == b""
    one.close()
