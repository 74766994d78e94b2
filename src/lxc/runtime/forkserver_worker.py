"""A worker of the fork server (`forkserver` draws the conversation): waits for a client, becomes like it, runs its command."""

from __future__ import annotations

import fcntl
import os
import select
import sys

from lxc import borrowed, log
from lxc.kernel import fs, process, signals, sockets
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import client_context as context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.kernel.sockets import socket
    from lxc.runtime.client_context import Context

HELLO, REFUSED, ENDED, KILLED = (ord(letter) for letter in "YNXK")
TAKEN, FOREIGN = b"T", b"F"
_LARGEST = 8 << 20  # bytes of words and environment: the kernel takes 6 MiB at most
_MOST_NUMBERS = 240
_HEADER = 2 * 8 + 6 * 4 + 4 * _MOST_NUMBERS  # struct request of native/client/worker.c
_PEACE_MS = 1  # between rehearsals: whoever works in a row finds us waiting
_F_SETSIG = 10
_INTERRUPTED = 128 + 2  # as a shell reports SIGINT


class Program(Record):
    """What workers are for."""

    run: Callable[[list[str]], int]  # a command, by its words; its exit status
    rehearsals: tuple[Callable[[], None], ...]  # of what commands do, to no effect, for who waits for a client


class _Refused(Exception):
    """The client is to run by itself."""


class _Request(Record):
    words: list[str]
    environment: dict[bytes, bytes]
    umask: int
    blocked: frozenset[int]
    directory: int
    mailbox: int  # where the client finds our pid once we have begun
    numbers: tuple[int, ...]  # which descriptors
    descriptors: tuple[int, ...]  # …these become
    terminal: int  # the client's controlling terminal, -1 if it has none


