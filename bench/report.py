"""The tables: for each layout and pace the rows, with every side's median, quartiles, and ratio to Debian's LXC."""

from __future__ import annotations

from collections.abc import Iterator

from bench import aims
from bench.results import ONCE, Results, Series

_WIDTH = 20
_PEER = "lxc"


def text(results: Results) -> str:
    about = results.about
    lines = [
        f"{about['machine']}; {about['rounds']} rounds; {about['versions']}",
        "Medians, and in brackets the middle half, in milliseconds, or what the row says; spaced: after 30 ms of idleness.",
        "ours: with the fork server warm; cold: without it; / is ours divided by Debian's LXC.",
    ]
    lines += [f"{side} is not in it, {layout}: {reason}" for layout, side, reason in about["absent"]]
    lines += [f"FAILED, {layout}: {group}: {reason}" for layout, group, reason in about["failed"]]
    for layout, pace in dict.fromkeys((each.layout, each.pace) for each in results.series.values()):
        lines += ["", *_table(results, layout, pace)]
    return "\n".join([*lines, "", "Aims", *aims.table(results), ""])


def _table(results: Results, layout: str, pace: str) -> Iterator[str]:
    chosen = [each for each in results.series.values() if (each.layout, each.pace) == (layout, pace)]
    sides = list(dict.fromkeys(each.side for each in chosen))
    yield (
        f"{layout + (', ' + pace if pace != ONCE else ''):22}"
        + "".join(f"{side:>{_WIDTH}}" for side in sides)
        + f"{'/':>8}"
    )
    for row in dict.fromkeys(each.row for each in chosen):
        series = {each.side: each for each in chosen if each.row == row}
        unit = next(iter(series.values())).unit
        name = row if unit == "ms" else f"{row}, {unit}"
        cells = (_cell(series.get(side)) for side in sides)
        yield f"{name:22}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells) + f"{_ratio(series):>8}"


def _cell(series: Series | None) -> str:
    if not series:
        return "-"
    low, high = series.quartiles
    digits = 0 if series.median >= 1000 else 1 if series.median >= 1 else 3
    return f"{series.median:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _ratio(series: dict[str, Series]) -> str:
    return f"{series['ours'].median / series[_PEER].median:.2f}" if {"ours", _PEER} <= series.keys() else ""
