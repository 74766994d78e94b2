"""Rows of single commands: a container's life, one with a network device, lists."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import timing
from bench.sides import VETH, Floor, Lxc, Side
from bench.timing import Row

LISTED = (1, 10, 100, 1000)
RUNNING = 50
LIFE = ("execute", "start", "info", "attach", "stop")
WITH_VETH = ("start-veth", "stop-veth")
_SETTLED = 2.5  # seconds: ours read again what has changed as lately as that
LISTS = (*(f"ls-{number}" for number in LISTED), f"ls-{RUNNING}-running")


def row(name: str, sides: list[Side], verb: str, *, is_needed: bool = False) -> Row:
    takes = {each.key: partial(each.ms, verb) for each in sides if hasattr(each, verb)}
    return Row(name, takes, is_needed)


@contextmanager
def life(sides: list[Side]) -> Iterator[list[Row]]:
    """A container runs from the first row that is needed to the last."""
    attach = row("attach", sides, "attach")
    for each in sides:
        if isinstance(each, Floor) and (ours := next((it for it in sides if isinstance(it, Lxc)), None)):
            attach.takes[each.key] = _entered(each, ours)  # type: ignore[index]
    yield [
        row("execute", sides, "execute"),
        row("start", sides, "start", is_needed=True),
        row("info", sides, "info"),
        attach,
        row("stop", sides, "stop", is_needed=True),
    ]


def _entered(floor: Floor, ours: Lxc) -> Callable[[], float]:
    def sample() -> float:
        asked = subprocess.run(ours.argv("lxc-info", "-n", ours.name, "-p", "-H"), capture_output=True, check=True)
        floor.init = int(asked.stdout)
        return floor.ms("attach")

    return sample


@contextmanager
def veth(sides: list[Side]) -> Iterator[list[Row]]:
    """A container with a network device that has an address and is on the host's bridge."""
    ours = [each for each in sides if isinstance(each, Lxc)]
    starts: dict[str, Callable[[], float]] = {}
    stops: dict[str, Callable[[], float]] = {}
    for number, each in enumerate(ours):
        name = each.make(1, VETH.format(high=0, low=10 + number))
        starts[each.key], stops[each.key] = partial(each.ms, "start", name), partial(each.ms, "stop", name)
    yield [Row("start-veth", starts, True), Row("stop-veth", stops, True)]


@contextmanager
def lists(sides: list[Side]) -> Iterator[list[Row]]:
    """lxc-ls -f of containers that are stopped, and of some that run, with addresses."""
    lxcs = [each for each in sides if isinstance(each, Lxc)]
    rows = []
    for number in LISTED:
        takes: dict[str, Callable[[], float]] = {}
        for each in lxcs:
            path = each.work / f"{each.key}-{number}"
            for i in range(number):
                each.make(i, path=path)
            takes[each.key] = partial(_list, each, path)
        rows.append(Row(f"ls-{number}", takes))
    # cold commands list what ours run: a container costs a moment, and is the same
    running = {each.key: each.work / f"{each.key}-running" for each in lxcs if each.key != "cold"}
    started = [each for each in lxcs if each.key in running]
    takes = {each.key: partial(_list, each, running.get(each.key) or running["ours"]) for each in lxcs}
    for place, each in enumerate(started):
        for i in range(RUNNING):
            name = each.make(i, VETH.format(high=place + 1, low=i + 1), running[each.key])
            subprocess.run(each.argv("lxc-start", "-n", name, path=running[each.key]), check=True, env=each.environment)
    time.sleep(_SETTLED)
    yield [*rows, Row(f"ls-{RUNNING}-running", takes)]
    for each in started:
        for i in range(RUNNING):
            subprocess.run(each.argv("lxc-stop", "-k", "-n", each.named(i), path=running[each.key]), check=True)


def _list(side: Lxc, path: Path) -> float:
    return timing.milliseconds(side.argv("lxc-ls", "-f", path=path), side.environment)
