"""lxc-top's screen and order."""

from __future__ import annotations

import struct

import pytest

from lxc.cgroups.statistics import Detail
from lxc.cli import top

FOUND = {
    "a": Detail(cpu_ns=1_500_000_000, system_ticks=50, user_ticks=100, memory_bytes=3 << 20),
    "b": Detail(cpu_ns=500_000_000, io_bytes=3000, read_bytes=1000, written_bytes=2000, memory_bytes=5 << 30),
    "a name that is rather long": Detail(),
}


@pytest.mark.parametrize(
    ("by", "reverse", "names"),
    [("n", False, "a,a name,b"), ("n", True, "b,a name,a"), ("c", False, "a,b,a name"), ("c", True, "a name,b,a"),
     ("m", False, "b,a,a name"), ("b", False, "b,a name,a"), ("s", True, "a,a name,b")],
)  # fmt: skip
def test_names_are_sorted_upwards_and_values_downwards(by: str, reverse: bool, names: str) -> None:
    assert [name[:6] for name in top.sort(FOUND, by, reverse)] == names.split(",")


def test_the_screen() -> None:
    assert list(top.screen(FOUND, ["b", "a name that is rather long", "a"], 3)) == [
        "\33[7m\33[1mContainer                   CPU          CPU          CPU                                BlkIO        Mem",
        "Name                       Used          Sys         User                    Total(Read/Write)       Used",
        "\33[0mb                          0.50         0.00         0.00      2.93 KiB(1000.00   /  1.95 KiB)   5.00 GiB",
        "a name that is rat         0.00         0.00         0.00         0.00   (  0.00   /  0.00   )    0.00   ",
        "TOTAL 2 of 3               2.00         0.50         1.00      2.93 KiB(1000.00   /  1.95 KiB)   5.00 GiB",
        "not counted, for they have no control groups of their own: a name that is rather long",
    ]


def test_who_is_counted_is_not_named_below_the_table() -> None:
    assert len(list(top.screen({"a": FOUND["a"]}, ["a"], 9))) == 4


def test_swap_and_kernel_memory_have_columns_if_there_is_any() -> None:
    lines = list(top.screen({"a": Detail(memory_and_swap_bytes=1 << 21, kernel_bytes=4096)}, ["a"], 9))
    assert [line[-21:] for line in lines] == [
        "     MemSw       KMem", "      Used       Used", "  2.00 MiB   4.00 KiB", "  2.00 MiB   4.00 KiB",
    ]  # fmt: skip


def test_without_containers_there_is_the_total() -> None:
    assert list(top.screen({}, [], 20))[2].startswith("\33[0mTOTAL 0 of 0 ")


@pytest.mark.parametrize("text", ["x", ""])
def test_what_is_no_order_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected name, cpu"):
        top.order(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "inf"])
def test_what_is_no_delay_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number of seconds"):
        top.seconds(text)


@pytest.mark.parametrize(
    ("rows", "columns", "room"), [(24, 200, 21), (24, 127, 21), (24, 80, 9), (24, 40, 3), (24, 0, 21)]
)
def test_what_a_narrow_window_shows_does_not_scroll_away(rows: int, columns: int, room: int) -> None:
    assert top.room(struct.pack("4H", rows, columns, 0, 0)) == room
