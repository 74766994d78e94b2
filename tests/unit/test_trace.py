import json
import os
import threading
from pathlib import Path

import pytest

from lxc import trace


def traced(path: Path, *phases: str) -> list[dict[str, object]]:
    trace.open(str(path), "tool")
    for phase in phases:
        trace.phase(phase)
    trace.complete()
    found: list[dict[str, object]] = json.loads(path.read_text())
    return found


def test_without_a_trace_nothing_happens() -> None:
    trace.become("nobody")
    trace.phase("nothing")
    trace.leave()
    trace.complete()
    assert trace.descriptor() == -1


def test_a_phase_lasts_until_the_next_begins(tmp_path: Path) -> None:
    _, one, two, whole = traced(tmp_path / "t", "one", "two")
    assert [one["name"], two["name"], whole["name"]] == ["one", "two", "tool"]
    assert one["ts"] + one["dur"] == two["ts"]  # type: ignore[operator]
    assert whole["ts"] <= one["ts"]  # type: ignore[operator]
    assert whole["ts"] + whole["dur"] >= two["ts"] + two["dur"]  # type: ignore[operator]


def test_no_name_is_no_phase(tmp_path: Path) -> None:
    assert [each["name"] for each in traced(tmp_path / "t", "one", "", "two")] == ["process_name", "one", "two", "tool"]


@pytest.mark.parametrize("name", ['say "x"\n', "Käfig", os.fsdecode(b"\xff")])
def test_names_may_have_any_characters(tmp_path: Path, name: str) -> None:
    assert traced(tmp_path / "t", name)[1]["name"] == name


def test_a_process_that_was_made_has_a_row_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "t"
    trace.open(str(path), "tool")
    trace.phase("fork")
    if (child := os.fork()) == 0:
        trace.become("child")
        trace.phase("work")
        trace.leave()
        os._exit(0)
    os.waitpid(child, 0)
    trace.complete()
    found = json.loads(path.read_text())
    assert [(each["pid"], each["name"]) for each in found] == [
        (os.getpid(), "process_name"),
        (child, "process_name"),
        (child, "work"),
        (os.getpid(), "fork"),
        (os.getpid(), "tool"),
    ]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        trace.open(f"{tmp_path}/nowhere/t", "tool")
    assert trace.descriptor() == -1


def test_processes_that_share_memory_have_a_row_each(tmp_path: Path) -> None:
    trace.open(str(tmp_path / "t"), "tool")
    trace.phase("ours")

    def other() -> None:
        trace.become("other")
        trace.phase("theirs")
        trace.leave()

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    trace.phase("ours again")
    trace.complete()
    found = json.loads((tmp_path / "t").read_text())
    assert [each["name"] for each in found if each["ph"] == "X"] == ["theirs", "ours", "ours again", "tool"]
    assert [each["args"]["name"] for each in found if each["ph"] == "M"] == ["tool", "other"]
