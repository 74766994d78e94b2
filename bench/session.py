"""The part of a run that is on the host it is about: `python -m bench.session WORK LAYOUT OPTIONS`.

It is started by `host.session`.  What it finds it prints, a line of JSON for each series; progress goes to standard
error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import copying, growth, interface, life, many, phases, reading, timing
from bench.host import is_unified
from bench.results import HOT, ONCE, SPACED, UNIFIED, Series
from bench.sides import Bwrap, Floor, Lxc, Nspawn, Oci, Side, make_root
from bench.timing import Failed, Found, Row

PAUSE_MS = 30


class Group(NamedTuple):
    rows: Callable[[list[Side]], AbstractContextManager[list[Row]]]
    name: str
    names: tuple[str, ...]  # of its rows
    paces: tuple[str, ...]
    share: int  # takes one round of so many
    layouts: int = 2  # 1: it is the same in both, and done in the first


GROUPS = (
    Group(life.life, "life", life.LIFE, (SPACED, HOT), 1),
    Group(life.veth, "veth", life.WITH_VETH, (SPACED, HOT), 1),
    Group(life.lists, "lists", life.LISTS, (SPACED, HOT), 2),
    Group(interface.interface, "api", interface.ROWS, (SPACED, HOT), 2),
    Group(reading.reading, "reading", reading.ROWS, (ONCE,), 1, 1),
    Group(copying.copying, "copying", copying.ROWS, (ONCE,), 5, 1),
    Group(many.fleet, "fleet", many.FLEET, (ONCE,), 5),
    Group(many.memory, "memory", many.MEMORY, (ONCE,), 10),
)


class Options(NamedTuple):
    layout: str
    rows: list[str]  # names of groups, and patterns (fnmatch) of names of rows; [] is all
    rounds: int
    most: int  # containers that run at a time
    bin: str
    peer: str
    floor: str
    is_first: bool

    def wants(self, group: str, row: str) -> bool:
        return not self.rows or group in self.rows or any(fnmatchcase(row, pattern) for pattern in self.rows)


def all_sides(options: Options, work: Path) -> list[Side]:
    cgroups = Path("/sys/fs/cgroup")
    if options.layout != UNIFIED and not is_unified():
        cgroups /= "unified"
    return [
        Lxc("ours", work, Path(options.bin)),
        Lxc("cold", work, Path(options.bin), {"LXC_FORKSERVER": "0"}),
        Lxc("lxc", work, Path(options.peer)),
        Oci("crun", work, has_device_rules=False),
        Oci("runc", work, has_device_rules=True),
        Bwrap("bwrap", work),
        Nspawn("nspawn", work),
        Floor("floor", work, Path(options.floor), cgroups),
    ]


def tell(kind: str, what: object) -> None:
    print(json.dumps([kind, what]), flush=True)


def tell_found(layout: str, pace: str, rows: list[Row], found: Found) -> None:
    units = {row.name: row.unit for row in rows}
    for (row, side), samples in found.items():
        tell("series", Series(layout, pace, row, side, units.get(row, "ms"), samples)._asdict())


def take(options: Options, group: Group, sides: list[Side]) -> None:
    """All samples of a group.  What fails ends it, not the run."""
    with group.rows(sides) as rows:
        for pace in group.paces:
            pause = PAUSE_MS if pace == SPACED else 0
            number = max(1, options.rounds // group.share)
            warmups = 0 if group.share > 2 else 1
            tell_found(
                options.layout,
                pace,
                rows,
                timing.rounds(rows, partial(options.wants, group.name), number, pause, warmups),
            )


def main() -> None:
    work = Path(sys.argv[1])
    options = Options(**json.loads(sys.argv[2]))
    make_root(work / "root")
    sides = []
    for side in all_sides(options, work):
        reason = side.probe()
        if reason:
            tell("absent", [side.key, reason])
        else:
            sides.append(side)
    for group in GROUPS:
        is_wanted = any(options.wants(group.name, row) for row in group.names)
        if not is_wanted or (group.layouts == 1 and not options.is_first):
            continue
        print(f"\n{options.layout}, {group.name} ", end="", file=sys.stderr, flush=True)
        try:
            take(options, group, sides)
        except (Failed, OSError):
            tell("failed", [group.name, traceback.format_exc(limit=-1).splitlines()[-1]])
    if options.wants("phases", "phases"):
        ours = next(each for each in sides if isinstance(each, Lxc))
        tell("phases", phases.phases(ours, options.rounds, PAUSE_MS))
    if options.most and any(options.wants("growth", growth.row(verb, options.most)) for verb in growth.VERBS):
        print(f"\n{options.layout}, growth ", end="", file=sys.stderr, flush=True)
        try:
            for found in growth.samples(sides, options.most):
                tell_found(options.layout, ONCE, [], found)
        except (Failed, OSError) as error:
            tell("failed", ["growth", str(error)])
    sys.stderr.write("\n")
    os._exit(0)  # containers that a failed group has left go with the host


if __name__ == "__main__":
    main()
