"""Rows of a hundred containers: one after another, all at once, in one request; and the memory that each keeps."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import timing
from bench.sides import EMPTY, Lxc, Oci, Side, entitled
from bench.timing import Failed, Row

NUMBER = 100
FLEET = tuple(f"{what}-{NUMBER}" for what in ("start", "stop", "autostart", "autostop"))
FLEET += (f"start-{NUMBER}-at-once", f"stop-{NUMBER}-at-once")
MEMORY = ("pss", "pss-server")
_PEACE = 5  # seconds after which a monitor has what it needs as long as nothing happens
_FIRST = 10  # the number of the first of them
_AUTO = EMPTY + "lxc.start.auto = 1\n"


def _names(side: Side) -> list[str]:
    return [side.named(_FIRST + i) for i in range(NUMBER)]


def make(sides: list[Side]) -> list[Side]:
    """The hundred containers of each side that has such."""
    able = [each for each in sides if isinstance(each, Lxc | Oci) and each.key != "cold"]
    for each in able:
        if isinstance(each, Lxc) and not (each.path / _names(each)[0]).exists():
            for i in range(NUMBER):
                each.make(_FIRST + i, _AUTO)
    return able


def one_by_one(side: Side, verb: str) -> float:
    return sum(side.ms(verb, name) for name in _names(side))


def at_once(side: Side, verb: str) -> float:
    begin = time.perf_counter()
    pids = [timing.spawn(getattr(side, verb)(name), side.environment) for name in _names(side)]
    statuses = [timing.wait(pid) for pid in pids]
    took = (time.perf_counter() - begin) * 1000
    if any(statuses):
        raise Failed(f"{side.key}: {verb} of {NUMBER} at once: exit {max(statuses)}: {timing.complaints()}")
    return took


def in_one_request(side: Lxc, *words: str) -> float:
    return timing.milliseconds(side.argv("lxc-autostart", "-a", *words), side.environment)


@contextmanager
def fleet(sides: list[Side]) -> Iterator[list[Row]]:
    able = make(sides)
    auto = {each.key: each for each in able if isinstance(each, Lxc)}

    def both(how: str, taking: Callable[[Side, str], float]) -> list[Row]:
        return [
            Row(f"{verb}-{NUMBER}{how}", {each.key: partial(taking, each, verb) for each in able}, True)
            for verb in ("start", "stop")
        ]

    yield [
        *both("", one_by_one),
        *both("-at-once", at_once),
        Row(f"autostart-{NUMBER}", {key: partial(in_one_request, each) for key, each in auto.items()}, True),
        Row(f"autostop-{NUMBER}", {key: partial(in_one_request, each, "-k") for key, each in auto.items()}, True),
    ]


@contextmanager
def memory(sides: list[Side]) -> Iterator[list[Row]]:
    """PSS of what stays per running container, a hundred running, and of the fork server, which need not stay."""
    able = [each for each in make(sides) if isinstance(each, Lxc)]
    for each in able:
        one_by_one(each, "start")
    time.sleep(_PEACE)
    yield [
        Row("pss", {each.key: partial(pss, each) for each in able}, unit="kB"),
        Row("pss-server", {"ours": lambda: sum(map(_pss, entitled("[lxc fork server]")))}, unit="kB"),
    ]
    for each in able:
        one_by_one(each, "stop")


def pss(side: Lxc) -> float:
    """The mean of its monitors, in kB (smaps_rollup of proc_pid_smaps(5)), with their files in memory."""
    pids = side.monitors()
    if len(pids) != NUMBER:
        raise Failed(f"{side.key} has {len(pids)} monitors for {NUMBER} containers")
    return sum(_pss(pid) + _in_memory(pid) for pid in pids) / NUMBER


def _in_memory(pid: int) -> float:
    """What its memfds take: memory that it has not mapped."""
    files = [fd for fd in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(fd).startswith("/memfd:")]
    return sum(fd.stat().st_blocks / 2 for fd in files)


def _pss(pid: int) -> float:
    found = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return float(found[1]) if found else 0.0
