"""The words of lxc.x-landlock."""

import pytest

from lxc.values.landlock import parse


@pytest.mark.parametrize("text", [
    "read,execute /usr", "all /tmp optional", "tcp-bind 80", "tcp-bind,tcp-connect 8080", "scope signals,sockets", "device /dev",
])  # fmt: skip
def test_what_is_written_is_shown(text: str) -> None:
    assert str(parse(text)) == text
    assert str(parse(f"  {text.replace(' ', '  ')} ")) == text


@pytest.mark.parametrize(("text", "said"), [
    ("", "expected RIGHTS PATH"), ("read", "expected RIGHTS PATH"), ("read /a /b", "expected RIGHTS PATH"),
    ("red /usr", "expected a right"), ("read usr", "expected an absolute path"), ("tcp-bind http", "expected"),
    ("tcp-bind 65536", "expected"), ("scope all", "expected what is kept in the container"), ("read,tcp-bind 80", "expected a right"),
])  # fmt: skip
def test_mistakes(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)
