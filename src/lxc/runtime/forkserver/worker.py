"""A worker of the fork server (`server` draws the conversation): waits for a client, becomes like it, runs its command."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import sys

from lxc import borrowed, log
from lxc.kernel import beside, fs, polling, process, signals, sockets
from lxc.kernel.fs import closing
from lxc.runtime.forkserver import context
from lxc.runtime.forkserver.request import (
    ENDED,
    HELLO,
    REFUSED,
    Refused,
    example,
    hear,
    moved,
    place,
    raised,
    say,
    take_environment,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from lxc.kernel.sockets import socket
    from lxc.runtime.forkserver.context import Context
    from lxc.runtime.forkserver.counter import Counter, Program
    from lxc.runtime.forkserver.request import Request

TAKEN, FOREIGN, FREE = b"T", b"F", b"E"  # a worker to the server
CALLED = b"C"  # the server to a worker
HAS_REFUSED = 0  # exit status of a worker that has not begun
_PEACE_MS = 13, 1  # before rehearsals, and between them: who works in a row finds us waiting, the processors free
_FAREWELL_MS = 1000  # that a client may take to end
_MOST_CLIENTS, _MOST_STARTS = 1000, 100  # of a start, a thread stays and sleeps (`beside.clone`)
_MOST_GROWTH = 32 << 10  # KiB: who has served so many, or grown so much, makes room for a new one
_F_SETSIG = 10
_CHILD = frozenset({signals.SIGCHLD})
_INTERRUPTED = 128 + 2  # as a shell reports SIGINT


class Worker:
    """A child of the server, which becomes what its client asks for."""

    def __init__(self, ours: Context, policy: tuple[int, os.sched_param], key: int, program: Program) -> None:
        self._ours, self._policy, self._key, self._program = ours, policy, key, program
        self._own_pid = os.getpid()
        self._server: socket | None = None  # it is told what becomes of us
        self._counter: Counter | None = None
        self._has_left = False
        self._ended = -1  # tells of children that have

    def wait(self, counter: Counter, server: socket) -> NoReturn:
        """Accept a client, and work for it, and then perhaps for others.  Ends if the server does before."""
        listener = counter.listener
        fs.keep_only((listener.fileno(), server.fileno()))
        self._counter, self._listener, self._server = counter, listener, server
        if counter.lodges:
            signals.block(_CHILD)
            self._ended = signals.signalfd(_CHILD)
        self._umask, self._mask, self._group = os.umask(0o077), signals.blocked(), os.getpgrp()
        self._size = _size()
        try:
            self._rehearse_all(counter, _poll(listener, server))
            fs.keep_only(self._own())
            os.sched_setscheduler(0, *self._policy)
            served = 0
            while server.fileno() not in self._readable(self._listener, server):
                connection = _accept(self._listener)
                if not connection or not self.work(connection):
                    continue
                served, server = served + 1, self._server
                if served == (_MOST_STARTS if counter.lodges else _MOST_CLIENTS) or _size() > self._size + _MOST_GROWTH:
                    break
                sockets.send(server, FREE)
                self._readable(server)
                if not sockets.receive(server, 1)[0]:
                    break
        except OSError as error:
            log.error(f"cannot accept: {error.strerror}")
            os._exit(1)
        os._exit(0)

    @property
    def _comes_back(self) -> bool:
        return self._counter is not None and self._counter.again

    @property
    def may_lodge(self) -> bool:
        return self._counter is not None and self._counter.lodges

    @property
    def kept(self) -> tuple[int, ...]:
        return self._own() if self._comes_back else ()

    def _own(self) -> tuple[int, ...]:
        """The descriptors that this worker has without a client."""
        server = self._server.fileno() if self._server else -1
        return tuple(fd for fd in (self._listener.fileno(), server, self._ended) if fd >= 0)

    def _readable(self, *channels: socket) -> set[int]:
        """Wait for one of them, and take leave of monitors that end meanwhile."""
        waiter = _poll(*channels, *(self._ended,) * (self._ended >= 0))
        while not (ready := {fd for fd, _ in waiter.poll()} - {self._ended}):
            signals.read_signal(self._ended)
            process.reap()
        return ready

    def _rehearse_all(self, counter: Counter, waiter: select.poll) -> None:
        first, then = _PEACE_MS
        if waiter.poll(first):
            return
        for scene in (counter.memory.copy, self.rehearse, *counter.scenes):
            if waiter.poll(then):
                break
            scene()

    def serve_foreign(self, connection: socket) -> None:
        """Serve a client that another worker has given back."""
        os.sched_setscheduler(0, *self._policy)
        self.work(connection)

    def work(self, connection: socket) -> bool:
        """Serve the client that has connected.  Returns if that has left no trace: True; or if the server was given it."""
        self._connection = connection
        try:
            request = self._prepare()
        except Refused:
            os._exit(HAS_REFUSED)
        if request:
            self._perform(request)
        return bool(request)

    def _prepare(self) -> Request | None:
        """Become like the client, which is told when that is done; None if it is another worker's, whom the server is told.

        Raises Refused: nothing has begun, and the client, who was told, runs by itself.
        """
        try:
            proc = self._check()
            if (
                self._server
                and self._theirs.cgroups != self._ours.cgroups
                and self._theirs.unified != self._ours.unified
            ):
                sockets.send(self._server, FOREIGN, (self._connection.fileno(),))
                os.close(proc)
                self._connection.close()
                return None
            request = self._meet(proc)
            os.close(proc)
            if self._counter and self._counter.only not in ("", request.words[0]):
                raise Refused("others are served elsewhere")
            self._become_like(request)
            if not self._comes_back:  # who comes back has nothing else
                fs.keep_only((*borrowed.descriptors(), *request.numbers))
            os.setpgid(0, 0)
            self._numbers = request.numbers
            self._begin()
        except BaseException as error:
            log.debug(f"refused: {error}")
            say(self._connection, REFUSED, 0)
            raise Refused(str(error)) from error
        return request

    def _perform(self, request: Request) -> None:
        """Run the command and say how it ended; end, or be as before.  Until here, what would interrupt it is blocked."""
        status, is_regular = _INTERRUPTED, False
        try:
            signals.restore(request.blocked)
            status = self._program.run(request.words) & 0xFF
            signals.block(frozenset({signals.SIGINT}))
            is_regular = True
        except KeyboardInterrupt:
            pass
        except BaseException:  # as an interpreter ends that nobody catches an error of
            status = 1
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            is_ours = beside.first_pid() == self._own_pid  # and not of another that the command has forked
            if is_ours and not self._has_left:
                self._say_end(status)
                is_reborn = os.getpid() != self._own_pid  # it has been a monitor
                if self._counter and (self._counter.learns_at_end or is_reborn):
                    self._counter.memory.learn()
            if not (is_ours and is_regular and self._comes_back and self._recover()):
                os._exit(status)

    def _recover(self) -> bool:
        """Be as before this client, to whom all was said; False if that cannot be."""
        self._has_left = False
        differs = self._theirs.limits != self._ours.limits or self._theirs.cgroups != self._ours.cgroups
        if differs or self._theirs.ignored & signals.ALL - self._ours.ignored or os.getpid() != self._own_pid:
            return False
        if self.may_lodge and beside.has_lost_a_child():
            return False
        process.reap()
        if process.has_children_of_this_thread():  # others have monitors
            return False
        try:
            signals.restore(self._mask)
            if not _has_gone(self._connection) or signals.pending():  # as long as it is there, it may send us some
                return False
            log.open("", "", "", log.ERROR)
            log.forget()
            borrowed.forget()
            self._connection.close()
            with closing(os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)) as null:
                for fd in (0, 1, 2):
                    os.dup2(null, fd)
            fs.keep_only(self._own())
            os.chdir("/")
            os.umask(self._umask)
            os.setpgid(0, self._group)
        except OSError as error:
            log.debug(f"not as before: {error}")
            return False
        return True

    def rehearse(self) -> None:
        """Be asked by ourselves, to no effect: memory that is shared with the server is copied at its first use."""
        self._connection, theirs = sockets.pair()
        sockets.pass_credentials(self._connection)
        self._theirs = context.own()
        self._pid = os.getpid()
        here = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        sockets.send(theirs, example(self._key), (here, here, 0, 1, 2))
        os.close(here)
        self._become_like(hear(self._connection, self._pid, self._key))
        self._connection.close()
        os.close(borrowed.mailbox)
        borrowed.forget()

    def _check(self) -> int:
        """Compare the client with us; its directory of /proc, which the caller closes."""
        self._pid, uid, _ = sockets.peer_credentials(self._connection)
        if uid != os.geteuid():
            raise Refused("it is another user")
        try:
            proc = os.open(f"/proc/{self._pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._is_sure = _is_alive(self._connection)
            self._theirs = context.of(proc)
            if self._counter and self._counter.only:
                self._theirs = self._theirs.replace(cgroups=self._ours.cgroups)
            self._theirs.compare(self._ours)
        except (OSError, ValueError) as error:
            raise Refused(str(error)) from error
        return proc

    def _meet(self, proc: int) -> Request:
        """Tell the server that we are taken; what the client wants, which is like us."""
        if self._server:
            sockets.send(self._server, TAKEN, (self._connection.fileno(),))
        if not self._is_sure:
            if polling.events(self._connection.fileno()):
                raise Refused("it has spoken before it was asked")
            say(self._connection, HELLO, 0)
        self._connection.setblocking(True)
        request = hear(self._connection, self._pid, self._key)
        if not (self._is_sure or context.is_alive(proc)):
            raise Refused("it has ended")
        return request

    def _become_like(self, request: Request) -> None:
        """Take over what was carried."""
        try:
            self._theirs.adopt(self._ours)
        except (OSError, ValueError) as error:
            raise Refused(str(error)) from error
        lowest = request.lowest
        self._connection = moved(self._connection, lowest)
        if self._server and self._comes_back:
            self._listener, self._server = moved(self._listener, lowest), moved(self._server, lowest)
            self._ended = raised(self._ended, lowest)
        os.fchdir(request.directory)
        os.close(request.directory)
        borrowed.mailbox, borrowed.terminal = place(request)
        os.umask(request.umask)
        take_environment(request.environment)
        borrowed.connection, borrowed.worker = self._connection.fileno(), self
        for number in self._theirs.ignored & signals.ALL - self._ours.ignored:
            signals.ignore(number)

    def _begin(self) -> None:
        """From here on, it has begun: say so.  Should the client end now, so do we."""
        self._end_with_client()
        if polling.events(self._connection.fileno()):
            os._exit(1)  # it has gone before that, and we have done nothing
        self._tell_pid()

    def outlive_client(self) -> None:
        fcntl.fcntl(self._connection.fileno(), fcntl.F_SETFL, 0)

    def be_reborn(self, cgroup: int, *, has_session: bool) -> None:
        def tell() -> None:
            if has_session:
                os.setsid()
            else:
                os.setpgid(0, 0)
            self._tell_pid(is_monitor=True)

        beside.be_reborn(cgroup, tell)
        self._leave_counter()

    def lend(self) -> None:
        self._leave_counter()
        os.setsid()
        self._tell_pid(is_monitor=True)

    def take_back(self) -> None:
        self._tell_pid()

    def inherit(self) -> None:
        with closing(process.pidfd_open(self._pid)) as client:  # it is there: it waits for us
            self._say_end(0)
            polling.events(client, _FAREWELL_MS)

    def leave(self, status: int) -> None:
        self._say_end(status)
        self._has_left = True
        fs.close(*borrowed.descriptors(), *(number for number in self._numbers if number > 2))
        borrowed.forget()
        if self._counter:
            self._counter.memory.learn()

    def _leave_counter(self) -> None:
        """Have nothing open of what this worker has without a client; in another process, which does not come back."""
        if self._comes_back:
            fs.close(*self._own())

    def _end_with_client(self) -> None:
        """Have the kernel kill this process when the client ends."""
        fd = self._connection.fileno()
        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(fd, _F_SETSIG, signals.SIGKILL)
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC)

    def _tell_pid(self, *, is_monitor: bool = False) -> None:
        """And whether this process is never to be stopped: whatever signal it is sent it passes on, or ignores."""
        os.pwrite(borrowed.mailbox, b"".join(n.to_bytes(4, sys.byteorder) for n in (os.getpid(), is_monitor)), 0)

    def _say_end(self, status: int) -> None:
        self.outlive_client()
        say(self._connection, ENDED, status)


def tell(worker: socket, word: bytes) -> None:
    """Say `word` to a worker, from the server."""
    try:
        sockets.send(worker, word)
    except OSError as error:
        log.debug(f"it has ended: {error}")


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


def _poll(*channels: socket | int) -> select.poll:
    waiter = select.poll()
    for channel in channels:
        waiter.register(channel, select.POLLIN)
    return waiter


def _has_gone(connection: socket) -> bool:
    """Whether the other end closes soon, and says nothing before."""
    return bool(polling.events(connection.fileno(), _FAREWELL_MS)) and not sockets.receive(connection, 1)[0]


def _size() -> int:
    """The most memory that we ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
