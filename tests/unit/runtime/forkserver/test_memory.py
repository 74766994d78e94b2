"""What one forked process has written to, the next has copied before it writes to it; and nothing else."""

import mmap
import os
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import forked

from lxc.kernel import memory
from lxc.runtime.forkserver.memory import Memory

PAGES = 64
WRITTEN = (3, 4, 5, 40, 63)


@pytest.fixture
def block() -> Iterator[mmap.mmap]:
    """Memory of this process, each page written to."""
    with mmap.mmap(-1, PAGES * memory.PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as made:
        made.madvise(mmap.MADV_NOHUGEPAGE)
        made[:] = b"x" * len(made)
        yield made


def address(block: mmap.mmap) -> int:
    """Where it is: the one mapping that is not there without it."""
    size = len(block)
    for start, end in memory.writable():
        for at in range(start, end - size + 1, memory.PAGE):
            if memory_at(at, 1) == b"x" and memory_at(at, size) == bytes(block):
                return at
    raise AssertionError("it is mapped nowhere")


def memory_at(at: int, size: int) -> bytes:
    with open("/proc/self/mem", "rb", buffering=0) as file:
        return os.pread(file.fileno(), size, at)


def test_pages_that_one_wrote_to_are_copied_for_the_next(block: mmap.mmap) -> None:
    start = address(block)
    end = start + len(block)
    known = Memory()

    def write_and_learn() -> None:
        for page in WRITTEN:
            block[page * memory.PAGE] = 1
        known.learn()

    def look() -> list[int]:
        return memory.own_pages(start, end)

    def copy_and_look() -> list[int]:
        known.copy()
        return look()

    assert forked(copy_and_look) == []
    forked(write_and_learn)
    assert forked(look) == []
    assert forked(copy_and_look) == list(WRITTEN)
    assert block[WRITTEN[0] * memory.PAGE] == ord("x")


def test_two_lessons_are_enough(block: mmap.mmap) -> None:
    start = address(block)
    known = Memory()

    def write_and_learn(page: int) -> Callable[[], None]:
        def in_it() -> None:
            block[page * memory.PAGE] = 1
            known.learn()

        return in_it

    for page in (1, 2, 9):
        forked(write_and_learn(page))

    def copy_and_look() -> list[int]:
        known.copy()
        return memory.own_pages(start, start + len(block))

    assert forked(copy_and_look) == [1, 2]