class Worker:
    """A child of the server, which becomes what its client asks for."""

    def __init__(self, ours: Context, policy: tuple[int, os.sched_param], key: int, program: Program) -> None:
        self._ours, self._policy, self._key, self._program = ours, policy, key, program
        self._own_pid = os.getpid()

    def wait(self, listener: socket, server: socket) -> NoReturn:
        """Accept a client, and work for it.  Ends if the server does before."""
        _keep_only(listener.fileno(), server.fileno())
        waiter = select.poll()
        waiter.register(listener, select.POLLIN)
        waiter.register(server, select.POLLIN)
        try:
            for scene in (self.rehearse, *self._program.rehearsals):
                if waiter.poll(_PEACE_MS):
                    break
                scene()
            os.sched_setscheduler(0, *self._policy)
            while server.fileno() not in dict(waiter.poll()):
                connection = _accept(listener)
                if connection:
                    self.work(connection, server)
        except OSError as error:
            log.error(f"cannot accept: {error.strerror}")
        os._exit(0)

    def serve_foreign(self, connection: socket) -> None:
        """Serve a client that another worker has given back."""
        os.sched_setscheduler(0, *self._policy)
        self.work(connection)

    def work(self, connection: socket, server: socket | None = None) -> None:
        """Serve the client that has connected.  Returns if it is one for another worker: the `server` is told."""
        self._connection = connection
        try:
            proc = self._check()
            if server and self._theirs.unified != self._ours.unified:
                sockets.send(server, FOREIGN, (connection.fileno(),))
                os.close(proc)
                connection.close()
                return
            request = self._meet(proc, server)
            mailbox = self._become_like(request)
            _keep_only(*borrowed.descriptors(), mailbox, *request.numbers)
            os.setpgid(0, 0)
            self._begin(mailbox)
            self._perform(request)
        except BaseException as error:  # nothing has begun: the client runs by itself
            log.debug(f"refused: {error}")
            say(self._connection, REFUSED, 0)
        os._exit(0)

    def _perform(self, request: _Request) -> NoReturn:
        """Run the command, say how it ended, and end.  Until here, what would interrupt it is blocked."""
        status = _INTERRUPTED
        try:
            signals.restore(request.blocked)
            status = self._program.run(request.words) & 0xFF
            signals.block(frozenset({signals.SIGINT}))
        except KeyboardInterrupt:
            pass
        except BaseException:  # as an interpreter ends that nobody catches an error of
            status = 1
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            if os.getpid() == self._own_pid:  # and is not another that the command has forked
                self._say_end(status)
            os._exit(status)

    def rehearse(self) -> None:
        """Be asked by ourselves, to no effect: memory that is shared with the server is copied at its first use."""
        self._connection, theirs = sockets.pair()
        sockets.pass_credentials(self._connection)
        self._theirs = context.own()
        self._pid = os.getpid()
        here = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        strings = b"\0".join((b"lxc-info", *(b"NAME%d=" % number + b"x" * (4 * number) for number in range(40)), b""))
        numbers = (self._key, 0), (0o077, len(strings), 1, 40, 3, 0), (0, 1, 2, *(0,) * (_MOST_NUMBERS - 3))
        header = b"".join(
            n.to_bytes(size, sys.byteorder) for size, row in zip((8, 4, 4), numbers, strict=True) for n in row
        )
        sockets.send(theirs, header + strings, (here, here, 0, 1, 2))
        os.close(here)
        os.close(self._become_like(self._hear()))
        self._connection.close()
        _forget_environment()

    def _check(self) -> int:
        """Compare the client with us; its directory of /proc, which the caller closes."""
        self._pid, uid, _ = sockets.peer_credentials(self._connection)
        if uid != os.geteuid():
            raise _Refused("it is another user")
        try:
            proc = os.open(f"/proc/{self._pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._is_sure = _is_alive(self._connection)
            self._theirs = context.of(proc)
            self._theirs.compare(self._ours)
        except (OSError, ValueError) as error:
            raise _Refused(str(error)) from error
        return proc

    def _meet(self, proc: int, server: socket | None) -> _Request:
        """Tell the server to make the next worker; what the client wants, which is like us."""
        if server:
            sockets.send(server, TAKEN, (self._connection.fileno(),))
        if not self._is_sure:
            if _events(self._connection):
                raise _Refused("it has spoken before it was asked")
            say(self._connection, HELLO, 0)
        self._connection.setblocking(True)
        request = self._hear()
        if not (self._is_sure or context.is_alive(proc)):
            raise _Refused("it has ended")
        return request

    def _hear(self) -> _Request:
        raw, descriptors = self._receive(_HEADER)
        numbers = [int.from_bytes(raw[at : at + 4], "little") for at in range(16, 40, 4)]
        umask, size, words, variables, count, has_terminal = numbers
        if int.from_bytes(raw[:8], sys.byteorder) != self._key:
            raise _Refused("its installation is another")
        if size > _LARGEST or count > _MOST_NUMBERS or len(descriptors) != 2 + count + has_terminal:
            raise _Refused("its request is malformed")
        text, _ = self._receive(size)
        strings = text.split(b"\0")
        if len(strings) != words + variables + 1 or not words:
            raise _Refused("its request is malformed")
        blocked = int.from_bytes(raw[8:16], sys.byteorder)
        return _Request(
            [os.fsdecode(word) for word in strings[:words]],
            dict(pair.split(b"=", 1) for pair in strings[words : words + variables] if b"=" in pair),
            umask & 0o777,
            frozenset(number for number in signals.ALL if blocked >> (number - 1) & 1),
            descriptors[0],
            descriptors[1],
            tuple(int.from_bytes(raw[40 + 4 * at : 44 + 4 * at], "little") for at in range(count)),
            descriptors[2 : 2 + count],
            descriptors[-1] if has_terminal else -1,
        )

    def _receive(self, size: int) -> tuple[bytes, tuple[int, ...]]:
        """Exactly `size` bytes, all sent by the process that connected."""
        parts: list[bytes] = []
        descriptors: tuple[int, ...] = ()
        left = size
        while left:
            part, more, credentials = sockets.receive(self._connection, min(left, 1 << 18))
            if not part or not credentials or credentials[0] != self._pid:
                raise _Refused("it went away, or another spoke for it")
            parts.append(part)
            descriptors += more
            left -= len(part)
        return b"".join(parts), descriptors

    def _become_like(self, request: _Request) -> int:
        """Take over what was carried.  Return the mailbox."""
        try:
            self._theirs.adopt(self._ours)
        except (OSError, ValueError) as error:
            raise _Refused(str(error)) from error
        self._move_connection(request)
        os.fchdir(request.directory)
        os.close(request.directory)
        mailbox, terminal = _place(request)
        os.umask(request.umask)
        for name, value in request.environment.items():
            os.environb[name] = value
        borrowed.connection, borrowed.terminal = self._connection.fileno(), terminal
        for number in self._theirs.ignored & signals.ALL - {signals.SIGKILL, signals.SIGSTOP}:
            signals.ignore(number)
        return mailbox

    def _move_connection(self, request: _Request) -> None:
        """Out of the way of the descriptors to place."""
        fd = fs.duplicate(self._connection.fileno(), max((2, *request.numbers)) + 1)
        self._connection.close()
        self._connection = sockets.of(fd)

    def _begin(self, mailbox: int) -> None:
        """From here on, it has begun: say so.  Should the client end now, so do we."""
        fd = self._connection.fileno()
        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(fd, _F_SETSIG, signals.SIGKILL)
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC)
        if _events(self._connection):
            os._exit(1)  # it has gone before that, and we have done nothing
        os.pwrite(mailbox, os.getpid().to_bytes(4, sys.byteorder), 0)
        os.close(mailbox)

    def _say_end(self, status: int) -> None:
        fd = self._connection.fileno()
        fcntl.fcntl(fd, fcntl.F_SETFL, 0)
        say(self._connection, ENDED, status)


