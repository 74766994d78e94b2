"""What the user is shown of an error."""

import pytest

from lxc.errors import AlreadyRunning, ConfigError, LxcError, NotRunning, StateError, StepError, UsageError


def test_the_first_line_says_what_failed_then_where_then_what_to_do() -> None:
    assert LxcError("no", where="config:1", hint="do that").lines() == ["no", "  set in config:1", "  do that"]
    assert LxcError("no").lines() == ["no"]


@pytest.mark.parametrize("where", ["", "w"])
@pytest.mark.parametrize("hint", ["", "h"])
@pytest.mark.parametrize("count", [1, 3, 10])
def test_an_error_has_at_most_five_lines(count: int, where: str, hint: str) -> None:
    lines = LxcError("\n".join("x" * count), where=where, hint=hint).lines()
    assert lines[0] == "x"
    assert len(lines) <= 5


def test_a_failed_step_is_a_sentence() -> None:
    error = StepError("mount --bind /a b", "No such file or directory", where="config:3")
    assert error.lines() == ["cannot mount --bind /a b: No such file or directory", "  set in config:3"]
    assert StepError("read a", FileNotFoundError(2, "No such file", "a")).lines() == ["cannot read a: No such file"]
    assert StepError("read a", OSError("it is odd")).why == "it is odd"


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (4, 4), (5, 4), (20, 4)])
def test_a_wrong_configuration_shows_its_first_mistakes_and_how_many_more(count: int, lines: int) -> None:
    error = ConfigError(*(f"config:{n}: no" for n in range(count)), where="config:0")
    assert str(error) == "config:0: no"
    assert len(error.lines()) == lines
    if count > 4:
        assert error.lines()[-1] == f"… and {count - 3} more mistakes"


def test_errors_are_told_apart_by_class() -> None:
    assert issubclass(AlreadyRunning, StateError)
    assert issubclass(NotRunning, StateError)
    assert all(kind.exit_status == 1 for kind in (LxcError, UsageError, NotRunning, ConfigError))
