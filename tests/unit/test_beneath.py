"""Directories that are made by their path, and removed again."""

import os
from pathlib import Path

import pytest

from lxc import beneath


def test_directories_are_made_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        made = beneath.make_directories(f"{tmp_path}/a/b")
    finally:
        os.umask(old)
    assert made == (f"{tmp_path}/a", f"{tmp_path}/a/b")
    assert (tmp_path / "a/b").stat().st_mode & 0o7777 == 0o755


def test_what_was_there_is_not_said_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    assert beneath.make_directories(f"{tmp_path}/a/b") == (f"{tmp_path}/a/b",)
    assert beneath.make_directories(f"{tmp_path}/a/b") == ()
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o700


def test_nothing_is_left_where_a_directory_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        beneath.make_directories(f"{tmp_path}/a/b/{'x' * 300}")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        beneath.make_directories(f"{tmp_path}/file")
    assert os.listdir(tmp_path) == ["file"]


def test_directories_that_were_filled_meanwhile_stay(tmp_path: Path) -> None:
    made = beneath.make_directories(f"{tmp_path}/a/b/c")
    (tmp_path / "a/b/file").touch()
    beneath.remove_empty(made)
    assert os.listdir(tmp_path / "a/b") == ["file"]
