"""The fork server: a warm interpreter of one user that everything else is forked from.

    lxc-client (native/client)                   worker                                       server
                                                 waits on the socket ◀────────────── clone3()
    connects, sends words, environment,
    directory, files, a mailbox ─────────────▶   accepts, tells the server ────────▶ clone3(), the next
                                                 compares the client with itself
          ◀─────────── (REFUSED) ─────────────   becomes like it
          ◀─────── its pid, in the mailbox ───   has begun; runs the command
    signals ─────────────────────────────────▶
          ◀───────── ENDED, exit status ──────
          ◀────────────────────────────────────────────────────────── KILLED, signal (reaps it)

The server holds no state: killed at any time, nothing is lost but that its next user waits for an interpreter.  A
worker needs it no more once it has accepted, and a monitor that a worker leaves behind has nothing to do with either.

Who is served: the user whose server it is, from a process that the kernel says is like ours (`client_context`).  What
can be carried is carried (words, environment, umask, directory, descriptors, ignored and blocked signals, limits,
cgroups); who differs in anything else is refused, and runs directly.  The unified cgroup is carried by birth alone: a
client that is in another than the server gets a worker that is born there, for it.  The server stays in the cgroups of
who started it.

Nothing is believed of what the client says but what it wants: it has our user's powers already, or it is refused.
Lengths are bounded.  Whose process it is that asks cannot change under us: its directory of /proc is opened while the
kernel says that it still is the one that connected (SO_PEERPIDFD).  A kernel that cannot say so (before 6.5) leaves the
long way: the client is told HELLO with that directory open, and must speak after that, from the same pid
(SCM_CREDENTIALS), while the directory still has a process.
"""

from __future__ import annotations

import gc
import os
import select
import time

from lxc import borrowed, log
from lxc.kernel import process, signals, sockets
from lxc.kernel.fs import closing
from lxc.runtime import client_context as context
from lxc.runtime import forkserver_worker as workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.kernel.sockets import socket
    from lxc.runtime.forkserver_worker import Program, Worker

IDLE = 300.0  # seconds without a request after which it ends
_GLANCE = 15.0  # seconds between looks at whether it is still wanted
_LOCK = 3  # the descriptor of the lock file that whoever starts a server passes
_REPETITIONS = 10  # CPython takes 8 to 16 calls of a function until its bytecode is as it stays
_RESPITE = 0.5  # seconds after a failure to fork
_MOST_FAILURES = 3
_ENDING = frozenset({signals.SIGTERM, signals.SIGHUP, signals.SIGINT})


