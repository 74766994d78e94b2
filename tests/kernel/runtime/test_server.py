"""The command socket's server, in a process of its own, with clients that mean no good."""

import errno
import os
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import until

import lxc
from lxc.kernel import fs, process, sockets
from lxc.loop import Loop
from lxc.runtime import commands
from lxc.runtime.commands import Reply, Request
from lxc.runtime.life import sheet
from lxc.runtime.life.server import Connection, Server

pytestmark = pytest.mark.root

NOBODY = 65534
CLIENT = f"{os.path.dirname(lxc.__file__)}/libexec/lxc-client"
HUGE = 8 << 20
PATIENCE = 20
POOR = 40  # descriptors


@pytest.fixture(autouse=True)
def _many_descriptors() -> Iterator[None]:
    """So many may also be under way, in all: a usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1 << 16, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Host:
    """A process that serves. What it answers is at the bottom of this file."""

    def __init__(self, descriptors: int = 0, *, rests: bool = False) -> None:
        self.name = f"lxc-test/{os.urandom(8).hex()}/command".encode()
        listener = sockets.listen(self.name)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.closerange(3, listener.fileno())  # what tests that ran here before have left open
                os.closerange(listener.fileno() + 1, 4096)
                if descriptors:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
                rest(listener) if rests else serve(listener)
            finally:
                os._exit(1)
        listener.close()
        self.idle = 0
        assert self.state() == 2
        until(lambda: self.descriptors() == self.descriptors(), "it is idle")
        self.idle = self.descriptors()

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.connect(b"\0" + self.name)  # waits while the queue is full, which with a time-out it would not
        client.settimeout(PATIENCE)
        return client

    def ask(self, raw: bytes) -> bytes:
        """All that is answered to `raw` until the connection is closed."""
        with self.connect() as client:
            client.sendall(raw)
            return everything(client)

    def state(self) -> int:
        """An honest question, answered."""
        answer = self.ask(request(commands.GET_STATE))
        assert len(answer) == 16, answer
        return int.from_bytes(answer[8:], "little")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def has_run_out(self) -> bool:
        """Whether it has no descriptor left to open, but perhaps one."""
        return self.descriptors() >= POOR - 1

    def is_idle(self) -> bool:
        return self.descriptors() <= self.idle


BOTH = pytest.mark.parametrize("rests", [False, True], ids=["monitor", "resting"])


@pytest.fixture
def rests() -> bool:
    """Whether it is a monitor that rests: another program with the same manners (`BOTH`)."""
    return False


@pytest.fixture
def host(rests: bool) -> Iterator[Host]:
    host = Host(rests=rests)
    yield host
    until(host.is_idle, "no connection is left")
    end(host)


@pytest.fixture
def poor_host(rests: bool) -> Iterator[Host]:
    """One that may open few descriptors."""
    host = Host(descriptors=POOR, rests=rests)
    yield host
    until(host.is_idle, "no connection is left")
    end(host)


def end(host: Host) -> None:
    assert host.state() == 2
    assert os.waitpid(host.pid, os.WNOHANG) == (0, 0)
    os.kill(host.pid, 9)
    os.waitpid(host.pid, 0)


def request(command: int, number: int = 0, payload: bytes = b"") -> bytes:
    return commands.encode(Request(command, number, payload))


def everything(client: socket.socket) -> bytes:
    data = b""
    try:
        while part := client.recv(1 << 20):
            data += part
    except ConnectionResetError:
        pass  # closed with something of ours unread
    return data


def ret(answer: bytes) -> int:
    return struct.unpack("=i", answer[:4])[0]


def as_nobody(work: Callable[[], bytes], *, uid: int = NOBODY, gid: int = NOBODY) -> bytes:
    """What `work` returns (at most a pipe's worth) in a process of another user."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.write(writer, b"+" + work())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    assert said[:1] == b"+", "the other user's work failed"
    return said[1:]


@BOTH
def test_an_honest_client_is_answered_and_the_connection_closed(host: Host) -> None:
    assert host.ask(request(commands.GET_STATE)) == struct.pack("=iiq", 0, 0, 2)
    assert host.ask(request(commands.GET_NAME)) == struct.pack("=iiq", 0, 5, 0) + b"name\0"


@BOTH
def test_a_request_may_come_in_pieces(host: Host) -> None:
    with host.connect() as client:
        for byte in request(commands.GET_CONFIG_ITEM, payload=b"lxc.arch\0"):
            client.sendall(bytes((byte,)))
        assert everything(client)[16:] == b"lxc.arch\0"


@BOTH
def test_a_longest_request_is_heard_and_a_longer_one_is_not(host: Host) -> None:
    longest = b"x" * (commands.LONGEST - 1) + b"\0"
    assert host.ask(request(commands.GET_CONFIG_ITEM, payload=longest))[16:] == longest
    assert host.ask(request(commands.GET_CONFIG_ITEM, payload=b"x" + longest)) == b""


@BOTH
@pytest.mark.parametrize("length", [-1, -(2**31), 8193, 2**31 - 1])
def test_a_length_that_cannot_be_closes_the_connection_without_an_answer(host: Host, length: int) -> None:
    for command in (commands.GET_CONFIG_ITEM, commands.GET_STATE):  # the latter takes no argument
        assert host.ask(struct.pack("=iiq", command, length, 0)) == b""


@BOTH
@pytest.mark.parametrize("size", [0, 1, 4, 15])
def test_a_header_that_ends_early_is_not_answered(host: Host, size: int) -> None:
    with host.connect() as client:
        client.sendall(request(commands.GET_STATE)[:size])
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b""


@BOTH
def test_a_payload_that_ends_early_is_not_answered(host: Host) -> None:
    with host.connect() as client:
        client.sendall(request(commands.GET_CONFIG_ITEM, payload=b"lxc.arch\0")[:-3])
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b""


@pytest.mark.parametrize("number", [27, 1000, -1, 2**31 - 1, -(2**31)])
def test_a_command_that_does_not_exist_is_refused(host: Host, number: int) -> None:
    assert ret(host.ask(struct.pack("=iiq", number, 0, 0))) == -errno.ENOSYS


@BOTH
def test_a_malformed_argument_closes_the_connection(host: Host) -> None:
    assert host.ask(request(commands.GET_CONFIG_ITEM, payload=b"no nul")) == b""


@BOTH
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(min_size=1, max_size=64))
def test_any_bytes_leave_the_server_at_work(host: Host, raw: bytes) -> None:
    with host.connect() as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        everything(client)
    assert host.state() == 2


