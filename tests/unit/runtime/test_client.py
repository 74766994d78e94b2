"""What a monitor of somebody else's answers is not believed, whatever it is: a client understands it, or says that it does not."""

import errno
import os
import random
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import forked

from lxc.errors import LxcError, StateError, remedy
from lxc.kernel import sockets
from lxc.runtime import claim, client, commands, stop, wait
from lxc.runtime.commands import Reply, Request
from lxc.runtime.place import Place

Answering = Callable[[Callable[[socket.socket], object]], Place]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """A container whose monitor does with each connection, of which the request is read, what it is told."""
    place = Place("web", str(tmp_path))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(b"\0" + place.socket_name)
    listener.listen(9)

    def begin(answer: Callable[[socket.socket], object]) -> Place:
        def serve() -> None:
            while True:
                try:
                    channel, _ = listener.accept()
                except OSError:
                    return  # the test is over
                with channel:
                    _, length, _ = commands.read_header(channel.recv(commands.HEADER, socket.MSG_WAITALL))
                    channel.recv(length, socket.MSG_WAITALL)
                    try:
                        answer(channel)
                    except OSError:
                        continue  # who asked has heard enough

        threading.Thread(target=serve, daemon=True).start()
        return place

    yield begin
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def said(reply: Reply) -> Callable[[socket.socket], object]:
    return lambda channel: channel.sendall(commands.encode(reply))


@pytest.mark.parametrize("ret", [-1, -errno.EINVAL, -4095, -4096, -(2**31)])
def test_a_refusal_has_words_whatever_its_number_is(answering: Answering, ret: int) -> None:
    place = answering(said(Reply(ret, payload=b"x")))
    with pytest.raises(LxcError, match=r"did not add the device rule: [A-Z]"):
        client.add_device_rule(place, commands.DeviceRule("c", 1, 3, "r", allow=True))
    with pytest.raises(StateError, match=r"did not give its cgroups: [A-Z]"):
        client.cgroup_fds(place)


@pytest.mark.parametrize("text", ["none", "-1", "65", "32", "9\n9", "٣", "1" * 5000])
def test_a_signal_that_is_none_is_not_sent(answering: Answering, text: str) -> None:
    place = answering(said(Reply(payload=commands.as_text(text))))
    with pytest.raises(StateError, match=r"the monitor of web gave lxc\.signal\.halt as "):
        stop.signal_of(place, "lxc.signal.halt")


@pytest.mark.parametrize(("payload", "number"), [(b"", 0), (b"0\0", 0), (b"15\0", 15), (b"64\0", 64)])
def test_a_signal_is_what_the_container_was_started_with(answering: Answering, payload: bytes, number: int) -> None:
    assert stop.signal_of(answering(said(Reply(payload=payload))), "lxc.signal.halt") == number


def test_a_text_ends_at_its_nul(answering: Answering) -> None:
    """No path with one in it comes to be opened."""
    assert client.config_item(answering(said(Reply(payload=b"/one\0/two\0"))), "lxc.rootfs.path") == "/one"


@pytest.mark.parametrize("state", [-1, 8, 2**31 - 1])
def test_a_state_that_is_none_is_not_waited_for(answering: Answering, state: int) -> None:
    registered = commands.encode(Reply(commands.REGISTERED, commands.REGISTERED))
    place = answering(lambda channel: channel.sendall(registered + commands.state_message("web", state)))
    with pytest.raises(StateError, match=f"told of the state {state}, which is none"):
        wait.wait(place, frozenset({"STOPPED"}), 20)


def test_who_answers_a_byte_at_a_time_has_no_more_time_for_it(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    is_over = threading.Event()

    def drip(channel: socket.socket) -> None:
        for byte in commands.encode(Reply(payload=bytes(1 << 10))):
            channel.sendall(bytes((byte,)))
            if is_over.wait(0.1):
                return

    place = answering(drip)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(StateError, match="did not answer GET_NAME"):
        client.ask(place, Request(commands.GET_NAME))
    is_over.set()
    assert len(os.listdir("/proc/self/fd")) <= len(before) + 1  # the other's end may be open still


def test_no_bytes_are_more_than_an_answer_or_an_error(tmp_path: Path) -> None:
    place, chance = Place("web", str(tmp_path)), random.Random(7)
    asked = (Request(commands.GET_CGROUP), Request(commands.GET_INIT_PIDFD))
    null = os.open("/dev/null", os.O_RDONLY)
    before = os.listdir("/proc/self/fd")
    for _ in range(3000):
        one, other = sockets.pair()
        rows = [nonsense(chance) for _ in range(chance.randrange(4))]
        payload = b"".join(chance.choice((0, 1, 2, 1 << 31)).to_bytes(4, "little") + row for row in rows)
        raw = struct.pack("=iiq", 0, len(payload), 2) + payload if chance.random() < 0.6 else nonsense(chance)
        if chance.random() < 0.2:
            raw = raw[: chance.randrange(len(raw) + 1)]
        if raw:
            sockets.send(other, raw, (null,) * chance.choice((0, 0, 1, 2)))
        other.close()
        try:
            with client.Asking(place, one, asked).replies() as replies:
                client.state(replies)
                client.cgroup(replies)
        except LxcError:
            pass
        one.close()
    assert len(os.listdir("/proc/self/fd")) <= len(before)  # another test's thread may end meanwhile
    os.close(null)


def nonsense(chance: random.Random) -> bytes:
    """A reply, its announced length and numbers often at the edge of what there is."""
    payload = chance.choice((b"", b"\0", b"/\0", b"/a\0b\0", b"\xff", chance.randbytes(chance.randrange(40))))
    length = len(payload) if chance.random() < 0.8 else chance.choice((-1, 2**31 - 1, len(payload) + 1, -(2**31)))
    ret = chance.choice((0, 0, 0, -1, -22, 2**31 - 1, -(2**31)))
    return struct.pack("=iiq", ret, length, chance.choice((0, 2, -1, 2**63 - 1, -(2**63)))) + payload


@pytest.mark.parametrize(
    ("act", "step"),
    [(client.state, "cannot ask the monitor of web"), (claim.reserve, "cannot keep others from starting web")],
)
def test_who_has_no_room_for_a_connection_says_what_for(
    tmp_path: Path, act: Callable[[Place], object], step: str
) -> None:
    place = Place("web", str(tmp_path))

    def runs_out() -> list[str]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # of new ones
        try:
            act(place)
        except LxcError as error:
            return error.lines()
        return []

    assert forked(runs_out) == [f"{step}: Too many open files", f"  {remedy(OSError(errno.EMFILE, ''))}"]
