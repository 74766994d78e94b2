"""Sockets, between two ends in this process."""

import errno
import os
import resource

from tests.conftest import forked

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


def test_descriptors_that_there_is_no_room_for_are_missed_and_the_others_closed() -> None:
    def found() -> tuple[int | None, bool]:
        one, other = sockets.pair()
        sockets.send(one, b"here they are", (one.fileno(),) * 3)
        before = os.listdir("/proc/self/fd")
        lowest = os.dup(0)  # and none below it is free
        os.close(lowest)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
        try:
            sockets.receive_exactly(other, 13)
        except OSError as error:
            return error.errno, os.listdir("/proc/self/fd") == before
        return None, False

    assert forked(found) == (errno.EMFILE, True)
