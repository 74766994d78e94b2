"""Which image is wanted."""

import pytest

from lxc.errors import LxcError, NotFound, UsageError
from lxc.images import wanted
from lxc.images.wanted import Wanted

INDEX = """\
debian;bookworm;amd64;default;20260101_05:24;/images/debian/bookworm/amd64/default/20260101_05:24/
debian;bookworm;arm64;default;20260101_05:25;/images/debian/bookworm/arm64/default/20260101_05:25/
debian;trixie;amd64;cloud;20260101_05:26;/images/debian/trixie/amd64/cloud/20260101_05:26/
alpine;3.19;amd64;default;20260101_13:00;/images/alpine/3.19/amd64/default/20260101_13:00/
"""


def test_all_lines_are_read() -> None:
    index = wanted.parse(INDEX, "it")
    assert [one.build[-5:] for one in index] == ["05:24", "05:25", "05:26", "13:00"]
    assert index[0].url == "/images/debian/bookworm/amd64/default/20260101_05:24/"


@pytest.mark.parametrize(
    "line",
    [
        "debian;bookworm;amd64;default;1",
        "../x;bookworm;amd64;default;1;/x/",
        "debian;..;amd64;default;1;/x/",
        "debian;.hidden;amd64;default;1;/x/",
        "debian;a/b;amd64;default;1;/x/",
        "debian;bookworm;;default;1;/x/",
        "debian;bookworm;amd64;default;;/x/",
        "debian;bookworm;amd64;default;\x1b[1m;/x/",
        "debian;bookworm;amd64;default;1;https://elsewhere/x/",
        "debian;bookworm;amd64;default;1;/../x/",
        "debian;bookworm;amd64;default;1;/x y/",
        "",
    ],
)
def test_lines_that_are_none_are_passed_over(line: str) -> None:
    assert wanted.parse(f"{line}\n{INDEX}", "it") == wanted.parse(INDEX, "it")
    with pytest.raises(LxcError, match="it is no image index"):
        wanted.parse(line, "it")


def test_one_is_selected() -> None:
    index = wanted.parse(INDEX, "it")
    assert wanted.select(index, Wanted("debian", "bookworm", "arm64")).build == "20260101_05:25"
    assert wanted.select(index, Wanted("debian", "trixie", "amd64", "cloud")).build == "20260101_05:26"


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        (Wanted("Debian", "bookworm", "amd64"), "--dist Debian: there are alpine, debian"),
        (Wanted("debian", "sid", "amd64"), "--release sid: there are bookworm, trixie of debian"),
        (Wanted("alpine", "3.19", "arm64"), "--arch arm64: there is amd64 of alpine 3.19"),
        (Wanted("debian", "trixie", "amd64"), "--variant default: there is cloud of debian trixie amd64"),
    ],
)
def test_what_there_is_none_of_is_told_with_what_there_is(asked: Wanted, hint: str) -> None:
    with pytest.raises(NotFound, match="Couldn't find a matching image") as raised:
        wanted.select(wanted.parse(INDEX, "it"), asked)
    assert raised.value.hint == hint


def test_what_is_not_asked_for_may_be_anything() -> None:
    index = wanted.parse(INDEX, "it")
    assert len(wanted.matching(index, Wanted())) == 4
    assert [one.arch for one in wanted.matching(index, Wanted("debian", "bookworm"))] == ["amd64", "arm64"]


@pytest.mark.parametrize("word", ["a/b", "..", ".x", "a\nb", " a", "\x1b"])
@pytest.mark.parametrize("field", ["dist", "release", "arch", "variant"])
def test_a_word_that_is_no_name_is_refused(field: str, word: str) -> None:
    with pytest.raises(UsageError, match=f"--{field} cannot be"):
        wanted.check(Wanted().replace(**{field: word}))


def test_checksums_are_read_as_sha256sum_writes_them() -> None:
    text = f"{'a' * 64}  rootfs.tar.xz\n{'B' * 64} *meta.tar.xz\nshort  x\n{'c' * 64}  ./with space\n{'g' * 64}  no\n"
    assert wanted.checksums(text) == {"rootfs.tar.xz": "a" * 64, "meta.tar.xz": "b" * 64, "with space": "c" * 64}