def test_half_requests_hold_nobody_up(host: Host) -> None:
    halves = [host.connect() for _ in range(200)]
    for client in halves:
        client.sendall(request(commands.GET_STATE)[:8])
    assert host.state() == 2
    for client in halves:
        client.close()


@BOTH
def test_who_connects_and_says_nothing_holds_nobody_up(host: Host) -> None:
    silent = [host.connect() for _ in range(200)]
    assert host.state() == 2
    for client in silent:
        client.close()


def test_who_does_not_read_a_large_answer_holds_nobody_up_and_gets_all_of_it_later(host: Host) -> None:
    with host.connect() as slow:
        slow.sendall(request(commands.CONSOLE_LOG))
        for _ in range(20):
            assert host.state() == 2
        answer = everything(slow)
    assert answer[:8] == struct.pack("=ii", 0, HUGE)
    assert answer[16:] == large()


def test_who_goes_away_amid_a_large_answer_is_forgotten(host: Host) -> None:
    for _ in range(20):
        with host.connect() as client:
            client.sendall(request(commands.CONSOLE_LOG))
            client.recv(16)
    until(host.is_idle, "its answers are given up")
    assert host.state() == 2


@BOTH
def test_descriptors_sent_along_are_closed(host: Host) -> None:
    files = [os.open("/dev/null", os.O_RDONLY) for _ in range(250)]
    for _ in range(10):
        with host.connect() as client:
            socket.send_fds(client, [request(commands.GET_STATE)], files)
            assert len(everything(client)) == 16
    with host.connect() as client:
        for byte in request(commands.GET_STATE)[:10]:
            socket.send_fds(client, [bytes((byte,))], files)
        assert host.state() == 2
        assert host.descriptors() <= host.idle + 2
    for fd in files:
        os.close(fd)


