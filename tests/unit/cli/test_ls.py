"""What lxc-ls prints of what it found out.  The layouts were taken from Debian's lxc-ls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lxc.cli import ls, main
from lxc.cli.ls import COLUMNS, DEFAULT_COLUMNS, in_columns, table
from lxc.runtime.lists.inventory import Row

STOPPED = Row("db", autostart=False, unprivileged=False)
RUNNING = Row(
    "web",
    state="RUNNING",
    pid=1234,
    ram=200704,
    swap=0,
    autostart=True,
    groups=("a,b", "onboot"),
    interface=("eth0", "lo"),
    ipv4=("10.0.3.2",),
    ipv6=("fd00::2", "fd00::3"),
    unprivileged=True,
)


def lines(rows: list[Row], *shown: str) -> list[str]:
    return list(table(rows, shown))


def test_the_table_has_a_blank_after_each_cell() -> None:
    assert lines([STOPPED, RUNNING], *DEFAULT_COLUMNS) == [
        "NAME STATE   AUTOSTART GROUPS      IPV4     IPV6             UNPRIVILEGED ",
        "db   STOPPED 0         -           -        -                false        ",
        "web  RUNNING 1         a,b, onboot 10.0.3.2 fd00::2, fd00::3 true         ",
    ]


def test_sizes_are_aligned_to_the_right_and_what_is_missing_to_the_left() -> None:
    assert lines([STOPPED, RUNNING], "NAME", "RAM", "SWAP", "PID", "INTERFACE") == [
        "NAME RAM    SWAP   PID  INTERFACE ",
        "db   -      -      -    -         ",
        "web  0.19MB 0.00MB 1234 eth0, lo  ",
    ]
    assert lines([RUNNING.replace(ram=123 << 20), RUNNING], "RAM")[1:] == ["123.00MB ", "  0.19MB "]


def test_what_version_two_does_not_count_is_zero() -> None:
    assert lines([RUNNING.replace(ram=None)], "RAM") == ["RAM    ", "0.00MB "]


def test_a_column_may_be_asked_for_twice_or_be_empty() -> None:
    assert lines([STOPPED], "NAME", "NAME", "") == ["NAME NAME  ", "db   db    "]


def test_a_nested_container_is_indented_by_its_depth() -> None:
    rows = [RUNNING, Row("in", ("web",)), Row("deep", ("web", "in"))]
    assert lines(rows, "NAME", "STATE") == [
        "NAME   STATE   ",
        "web    RUNNING ",
        "\\in    STOPPED ",
        " \\deep STOPPED ",
    ]


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    rows = [Row("a\x1b[2Jb\n", ("web",)), RUNNING.replace(interface=("\x07eth\x9b0",))]
    assert lines(rows, "NAME", "INTERFACE")[1:] == ["\\a?[2Jb? -         ", "web      ?eth?0    "]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (0, "a         \nbb        \nccc       \nlongername\nx1        \n"),
        (20, "a         \nbb        \nccc       \nlongername\nx1        \n"),
        (21, "a          bb        \nccc        longername\nx1         \n"),
        (31, "a          bb        \nccc        longername\nx1         \n"),
        (32, "a          bb         ccc       \nlongername x1         \n"),
        (100, "a          bb         ccc        longername x1         \n"),
    ],
)
def test_names_stand_side_by_side_as_far_as_the_terminal_goes(width: int, expected: str) -> None:
    assert in_columns(["a", "bb", "ccc", "longername", "x1"], width) == expected


def test_short_names_stand_as_wide_as_the_heading_would() -> None:
    assert in_columns(["a"], 0) == "a   \n"
    assert in_columns([], 80) == ""


def test_columns_are_named_in_any_case_and_with_blanks() -> None:
    assert ls.columns(" name,\tState ,IPV4") == ("NAME", "STATE", "IPV4")


@pytest.mark.parametrize(("text", "expected"), [("", 5), ("3", 3), ("0", 0), ("-1", 5), ("many", 5)])
def test_a_depth_that_is_none_is_five(text: str, expected: int) -> None:
    assert ls.depth(text) == expected


@pytest.fixture
def lxcpath(tmp_path: Path) -> Path:
    """Three containers, one with a wrong configuration, and two directories that are none."""
    for name, config in (
        ("web", "lxc.group = a,b\nlxc.group = onboot\n"),
        ("db", "lxc.start.auto = 1\n"),
        ("bad", "lxc.start.auto = maybe\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text(config)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    return tmp_path


def printed(lxcpath: Path, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    assert main("lxc-ls", ["-P", str(lxcpath), *words]) == 0
    out, err = capfd.readouterr()
    return out, err


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["bad", "db", "web"]),
        (("--defined",), ["bad", "db", "web"]),
        (("--stopped",), ["bad", "db", "web"]),
        (("--running",), []),
        (("--active",), []),
        (("--frozen",), []),
        (("--stopped", "--active"), []),
        (("b$",), ["db", "web"]),
        (("--filter", "^[[:alpha:]]{2}$"), ["db"]),
        (("--filter=^(web|bad)$",), ["bad", "web"]),
        (("(",), []),
        (("-n", "web"), ["bad", "db", "web"]),
        (("-F", "nonsense"), ["bad", "db", "web"]),
    ],
)
def test_options_choose_names(
    words: tuple[str, ...], names: list[str], lxcpath: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert printed(lxcpath, capfd, "-1", *words) == ("".join(f"{name}\n" for name in names), "")


@pytest.mark.parametrize(
    ("groups", "names"),
    [("a", ["web"]), ("a,onboot", ["web"]), ("a,x", []), ("on", []), ("", ["db", "web"]), (",b,", ["web"])],
)
def test_a_container_must_be_in_all_groups(
    groups: str, names: list[str], lxcpath: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, _ = printed(lxcpath, capfd, "-f", "-F", "name,autostart", "-g", groups)
    assert [line.split()[0] for line in out.splitlines()[1:]] == names


def test_one_wrong_configuration_does_not_hide_the_others(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, err = printed(lxcpath, capfd, "-f")
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "db", "web"]
    assert err.startswith(f"lxc-ls: {lxcpath}/bad/config:1")
    assert printed(lxcpath, capfd, "-f", "-q")[1] == ""


def test_an_unknown_column_is_told_and_nothing_else(lxcpath: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert printed(lxcpath, capfd, "-f", "-F", "name,foo") == ("", "Invalid key: FOO\n")


def test_nothing_to_list_is_nothing_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("-f",), ("-1",)):
        assert printed(tmp_path / "nowhere", capfd, *words) == ("", "")
    assert printed(tmp_path, capfd, "--format", "json") == ("[]\n", "")


def test_json_is_an_array_of_objects_with_the_columns_as_fields(
    lxcpath: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (lxcpath / "bad/config").unlink()
    out, _ = printed(lxcpath, capfd, "--format", "json", "-F", ",".join(COLUMNS), "web")
    assert json.loads(out) == [
        {
            "name": "web",
            "state": "STOPPED",
            "pid": None,
            "ram": None,
            "swap": None,
            "autostart": False,
            "groups": ["a", "b", "onboot"],
            "interface": [],
            "ipv4": [],
            "ipv6": [],
            "unprivileged": False,
        }
    ]


def test_a_list_of_names_reads_no_configuration(lxcpath: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from lxc.cli import main; main('lxc-ls', sys.argv[2:]); print(*sys.modules)"
    source = str(Path(__file__).parents[3] / "src")
    for words in ([], ["-f", "-F", "NAME,STATE"], ["--stopped", "-1"]):
        argv = [sys.executable, "-IS", "-c", code, source, "-P", str(lxcpath), *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        loaded = set(done.stdout.splitlines()[-1].split())
        assert not {"lxc.config", "ctypes", "re", "json", "lxc.network"} & loaded
