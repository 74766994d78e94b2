"""What is set for one run of lxc-start or lxc-execute."""

from __future__ import annotations

import pytest
from tests.conftest import Lxc

pytestmark = pytest.mark.root


@pytest.mark.parametrize("value", ['"w1"', "'w1'", "w1", ' "w1" '])
def test_a_value_may_be_quoted_as_in_a_file(lxc: Lxc, box: str, value: str) -> None:
    lxc.start(box, "-s", f"lxc.uts.name={value}")
    assert lxc.attach(box, "hostname") == "w1\n"


def test_quotes_keep_blanks_and_are_no_part_of_a_variable(lxc: Lxc, box: str) -> None:
    words = ("lxc-execute", "-n", box, "-s", 'lxc.environment = "A= 1 "', "--", "/bin/sh", "-c", 'echo "[$A]"')
    assert lxc.ok(*words) == "[ 1 ]\n"
