"""The event loop, on pipes."""

import os
from collections.abc import Iterator

import pytest

from lxc.loop import BROKEN, READABLE, WRITABLE, Loop


class Pipe:
    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def write(self) -> None:
        os.write(self.writer, b"x")

    def read(self) -> None:
        os.read(self.reader, 1)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def pipes() -> Iterator[list[Pipe]]:
    pipes = [Pipe() for _ in range(3)]
    yield pipes
    for pipe in pipes:
        for fd in (pipe.reader, pipe.writer):
            try:
                os.close(fd)
            except OSError:
                continue  # the test has closed it


def test_who_is_ready_is_called_and_nobody_else(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[int] = []
    for number, pipe in enumerate(pipes):
        loop.watch(pipe.reader, lambda _, number=number: called.append(number))  # type: ignore[misc]
    pipes[1].write()
    assert loop.turn(0)
    assert called == [1]


def test_a_turn_ends_when_its_time_is_up(loop: Loop, pipes: list[Pipe]) -> None:
    loop.watch(pipes[0].reader, lambda _: pytest.fail("nothing was ready"))
    assert not loop.turn(0)
    assert not loop.turn(0.001)


def test_what_nobody_tells_of_is_looked_at_while_nothing_happens(loop: Loop, pipes: list[Pipe]) -> None:
    looks: list[int] = []
    loop.watch(pipes[0].reader, lambda _: None)

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 3:
            pipes[0].write()

    loop.look = look
    assert not loop.turn(0)
    assert not loop.turn(0.001)
    assert loop.turn()
    assert looks == [0, 1, 2]
    pipes[0].read()

    def look_no_more() -> None:
        loop.look = None

    loop.look = look_no_more
    assert not loop.turn(0.001)
    assert loop.look is None


def test_what_is_not_read_is_reported_again(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[int] = []
    loop.watch(pipes[0].reader, called.append)
    pipes[0].write()
    loop.turn(0)
    loop.turn(0)
    assert called == [READABLE, READABLE]


def test_a_callback_learns_what_its_descriptor_is_ready_for(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[int] = []
    loop.watch(pipes[0].writer, called.append, WRITABLE)
    loop.turn(0)
    os.close(pipes[0].reader)
    loop.turn(0)
    assert called[0] == WRITABLE
    assert called[1] & BROKEN


def test_the_other_end_going_away_is_reported_to_who_only_reads(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[int] = []
    loop.watch(pipes[0].reader, called.append)
    os.close(pipes[0].writer)
    loop.turn(0)
    assert called
    assert called[0] & BROKEN


def test_watching_again_replaces_callback_and_events(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[str] = []
    loop.watch(pipes[0].writer, lambda _: called.append("first"))
    loop.watch(pipes[0].writer, lambda _: called.append("second"), WRITABLE)
    loop.turn(0)
    assert called == ["second"]


def test_one_forgotten_is_not_called_again_even_in_the_same_round(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[int] = []

    def forget_all(fd: int) -> None:
        called.append(fd)
        for pipe in pipes:
            loop.forget(pipe.reader)

    for pipe in pipes:
        pipe.write()
        loop.watch(pipe.reader, lambda _, fd=pipe.reader: forget_all(fd))  # type: ignore[misc]
    loop.turn(0)
    loop.turn(0)
    assert len(called) == 1


def test_forgetting_who_is_not_watched_does_nothing(loop: Loop, pipes: list[Pipe]) -> None:
    loop.forget(pipes[0].reader)
    loop.watch(pipes[0].reader, lambda _: None)
    loop.forget(pipes[0].reader)
    loop.forget(pipes[0].reader)


def test_a_callback_may_watch_others(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[str] = []

    def watch_the_other(_: int) -> None:
        pipes[0].read()
        loop.watch(pipes[1].reader, lambda _: called.append("other"))

    loop.watch(pipes[0].reader, watch_the_other)
    pipes[0].write()
    pipes[1].write()
    loop.turn(0)
    loop.turn(0)
    assert called == ["other"]


def test_a_number_that_is_used_again_in_the_same_round_is_not_taken_for_the_old_one(
    loop: Loop, pipes: list[Pipe]
) -> None:
    """A connection ends and another is accepted with its number, while an event of the first is still to be told."""
    wrong: list[str] = []
    first, second = sorted((pipes[0], pipes[1]), key=lambda pipe: pipe.reader)

    def replace(mine: Pipe, other: Pipe) -> None:
        number = other.reader
        loop.forget(number)
        loop.forget(mine.reader)
        os.dup2(pipes[2].reader, number)
        loop.watch(number, lambda _: wrong.append("event of the old one"))

    for mine, other in ((first, second), (second, first)):
        mine.write()
        loop.watch(mine.reader, lambda _, mine=mine, other=other: replace(mine, other))  # type: ignore[misc]
    loop.turn(0)
    assert wrong == []


def test_run_goes_on_until_it_is_stopped(loop: Loop, pipes: list[Pipe]) -> None:
    count = 0

    def callback(_: int) -> None:
        nonlocal count
        count += 1
        if count == 3:
            loop.stop()

    loop.watch(pipes[0].reader, callback)
    pipes[0].write()
    loop.run()
    assert count == 3


def test_a_stop_comes_after_all_of_the_round_were_called(loop: Loop, pipes: list[Pipe]) -> None:
    called: list[int] = []
    for pipe in pipes:
        pipe.write()
        loop.watch(pipe.reader, lambda events: (called.append(events), loop.stop()))  # type: ignore[arg-type, func-returns-value]
    loop.run()
    assert len(called) == 3


def test_an_error_in_a_callback_is_not_hidden(loop: Loop, pipes: list[Pipe]) -> None:
    def callback(_: int) -> None:
        raise KeyError("mine")

    loop.watch(pipes[0].reader, callback)
    pipes[0].write()
    with pytest.raises(KeyError):
        loop.run()


def test_who_runs_is_told_once_of_each_time_without_anything_to_do(loop: Loop, pipes: list[Pipe]) -> None:
    reader, writer = pipes[0].reader, pipes[0].writer
    told: list[str] = []

    def idle() -> None:
        told.append("idle")
        if len(told) == 1:
            os.write(writer, b"x")  # the next time is another one
        else:
            loop.watch(writer, lambda _events: loop.stop(), WRITABLE)

    loop.watch(reader, lambda _events: told.append("read") if os.read(reader, 1) else None)
    loop.run(idle, 0.01)
    assert told == ["idle", "read", "idle"]
