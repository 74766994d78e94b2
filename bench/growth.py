"""What a start, a list and a stop cost while more and more containers run.

Sides take turns at each container, so `running` is the number that each of them has: the machine has as many more.
A step is a row, so that all is kept and compared as other rows are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bench import timing
from bench.sides import EMPTY, Lxc, Side
from bench.timing import Found

STEP = 100
_FIRST = 1000  # the number of the first
_FEW_PTYS = f"{EMPTY}lxc.tty.max = 0\n"  # a machine has 4096 of them (/proc/sys/kernel/pty/max)
VERBS = ("start", "ls", "stop")  # ls: of all that run, divided by their number


def row(verb: str, running: int) -> str:
    """The name of the row; `running` is how many run at the end of the step."""
    return f"{verb}-at-{running}"


def samples(sides: list[Side], most: int) -> Iterator[Found]:
    """Start `most` containers of each side, listing them after each step, and stop them.  One result for each step."""
    able = [each for each in sides if isinstance(each, Lxc) and each.key != "cold"]
    for each in able:
        for number in range(most):
            each.make(_FIRST + number, _FEW_PTYS)
    for last in range(STEP, most + 1, STEP):
        print(".", end="", file=sys.stderr, flush=True)
        yield _each(able, "start", last)
        yield {(row("ls", last), each.key): [_listed(each) / last for _ in range(3)] for each in able}
    for last in range(most, 0, -STEP):
        print(".", end="", file=sys.stderr, flush=True)
        yield _each(able, "stop", last)


def _each(sides: list[Lxc], verb: str, last: int) -> Found:
    """Do it to the containers of a step, one of each side at a time."""
    found: Found = {(row(verb, last), side.key): [] for side in sides}
    for number in range(last - STEP, last):
        for side in sides:
            found[row(verb, last), side.key].append(side.ms(verb, side.named(_FIRST + number)))
    return found


def _listed(side: Lxc) -> float:
    return timing.milliseconds(side.argv("lxc-ls", "-f", "--running"), side.environment)
