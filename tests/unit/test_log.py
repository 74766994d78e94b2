"""The log: what is written, what is remembered, and that it stops nobody."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lxc import log

LINE = re.compile(
    r"(?P<who>.*) (?P<time>\d{14}\.\d{3}) (?P<level>[A-Z ]{8}) (?P<category>\w+) - "
    r"(?P<file>[\w.]+):(?P<function>\w+):(?P<line>\d+) - (?P<message>.*)"
)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    log.forget()
    yield
    log.open("lxc")
    log.forget()


def parsed(line: str) -> dict[str, str]:
    match = LINE.fullmatch(line)
    assert match, line
    return match.groupdict()


def test_a_line_is_lxcs() -> None:
    log.open("lxc-start", "web")
    log.warn("watch out")
    line = parsed(log.remembered()[0])
    assert (line["who"], line["level"], line["message"]) == ("lxc-start web", "WARN    ", "watch out")
    assert (line["category"], line["file"], line["function"]) == ("test_log", "test_log.py", "test_a_line_is_lxcs")


def test_without_a_container_a_line_has_no_name() -> None:
    log.open("lxc-ls")
    log.error("oh")
    assert parsed(log.remembered()[0])["who"] == "lxc-ls"


def test_all_levels_are_remembered_in_order() -> None:
    for say in (log.trace, log.debug, log.info, log.warn, log.error):
        say("x")
    assert [parsed(line)["level"].strip() for line in log.remembered()] == ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


def test_a_thing_is_made_a_text_of_when_somebody_reads_it(tmp_path: Path) -> None:
    class Step:
        read = 0

        def __str__(self) -> str:
            self.read += 1
            return "mount it"

    step = Step()
    log.trace(step)
    assert step.read == 0
    assert parsed(log.remembered()[0])["message"] == "mount it"
    log.open("lxc-start", "web", str(tmp_path / "web.log"), log.TRACE)
    log.debug(step)
    assert parsed((tmp_path / "web.log").read_text().rstrip())["message"] == "mount it"


def test_a_file_gets_messages_of_its_level_and_above_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "deep/down/web.log"
    log.open("lxc-start", "web", str(path), log.WARN)
    log.info("not this")
    log.warn("this")
    log.error("and this")
    assert [parsed(line)["message"] for line in path.read_text().splitlines()] == ["this", "and this"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert not os.get_inheritable(*log.descriptors())


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    log.open("lxc", path=str(path))
    log.error("after")
    assert path.read_text().startswith("before\n")
    assert path.read_text().endswith("after\n")


def test_opening_another_log_closes_the_one_before(tmp_path: Path) -> None:
    log.open("lxc", path=str(tmp_path / "one"))
    (one,) = log.descriptors()
    log.open("lxc")
    assert log.descriptors() == ()
    with pytest.raises(OSError):
        os.fstat(one)


def test_a_file_that_cannot_be_opened_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        log.open("lxc", path=str(tmp_path / "file/log"))
    assert str(tmp_path) in str(caught.value.filename)


def test_a_full_disk_stops_nobody() -> None:
    """The monitor of a running container logs, too."""
    log.open("lxc", path="/dev/full")
    log.error("oh")
    assert parsed(log.remembered()[0])["message"] == "oh"


def test_a_dump_has_everything_whatever_the_level(tmp_path: Path) -> None:
    path = tmp_path / "new/log"
    log.trace("first")
    log.adopt(["what init said"])
    log.error("last")
    log.dump(str(path))
    lines = path.read_text().splitlines()
    assert [parsed(lines[0])["message"], lines[1], parsed(lines[2])["message"]] == ["first", "what init said", "last"]
    log.dump(str(path))
    assert len(path.read_text().splitlines()) == 6


def test_names_that_are_not_utf_8_are_written_as_they_are(tmp_path: Path) -> None:
    log.open("lxc", path=str(tmp_path / "log"))
    log.error("odd \udcff")
    log.dump(str(tmp_path / "dump"))
    assert (tmp_path / "log").read_bytes().endswith(b"odd \xff\n")
    assert (tmp_path / "dump").read_bytes().endswith(b"odd \xff\n")


def test_memory_is_bounded_and_the_oldest_is_forgotten_first() -> None:
    for number in range(3 * log.KEPT):
        log.trace(str(number))
    kept = [int(parsed(line)["message"]) for line in log.remembered()]
    assert log.KEPT // 2 <= len(kept) <= log.KEPT
    assert kept == list(range(3 * log.KEPT - len(kept), 3 * log.KEPT))


def test_what_is_forgotten_is_not_dumped(tmp_path: Path) -> None:
    log.error("x")
    log.forget()
    log.dump(str(tmp_path / "log"))
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.parametrize(
    ("name", "number"), [("error", 5), ("TRACE", 0), ("Warn", 4), ("fatal", 8), ("0", 0), ("8", 8)]
)
def test_a_level_has_a_name_and_a_number(name: str, number: int) -> None:
    assert log.level(name) == number


@pytest.mark.parametrize("name", ["", "9", "-1", "loud", "1.0", "²"])
def test_what_is_no_level_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a log level"):
        log.level(name)
