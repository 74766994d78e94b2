"""What the benchmark makes of its numbers."""

from pathlib import Path
from xml.etree import ElementTree

from bench import aims, growth, plots, report
from bench.phases import PROCESSES, Phase
from bench.results import HYBRID, ONCE, SPACED, UNIFIED, Results, Series

ABOUT = {"machine": "a machine", "rounds": 2, "versions": "", "absent": [[HYBRID, "crun", "it says why"]], "failed": []}


def results(*series: Series) -> Results:
    phases = [Phase(process, "a <phase>", n, n + 5.0) for n, process in enumerate(PROCESSES)]
    return Results({**ABOUT, "phases": {UNIFIED: phases}}, series)


def start(side: str, *samples: float) -> Series:
    return Series(UNIFIED, SPACED, "start", side, "ms", list(samples))


def test_numbers_are_kept_and_read_again(tmp_path: Path) -> None:
    some = results(start("ours", 1.0, 2.0), start("lxc", 10.0))
    some.save(tmp_path / "n")
    assert Results.load(tmp_path / "n").series == some.series


def test_a_row_that_is_measured_again_is_the_new_runs_alone() -> None:
    other = Series(UNIFIED, ONCE, "pss", "ours", "kB", [5.0])
    added = results(start("ours", 2.0)).added_to(results(start("ours", 1.0), start("lxc", 1.0), other))
    assert list(added.series.values()) == [other, start("ours", 2.0)]


def test_an_aim_is_met_up_to_its_limit() -> None:
    def verdict(ours: float) -> str:
        lines = aims.table(results(start("ours", ours), start("lxc", 10.0)))
        return next(line for line in lines if line.startswith("start ")).partition("measured")[2].strip()

    assert verdict(4.0) == "0.40  (lower quartiles 0.40)  met"
    assert verdict(4.1) == "0.41  (lower quartiles 0.41)  NOT MET"


def test_what_was_not_measured_is_counted() -> None:
    assert aims.table(results(start("ours", 1.0), start("lxc", 10.0)))[-1].startswith("1 of 1 met; ")


def test_the_report_names_who_is_not_in_it() -> None:
    text = report.text(results(start("ours", 1.0, 2.0, 3.0), start("lxc", 4.0)))
    assert "crun is not in it, hybrid: it says why" in text
    assert "2.0 (1.5-2.5)" in text


def test_plots_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    grown = [
        Series(UNIFIED, ONCE, growth.row(verb, n), side, "ms", [float(n)])
        for verb in growth.VERBS
        for n in (100, 200)
        for side in ("ours", "lxc")
    ]
    pss = Series(UNIFIED, ONCE, "pss", "ours", "kB", [5.0])
    drawn = plots.draw(results(*grown, pss), tmp_path)
    assert [each.name for each in drawn] == ["phases-unified.svg", "fleet-unified.svg", "memory-unified.svg"]
    for each in drawn:
        ElementTree.parse(each)
    assert plots.draw(results(start("ours", 1.0)), tmp_path) == [tmp_path / "phases-unified.svg"]
