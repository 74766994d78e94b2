"""Extended regular expressions are those of C programs."""

from __future__ import annotations

import pytest

from lxc.kernel.regex import Regex


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^(web|db)[[:digit:]]+$", "web12", True),
        ("^(web|db)[[:digit:]]+$", "web", False),
        ("a{2}", "caat", True),
        (".", "", False),
        ("", "anything", True),
    ],
)
def test_an_expression_is_found_anywhere(pattern: str, text: str, is_found: bool) -> None:
    assert Regex(pattern).matches(text) is is_found


@pytest.mark.parametrize("pattern", ["(", "[", "a{2", "[[:nope:]]", "a\\"])
def test_what_is_no_expression_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        Regex(pattern)