class Server:
    """Keeps one worker waiting, and reaps; it talks to no client before its end, so no client can hold it up."""

    def __init__(self, listener: socket, path: str, key: int, program: Program) -> None:
        """`path` is that of the socket, removed in the end; "" if it is not ours to remove."""
        self._listener, self._path, self._key, self._program = listener, path, key, program
        self._context = context.own()
        self._policy = os.sched_getscheduler(0), os.sched_getparam(0)
        self._installation = _installation()
        self._workers: dict[int, tuple[int, socket | None]] = {}  # pid, and connection to the client, by pidfd
        self._epoll = select.epoll()
        self._spare = -1  # the pidfd of the worker that waits
        self._channel: socket | None = None  # to it
        self._failures = 0  # of workers, in a row
        self._is_closing = False

    def serve(self) -> None:
        """Until there is nothing more to do."""
        _yield_to_workers()
        stopping = signals.signalfd(_ENDING)
        self._epoll.register(stopping, select.EPOLLIN)
        idle = 0.0
        while self._workers or not self._is_closing:
            if self._spare < 0 and not self._is_closing:
                self._make_spare()
            ready = self._epoll.poll(_GLANCE)
            idle = 0.0 if ready or len(self._workers) > 1 else idle + _GLANCE
            for fd, _ in ready:
                if fd in self._workers:
                    self._reap(fd)
                elif fd == stopping:
                    signals.read_signal(stopping)
                    self._close()
                elif self._channel and fd == self._channel.fileno():
                    self._hear_spare(self._channel)
            if not self._is_closing and (idle >= IDLE or not self._is_wanted()):
                self._close()

    def _is_wanted(self) -> bool:
        """Whether the installation is the one that was loaded, and the next client would find us."""
        if self._installation != _installation():
            return False
        try:
            return not self._path or os.stat(self._path).st_uid == os.geteuid()
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        """Serve nobody more.  Those in the queue find their connection closed, and run directly."""
        if self._is_closing:
            return
        self._is_closing = True
        if self._path:
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                pass
        self._listener.close()
        self._drop_channel()  # the one that waits sees that

    def _make_spare(self) -> None:
        ours, theirs = sockets.pair()
        try:
            self._spare = self._fork(lambda worker: worker.wait(self._listener, theirs))
        except OSError as error:  # too many processes
            log.error(f"cannot fork: {error.strerror}")
            ours.close()
            time.sleep(_RESPITE)
            return
        finally:
            theirs.close()
        self._channel = ours
        self._epoll.register(ours.fileno(), select.EPOLLIN)

    def _hear_spare(self, channel: socket) -> None:
        """It has a client: is its worker, or gives it back because that is in another cgroup."""
        said, descriptors, _ = sockets.receive(channel, 1)
        if not said or not descriptors:
            self._drop_channel()
            return
        connection = sockets.of(descriptors[0])
        if said == workers.TAKEN:
            self._workers[self._spare] = self._workers[self._spare][0], connection
            self._drop_channel()
            self._spare, self._failures = -1, 0
        else:
            self._serve_foreign(connection)

    def _serve_foreign(self, connection: socket) -> None:
        cgroup = context.unified_cgroup(sockets.peer_credentials(connection)[0])
        try:
            pidfd = self._fork(lambda worker: worker.serve_foreign(connection), cgroup)
        except OSError as error:  # perhaps it is one that we may not enter: it is refused by closing the connection
            log.error(f"cannot fork into {cgroup}: {error.strerror}")
            connection.close()
            return
        self._workers[pidfd] = self._workers[pidfd][0], connection

    def _fork(self, begin: Callable[[Worker], None], cgroup: str = "") -> int:
        """A new worker, born in the unified cgroup `cgroup` ("": ours); its pidfd."""
        directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if cgroup else -1
        try:
            pid, pidfd = process.clone3(0, directory)
        finally:
            if directory >= 0:
                os.close(directory)
        if pid == 0:
            begin(workers.Worker(self._context, self._policy, self._key, self._program))
            os._exit(1)
        self._workers[pidfd] = pid, None
        self._epoll.register(pidfd, select.EPOLLIN)
        return pidfd

    def _reap(self, pidfd: int) -> None:
        pid, connection = self._workers.pop(pidfd)
        self._epoll.unregister(pidfd)
        os.close(pidfd)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        if connection and ended and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            workers.say(connection, workers.KILLED, ended.si_status)  # before its pid can be another's
        os.waitpid(pid, 0)
        if pidfd == self._spare:  # it ended without having had a client
            self._spare = -1
            self._drop_channel()
            self._failures += 1
            if self._failures == _MOST_FAILURES:
                self._close()  # whoever comes is better off without us
        if connection:
            connection.close()

    def _drop_channel(self) -> None:
        if self._channel:
            self._epoll.unregister(self._channel.fileno())
            self._channel.close()
            self._channel = None


def serve(path: str, key: int, program: Program) -> NoReturn:
    """Be the server that listens on the socket `path`; "" is what systemd has passed.

    Everything that is ever to be used is loaded by now.
    """
    passed = None if path else _passed()
    with closing(os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)) as null:
        for fd in (0, 1, 2):
            os.dup2(null, fd)
    _settle(program)
    signals.block(_ENDING)
    process.set_title("[lxc fork server]")
    gc.collect()
    gc.freeze()
    Server(passed or _listen(path), path, key, program).serve()
    os._exit(0)


def _settle(program: Program) -> None:
    """Rehearse until nothing is new any more: what is imported late, caches, bytecode that adapts itself."""
    worker = workers.Worker(context.own(), (os.SCHED_OTHER, os.sched_param(0)), 0, program)
    for _ in range(_REPETITIONS):
        for scene in (worker.rehearse, *program.rehearsals):
            scene()
    os.environb.clear()
    borrowed.connection = borrowed.terminal = -1


def _listen(path: str) -> socket:
    """Listen on `path`.  Whoever started us has the lock, so what is there is left over."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    os.set_inheritable(_LOCK, False)
    return sockets.listen_at(path)


def _passed() -> socket:
    """The socket that systemd listens on (sd_listen_fds(3))."""
    if os.environ.get("LISTEN_FDS") != "1" or os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise SystemExit("lxc-client --serve: no socket was passed; it is started by lxc-forkserver.socket")
    listener = sockets.of(3)
    os.set_inheritable(3, False)
    listener.setblocking(False)
    sockets.pass_credentials(listener)
    return listener


def _yield_to_workers() -> None:
    """Have what is not urgent, making the next worker, not interrupt what is (sched(7))."""
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _installation() -> tuple[int, ...]:
    """What changes when this package is installed anew."""
    package = os.path.dirname(os.path.dirname(__file__))
    found: list[int] = []
    for path in (f"{package}/libexec/lxc-client", f"{package}/release.py", f"{package}/runtime"):
        try:
            it = os.stat(path)
        except FileNotFoundError:
            continue
        found += (it.st_ino, it.st_mtime_ns, it.st_ctime_ns)
    return tuple(found)
