"""What of a fleet is done at a time."""

import pytest

from lxc.runtime.place import Place
from lxc.runtime.starting.fleet import Member, batches, in_groups


def member(name: str, order: int = 0, delay: int = 0, *groups: str) -> Member:
    return Member(Place(name, "/lxc"), True, delay, order, frozenset(groups))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], []),
        ([member("a"), member("b")], ["ab"]),
        ([member("a", 1), member("b", 2), member("c", 2)], ["a", "bc"]),
        ([member("a", 0, 3), member("b")], ["a", "b"]),
        ([member("a"), member("b", 0, 3), member("c"), member("d", 7)], ["ab", "c", "d"]),
    ],
)
def test_neighbours_of_one_order_go_together_up_to_a_delay(members: list[Member], expected: list[str]) -> None:
    assert ["".join(it.place.name for it in batch) for batch in batches(members)] == expected


def test_nobody_is_chosen_twice() -> None:
    known = [member("a", 0, 0, "x", "y"), member("b"), member("c", 0, 0, "y")]
    assert [it.place.name for it in in_groups(known, ["y", "x", "", "y"])] == ["a", "c", "b"]
