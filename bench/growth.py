"""What a start, a list and a stop cost while more and more containers run.

Sides take turns at each container, so `running` is the number that each of them has: the machine has as many more.
A step is a row, so that all is kept and compared as other rows are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bench import timing
from bench.many import _FIRST
from bench.sides import EMPTY, Lxc, Side
from bench.timing import Found

STEP = 100
VERBS = ("start", "ls", "stop")  # ls: of all that run, divided by their number


def row(verb: str, running: int) -> str:
    """The name of the row; `running` is how many run at the end of the step."""
    return f"{verb}-at-{running}"


def samples(sides: list[Side], most: int) -> Iterator[Found]:
    """Start `most` containers of each side, listing them after each step, and stop them.  One result for each step."""
    able = [each for each in sides if isinstance(each, Lxc) and each.key != "cold"]
    names = {each.key: [_made(each, number) for number in range(_FIRST, _FIRST + most)] for each in able}
    for last in range(STEP, most + 1, STEP):
        print(".", end="", file=sys.stderr, flush=True)
        yield {
            (row("start", last), each.key): [each.ms("start", name) for name in names[each.key][last - STEP : last]]
            for each in able
        }
        yield {(row("ls", last), each.key): [_listed(each) / last for _ in range(3)] for each in able}
    for last in range(most, 0, -STEP):
        print(".", end="", file=sys.stderr, flush=True)
        yield {
            (row("stop", last), each.key): [each.ms("stop", name) for name in names[each.key][last - STEP : last]]
            for each in able
        }


def _made(side: Lxc, number: int) -> str:
    name = side.named(number)
    return name if (side.path / name).exists() else side.make(number, EMPTY)


def _listed(side: Lxc) -> float:
    return timing.milliseconds(side.argv("lxc-ls", "-f", "--running"), side.environment)
