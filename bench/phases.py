"""The phases of a start, from traces of some: `lxc-start --trace`.

Each phase is where the medians of its begin and its end are, in milliseconds since the command began.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any, NamedTuple

from bench.sides import Lxc

PROCESSES = ("lxc-start", "monitor", "init")


class Phase(NamedTuple):
    process: str  # one of PROCESSES
    name: str
    begin: float
    end: float


def phases(side: Lxc, rounds: int, pause_ms: float) -> list[Phase]:
    """Of a container that the side has, started and stopped `rounds` times, and once before."""
    found: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    path = side.work / "trace.json"
    for turn in range(rounds + 1):
        time.sleep(pause_ms / 1000)
        side.ms("traced_start")
        side.ms("stop")
        if turn:
            for key, span in _read(json.loads(path.read_text())):
                found.setdefault(key, []).append(span)
    return [
        Phase(process, name, statistics.median(a for a, _ in spans), statistics.median(b for _, b in spans))
        for (process, name, _), spans in found.items()
    ]


def _read(events: list[dict[str, Any]]) -> list[tuple[tuple[str, str, int], tuple[float, float]]]:
    """(process, phase, how often it was there before) with begin and end."""
    processes = {each["pid"]: each["args"]["name"].split()[0] for each in events if each["ph"] == "M"}
    done = sorted((each for each in events if each["ph"] == "X"), key=lambda each: (each["ts"], -each["dur"]))
    zero = done[0]["ts"]
    seen: dict[tuple[str, str], int] = {}
    spans = []
    for each in done:
        key = processes[each["pid"]], each["name"]
        seen[key] = seen.get(key, -1) + 1
        begin = (each["ts"] - zero) / 1000
        spans.append(((*key, seen[key]), (begin, begin + each["dur"] / 1000)))
    return spans
