import pytest

from lxc.values import plain


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("7", 7), (" 7", 7), ("+7", 7), ("0x10", 16), ("0X1f", 31), ("010", 8)]
)
def test_numbers_are_read_as_strtol_does(text: str, value: int) -> None:
    assert plain.unsigned(text) == value


@pytest.mark.parametrize(
    "text", ["", "x", "1x", "1 ", "0b1", "0o7", "08", "0x", "1_0", "٣", "-1", "4294967296", "9" * 5000]
)
def test_what_is_no_unsigned_number_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a (whole )?number"):
        plain.unsigned(text)


def test_users_and_groups_end_before_the_number_that_means_none() -> None:
    assert plain.identity("4294967294") == 2**32 - 2
    with pytest.raises(ValueError, match="from 0 to 4294967294"):
        plain.identity("4294967295")


def test_signed_numbers_may_be_negative() -> None:
    assert (plain.signed("-3"), plain.signed("-0x10")) == (-3, -16)


@pytest.mark.parametrize(("text", "value"), [("0", False), ("1", True), ("01", True), ("0x0", False)])
def test_flags_are_numbers(text: str, value: bool) -> None:
    assert plain.flag(text) is value


@pytest.mark.parametrize("text", ["yes", "2", "-1", "true"])
def test_flags_are_0_or_1(text: str) -> None:
    with pytest.raises(ValueError, match="expected 0 or 1, got "):
        plain.flag(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("", ""), ("/", "/"), ("//a//b/", "/a/b"), ("./a/./b/.", "a/b"), ("/a/../b", "/a/../b"), (".hidden", ".hidden"),
     ("/..a/.b", "/..a/.b"), ("none", "none")],
)  # fmt: skip
def test_paths_lose_what_means_nothing(text: str, value: str) -> None:
    assert plain.path(text) == value


def test_paths_have_a_greatest_length() -> None:
    with pytest.raises(ValueError, match="less than 4096 bytes"):
        plain.path("/" + "a" * 4096)


@pytest.mark.parametrize("text", ["/a", "a/../b", "..", "../a"])
def test_relative_paths_stay_below(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a (relative path|path without)"):
        plain.relative_path(text)


def test_two_dots_are_only_a_component_on_their_own() -> None:
    assert plain.relative_path("..a/b..") == "..a/b.."


@pytest.mark.parametrize("text", ["a/b", ".", ".."])
def test_a_directory_name_is_one_component(text: str) -> None:
    with pytest.raises(ValueError, match="name of one directory"):
        plain.directory_name(text)


def test_lengths_are_counted_in_bytes() -> None:
    assert plain.Shorter(65)("ü" * 32) == "ü" * 32
    with pytest.raises(ValueError, match="at most 64 bytes, got 66"):
        plain.Shorter(65)("ü" * 33)


def test_a_choice_offers_the_nearest_word() -> None:
    with pytest.raises(ValueError, match=r"expected one of veth, vlan, got 'vethh'; did you mean veth\?"):
        plain.Choice("veth", "vlan")("vethh")
