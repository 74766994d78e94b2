"""What names and numbers of capabilities mean."""

import pytest

from lxc.values import capability


@pytest.mark.parametrize(
    ("name", "number"), [("chown", 0), ("21", 21), ("0x15", 21), ("025", 21), ("050", 40), ("0", 0)]
)
def test_a_number_is_written_as_in_c(name: str, number: int) -> None:
    assert capability.number(name) == number


@pytest.mark.parametrize("name", ["08", "41", "051", "-1", "1x", "", "CHOWN"])
def test_what_is_no_capability_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a capability such as net_admin"):
        capability.number(name)


def test_none_is_kept_and_not_dropped() -> None:
    assert capability.drop("chown  21") == ("chown", "21")
    assert capability.keep("none", ("chown",)) == ("none",)
    with pytest.raises(ValueError, match=r"'none' is for lxc\.cap\.keep only"):
        capability.drop("chown none")
