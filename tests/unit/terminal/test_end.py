"""Ends on real socket pairs: no root, no terminal needed."""

import os
import socket
from collections.abc import Iterator

import pytest

from lxc.loop import Loop
from lxc.terminal import end
from lxc.terminal.end import End


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    near, far = socket.socketpair()
    far.setblocking(False)
    with near, far:
        yield near.fileno(), far.fileno()


def read(fd: int) -> bytes:
    data = b""
    try:
        while part := os.read(fd, 65536):
            data += part
    except BlockingIOError:
        pass
    return data


def test_what_is_read_is_received_and_what_is_sent_is_written(loop: Loop, pair: tuple[int, int]) -> None:
    near, far = pair
    received: list[bytes] = []
    this = End(loop, near)
    this.join(received.append, lambda: None)
    os.write(far, b"hello")
    loop.turn(0)
    this.send(b"world")
    assert received == [b"hello"]
    assert read(far) == b"world"


def test_one_that_may_lose_keeps_the_newest(loop: Loop, pair: tuple[int, int]) -> None:
    near, far = pair
    this = End(loop, near, may_lose=True)
    this.join(lambda data: None, lambda: None)
    for number in range(100_000):
        this.send(b"%07d\n" % number)
    text = b""
    while not this.is_drained:
        text += read(far)
        loop.turn(0)
    text += read(far)
    assert len(text) < 800_000
    assert text.endswith(b"0099998\n0099999\n")


def test_one_that_may_not_lose_says_when_it_is_full_and_when_drained(loop: Loop, pair: tuple[int, int]) -> None:
    near, far = pair
    drained: list[bool] = []
    this = End(loop, near)
    this.join(lambda data: None, lambda: None, lambda: drained.append(True))
    sent = 0
    while not this.is_full:
        this.send(bytes(4096))
        sent += 4096
    got = 0
    while got < sent:
        got += len(read(far))
        loop.turn(0)
    assert sent > end.LIMIT
    assert drained == [True]


def test_a_paused_one_receives_nothing_until_resumed(loop: Loop, pair: tuple[int, int]) -> None:
    near, far = pair
    received: list[bytes] = []
    this = End(loop, near)
    this.join(received.append, lambda: None)
    this.pause()
    os.write(far, b"later")
    assert not loop.turn(0)
    this.resume()
    loop.turn(0)
    assert received == [b"later"]


@pytest.mark.parametrize("paused", [False, True])
def test_the_other_side_going_away_is_told_once(loop: Loop, pair: tuple[int, int], paused: bool) -> None:
    near, far = pair
    lost: list[bool] = []
    this = End(loop, near)
    this.join(lambda data: None, lambda: lost.append(True))
    if paused:
        this.pause()
    socket.socket(fileno=os.dup(far)).shutdown(socket.SHUT_RDWR)
    while loop.turn(0):
        pass
    this.send(b"nobody hears this")
    assert lost == [True]
