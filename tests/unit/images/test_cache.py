"""Where templates keep what they have fetched."""

import os
from pathlib import Path

import pytest

from lxc.errors import LxcError
from lxc.images import cache


@pytest.mark.parametrize(
    ("namespace", "user", "place"),
    [("no", 0, "/var/cache/lxc"), ("userns-root", 0, "/var/cache/lxc"), ("yes", 0, "/h/.cache/lxc"), ("no", 1, "/h/.cache/lxc")],
)  # fmt: skip
def test_a_user_has_a_cache_of_his_own(monkeypatch: pytest.MonkeyPatch, namespace: str, user: int, place: str) -> None:
    monkeypatch.delenv("LXC_CACHE_PATH", raising=False)
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert cache.base(namespace) == place


def test_it_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LXC_CACHE_PATH", "here")
    assert cache.base("yes") == f"{tmp_path}/here"


def test_without_a_home_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LXC_CACHE_PATH", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(LxcError, match="HOME is not set"):
        cache.base("yes")
