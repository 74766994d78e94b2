import hashlib
from pathlib import Path

import pytest

from lxc.errors import LxcError, NotFound, UsageError
from lxc.images import template


@pytest.mark.parametrize("name", ["n", "no", "non", "none"])
def test_any_beginning_of_none_is_none(name: str) -> None:
    assert template.is_none(name)


@pytest.mark.parametrize("name", ["", "nono", "None", "busybox", "nonesuch"])
def test_nothing_else_is(name: str) -> None:
    assert not template.is_none(name)


def test_a_name_is_found_among_our_templates_first() -> None:
    assert template.find("busybox").endswith("/lxc/share/templates/lxc-busybox")
    assert "busybox" in template.names()


def test_an_absolute_path_is_the_template_itself(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    (tmp_path / "mine").chmod(0o755)
    assert template.find(f"{tmp_path}/mine") == f"{tmp_path}/mine"


@pytest.mark.parametrize("name", ["nosuch", "/nosuch", "/etc", "", "bad name"])
def test_one_that_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises(NotFound, match="not found"):
        template.find(name)


def test_not_found_says_which_there_are() -> None:
    with pytest.raises(NotFound) as caught:
        template.find("nosuch")
    assert "busybox" in caught.value.hint


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(UsageError, match="absolute"):
        template.find("../lxc-busybox")


def test_one_that_may_not_be_run_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    with pytest.raises(LxcError, match="cannot be run") as caught:
        template.find(f"{tmp_path}/mine")
    assert caught.value.hint.startswith("chmod +x")


def test_the_checksum_is_sha_1(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"abc")
    assert template.checksum(str(tmp_path / "mine")) == hashlib.sha1(b"abc").hexdigest()


def test_its_help_is_its_own() -> None:
    assert "--busybox-path" in template.help_text(template.find("busybox"))
