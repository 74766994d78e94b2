"""Immutable values."""

import pytest

from lxc.record import Record


class Point(Record):
    x: int
    y: int = 0


class Named(Point):
    name: str = ""


def test_fields_are_given_by_place_or_name_and_the_rest_have_their_defaults() -> None:
    assert Point(1, 2) == Point(1, y=2) == Point(y=2, x=1)
    assert Point(1).y == 0
    assert Named(1, 2, "a") == Named(x=1, y=2, name="a")


def test_a_record_is_not_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Point(1).x = 2  # type: ignore[misc]


def test_a_copy_has_what_is_changed() -> None:
    assert Point(1, 2).replace(y=3) == Point(1, 3)
    assert Named(1, 2, "a").replace(x=5) == Named(5, 2, "a")


@pytest.mark.parametrize(
    "make", [lambda: Point(), lambda: Point(1, 2, 3), lambda: Point(1, z=3), lambda: Point(1, x=1)]
)
def test_what_does_not_fit_is_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((TypeError, AttributeError)):
        make()


def test_equal_records_are_of_one_class_and_have_one_hash() -> None:
    assert Point(1, 2) != Named(1, 2)
    assert Point(1, 2) != (1, 2)
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2


def test_a_record_prints_as_it_is_made() -> None:
    assert repr(Named(1, name="a")) == "Named(x=1, y=0, name='a')"
