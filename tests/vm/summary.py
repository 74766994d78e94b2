"""Adds up what ran where: summary.py DIRECTORY… (each with a `record`, see tests/selection.py). Fails if a test ran nowhere."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path


def summary(records: dict[str, str]) -> tuple[list[str], bool]:
    """The lines to print for the records of these places, and whether each test ran in one of them."""
    seen: set[str] = set()
    ran: set[str] = set()
    lines = []
    for place, text in records.items():
        outcomes = [line.split(" ", 1) for line in text.splitlines()]
        counts = Counter(outcome for outcome, _ in outcomes if not outcome.startswith("left:"))
        seen |= {test for _, test in outcomes}
        ran |= {test for outcome, test in outcomes if outcome in ("passed", "failed")}
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        lines.append(f"{place}: {counts['passed'] + counts['failed']} tests ran ({told or 'none'})")
    nowhere = sorted(seen - ran)
    lines.append(f"ran nowhere: {len(nowhere)} of {len(seen)} tests")
    return [*lines, *(f"  {test}" for test in nowhere)], not nowhere


if __name__ == "__main__":
    places = [Path(word) for word in sys.argv[1:]]
    lines, all_ran = summary({place.name: (place / "record").read_text() for place in places})
    print(*lines, sep="\n")
    sys.exit(not all_ran)
