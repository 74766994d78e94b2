import os
import socket
from pathlib import Path

import pytest

from lxc.terminal.logfile import LogFile, open_log


def log(path: Path, size: int = 0, *, rotate: bool = False) -> LogFile:
    return LogFile(open_log(str(path)), str(path), size, rotate=rotate)


def test_it_is_appended_to_and_private(tmp_path: Path) -> None:
    path = tmp_path / "log"
    os.umask(before := os.umask(0))
    for word in (b"one ", b"two"):
        file = log(path)
        file.write(word)
        file.close()
    assert path.read_bytes() == b"one two"
    assert path.stat().st_mode & 0o777 == 0o640 & ~before


@pytest.mark.parametrize("chunk", [1, 3, 10, 35])
def test_at_its_size_it_is_cut_and_goes_on(tmp_path: Path, chunk: int) -> None:
    text = b"0123456789abcdefghijklmnopqrstuvwxy"
    file = log(tmp_path / "log", 10)
    for at in range(0, len(text), chunk):
        file.write(text[at : at + chunk])
    assert (tmp_path / "log").read_bytes() == b"uvwxy"
    assert os.listdir(tmp_path) == ["log"]


@pytest.mark.parametrize("chunk", [1, 3, 10, 35])
def test_with_rotation_the_full_file_becomes_log_1(tmp_path: Path, chunk: int) -> None:
    text = b"0123456789abcdefghijklmnopqrstuvwxy"
    file = log(tmp_path / "log", 10, rotate=True)
    for at in range(0, len(text), chunk):
        file.write(text[at : at + chunk])
    assert (tmp_path / "log").read_bytes() == b"uvwxy"
    assert (tmp_path / "log.1").read_bytes() == b"klmnopqrst"


def test_a_file_that_was_taken_away_is_begun_anew(tmp_path: Path) -> None:
    file = log(tmp_path / "log", 4, rotate=True)
    file.write(b"1234")
    os.rename(tmp_path / "log", tmp_path / "elsewhere")
    file.write(b"56")
    assert (tmp_path / "log").read_bytes() == b"56"


def test_where_it_cannot_rotate_it_cuts(tmp_path: Path) -> None:
    file = log(tmp_path / "log", 4, rotate=True)
    (tmp_path / "log.1").mkdir()
    file.write(b"123456")
    assert (tmp_path / "log").read_bytes() == b"56"


def test_a_fifo_without_a_reader_keeps_what_is_said_for_the_first(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    file = log(tmp_path / "fifo")
    file.write(b"said")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(reader, 100) == b"said"
    file.close()
    os.close(reader)


def test_a_socket_is_no_log_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match="No such device or address"):
            open_log(str(tmp_path / "socket"))


def test_a_fifo_gets_what_fits_and_a_size_does_not_concern_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    file = log(tmp_path / "fifo", 4)
    file.write(b"123456")
    assert os.read(reader, 100) == b"123456"
    for _ in range(100):
        file.write(bytes(4096))  # nobody reads: lost, and no wait


def test_a_full_disk_loses_output_and_nothing_else() -> None:
    log(Path("/dev/full")).write(b"lost")


def test_it_can_be_replaced(tmp_path: Path) -> None:
    file = log(tmp_path / "log")
    file.write(b"long before")
    file.replace(b"after")
    assert (tmp_path / "log").read_bytes() == b"after"
