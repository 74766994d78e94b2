import os

import pytest

from lxc.errors import UsageError
from lxc.runtime.place import Place, place


def test_all_files_follow_from_name_and_path() -> None:
    web = place("web", "/srv/lxc")
    assert web == Place("web", "/srv/lxc")
    assert web.directory == "/srv/lxc/web"
    assert web.config_file == "/srv/lxc/web/config"
    assert web.rootfs == "/srv/lxc/web/rootfs"
    assert web.partial_file == "/srv/lxc/web/partial"
    assert web.log_file == "/srv/lxc/web/web.log"


def test_slashes_at_the_end_and_doubled_ones_are_removed() -> None:
    assert place("web", "//srv///lxc/./").lxcpath == "/srv/lxc"
    assert place("web", "/").directory == "/web"


def test_a_relative_path_is_taken_from_the_working_directory() -> None:
    assert place("web", "boxes/").lxcpath == f"{os.getcwd()}/boxes"
    assert place("web", ".").lxcpath == os.getcwd()


def test_a_path_with_dots_leads_where_the_kernel_would_go(tmp_path) -> None:
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("elsewhere/deep")
    assert place("web", f"{tmp_path}/link/..").lxcpath == f"{tmp_path}/elsewhere"


def test_without_a_path_the_system_configuration_has_it() -> None:
    from lxc.config import system

    assert place("web").lxcpath == system.get("lxc.lxcpath")


@pytest.mark.parametrize("name", ["web", "..web", "w.b", "a b", "ü", "\udcff\udcfe", "-n", "x" * 254, "'\"$(x)"])
def test_a_name_that_a_file_can_have_is_a_name(name: str) -> None:
    assert place(name, "/srv").name == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        (".", "means a directory"),
        ("..", "means a directory"),
        ("a/b", "contains a slash"),
        ("a\0b", "contains a NUL byte"),
        ("a\nb", "contains a line break"),
        ("a\rb", "contains a carriage return"),
        ("x" * 255, "has 255 bytes"),
        ("ü" * 128, "has 256 bytes"),
    ],
)
def test_a_name_that_no_container_can_have_is_refused_in_one_sentence(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        place(name, "/srv")
    assert len(caught.value.lines()) == 1


@pytest.mark.parametrize(("path", "why"), [("/a\nb", "line break"), ("/a\0b", "NUL"), ("/" + "a/" * 2040, "4095")])
def test_a_path_that_cannot_hold_containers_is_refused(path: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        place("web", path)


def test_a_short_address_is_the_path_of_the_command_socket() -> None:
    assert place("web", "/var/lib/lxc").socket_name == b"/var/lib/lxc/web/command"
    longest = place("x" * 87, "/srv/lxc")
    assert len(longest.socket_name) == 104
    assert place("x" * 88, "/srv/lxc").socket_name == b"/srv/lxc/" + b"x" * 88 + b"/command"


def test_a_long_address_is_the_hash_that_lxc_takes() -> None:
    assert place("c", "/tmp/lxh/" + "p" * 100).socket_name == b"lxc/4c0ba85ebb200b4f/command"  # seen in /proc/net/unix


def test_a_host_name_is_as_much_of_the_name_as_linux_takes() -> None:
    assert place("web", "/lxc").host_name == "web"
    assert place(100 * "x", "/lxc").host_name == 64 * "x"
    assert place("x" + 40 * "ü", "/lxc").host_name == "x" + 31 * "ü"
    assert place(100 * "\udc80", "/lxc").host_name == 64 * "\udc80"


def test_only_a_configuration_makes_a_container(tmp_path) -> None:
    web = place("web", str(tmp_path))
    assert not web.is_defined
    (tmp_path / "web").mkdir()
    assert not web.is_defined
    (tmp_path / "web/config").touch()
    assert web.is_defined
