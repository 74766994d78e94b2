"""`python -m bench`: what `make bench` runs."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import host, plots, report
from bench.results import HYBRID, UNIFIED, Results, Series

ROOT = Path(__file__).parents[1]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Our commands beside other runtimes'.")
    parser.add_argument("--bin", type=Path, default=ROOT / ".venv/bin", help="directory of our commands")
    parser.add_argument("--peer", type=Path, default=Path("/usr/bin"), help="directory of Debian's")
    parser.add_argument("--floor", type=Path, default=ROOT / ".venv/bench/floor", help="the program made of floor.c")
    parser.add_argument("--rows", nargs="*", default=[], help="names of groups and rows (with * and ?); default: all")
    parser.add_argument("--layouts", nargs="*", default=[UNIFIED, HYBRID], choices=[UNIFIED, HYBRID])
    parser.add_argument(
        "--rounds", type=int, default=10, help="samples of quick rows; slow ones get fewer (default: 10)"
    )
    parser.add_argument(
        "--most", type=int, default=100, help="containers of each side that run at a time (default: 100)"
    )
    parser.add_argument("--keep", type=Path, default=ROOT / ".venv/bench", help="directory for numbers and plots")
    parser.add_argument("--add", action="store_true", help="keep earlier numbers of rows that are not measured now")
    return parser.parse_args()


def measured(options: argparse.Namespace) -> Results:
    """Have each layout measured on a host of its own."""
    about: dict[str, Any] = {
        "machine": f"Linux {os.uname().release}, {os.cpu_count()} processors",
        "versions": versions(options.peer),
        "rounds": options.rounds,
        "absent": [],
        "failed": [],
        "phases": {},
    }
    series = []
    layouts = [each for each in options.layouts if each == UNIFIED or not host.is_unified()]
    for layout in layouts:
        words = {
            "layout": layout,
            "rows": options.rows,
            "rounds": options.rounds,
            "most": options.most,
            "bin": str(options.bin.absolute()),
            "peer": str(options.peer),
            "floor": str(options.floor.absolute()),
            "is_first": layout == layouts[0],
        }
        with host.session(layout, [json.dumps(words)]) as process:
            assert process.stdout
            for line in process.stdout:
                kind, what = json.loads(line)
                if kind == "series":
                    series.append(Series(**what))
                elif kind == "phases":
                    about["phases"][layout] = what
                else:
                    about[kind].append([layout, *what])
            if process.wait():
                about["failed"].append([layout, "session", f"exit {process.returncode}"])
    return Results(about, series)


def versions(peer: Path) -> str:
    asked = {
        "Debian's LXC": [str(peer / "lxc-info"), "--version"],
        "crun": ["crun", "--version"],
        "runc": ["runc", "--version"],
        "bwrap": ["bwrap", "--version"],
        "nspawn": ["systemd-nspawn", "--version"],
    }
    found = [f"Python {sys.version.split()[0]}"]
    for name, argv in asked.items():
        try:
            first = subprocess.run(argv, capture_output=True, text=True).stdout.split("\n")[0].split()
        except FileNotFoundError:
            continue
        found.append(f"{name} {next((word for word in first if word[:1].isdigit()), '')}")
    return ", ".join(found)


def main() -> None:
    options = arguments()
    results = measured(options)
    if options.add and (options.keep / "numbers.json").exists():
        results = results.added_to(Results.load(options.keep / "numbers.json"))
    options.keep.mkdir(parents=True, exist_ok=True)
    results.save(options.keep / "numbers.json")
    print(text := report.text(results))
    (options.keep / "tables.txt").write_text(text)
    drawn = plots.draw(results, options.keep)
    print(f"in {options.keep}: numbers.json, tables.txt{''.join(f', {each.name}' for each in drawn)}")
    sys.exit(1 if results.about["failed"] else 0)


if __name__ == "__main__":
    main()
