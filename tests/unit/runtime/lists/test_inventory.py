"""Which containers are wanted, and what is found out of those that are stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from lxc.errors import LxcError
from lxc.runtime.lists.inventory import Choice, Row, rows

DEFINED, ACTIVE = ["a", "b", "c"], ["b", "z"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), ["a", "b", "c", "z"]),
        (Choice(only_active=True), ["b", "z"]),
        (Choice(only_running=True), ["b", "z"]),
        (Choice(only_frozen=True), ["b", "z"]),
        (Choice(only_stopped=True), ["a", "c"]),
        (Choice(only_defined=True), ["a", "b", "c"]),
        (Choice(only_defined=True, only_running=True), ["b"]),
        (Choice(only_running=True, only_stopped=True), []),
        (Choice(matches="az".__contains__), ["a", "z"]),
    ],
)
def test_names_alone_tell_most(choice: Choice, expected: list[str]) -> None:
    assert choice.names(DEFINED, ACTIVE) == expected


def test_what_is_chosen_by_is_found_out() -> None:
    assert Choice(frozenset({"pid"}), only_frozen=True, groups=("g",)).needs == {"pid", "state", "groups"}


@pytest.mark.parametrize(
    ("row", "is_accepted"),
    [
        (Row("a", state="FROZEN", groups=("x", "y")), True),
        (Row("a", state="FROZEN", groups=("y,x",)), True),
        (Row("a", state="FROZEN", groups=("x",)), False),
        (Row("a", state="RUNNING", groups=("x", "y")), False),
    ],
)
def test_all_groups_and_the_state_must_fit(row: Row, is_accepted: bool) -> None:
    assert Choice(only_frozen=True, groups=("x", "y")).accepts(row) is is_accepted


def test_configurations_are_read_only_if_they_are_asked_for(tmp_path: Path) -> None:
    for name, config in (
        ("good", "lxc.start.auto = 1\nlxc.idmap = u 0 100000 10\n"),
        ("bad", "lxc.start.auto = maybe\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text(config)
    errors: list[LxcError] = []
    assert list(rows(str(tmp_path), Choice(frozenset({"name", "state"})), errors.append)) == [Row("bad"), Row("good")]
    assert errors == []
    found = list(rows(str(tmp_path), Choice(frozenset({"autostart"})), errors.append))
    assert found == [Row("good", autostart=True, unprivileged=True)]
    assert [str(error).startswith(f"{tmp_path}/bad/config:1") for error in errors] == [True]


def test_of_a_configuration_only_what_the_columns_need_is_read(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/config").write_text("lxc.nope = 1\nlxc.group = a\n")
    errors: list[LxcError] = []
    found = list(rows(str(tmp_path), Choice(frozenset({"groups"})), errors.append))
    assert (found, errors) == ([Row("web", autostart=False, groups=("a",), unprivileged=False)], [])
