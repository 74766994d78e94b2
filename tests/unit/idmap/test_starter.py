"""Which ids /etc/subuid gives to whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.idmap.starter import subordinate


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["joe:100:10", "ann:110:10", "1000:300:10"], ((100, 10), (300, 10))),
        (["joe:100:10", "joe:110:10"], ((100, 20),)),
        (["joe:110:10", "joe:100:10"], ((100, 20),)),
        (["joe:100:10", "joe:105:10", "joe:100:3"], ((100, 15),)),
        (["joe:300:10", "joe:100:10", "joe:120:10", "joe:110:10"], ((300, 10), (100, 30))),
        (["joe:100:10", "joe:111:10", "joe:110:0"], ((100, 10), (111, 10))),
        (["joe:x:10", "joe:1", "", "# joe:1:1"], ()),
    ],
)
def test_lines_whose_ids_touch_are_one_range(lines: list[str], found: tuple[tuple[int, int], ...]) -> None:
    assert subordinate("\n".join(lines), ("joe", "1000")) == found


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=12))
def test_no_id_is_added_or_lost_and_none_is_there_twice(lines: list[tuple[int, int]]) -> None:
    found = subordinate("".join(f"joe:{first}:{count}\n" for first, count in lines), ("joe",))
    ids = [number for first, count in found for number in range(first, first + count)]
    assert sorted(ids) == sorted({number for first, count in lines for number in range(first, first + count)})
    ends = {first + count for first, count in found}
    assert not any(first in ends for first, _ in found)
