import pytest

from lxc.values.words import listed, meant, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("  a\tb ", ("a", "b")),
        ("'a b' c", ("a b", "c")),
        ("a'b c'd", ("ab cd",)),
        ("""sh -c "echo 'hi there'" """, ("sh", "-c", "echo 'hi there'")),
        ("''", ("",)),
        (r"a\ b", ("a\\", "b")),
    ],
)
def test_quotes_group_and_nothing_escapes(text: str, words: tuple[str, ...]) -> None:
    assert split(text) == words


@pytest.mark.parametrize("text", ["'a", 'a "b'])
def test_a_quote_must_be_closed(text: str) -> None:
    with pytest.raises(ValueError, match="expected a closing"):
        split(text)


def test_only_blanks_and_tabs_separate_words() -> None:
    assert listed("a\u00a0b c\td") == ("a\u00a0b", "c", "d")


def test_the_nearest_word_is_meant_if_one_is_near() -> None:
    assert meant("sys_admn", ["net_admin", "sys_admin"]) == "sys_admin"
    assert meant("quux", ["net_admin", "sys_admin"]) == ""
