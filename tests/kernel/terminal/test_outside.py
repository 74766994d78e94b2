"""The monitor's half on real pseudo terminals; the test plays the container on the slave, and the user on the other side."""

import errno
import fcntl
import os
import resource
import select
import termios
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lxc.errors import StepError
from lxc.kernel import tty
from lxc.loop import Loop
from lxc.terminal import outside
from lxc.terminal.outside import Terminals
from lxc.terminal.plan import Prepared, TerminalPlan

pytestmark = pytest.mark.root

DEADLINE = 30  # seconds until something that never comes is missed
MUCH = b"".join(b"%07d\r\n" % number for number in range(60_000))  # more than any buffer on the way holds


class World:
    """A monitor's terminals; `container` is the console as the container has it open."""

    def __init__(self, ttys: int = 0, **config) -> None:
        self.loop = Loop()
        plan = TerminalPlan(ttys=ttys, pty_max=0, **config)
        self.prepared = outside.prepare(plan)
        self.container = os.dup(self.prepared.console.slave)
        os.set_blocking(self.container, False)
        tty.make_transparent(self.container)
        pairs = [tty.open_pair() for _ in range(ttys)]
        self.ttys = [slave for _, slave in pairs]
        masters = tuple(master for master, _ in pairs)
        self.is_closed = False
        self.terminals = Terminals(plan, self.prepared, self.loop, -1, masters)

    def says(self, data: bytes) -> None:
        """The container writes, and the monitor serves, until all is written and has been read."""
        while data:
            try:
                data = data[os.write(self.container, data) :]
            except BlockingIOError:
                self.loop.turn(0.01)
        self.terminals.drain()

    def hears(self, fd: int, expected: bytes) -> bool:
        """Whether what comes out at `fd`, while the monitor serves, ends with `expected`."""
        return self.read(fd, lambda seen: seen.endswith(expected)).endswith(expected)

    def read(self, fd: int, is_enough: Callable[[bytes], bool]) -> bytes:
        seen, deadline = b"", time.monotonic() + DEADLINE
        while not is_enough(seen) and time.monotonic() < deadline:
            self.loop.turn(0)
            if select.select([fd], [], [], 0.01)[0]:
                seen += os.read(fd, 65536)
        return seen

    def close(self) -> None:
        if not self.is_closed:
            self.terminals.close()
            self.loop.close()
            for fd in (self.container, *self.ttys):
                os.close(fd)
        self.is_closed = True


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    before = sorted(os.listdir("/proc/self/fd"))
    made: list[World] = []

    def make(**config) -> World:
        made.append(World(**config))
        return made[-1]

    yield make
    for world in made:
        world.close()
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def screen() -> Iterator[tuple[int, str]]:
    """A user's terminal: (what the user sees and types on, its path)."""
    master, slave = tty.open_pair()
    os.set_blocking(master, False)
    yield master, f"/dev/pts/{tty.number(master)}"
    os.close(master)
    os.close(slave)


def test_a_configured_peer_follows_the_console_and_types_to_it(world, screen) -> None:
    user, path = screen
    this = world(console_path=path)
    this.says(b"login: ")
    os.write(user, b"root\x03")
    assert this.hears(user, b"login: ")
    assert this.hears(this.container, b"root\x03")