def _message(kind: int, value: int) -> bytes:
    return kind.to_bytes(4, sys.byteorder) + value.to_bytes(4, sys.byteorder, signed=True)


def say(connection: socket, kind: int, value: int) -> None:
    try:
        sockets.send(connection, _message(kind, value))
    except OSError as error:
        log.debug(f"nobody is left to be told: {error}")


def _keep_only(*kept: int) -> None:
    """Close all descriptors but the standard ones and those of `kept` that are none of them."""
    first = 3
    for fd in sorted(fd for fd in kept if fd > 2):
        if fd > first:
            os.closerange(first, fd)
        first = fd + 1
    fs.close_range(first, fs.HIGHEST)


def _forget_environment() -> None:
    """os.environ.clear() looks through all that is left for each that it takes out."""
    for name in list(os.environb):
        del os.environb[name]


def _accept(listener: socket) -> socket | None:
    try:
        return sockets.accept(listener)
    except (BlockingIOError, ConnectionError):
        return None


def _is_alive(connection: socket) -> bool:
    """Whether the pid of who has connected is its own still; False also if the kernel cannot say that."""
    try:
        with closing(sockets.peer_pidfd(connection)) as pidfd:
            process.pidfd_send_signal(pidfd, 0)
    except OSError:
        return False
    return True


def _events(connection: socket) -> bool:
    """Whether something was said, or the other end closed."""
    waiter = select.poll()
    waiter.register(connection, select.POLLIN)
    return bool(waiter.poll(0))


def _place(request: _Request) -> tuple[int, int]:
    """Make each descriptor what it was at the client, and close of 0, 1 and 2 what the client did not have.

    Return the mailbox and the terminal.
    """
    lowest = max((2, *request.numbers)) + 1
    *high, mailbox, terminal = (_raised(fd, lowest) for fd in (*request.descriptors, request.mailbox, request.terminal))
    for number, fd in zip(request.numbers, high, strict=True):
        os.dup2(fd, number)
        os.close(fd)
    for number in {0, 1, 2} - set(request.numbers):
        os.close(number)
    return mailbox, terminal


def _raised(fd: int, lowest: int) -> int:
    """`fd`, or a duplicate that is `lowest` or higher in its place."""
    if not 0 <= fd < lowest:
        return fd
    moved = fs.duplicate(fd, lowest)
    os.close(fd)
    return moved
