"""LXC's wire format, byte by byte.  The bytes were taken from conversations with Debian's lxc 5.0.2."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxc.runtime import commands
from lxc.runtime.commands import ConsoleLog, Reply, Request

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=60)


def test_commands_have_lxcs_numbers() -> None:
    assert [commands.NAMES[number] for number in range(27)] == [
        "GET_TTY_FD", "TERMINAL_WINCH", "STOP", "GET_STATE", "GET_INIT_PID", "GET_CLONE_FLAGS", "GET_CGROUP",
        "GET_CONFIG_ITEM", "GET_NAME", "GET_LXCPATH", "ADD_STATE_CLIENT", "CONSOLE_LOG", "SERVE_STATE_CLIENTS",
        "SECCOMP_NOTIFY_ADD_LISTENER", "ADD_BPF_DEVICE_CGROUP", "FREEZE", "UNFREEZE", "GET_CGROUP2_FD",
        "GET_INIT_PIDFD", "GET_LIMIT_CGROUP", "GET_LIMIT_CGROUP2_FD", "GET_DEVPTS_FD", "GET_SECCOMP_NOTIFY_FD",
        "GET_CGROUP_CTX", "GET_CGROUP_FD", "GET_LIMIT_CGROUP_FD", "GET_SYSTEMD_SCOPE",
    ]  # fmt: skip
    assert set(commands.NAMES) == set(range(27))


def test_states_have_lxcs_numbers() -> None:
    assert list(commands.STATES) == [
        "STOPPED", "STARTING", "RUNNING", "STOPPING", "ABORTING", "FREEZING", "FROZEN", "THAWED",
    ]  # fmt: skip
    assert commands.REGISTERED == 8


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (Request(commands.GET_STATE), "03000000 00000000 0000000000000000"),
        (Request(commands.GET_TTY_FD, -1), "00000000 00000000 ffffffffffffffff"),
        (Request(commands.GET_TTY_FD, 3), "00000000 00000000 0300000000000000"),
        (Request(commands.GET_CONFIG_ITEM, payload=b"lxc.arch\0"), "07000000 09000000 0000000000000000 6c78632e6172636800"),
        (Reply(number=2), "00000000 00000000 0200000000000000"),
        (Reply(-38), "daffffff 00000000 0000000000000000"),
        (Reply(8, 8), "08000000 00000000 0800000000000000"),
        (Reply(payload=b"/x\0"), "00000000 03000000 0000000000000000 2f7800"),
    ],
)  # fmt: skip
def test_a_message_is_16_bytes_and_what_it_announces(message: Request | Reply, raw: str) -> None:
    assert commands.encode(message) == bytes.fromhex(raw)


@given(command=st.integers(0, 26), number=INT64, payload=st.binary(max_size=commands.LONGEST))
def test_a_request_is_read_as_it_was_written(command: int, number: int, payload: bytes) -> None:
    raw = commands.encode(Request(command, number, payload))
    assert commands.read_header(raw[: commands.HEADER]) == (command, len(payload), number)
    assert raw[commands.HEADER :] == payload


@given(ret=INT32, number=INT64, payload=st.binary(max_size=300))
def test_a_reply_is_laid_out_as_the_c_struct_is(ret: int, number: int, payload: bytes) -> None:
    raw = commands.encode(Reply(ret, number, payload))
    assert raw == struct.pack("=iiq", ret, len(payload), number) + payload


@given(raw=st.binary(min_size=16, max_size=16))
def test_any_16_bytes_are_a_header(raw: bytes) -> None:
    assert commands.read_header(raw) == struct.unpack("=iiq", raw)
    assert commands.header(*commands.read_header(raw)) == raw


@given(value=NAMES)
def test_a_text_travels_with_its_nul(value: str) -> None:
    assert commands.as_text(value)[-1:] == b"\0"
    assert commands.text(commands.as_text(value)) == value


@given(raw=st.binary(max_size=40).filter(lambda raw: b"\0" not in raw))
def test_a_text_that_is_not_utf_8_comes_back_as_it_was(raw: bytes) -> None:
    assert commands.as_text(commands.text(raw + b"\0")) == raw + b"\0"


@pytest.mark.parametrize("raw", [b"", b"a", b"\0\0", b"a\0b\0", b"a\0b"])
def test_a_text_without_its_nul_or_with_another_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="only NUL"):
        commands.text(raw)


def test_the_states_wanted_are_eight_ints() -> None:
    raw = commands.as_wanted_states(frozenset({commands.STOPPED, commands.RUNNING}))
    assert raw == struct.pack("=8i", 1, 0, 1, 0, 0, 0, 0, 0)
    assert commands.as_wanted_states(frozenset({commands.RUNNING}), 2) == struct.pack("=8i", 0, 0, 2, 0, 0, 0, 0, 0)


@given(numbers=st.lists(INT32, min_size=8, max_size=8))
def test_the_states_wanted_are_read_as_they_were_written(numbers: list[int]) -> None:
    assert commands.wanted_states(struct.pack("=8i", *numbers)) == tuple(numbers)


@given(clear=st.booleans(), read=st.booleans(), read_max=st.integers(0, 2**64 - 1), write=st.booleans())
def test_a_wish_for_the_console_log_is_read_from_the_c_struct(
    clear: bool, read: bool, read_max: int, write: bool
) -> None:
    raw = struct.pack("=??6xQ?7x", clear, read, read_max, write)
    assert commands.console_log(raw) == ConsoleLog(clear, read, read_max, write)


def test_a_state_message_is_lxcs_264_bytes() -> None:
    raw = commands.state_message("web", commands.RUNNING)
    assert raw == struct.pack("=i256si", 0, b"web", 2)
    assert len(raw) == commands.MESSAGE
    assert commands.state_message("web", 0x900, commands.EXIT_CODE_MESSAGE) == struct.pack("=i256si", 2, b"web", 0x900)


@given(name=NAMES, kind=st.integers(0, 2), value=INT32)
def test_a_state_message_is_read_as_it_was_written(name: str, kind: int, value: int) -> None:
    assert commands.read_state_message(commands.state_message(name, value, kind)) == (kind, name, value)


def test_a_name_too_long_for_a_state_message_is_cut_and_keeps_its_nul() -> None:
    raw = commands.state_message("n" * 300, commands.RUNNING)
    assert len(raw) == commands.MESSAGE
    assert commands.read_state_message(raw)[1] == "n" * 255


READERS: list[Callable[[bytes], object]] = [
    commands.read_header,
    commands.text,
    commands.wanted_states,
    commands.console_log,
    commands.read_state_message,
]


@given(reader=st.sampled_from(READERS), raw=st.binary(max_size=300))
def test_malformed_input_is_a_value_error_and_nothing_else(reader: Callable[[bytes], object], raw: bytes) -> None:
    try:
        reader(raw)
    except ValueError as error:
        assert str(error)  # noqa: PT017  # that there is no other error is the point


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [0, 1, 15, 17, 23, 25, 31, 33, 263, 265])
def test_input_of_the_wrong_length_is_refused_with_both_lengths(reader: Callable[[bytes], object], size: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        reader(b"x" * size)


def test_a_device_rule_is_packed_as_debian_s_client_sends_it() -> None:
    """Seen with strace: lxc-cgroup devices.allow "c 1:5 rw", and devices.deny "a"."""
    sent = bytes.fromhex("63000000 01000000 05000000 72770000 01000000".replace(" ", "")) + bytes(20)
    rule = commands.DeviceRule("c", 1, 5, "rw", True)
    assert commands.as_device_rule(rule) == sent
    assert commands.device_rule(sent) == rule
    everything = bytes.fromhex("61000000 ffffffff ffffffff 00000000 00000000".replace(" ", "")) + bytes(20)
    assert commands.device_rule(everything) == commands.DeviceRule("a", -1, -1, "", False)


@pytest.mark.parametrize(
    "payload",
    [b"", bytes(39), bytes(40), bytes(41), b"x" + bytes(39), b"c" + bytes(11) + b"q" + bytes(27), b"c" + b"\xfe" * 39],
)
def test_what_is_no_device_rule_is_an_error(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected 40 bytes|no rule for devices"):
        commands.device_rule(payload)


def test_requests_behind_another_and_their_replies_come_apart_again() -> None:
    requests = [Request(commands.GET_INIT_PIDFD), Request(commands.GET_CONFIG_ITEM, -2, b"lxc.group\0")]
    assert commands.aside(commands.with_aside(requests).payload) == requests
    replies = [Reply(descriptors=(7,)), Reply(-1), Reply(3, -4, b"a\0", (8, 9))]
    assert commands.apart(*commands.together(replies)) == replies


@pytest.mark.parametrize(
    "payload",
    [
        b"short",
        commands.encode(Request(commands.STOP)),
        commands.encode(Request(commands.GET_STATE)),
        commands.header(commands.GET_INIT_PID, 1, 0),
        commands.header(commands.GET_INIT_PID, -1, 0),
        commands.encode(Request(commands.GET_INIT_PID)) * 65,
    ],
)
def test_only_questions_are_asked_behind_another_and_few(payload: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        commands.aside(payload)


@given(st.binary(max_size=60), st.lists(st.integers(3, 9), max_size=3).map(tuple))
def test_replies_that_are_none_are_told_apart_from_those_that_are(payload: bytes, descriptors: tuple[int, ...]) -> None:
    try:
        found = commands.apart(payload, descriptors)
    except ValueError:
        return
    assert commands.together(found) == (payload, descriptors)
