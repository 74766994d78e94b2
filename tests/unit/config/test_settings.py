"""What a program holds of a configuration in memory."""

import pytest

from lxc.config.settings import Settings

TYPE = "lxc.net.1.type"


def test_a_network_device_is_made_by_its_type() -> None:
    made = Settings().set_item(TYPE, "veth", "here")
    assert (made.item(TYPE), made.item("lxc.net")) == ("veth", ["veth"])


def test_what_is_wrong_of_a_network_device_that_is_not_there_is_a_wrong_value() -> None:
    with pytest.raises(ValueError, match="bogus"):
        Settings().set_item(TYPE, "bogus", "here")
    with pytest.raises(ValueError, match="bogus"):
        Settings().set_item(TYPE, ["bogus"], "here")


@pytest.mark.parametrize(
    ("key", "value"),
    [("lxc.net.1.nonsense", "x"), ("lxc.net.1.veth.pair", "x"), ("lxc.net.1", "x"), (TYPE, ""), ("lxc.hook", "x")],
)
def test_what_cannot_be_read_back_is_no_key(key: str, value: str) -> None:
    with pytest.raises(KeyError):
        Settings().set_item(key, value, "here")


@pytest.mark.parametrize("key", ["lxc.net.", "lxc.net.1."])
def test_a_dot_at_the_end_means_no_network_device(key: str) -> None:
    made = Settings().set_item(TYPE, "veth", "here")
    with pytest.raises(ValueError, match="unknown key"):
        made.clear_item(key)
    with pytest.raises(ValueError, match="unknown key"):
        made.append_item(key, "", "here")
