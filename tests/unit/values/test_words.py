import subprocess

import pytest

from lxc.values.words import listed, meant, shell, split


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


def test_a_shell_takes_what_is_quoted_for_it_as_it_was() -> None:
    words = ["", "~", "#", "*", "a=b c", "é", "it's", *(f"/{chr(number)}n" for number in range(1, 128))]
    argv = ["sh", "-c", f"printf '%s\\0' {' '.join(map(shell, words))}"]
    said = subprocess.run(argv, capture_output=True, check=True).stdout.decode()
    assert said.split("\0")[:-1] == words


def test_plain_words_are_not_quoted() -> None:
    assert shell("--a_b=/c.d,e:1@f%g+") == "--a_b=/c.d,e:1@f%g+"
