"""LXC's words for proxies, byte by byte."""

import pytest

from lxc.security.seccomp import notification as wire
from lxc.security.seccomp.notification import Notification, Response, Sizes

RAW = (
    (7).to_bytes(8, "little") + (42).to_bytes(4, "little") + bytes(4)
    + (161).to_bytes(4, "little") + (0xC000003E).to_bytes(4, "little") + bytes(8)
    + b"".join(number.to_bytes(8, "little") for number in range(6))
)  # fmt: skip


def test_a_notification() -> None:
    it = Notification(RAW)
    assert (it.id, it.pid, it.number, it.architecture, it.arguments) == (7, 42, 161, 0xC000003E, (0, 1, 2, 3, 4, 5))


def test_a_response() -> None:
    assert Response(7).raw.hex() == "0700000000000000" + "0000000000000000" + "daffffff" + "00000000"
    assert Response(7, -1, 0, 1).raw.hex() == "0700000000000000" + "f" * 16 + "00000000" + "01000000"


def test_a_question_and_its_answer() -> None:
    sizes = Sizes()
    question = wire.question(11, 12, sizes, Notification(RAW), b"cookie")
    assert (
        question[:32].hex() == "00" * 8 + "0b000000" + "0c000000" + "5000" + "1800" + "4000" + "0000" + "06" + "00" * 7
    )
    assert question[32:112] == RAW
    assert question[112:136] == Response(7, error=0).raw
    assert question[136:] == b"cookie"
    assert wire.answer(question[:112] + Response(7, 5).raw, sizes, 7) == Response(7, 5, -38).raw


def test_a_kernel_with_larger_structures() -> None:
    sizes = Sizes(88, 32, 64)
    question = wire.question(11, 12, sizes, Notification(RAW + bytes(8)), b"")
    assert len(question) == wire.length_of_answer(sizes) == 32 + 88 + 32
    assert wire.answer(question, sizes, 7) == Response(7, error=0).raw + bytes(8)


@pytest.mark.parametrize(("change", "expected"), [
    (lambda raw: raw[:-1], "expected 136 bytes, got 135"), (lambda raw: b"", "expected 136 bytes, got 0"),
    (lambda raw: b"\1" + raw[1:], "its first 8 bytes are not 0"),
    (lambda raw: raw[:112] + Response(8).raw, "it is for another notification"),
])  # fmt: skip
def test_what_is_no_answer(change: object, expected: str) -> None:
    question = wire.question(11, 12, Sizes(), Notification(RAW), b"")
    assert callable(change)
    with pytest.raises(ValueError, match=expected):
        wire.answer(change(question), Sizes(), 7)
