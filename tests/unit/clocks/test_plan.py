"""Offsets as the kernel takes them: whole seconds, which may be negative, and nanoseconds, which may not."""

import pytest

from lxc.clocks.plan import ClockPlan, Shift


@pytest.mark.parametrize(
    ("offset_ns", "line"),
    [
        (3_600_000_000_000, "boottime 3600 0\n"), (-3_600_000_000_000, "boottime -3600 0\n"),
        (1, "boottime 0 1\n"), (-1, "boottime -1 999999999\n"), (-1_500_000_000, "boottime -2 500000000\n"),
    ],
)  # fmt: skip
def test_a_shift_is_a_line_of_timens_offsets(offset_ns: int, line: str) -> None:
    assert Shift("boottime", offset_ns).line == line


def test_it_prints_what_is_written() -> None:
    assert str(ClockPlan(True, (Shift("monotonic", 10**9),))) == "echo monotonic 1 0 >> /proc/INIT/timens_offsets"
    assert str(ClockPlan(True)) == ""
