"""Which capabilities are dropped."""

import pytest

from lxc.security.plan import SecurityPlan, bounding


@pytest.mark.parametrize(
    ("drop", "keep", "dropped"),
    [
        ((), None, ()),
        ((3, 1), None, (1, 3)),
        ((1, 1), None, (1,)),
        ((), (0, 4), (1, 2, 3)),
        ((), (), (0, 1, 2, 3, 4)),
        ((), (0, 1, 2, 3, 4), ()),
    ],
)
def test_a_list_of_capabilities_says_what_to_drop_or_what_to_keep(
    drop: tuple[int, ...], keep: tuple[int, ...] | None, dropped: tuple[int, ...]
) -> None:
    assert bounding(drop, keep, last=4) == dropped


def test_a_capability_that_the_kernel_does_not_have_need_not_be_dropped() -> None:
    assert bounding((2, 40, 63), None, last=39) == (2,)


def test_a_newer_kernels_capabilities_are_dropped_unless_they_are_kept() -> None:
    assert bounding((), (0,), last=70)[-1] == 70


def test_the_plan_says_what_is_kept() -> None:
    plan = SecurityPlan(dropped=(12,))
    assert not plan.keeps(12)
    assert plan.keeps(13)


def test_the_plan_prints_names_and_numbers_for_those_without() -> None:
    plan = SecurityPlan(dropped=(0, 1, 7), names=("chown", "dac_override"), no_new_privs=True)
    assert str(plan) == "drop capabilities chown dac_override 7\nset no_new_privs"
    assert str(SecurityPlan()) == ""