def lingering() -> tuple[socket.socket, int]:
    """A TCP connection that takes a minute to be closed as long as nobody reads from its other end, the descriptor."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client = socket.create_connection(listener.getsockname())
        client.setblocking(False)
        other = listener.accept()[0].detach()
    full = select.poll()
    full.register(client, select.POLLOUT)
    while full.poll(0):
        client.send(bytes(65536))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    return client, other


@BOTH
@pytest.mark.parametrize("length", [1, 16], ids=["amid a request", "whole"])
def test_what_a_stranger_sends_holds_nobody_up_by_being_closed(host: Host, length: int) -> None:
    def send() -> bytes:
        client, (brought, other) = host.connect(), lingering()
        socket.send_fds(client, [request(commands.GET_STATE)[:length]], [brought.fileno()])
        brought.close()
        reader = os.fork()  # who keeps the other end, and does not read
        if reader == 0:
            os.closerange(3, other)
            os.closerange(other + 1, 4096)
            time.sleep(2 * PATIENCE)
            os._exit(0)
        return everything(client) + struct.pack("=i", reader)

    answer = as_nobody(send)
    try:
        assert ret(answer) == -errno.EPERM
        assert host.state() == 2  # or PATIENCE ends
    finally:
        os.kill(ret(answer[-4:]), signal.SIGKILL)


@BOTH
def test_a_descriptor_in_an_answer_comes_with_its_first_byte(host: Host) -> None:
    with host.connect() as client:
        client.sendall(request(commands.GET_DEVPTS_FD))
        data, descriptors, _flags, _address = socket.recv_fds(client, 16, 4)
    assert (ret(data), len(data), len(descriptors)) == (0, 16, 1)
    assert os.readlink(f"/proc/self/fd/{descriptors[0]}") == "/dev/null"
    os.close(descriptors[0])


@BOTH
@pytest.mark.parametrize("command", [commands.GET_STATE, commands.GET_TTY_FD, commands.STOP, 1000])
def test_another_user_is_refused_whatever_he_asks(host: Host, command: int) -> None:
    answer = as_nobody(lambda: host.ask(request(command)))
    assert answer == struct.pack("=iiq", -errno.EPERM, 0, 0)


@BOTH
def test_another_user_of_roots_group_is_refused(host: Host) -> None:
    assert ret(as_nobody(lambda: host.ask(request(commands.GET_STATE)), gid=0)) == -errno.EPERM


@BOTH
def test_root_is_answered_whatever_his_group(host: Host) -> None:
    assert ret(as_nobody(lambda: host.ask(request(commands.GET_STATE)), uid=0)) == 0


@BOTH
def test_a_connection_that_root_made_is_of_no_use_to_another_user(host: Host) -> None:
    """He got it from a program that root runs for him: the kernel tells who sent each message."""
    with host.connect() as client:

        def speak() -> bytes:
            client.sendall(request(commands.GET_STATE))
            return everything(client)

        assert ret(as_nobody(speak)) == -errno.EPERM


@BOTH
def test_a_request_of_which_another_user_sent_a_part_is_refused(host: Host) -> None:
    raw = request(commands.GET_CONFIG_ITEM, payload=b"lxc.arch\0")
    with host.connect() as client:

        def speak() -> bytes:
            client.sendall(raw[:18])
            return b""

        as_nobody(speak)
        client.sendall(raw[18:])
        assert ret(everything(client)) == -errno.EPERM


@BOTH
def test_a_connection_that_another_user_made_is_of_no_use_to_him_if_root_speaks_on_it(host: Host) -> None:
    ours, his = socket.socketpair()

    def connect() -> bytes:
        client = host.connect()
        socket.send_fds(his, [b"x"], [client.fileno()])
        return b""

    as_nobody(connect)
    _, (fd,), _, _ = socket.recv_fds(ours, 1, 1)
    with socket.socket(fileno=fd) as client:
        client.settimeout(PATIENCE)
        client.sendall(request(commands.GET_STATE))
        assert ret(everything(client)) == -errno.EPERM
    ours.close()
    his.close()


@contextmanager
def strangers(act: Callable[[], list[socket.socket]]) -> Iterator[None]:
    """What another user's process got by `act`, it keeps during the block."""

    def stay() -> bytes:
        kept = act()
        os.write(says, b"x")
        os.read(waits, 1)
        return b"%d" % len(kept)

    (hears, says), (waits, lets) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            as_nobody(stay)
        finally:
            os._exit(0)
    os.close(says)
    try:
        assert os.read(hears, 1) == b"x"
        yield
    finally:
        os.write(lets, b"x")
        os.waitpid(pid, 0)
        for fd in (hears, waits, lets):
            os.close(fd)


