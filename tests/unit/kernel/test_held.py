"""System calls that keep the interpreter's lock do what those do that let go of it."""

import os
import pty
import threading
from collections.abc import Iterator
from contextlib import closing
from socket import MSG_DONTWAIT

import pytest

from lxc.kernel import held, sockets
from lxc.kernel.sockets import socket


@pytest.fixture
def ends() -> Iterator[tuple[socket, socket]]:
    one, other = held.pair()
    with closing(one), closing(other):
        yield one, other


def test_a_pair_is_inherited_by_nobody(ends: tuple[socket, socket]) -> None:
    assert [os.get_inheritable(end.fileno()) for end in ends] == [False, False]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 253])
def test_descriptors_come_with_what_is_sent(ends: tuple[socket, socket], count: int) -> None:
    held.send(ends[0], b"these", tuple(ends[0].fileno() for _ in range(count)))
    said, descriptors, _ = sockets.receive(ends[1], 100)
    assert said == b"these"
    assert [os.path.sameopenfile(fd, ends[0].fileno()) for fd in descriptors] == [True] * count
    for fd in descriptors:
        os.close(fd)


def test_more_than_the_kernel_takes_at_once_arrives_with_its_descriptor(ends: tuple[socket, socket]) -> None:
    data = os.urandom(1 << 20)
    heard: list[tuple[bytes, tuple[int, ...]]] = []
    reader = threading.Thread(target=lambda: heard.append(sockets.receive_exactly(ends[1], len(data))))
    reader.start()
    held.send(ends[0], data, (ends[0].fileno(),))
    reader.join()
    ((said, descriptors),) = heard
    assert said == data
    assert len(descriptors) == 1
    os.close(descriptors[0])


def test_who_reads_late_is_waited_for_and_gets_the_descriptor(ends: tuple[socket, socket]) -> None:
    filled = 0
    try:
        while True:
            filled += ends[0].send(bytes(1 << 16), MSG_DONTWAIT)
    except BlockingIOError:
        pass
    heard: list[tuple[bytes, tuple[int, ...]]] = []
    reader = threading.Timer(0.1, lambda: heard.append(sockets.receive_exactly(ends[1], filled + 4)))
    reader.start()
    held.send(ends[0], b"late", (ends[0].fileno(),))
    reader.join()
    ((said, descriptors),) = heard
    assert said[filled:] == b"late"
    assert len(descriptors) == 1
    os.close(descriptors[0])


def test_who_has_gone_cannot_be_told(ends: tuple[socket, socket]) -> None:
    ends[1].close()
    with pytest.raises(BrokenPipeError):
        held.send(ends[0], b"anything")


def test_what_is_closed_is_closed(ends: tuple[socket, socket]) -> None:
    fd = ends[0].fileno()
    held.close(ends[0])
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert ends[1].recv(1) == b""


def test_a_terminal_is_one_and_nothing_else_is() -> None:
    master, slave = pty.openpty()
    assert held.isatty(slave)
    os.close(master)
    os.close(slave)
    with open("/dev/null", "rb") as file:
        assert not held.isatty(file.fileno())
    assert not held.isatty(-1)


def test_a_child_that_ends_is_reaped_and_one_that_does_not_is_not() -> None:
    before = os.listdir("/proc/self/fd")
    reader, writer = os.pipe()
    pid = os.posix_spawn(
        "/bin/sh", ["sh", "-c", "read x; exit 7"], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)]
    )
    os.close(reader)
    assert held.reaped(pid, 1) is None
    os.close(writer)
    status = None
    while status is None:
        status = held.reaped(pid, 100)
    assert os.waitstatus_to_exitcode(status) == 7
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_somebody_elses_child_is_left_to_who_can_tell() -> None:
    assert held.reaped(os.getppid(), 0) is None
    pid = os.posix_spawn("/bin/true", ["true"], os.environ)
    os.waitpid(pid, 0)
    assert held.reaped(pid, 0) is None
