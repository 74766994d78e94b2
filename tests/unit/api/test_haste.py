"""How long other threads may keep the interpreter is the program's own affair before and after."""

from __future__ import annotations

import sys

import pytest

from lxc.api.haste import haste


def test_the_interval_is_short_inside_and_as_before_afterwards() -> None:
    before = sys.getswitchinterval()
    with haste:
        with haste:
            assert sys.getswitchinterval() < before
        assert sys.getswitchinterval() < before
    with pytest.raises(KeyError), haste:
        raise KeyError
    assert sys.getswitchinterval() == before


def test_a_program_that_has_chosen_a_shorter_one_keeps_it() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with haste:
            assert sys.getswitchinterval() == pytest.approx(1e-6)
        assert sys.getswitchinterval() == pytest.approx(1e-6)
    finally:
        sys.setswitchinterval(before)
