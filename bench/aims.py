"""What is aimed at, as ratios of medians (and one size), beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.results import HOT, HYBRID, ONCE, SPACED, UNIFIED, Results


class Aim(NamedTuple):
    rows: tuple[str, ...]  # the sum of their medians
    layout: str
    pace: str
    side: str
    against: str  # "": the limit is no ratio
    limit: float

    def measured(self, results: Results) -> tuple[float, float] | None:
        """By the medians, and by the lower quartiles, on which a busy neighbour has less influence."""
        mine = results.total(self.layout, self.pace, self.rows, self.side)
        if mine is None or not self.against:
            return mine
        theirs = results.total(self.layout, self.pace, self.rows, self.against)
        return (mine[0] / theirs[0], mine[1] / theirs[1]) if theirs else None

    def __str__(self) -> str:
        where = f"{self.layout}, {self.pace}" if self.pace else self.layout
        over = f"{self.side}/{self.against}" if self.against else self.side
        return f"{' + '.join(self.rows):32} {where:16} {over:10}"


_BOTH = {"start": (0.4, 0.7), "execute": (0.5, 0.75), "attach": (0.4, 0.7), "stop": (0.2, 0.5)}  # unified, hybrid
_UNIFIED = {"start-veth": 0.4, "stop-veth": 0.15, "info": 0.5, "ls-1000": 0.1, "ls-50-running": 0.2}
_CRUN = {"start": 0.9, "execute": 0.9, "attach": 0.9, "stop": 0.3}
_COLD = {"start": 1.0, "execute": 1.0, "attach": 1.0, "info": 3.0, "ls-1": 3.0, "ls-1000": 0.4}
_REQUEST = {"autostart-100": 0.5, "autostop-100": 0.25}


def aims() -> Iterator[Aim]:
    for row, limits in _BOTH.items():
        for layout, limit in zip((UNIFIED, HYBRID), limits, strict=True):
            yield Aim((row,), layout, SPACED, "ours", "lxc", limit)
    for row, limit in _UNIFIED.items():
        yield Aim((row,), UNIFIED, SPACED, "ours", "lxc", limit)
    for row in (*_BOTH, *_UNIFIED):
        for layout in (UNIFIED, HYBRID):
            yield Aim((row,), layout, HOT, "ours", "lxc", 1.0)
    for row, limit in _CRUN.items():
        yield Aim((row,), UNIFIED, SPACED, "ours", "crun", limit)
    yield Aim(("execute",), UNIFIED, SPACED, "ours", "floor", 2.5)
    for row, limit in _COLD.items():
        yield Aim((row,), UNIFIED, SPACED, "cold", "lxc", limit)
    for layout in (UNIFIED, HYBRID):
        for row, limit in _REQUEST.items():
            yield Aim((row,), layout, ONCE, "ours", "lxc", limit)
    yield Aim(("api-start-heap", "api-stop-heap"), UNIFIED, SPACED, "ours", "lxc", 0.2)
    yield Aim(("api-start-busy", "api-stop-busy"), UNIFIED, SPACED, "ours", "lxc", 1.0)
    yield Aim(("pss",), UNIFIED, ONCE, "ours", "", 900)
    yield Aim(("pss",), UNIFIED, ONCE, "ours", "lxc", 1.0)


def table(results: Results) -> list[str]:
    """What is aimed at and was measured in this run, a line each; and how many aims are met."""
    found = [(aim, value) for aim in aims() if (value := aim.measured(results)) is not None]
    lines = [
        f"{aim}  aim ≤ {aim.limit:<6g} measured {value:8.2f}  (lower quartiles {lower:.2f})  "
        f"{'met' if value <= aim.limit else 'NOT MET'}"
        for aim, (value, lower) in found
    ]
    met = sum(value <= aim.limit for aim, (value, _) in found)
    return [*lines, f"{met} of {len(found)} met; {sum(1 for _ in aims()) - len(found)} were not measured in this run"]
