"""Maps of ids, both ways."""

from hypothesis import given
from hypothesis import strategies as st

from lxc.runtime.attaching.facts import inside, outside

RANGES = ((0, 100000, 1000), (1000, 1000, 1), (1001, 101001, 64535))


def test_an_id_is_found_in_its_range() -> None:
    assert [outside(RANGES, number) for number in (0, 999, 1000, 1001)] == [100000, 100999, 1000, 101001]


def test_an_id_that_is_not_mapped_is_none() -> None:
    assert (outside(RANGES, 65536), inside(RANGES, 0), inside(RANGES, 101000)) == (-1, -1, -1)


@given(st.integers(0, 65535))
def test_there_and_back(number: int) -> None:
    assert inside(RANGES, outside(RANGES, number)) == number
