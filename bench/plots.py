"""The plots of the numbers, as SVG: `python -m bench.plots NUMBERS DIRECTORY` draws those of an earlier run anew."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from bench import growth
from bench.phases import PROCESSES, Phase
from bench.results import ONCE, Results

_WIDTH, _LEFT, _RIGHT = 860, 90, 20
_COLOURS = {"ours": "#2563a8", "lxc": "#c2622d"}
_SHADES = ("#2563a8", "#5b8fc9", "#8fb4de", "#417aba")
_NAMES = {"ours": "ours", "lxc": "Debian's LXC"}
_NAMED_MS = 0.35  # a phase that is shorter has no room for its name


def draw(results: Results, directory: Path) -> list[Path]:
    """Write what the numbers suffice for; the files."""
    made = []
    for layout in dict.fromkeys(each.layout for each in results.series.values()):
        phases = [Phase(*each) for each in results.about.get("phases", {}).get(layout, [])]
        for name, text in (
            ("phases", _phases(phases)),
            ("fleet", _fleet(results, layout)),
            ("memory", _memory(results, layout)),
        ):
            if text:
                made.append(directory / f"{name}-{layout}.svg")
                made[-1].write_text(text)
    return made


def _phases(phases: list[Phase]) -> str:
    """The processes below each other, time from left to right."""
    if not phases:
        return ""
    last = max(each.end for each in phases)
    scale = (_WIDTH - _LEFT - _RIGHT) / last
    parts = [_text(10, 20, "A start by phase: milliseconds since the command began", size=14)]
    y = 45
    for process in PROCESSES:
        own = [each for each in phases if each.process == process and each.name != process]
        parts.append(_text(10, y + 15, process))
        height = y
        for number, each in enumerate(sorted(own, key=lambda each: each.begin)):
            x, width = _LEFT + each.begin * scale, max((each.end - each.begin) * scale, 0.6)
            label = f"{each.name}: {each.end - each.begin:.2f} ms"
            colour = _SHADES[number % len(_SHADES)]
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="22" fill="{colour}"><title>{escape(label)}</title></rect>'
            )
            if each.end - each.begin >= _NAMED_MS:
                height += 14
                parts.append(f'<path d="M{x + 1:.1f} {y + 22}V{height + 19}" stroke="#999" fill="none"/>')
                parts.append(_beside(x, height + 23, label))
        y = height + 45
    parts += [
        f'<path d="M{_LEFT + ms * scale:.1f} 30V{y - 20}" stroke="#ddd"/>'
        + _text(_LEFT + ms * scale + 2, 38, f"{ms}", size=9)
        for ms in range(0, int(last) + 1, max(1, round(last / 10)))
    ]
    return _svg(y, parts)


def _beside(x: float, y: float, label: str) -> str:
    """A text right of x, or left of it where there is no room."""
    return _text(x + 4, y, label, size=10) if x < _WIDTH * 0.6 else _text(x - 2, y, label, size=10, anchor="end")


def _fleet(results: Results, layout: str) -> str:
    """A panel for each verb: the cost per container over the number that runs."""
    steps = range(growth.STEP, 2000, growth.STEP)
    lines = {
        verb: {side: _line(results, layout, verb, side, steps) for side in ("ours", "lxc")} for verb in growth.VERBS
    }
    if not all(line for both in lines.values() for line in both.values()):
        return ""
    last = max(n for n, _ in lines["start"]["ours"])
    parts = [_text(10, 20, f"Cost per container while 1 to {last} run, ms ({layout})", size=14)]
    width = (_WIDTH - 40) / len(growth.VERBS)
    for place, verb in enumerate(growth.VERBS):
        parts += _panel(30 + place * width, 50, width - 40, 180, f"lxc-{verb}", lines[verb])
    return _svg(270, [*parts, *_legend(_WIDTH - 220, 20)])


def _line(results: Results, layout: str, verb: str, side: str, steps: Sequence[int]) -> list[tuple[int, float]]:
    series = ((n, results.series.get((layout, ONCE, growth.row(verb, n), side))) for n in steps)
    return [(n, each.median) for n, each in series if each]


def _panel(
    x: float, y: float, width: float, height: float, title: str, lines: dict[str, list[tuple[int, float]]]
) -> Iterator[str]:
    most = max(value for line in lines.values() for _, value in line) * 1.1
    last = max(n for line in lines.values() for n, _ in line)
    yield _text(x + width / 2, y - 6, title, anchor="middle")
    for part in range(5):
        level = y + height - height * part / 4
        yield f'<path d="M{x} {level:.1f}h{width}" stroke="#ddd"/>'
        yield _text(x - 4, level + 3, f"{most * part / 4:.3g}", size=9, anchor="end")
    for n, _ in lines["ours"]:
        yield _text(x + width * n / last, y + height + 14, str(n), size=9, anchor="middle")
    for side, line in lines.items():
        points = " ".join(f"{x + width * n / last:.1f},{y + height - height * value / most:.1f}" for n, value in line)
        yield f'<polyline points="{points}" fill="none" stroke="{_COLOURS[side]}" stroke-width="2"/>'


def _memory(results: Results, layout: str) -> str:
    found = {
        side: results.series[key] for side in ("ours", "lxc") if (key := (layout, ONCE, "pss", side)) in results.series
    }
    if not found:
        return ""
    most = max(each.median for each in found.values())
    parts = [_text(10, 20, f"Memory that stays per running container, 100 running: PSS in kB ({layout})", size=14)]
    for place, (side, series) in enumerate(found.items()):
        y, width = 40 + 32 * place, (_WIDTH - 250) * series.median / most
        parts.append(_text(10, y + 16, _NAMES[side]))
        parts.append(f'<rect x="130" y="{y}" width="{width:.1f}" height="22" fill="{_COLOURS[side]}"/>')
        parts.append(_text(136 + width, y + 16, f"{series.median:,.0f}"))
    return _svg(40 + 32 * len(found), parts)


def _legend(x: float, y: float) -> Iterator[str]:
    for side, name in _NAMES.items():
        yield f'<path d="M{x} {y - 4}h18" stroke="{_COLOURS[side]}" stroke-width="3"/>' + _text(x + 24, y, name)
        x += 80


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" font-family="sans-serif">'
    return "\n".join((head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"))


if __name__ == "__main__":
    draw(Results.load(Path(sys.argv[1])), Path(sys.argv[2]))