def test_a_peer_is_raw_while_the_container_runs_and_as_before_after(world, screen) -> None:
    user, path = screen
    before = termios.tcgetattr(user)
    this = world(console_path=path)
    during = termios.tcgetattr(user)
    this.close()
    after = termios.tcgetattr(user)
    assert not during[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    assert after == before


def test_a_peer_gives_the_console_its_window_size(world, screen) -> None:
    user, path = screen
    tty.set_window_size(user, bytes((50, 0, 132, 0, 0, 0, 0, 0)))
    this = world(console_path=path)
    assert tty.window_size(this.container)[:4] == bytes((50, 0, 132, 0))
    tty.set_window_size(user, bytes((51, 0, 133, 0, 0, 0, 0, 0)))
    this.terminals.set_window_size()
    assert tty.window_size(this.container)[:4] == bytes((51, 0, 133, 0))


@pytest.mark.parametrize(
    ("path", "why"), [("/dev/null", "it is not a terminal"), ("/nope", "No such file or directory")]
)
def test_a_peer_that_is_no_terminal_is_an_error_with_its_line(path: str, why: str, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(StepError) as caught:
        outside.prepare(
            TerminalPlan(console_path=path, console_logfile=str(tmp_path / "log"), where_console_path="config:3")
        )
    assert caught.value.lines() == [f"cannot open the console's peer {path}: {why}", "  set in config:3"]
    assert os.listdir("/proc/self/fd") == before


def test_a_log_file_that_cannot_be_opened_is_an_error_and_leaves_nothing_open(screen) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(StepError) as caught:
        outside.prepare(
            TerminalPlan(console_path=screen[1], console_logfile="/nope/log", where_console_logfile="config:4")
        )
    assert caught.value.where == "config:4"
    assert os.listdir("/proc/self/fd") == before


def test_ttys_that_cannot_be_made_are_an_error_with_its_line() -> None:
    before = os.listdir("/proc/self/fd")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        with pytest.raises(StepError) as caught:
            outside.prepare(TerminalPlan(ttys=2**32 - 1, console_path="none", where_ttys="config:5"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.where == "config:5"
    assert os.listdir("/proc/self/fd") == before


def test_without_a_console_nothing_is_opened() -> None:
    assert outside.prepare(TerminalPlan(console_path="none", console_logfile="/nope/log")) == Prepared()


def test_a_daemon_has_no_peer() -> None:
    prepared = outside.prepare(TerminalPlan(pty_max=10))
    assert prepared == Prepared()


def test_the_log_has_all_that_was_said(world, tmp_path: Path) -> None:
    this = world(console_logfile=str(tmp_path / "log"))
    this.says(MUCH)
    assert (tmp_path / "log").read_bytes() == MUCH


def test_a_rotated_log_has_the_last_of_it_in_two_files(world, tmp_path: Path) -> None:
    this = world(console_logfile=str(tmp_path / "log"), console_size=4096, console_rotate=True)
    this.says(MUCH)
    older, newer = (tmp_path / "log.1").read_bytes(), (tmp_path / "log").read_bytes()
    assert len(older) == 4096 >= len(newer)
    assert MUCH.endswith(older + newer)


def test_when_it_stops_the_log_holds_the_newest_of_the_ring(world, tmp_path: Path) -> None:
    this = world(console_logfile=str(tmp_path / "log"), console_size=4096, console_buffer_size=8192)
    this.says(MUCH)
    this.close()
    assert (tmp_path / "log").read_bytes() == MUCH[-4096:]


def test_a_log_without_a_size_is_not_replaced_by_the_ring(world, tmp_path: Path) -> None:
    this = world(console_logfile=str(tmp_path / "log"), console_buffer_size=4096)
    this.says(MUCH)
    this.close()
    assert (tmp_path / "log").read_bytes() == MUCH


def test_the_ring_is_read_from_its_oldest_byte_and_reading_consumes(world) -> None:
    terminals = (this := world(console_buffer_size=4096)).terminals
    this.says(b"abcdef")
    assert terminals.console_log(False, True, 2, False) == b"ab"
    assert terminals.console_log(False, False, 0, False) == b""
    assert terminals.console_log(False, True, 0, False) == b"cdef"
    with pytest.raises(OSError) as caught:
        terminals.console_log(False, True, 0, False)
    assert caught.value.errno == errno.ENODATA


def test_the_ring_can_be_cleared(world) -> None:
    terminals = (this := world(console_buffer_size=4096)).terminals
    this.says(b"abcdef")
    terminals.console_log(True, False, 0, False)
    with pytest.raises(OSError) as caught:
        terminals.console_log(False, True, 0, False)
    assert caught.value.errno == errno.ENODATA


def test_without_a_ring_the_console_log_is_efault(world) -> None:
    with pytest.raises(OSError) as caught:
        world().terminals.console_log(False, True, 0, False)
    assert caught.value.errno == errno.EFAULT


def test_a_client_of_the_console_sees_and_types(world) -> None:
    this = world()
    number, fd = this.terminals.allocate(0, 7)
    this.says(b"hello\r\n")
    os.write(fd, b"ls\r\x03")
    assert number == 0
    assert this.hears(fd, b"hello\r\n")
    assert this.hears(this.container, b"ls\r\x03")


def test_the_console_has_one_client_at_a_time(world) -> None:
    this = world()
    this.terminals.allocate(0, 7)
    with pytest.raises(OSError) as caught:
        this.terminals.allocate(0, 8)
    assert caught.value.errno == errno.EBADF
    this.terminals.release(8)
    with pytest.raises(OSError):
        this.terminals.allocate(0, 8)
    this.terminals.release(7)
    assert this.terminals.allocate(0, 8)[0] == 0


def test_the_console_has_no_client_while_it_has_a_peer(world, screen) -> None:
    with pytest.raises(OSError) as caught:
        world(console_path=screen[1]).terminals.allocate(0, 7)
    assert caught.value.errno == errno.EBADF


def test_a_client_that_does_not_read_loses_the_oldest_and_stalls_nobody(world, tmp_path: Path) -> None:
    this = world(console_logfile=str(tmp_path / "log"))
    _, fd = this.terminals.allocate(0, 7)
    this.says(MUCH)
    seen = this.read(fd, lambda seen: seen.endswith(MUCH[-4096:]))
    assert (tmp_path / "log").read_bytes() == MUCH
    assert 4096 < len(seen) < len(MUCH)
    assert seen.endswith(MUCH[-4096:])


def test_a_clients_window_size_reaches_the_container_when_it_types(world) -> None:
    this = world()
    _, fd = this.terminals.allocate(0, 7)
    tty.set_window_size(fd, bytes((33, 0, 99, 0, 0, 0, 0, 0)))
    os.write(fd, b"x")
    assert this.hears(this.container, b"x")
    assert tty.window_size(this.container)[:4] == bytes((33, 0, 99, 0))


def test_what_the_container_does_not_read_holds_up_the_typist_and_is_not_lost(world) -> None:
    this = world()
    _, fd = this.terminals.allocate(0, 7)
    os.set_blocking(fd, False)
    to_type, heard = MUCH, b""
    while to_type:
        try:
            to_type = to_type[os.write(fd, to_type) :]
        except BlockingIOError:
            heard += this.read(this.container, lambda seen: len(seen) > 1000)
    assert heard + this.read(this.container, lambda seen: len(heard + seen) == len(MUCH)) == MUCH


def test_a_peer_that_vanishes_is_dropped_and_the_console_goes_on(world, tmp_path: Path) -> None:
    master, slave = tty.open_pair()
    this = world(console_path=f"/dev/pts/{tty.number(master)}", console_logfile=str(tmp_path / "log"))
    os.close(slave)
    os.close(master)
    this.says(b"is anybody there?")
    assert (tmp_path / "log").read_bytes() == b"is anybody there?"
    assert not this.loop.turn(0)  # and the loop does not spin on it
    assert this.terminals.allocate(0, 7)[0] == 0


def test_a_configured_peer_that_does_not_read_loses_output(world, screen, tmp_path: Path) -> None:
    this = world(console_path=screen[1], console_logfile=str(tmp_path / "log"))
    this.says(MUCH)
    assert (tmp_path / "log").read_bytes() == MUCH


def test_when_nobody_has_the_console_open_the_loop_is_at_rest(world) -> None:
    this = world()
    os.close(this.container)
    assert not this.loop.turn(0.02)
    this.container = tty.open_slave(this.prepared.console.master)
    this.says(b"back again")


def test_the_last_words_are_passed_on(world, screen, tmp_path: Path) -> None:
    this = world(console_path=screen[1], console_logfile=str(tmp_path / "log"))
    os.write(this.container, b"Power down.")
    this.terminals.drain()
    assert (tmp_path / "log").read_bytes() == b"Power down."
    assert this.hears(screen[0], b"Power down.")


def test_ttys_are_taken_by_number_or_as_they_are_free(world) -> None:
    this = world(ttys=3)
    assert this.terminals.allocate(2, 7)[0] == 2
    assert this.terminals.allocate(-1, 8)[0] == 1
    assert this.terminals.allocate(-1, 9)[0] == 3
    for number in (-1, 1, 2, 3, 4, -2):
        with pytest.raises(OSError) as caught:
            this.terminals.allocate(number, 10)
        assert caught.value.errno == errno.EBADF
    this.terminals.release(7)
    assert this.terminals.allocate(-1, 10)[0] == 2


def test_a_ttys_descriptor_is_the_terminal_itself(world) -> None:
    this = world(ttys=1)
    _, fd = this.terminals.allocate(1, 7)
    os.write(fd, b"root\n")
    assert os.read(this.ttys[0], 100) == b"root\n"


def test_a_tty_that_nobody_has_open_is_silent_not_broken(world) -> None:
    this = world(ttys=1)
    os.close(this.ttys.pop())
    _, fd = this.terminals.allocate(1, 7)
    assert not select.select([fd], [], [], 0.02)[0]


def test_the_starters_terminal_is_the_peer_in_the_foreground_and_loses_nothing() -> None:
    seen = _in_a_session_on_a_terminal(_serve_in_the_foreground)
    assert seen.replace(b"\r\r\n", b"\r\n") == MUCH


def test_without_a_terminal_the_foreground_has_no_peer() -> None:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os._exit(outside.prepare(TerminalPlan(foreground=True, pty_max=10)) != Prepared())
    assert os.waitpid(pid, 0)[1] == 0


def _serve_in_the_foreground() -> None:
    this = World(foreground=True)
    left = MUCH
    while left:
        try:
            left = left[os.write(this.container, left) :]
        except BlockingIOError:
            this.loop.turn(0.02)
    this.terminals.drain()
    this.close()


def _in_a_session_on_a_terminal(function: Callable[[], None]) -> bytes:
    """What `function` has written, by the end, on a terminal whose user reads slowly."""
    master, slave = tty.open_pair()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        os.close(master)
        try:
            function()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    os.close(slave)
    seen = b""
    try:
        while part := os.read(master, 997):
            seen += part
    except OSError:
        pass
    assert os.waitpid(pid, 0)[1] == 0
    os.close(master)
    return seen
