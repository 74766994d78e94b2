"""The user's end of a terminal: the escape, and what passes between two real pseudo terminals."""

from __future__ import annotations

import os
import pty
import signal
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.kernel import tty
from lxc.terminal import session
from lxc.terminal.session import Escape


@pytest.mark.parametrize(
    ("typed", "sent", "is_left"),
    [
        ([b"hello"], b"hello", False),
        ([b"a\x01q"], b"a", True),
        ([b"a\x01", b"q"], b"a", True),
        ([b"a\x01qlost"], b"a", True),
        ([b"\x01\x01q"], b"\x01q", False),
        ([b"\x01", b"\x01", b"\x01q"], b"\x01", True),
        ([b"\x01xq"], b"xq", False),
        ([b"q\x01"], b"q", False),
    ],
)
def test_the_prefix_and_q_leave(typed: list[bytes], sent: bytes, is_left: bool) -> None:
    escape = Escape(1)
    assert (b"".join(map(escape.feed, typed)), escape.is_left) == (sent, is_left)


@given(st.binary())
def test_without_a_prefix_everything_is_sent(typed: bytes) -> None:
    assert Escape(-1).feed(typed) == typed


@given(st.lists(st.binary(max_size=4)))
def test_it_does_not_matter_how_the_input_is_cut(pieces: list[bytes]) -> None:
    cut, whole = Escape(1), Escape(1)
    sent = b""
    for piece in pieces:
        if not cut.is_left:
            sent += cut.feed(piece)
    assert (sent, cut.is_left) == (whole.feed(b"".join(pieces)), whole.is_left)


class Pair:
    """A user's terminal and a container's, with a session between them that runs in a process of its own."""

    def __init__(self, escape: int = 1) -> None:
        self.user, user_end = pty.openpty()
        self.master, self.container = pty.openpty()
        tty.make_transparent(self.container)
        tty.set_window_size(self.user, (24).to_bytes(2, "little") + (80).to_bytes(2, "little") + bytes(4))
        self.settings = tty.settings(user_end)
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(self.container)
                session.run(self.master, escape, user_end, user_end)
                status = 0 if tty.settings(user_end) == self.settings else 3
            finally:
                os._exit(status)
        self.user_end = user_end

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def until_raw(self) -> None:
        for _ in range(1000):
            if tty.settings(self.user_end) != self.settings:
                return
            time.sleep(0.01)
        raise AssertionError("the terminal never became raw")

    def close(self) -> None:
        for fd in (self.user, self.user_end, self.master):
            os.close(fd)


def test_what_is_typed_arrives_and_the_terminal_is_put_back() -> None:
    pair = Pair()
    pair.until_raw()
    os.write(pair.user, b"hi\x01\x01\x03\r\x01q")
    assert os.read(pair.container, 100) == b"hi\x01\x03\r"
    assert pair.wait() == 0
    pair.close()


def test_the_session_ends_when_the_container_hangs_up() -> None:
    pair = Pair()
    pair.until_raw()
    os.write(pair.container, b"bye\n")
    os.close(pair.container)
    assert os.read(pair.user, 100).startswith(b"bye\r")
    assert pair.wait() == 0
    pair.close()


def test_sigterm_ends_the_session_and_the_terminal_is_put_back() -> None:
    pair = Pair()
    pair.until_raw()
    os.kill(pair.pid, signal.SIGTERM)
    assert pair.wait() == 0
    pair.close()


def test_the_container_has_the_users_window_and_its_changes() -> None:
    pair = Pair()
    pair.until_raw()

    def size() -> tuple[int, int]:
        raw = tty.window_size(pair.container)
        return int.from_bytes(raw[:2], "little"), int.from_bytes(raw[2:4], "little")

    def wait_for(expected: tuple[int, int]) -> None:
        for _ in range(1000):
            if size() == expected:
                return
            time.sleep(0.01)
        raise AssertionError(f"the window is {size()}, not {expected}")

    wait_for((24, 80))
    tty.set_window_size(pair.user, (30).to_bytes(2, "little") + (100).to_bytes(2, "little") + bytes(4))
    os.kill(pair.pid, signal.SIGWINCH)  # the kernel tells the foreground group only
    wait_for((30, 100))
    os.write(pair.user, b"\x01q")
    assert pair.wait() == 0
    pair.close()


def test_a_container_that_reads_nothing_does_not_stop_the_user_from_leaving() -> None:
    pair = Pair()
    pair.until_raw()
    typist = threading.Thread(target=lambda: os.write(pair.user, b"x" * 30000 + b"\x01q"), daemon=True)
    typist.start()
    assert pair.wait() == 0
    typist.join(10)
    pair.close()


def test_input_may_be_a_file() -> None:
    master, container = pty.openpty()
    source = os.open("/dev/null", os.O_RDONLY)
    reader, sink = os.pipe()
    session.run(master, 1, source, sink)
    for fd in (master, container, source, reader, sink):
        os.close(fd)
