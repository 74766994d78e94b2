"""The numbers, as they are kept: which row, on which host and at which pace, by whom, and every sample."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

UNIFIED, HYBRID = "unified", "hybrid"
SPACED, HOT, ONCE = "spaced", "hot", ""  # ONCE: rows that are long, or not of commands


class Series(NamedTuple):
    layout: str
    pace: str
    row: str
    side: str
    unit: str
    samples: list[float]

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.layout, self.pace, self.row, self.side

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high


class Results:
    """All series of a run, and what is to be known of the run."""

    def __init__(self, about: dict[str, Any], series: Iterable[Series]) -> None:
        self.about = about
        self.series = {each.key: each for each in series}

    def total(self, layout: str, pace: str, rows: tuple[str, ...], side: str) -> tuple[float, float] | None:
        """The sums of the medians and of the lower quartiles of `rows`; None if one of them was not measured."""
        found = [self.series.get((layout, pace, row, side)) for row in rows]
        if not all(found):
            return None
        return sum(each.median for each in found if each), sum(each.quartiles[0] for each in found if each)

    def added_to(self, earlier: Results) -> Results:
        """Both, where a row that was measured again is this run's alone: sides are compared within a run only."""
        anew = {key[:3] for key in self.series}
        kept = [each for key, each in earlier.series.items() if key[:3] not in anew]
        phases = {**earlier.about["phases"], **self.about["phases"]}
        return Results({**self.about, "phases": phases}, [*kept, *self.series.values()])

    def save(self, path: Path) -> None:
        """Write JSON: a line for each series, so that two runs can be compared by eye."""
        lines = [
            json.dumps(each._asdict() | {"samples": [round(it, 3) for it in each.samples]})
            for each in self.series.values()
        ]
        path.write_text('{"about": ' + json.dumps(self.about) + ',\n "series": [\n' + ",\n".join(lines) + "\n]}\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        kept = json.loads(path.read_text())
        return cls(kept["about"], (Series(**each) for each in kept["series"]))
