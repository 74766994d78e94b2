import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.values import mount
from lxc.values.mount import MountEntry, parse

RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, STRICTATIME, ATIME = 1, 2, 4, 8, 0x10, 0x20, 0x70


def test_sorts_options_by_purpose() -> None:
    entry = parse("/srv data none rbind,ro,nosuid,create=dir,optional,size=1m 0 0")
    assert (entry.source, entry.target, entry.fstype) == ("/srv", "data", "none")
    assert (entry.bind, entry.recursive, entry.create, entry.optional) == (True, True, "dir", True)
    assert (entry.attr_set, entry.attr_clear, entry.data) == (RDONLY | NOSUID, 0, ("size=1m",))


def test_is_made_as_if_by_its_fields() -> None:
    assert parse("/a b none bind,ro") == MountEntry("/a b none bind,ro", "/a", "b", "none", attr_set=1, bind=True)
    assert parse("c d none bind,ro").source == "c"  # the same options again


def test_last_of_two_opposite_options_wins() -> None:
    assert parse("a b none ro,rw").attr_set == 0
    assert parse("a b none rw,ro").attr_clear == 0


@pytest.mark.parametrize(
    ("options", "set_", "clear"),
    [("noatime", NOATIME, ATIME), ("noatime,strictatime", STRICTATIME, ATIME), ("strictatime,relatime", 0, ATIME),
     ("noatime,ro", NOATIME | RDONLY, ATIME), ("nodiratime", 0x80, 0), ("nosymfollow", 0x200000, 0)],
)  # fmt: skip
def test_access_times_are_one_choice_of_three(options: str, set_: int, clear: int) -> None:
    entry = parse(f"a b none {options}")
    assert (entry.attr_set, entry.attr_clear) == (set_, clear)


@pytest.mark.parametrize("option", ["private", "shared", "slave", "unbindable"])
def test_propagation_may_be_recursive(option: str) -> None:
    plain, recursive = parse(f"a b none {option}"), parse(f"a b none r{option}")
    assert plain.propagation == recursive.propagation != 0
    assert (plain.propagation_recursive, recursive.propagation_recursive) == (False, True)


@pytest.mark.parametrize(
    "option", ["non-optional", "x-mount.mkdir", "lowerdir=/srv/optional", "rootcontext=a", "rox", "bindx", "relative=1"]
)
def test_options_are_whole_words(option: str) -> None:
    assert parse(f"a b none {option}") == MountEntry(f"a b none {option}", "a", "b", "none", data=(option,))


@pytest.mark.parametrize(
    "option",
    [
        "defaults",
        "sync",
        "async",
        "dirsync",
        "lazytime",
        "mand",
        "nomand",
        "remount",
        "nofail",
        "_netdev",
        "x-a.b=c",
        "X-a",
        "",
    ],
)
def test_options_without_meaning_here_are_passed_over(option: str) -> None:
    assert parse(f"a b none ro,{option}").data == ()


def test_an_idmap_is_the_containers_or_a_file() -> None:
    assert parse("a b none bind,idmap=container").idmap == "container"
    assert parse("a b none bind,idmap=/proc/7/ns/user").idmap == "/proc/7/ns/user"


def test_shows_what_was_written() -> None:
    text = r"/with\040space b none bind"
    assert str(parse(text)) == text
    assert parse(text).source == "/with space"
    assert parse(r"/a\134040b c none bind").source == r"/a\040b"


@pytest.mark.parametrize("path", ["/a b", "/a\tb", "/a\nb", r"/a\040b", "/a\\b", r"/\134 \011"])
def test_a_path_of_any_characters_can_be_written(path: str) -> None:
    written = mount.escaped(path)
    assert not set(" \t\n") & set(written)
    assert parse(f"{written} b none bind").source == path


def test_options_may_be_missing_and_what_follows_them_does_not_count() -> None:
    assert parse("tmpfs tmp tmpfs").data == ()
    assert parse("tmpfs tmp tmpfs size=1m 0 0 # as in fstab").data == ("size=1m",)


@pytest.mark.parametrize("text", ["a b", "", "a b none create=socket", "a b none create=", "a b none idmap="])
def test_rejects(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_a_root_file_system_has_options_of_its_own() -> None:
    options = mount.rootfs_options("ro,idmap=container,rshared,compress=zstd")
    assert (options.attr_set, options.idmap, options.propagation_recursive) == (RDONLY, "container", True)
    assert (options.data, str(options)) == (("compress=zstd",), "ro,idmap=container,rshared,compress=zstd")


@pytest.mark.parametrize("option", ["create=dir", "create=file", "optional", "relative"])
def test_a_root_file_system_is_neither_created_nor_optional(option: str) -> None:
    with pytest.raises(ValueError, match=r"lxc\.mount\.entry only"):
        mount.rootfs_options(f"ro,{option}")


@given(st.text("a/:\\ "))
def test_a_path_survives_what_an_overlays_options_make_of_it(path: str) -> None:
    assert mount.layer_path(mount.layer(path)) == path
    assert mount.layer_path("/no/backslash:here") == "/no/backslash:here"