@BOTH
def test_a_thousand_connections_of_another_user_cost_few_descriptors_and_hold_nobody_up(host: Host) -> None:
    with strangers(lambda: [host.connect() for _ in range(1000)]):
        assert host.descriptors() <= host.idle + 40
        for _ in range(20):
            assert host.state() == 2


@BOTH
def test_without_descriptors_left_root_is_answered_before_strangers(poor_host: Host) -> None:
    """They fill the table with connections and what they send along."""
    files = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]

    def flood() -> list[socket.socket]:
        clients = []
        for _ in range(60):
            clients.append(poor_host.connect())
            socket.send_fds(clients[-1], [b"x"], files)
        return clients

    with strangers(flood):
        assert poor_host.state() == 2
    fs.close(*files)


@BOTH
def test_when_descriptors_run_out_strangers_who_say_nothing_go_first(poor_host: Host) -> None:
    ours = [poor_host.connect() for _ in range(24)]
    with strangers(lambda: [poor_host.connect() for _ in range(16)]):
        until(poor_host.has_run_out, "no descriptor is left")
        assert poor_host.state() == 2
    for client in ours:
        client.sendall(request(commands.GET_STATE))
        assert len(everything(client)) == 16
        client.close()


@BOTH
def test_when_descriptors_run_out_those_who_wait_are_answered_later(poor_host: Host) -> None:
    clients = [poor_host.connect() for _ in range(60)]
    until(poor_host.has_run_out, "no descriptor is left")
    for client in clients[:40]:
        client.close()
    assert poor_host.state() == 2
    for client in clients[40:]:
        client.sendall(request(commands.GET_STATE))
        assert len(everything(client)) == 16
        client.close()


def wait_for(host: Host, **states: int) -> socket.socket:
    client = host.connect()
    wanted = struct.pack("=8i", *(states.get(name, 0) for name in commands.STATES))
    client.sendall(request(commands.ADD_STATE_CLIENT, payload=wanted))
    assert ret(client.recv(16)) == commands.REGISTERED
    return client


def test_who_waits_for_a_state_is_told_once_and_the_connection_ends(host: Host) -> None:
    frozen, stopped = wait_for(host, FROZEN=1), wait_for(host, STOPPED=1)
    host.ask(request(commands.SERVE_STATE_CLIENTS, commands.FROZEN))
    host.ask(request(commands.SERVE_STATE_CLIENTS, commands.FROZEN))
    assert everything(frozen) == commands.state_message("name", commands.FROZEN)
    host.ask(request(commands.SERVE_STATE_CLIENTS, commands.STOPPED))
    assert everything(stopped) == commands.state_message("name", commands.STOPPED)
    frozen.close()
    stopped.close()


def test_a_hundred_who_wait_are_all_told(host: Host) -> None:
    waiting = [wait_for(host, FROZEN=1) for _ in range(100)]
    for client in waiting[::3]:
        client.close()
    host.ask(request(commands.SERVE_STATE_CLIENTS, commands.FROZEN))
    for client in set(waiting) - set(waiting[::3]):
        assert len(everything(client)) == commands.MESSAGE
        client.close()


def test_a_reboot_ends_the_wait_but_of_those_who_asked_to_survive_it(host: Host) -> None:
    impatient, patient = wait_for(host, RUNNING=1), wait_for(host, RUNNING=2)
    host.ask(request(commands.UNFREEZE))  # stands for a reboot here
    assert everything(impatient) == b""
    host.ask(request(commands.SERVE_STATE_CLIENTS, commands.RUNNING))
    assert everything(patient) == commands.state_message("name", commands.RUNNING)
    impatient.close()
    patient.close()


