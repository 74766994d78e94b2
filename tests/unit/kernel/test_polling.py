import os
import select
from collections.abc import Iterator

import pytest

from lxc.kernel import polling


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """The reading and the writing end of a pipe; a test that closes one takes it away."""
    fds = list(os.pipe())
    yield fds
    for fd in fds:
        os.close(fd)


def test_what_does_not_come_is_nothing(ends: list[int]) -> None:
    assert polling.events(ends[0]) == 0
    assert polling.events(ends[0], 1) == 0


def test_what_has_come_is_told_once_it_is_wanted(ends: list[int]) -> None:
    os.write(ends[1], b"x")
    assert polling.events(ends[0], None) == select.POLLIN
    assert polling.events(ends[0], wanted=0) == 0
    assert polling.events(ends[1], wanted=select.POLLOUT) == select.POLLOUT


def test_hanging_up_is_always_told(ends: list[int]) -> None:
    os.write(ends[1], b"x")
    os.close(ends.pop())
    assert polling.events(ends[0], wanted=0) == select.POLLHUP
    assert polling.events(ends[0]) == select.POLLIN | select.POLLHUP
