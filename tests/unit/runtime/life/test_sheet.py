"""What is written down for a rest, and what is asked of who rests."""

import struct

from lxc.runtime import questions
from lxc.runtime.commands import GET_NAME, Reply, Request
from lxc.runtime.life import sheet
from lxc.runtime.lists import inventory


def test_what_follows_the_text_is_found_whatever_the_text_is() -> None:
    answers = [
        (Request(GET_NAME), Reply(payload=b"name\0", descriptors=(7,))),
        (Request(GET_NAME, payload=b"odd"), None),
        (Request(GET_NAME, payload=b"large"), Reply(payload=bytes(1 << 20))),
        (Request(GET_NAME, payload=b"many"), Reply(descriptors=(1,) * 30)),
    ]
    for many in range(len(answers) + 1):
        assert sheet.rest_of(sheet.text(1, 2, 3, 9, (-1, 4), answers[:many]) + b"what follows") == b"what follows"


def test_what_is_to_be_removed_lies_where_the_head_says() -> None:
    cgroups = ("/a/payload", "/a/monitor", "/a/user/tasks"), ("/b/payload", "/b/monitor", "/b/user")
    removal = sheet.Removal("/run/fifo", cgroups, has_unified=True, requests=b"to\0the kernel")
    for answers in ([], [(Request(GET_NAME), Reply(payload=b"name\0"))]):
        written = sheet.text(1, 2, 3, 9, (-1, 4), answers, [(5, *range(8))], removal)
        has_unified, count, where, size = struct.unpack_from("=iIII", written, 8 + 8 * 4)
        assert (has_unified, count) == (1, 2)
        assert written[8 + where - size : 8 + where] == b"to\0the kernel"
        texts = written[8 + where :].split(b"\0")
        assert texts == [b"/run/fifo", *(path.encode() for paths in cgroups for path in paths), b""]


def test_more_hierarchies_than_the_program_takes_are_left_to_python() -> None:
    few = sheet.text(1, 2, 3, 9, (-1, -1), [])
    assert few == sheet.text(1, 2, 3, 9, (-1, -1), [], [], sheet.Removal("/run/fifo", (("a", "b", "c"),) * 33, False))


def test_answers_that_are_too_large_are_not_on_the_sheet() -> None:
    few = sheet.text(1, 2, 3, 9, (-1, -1), [])
    assert few == sheet.text(1, 2, 3, 9, (-1, -1), [(Request(GET_NAME), Reply(payload=bytes(1 << 20)))])
    assert few == sheet.text(1, 2, 3, 9, (-1, -1), [(Request(GET_NAME), Reply(descriptors=(1,) * 30))])


def test_answers_lie_as_the_program_reads_them() -> None:
    row = struct.Struct("=4IqiI20i")
    largest = Request(7, payload=b"asked"), Reply(-3, 1 << 40, bytes(1 << 14), tuple(range(20)))
    written = sheet.text(1, 2, 3, 9, (-1, -1), [largest, (Request(8, payload=b"odd"), None)])
    assert struct.unpack_from("=I", written, 8) == (2,)
    at = 8 + 48
    assert row.unpack_from(written, at) == (7, 5, 1 << 14, 20, 1 << 40, -3, 0, *range(20))
    at += row.size
    assert written[at : at + 5 + (1 << 14)] == b"asked" + bytes(1 << 14)
    at += 5 + (1 << 14)
    assert row.unpack_from(written, at) == (8, 3, 0, 0, 0, -22, 1, *(-1,) * 20)
    assert written[at + row.size :] == b"odd"


def test_a_note_tells_how_init_ended_and_who_is_connected() -> None:
    assert sheet.happened(struct.pack("=2i", -1, 0)) == (-1, ())
    note = struct.pack("=2i", 9, 2) + struct.pack("=4i", 5, 1, 0, 3) + b"abc" + struct.pack("=4i", 6, 0, 1, 0)
    left = sheet.Left(5, b"abc", is_trusted=True, keep=False), sheet.Left(6, b"", is_trusted=False, keep=True)
    assert sheet.happened(note) == (9, left)


def test_what_lists_ask_is_known_to_who_rests() -> None:
    assert tuple(map(questions.item, inventory.ITEMS)) == questions.LISTED