def test_a_lease_ends_with_its_connection_and_is_heard_of(host: Host) -> None:
    def leases() -> int:
        return int.from_bytes(host.ask(request(commands.GET_CLONE_FLAGS))[8:], "little")

    lease = host.connect()
    lease.sendall(request(commands.GET_TTY_FD))
    assert len(lease.recv(16)) == 16
    before = leases()
    lease.close()
    until(lambda: leases() >= before + 2, "the ends of the lease and of the question are heard of")


def test_closing_all_ends_every_connection_and_the_name_is_free(host: Host) -> None:
    waiting = wait_for(host, FROZEN=1)
    silent = host.connect()
    host.ask(request(commands.STOP))
    assert everything(waiting) == everything(silent) == b""
    with pytest.raises(ConnectionRefusedError):
        host.connect()
    waiting.close()
    silent.close()
    os.kill(host.pid, 9)
    os.waitpid(host.pid, 0)
    host.__init__()  # type: ignore[misc]  # for the fixture's last look


def large() -> bytes:
    return bytes(range(256)) * (HUGE // 256)


def rest(listener: sockets.socket) -> NoReturn:
    """Answer as much of that as is the same for all, by the program that a resting monitor is; it does not wake."""
    sleeper = os.fork()
    if sleeper == 0:
        process.prctl(process.PR_SET_PDEATHSIG, 9)
        signal.pause()
    longest = b"x" * (commands.LONGEST - 1) + b"\0"
    answers = [
        (Request(commands.GET_STATE), Reply(number=commands.RUNNING)),
        (Request(commands.GET_NAME), Reply(payload=commands.as_text("name"))),
        (Request(commands.GET_DEVPTS_FD), Reply(descriptors=(os.open("/dev/null", os.O_RDONLY),))),
        *(
            (Request(commands.GET_CONFIG_ITEM, payload=asked), Reply(payload=asked))
            for asked in (b"lxc.arch\0", longest)
        ),
        (Request(commands.GET_CONFIG_ITEM, payload=b"no nul"), None),
    ]
    text = sheet.text(sleeper, process.pidfd_open(sleeper), listener.fileno(), 9, (-1, -1), answers)
    file = os.memfd_create("sheet")
    os.write(file, text)
    for fd in fs.opened():
        os.set_inheritable(fd, True)
    os.execv(CLIENT, ("resting", "--rest", str(file), "/nowhere", "deaf"))


def serve(listener: sockets.socket) -> None:
    """Answer a few commands, some in a way of these tests' own."""
    loop = Loop()
    ended = 0

    def closed(_fd: int) -> None:
        nonlocal ended
        ended += 1

    def answer(asked: Request, connection: Connection) -> Reply | None:
        match asked.command:
            case commands.GET_STATE:
                return Reply(number=commands.RUNNING)
            case commands.GET_NAME:
                return Reply(payload=commands.as_text("name"))
            case commands.GET_CONFIG_ITEM:
                return Reply(payload=commands.as_text(commands.text(asked.payload)))
            case commands.CONSOLE_LOG:
                return Reply(payload=large())
            case commands.GET_DEVPTS_FD:
                return Reply(descriptors=(null := (os.open("/dev/null", os.O_RDONLY),)), given=null)
            case commands.ADD_STATE_CLIENT:
                connection.wanted, connection.keep = commands.wanted_states(asked.payload), True
                return Reply(commands.REGISTERED)
            case commands.SERVE_STATE_CLIENTS:
                server.tell_state("name", asked.number)
                return Reply()
            case commands.UNFREEZE:
                server.drop_waiting()
                return Reply()
            case commands.GET_TTY_FD:
                connection.keep = True
                return Reply()
            case commands.GET_CLONE_FLAGS:
                return Reply(number=ended)
            case commands.STOP:
                server.close_all()
                return None
            case _:
                return Reply(-errno.ENOSYS)

    server = Server(listener, loop, answer, closed)
    loop.run()
