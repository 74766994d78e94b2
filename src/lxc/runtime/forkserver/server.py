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

Commands that leave nothing behind in who runs them (lxc-info, lxc-ls, lxc-stop) have a socket of their own.  Its workers
come back when they have served, if all is as before (`Worker._recover`), and are used again: what is in their memory
and in the processor's need not come there anew.  So do those that take down containers for monitors that rest (`rest`), and
those for lxc-start, if the monitor has been in their memory only until it rests (`lodger`).
All other workers serve once; those for lxc-attach have a socket of their own as well, since the memory that it writes to
is not what a start does (`memory`).

The server holds no state: killed at any time, nothing is lost but that its next user waits for an interpreter.  A
worker needs it no more once it has accepted, and a monitor that a worker leaves behind has nothing to do with either.

Who is served: the user whose server it is, from a process that the kernel says is like ours (`context`).  What
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

from lxc import log
from lxc.kernel import birth, libseccomp, process, signals, sockets
from lxc.kernel.fs import closing
from lxc.loading import LIBEXEC, PACKAGES
from lxc.runtime.forkserver import context
from lxc.runtime.forkserver import left as forkserver_left
from lxc.runtime.forkserver import worker as workers
from lxc.runtime.forkserver.counter import Counter
from lxc.runtime.forkserver.memory import Memory
from lxc.runtime.forkserver.request import KILLED, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from lxc.kernel.sockets import socket
    from lxc.runtime.forkserver.counter import Program
    from lxc.runtime.forkserver.worker import Worker

# How the names of sockets end: for commands that leave nothing behind, for lxc-start, for lxc-attach, for monitors whose containers end.
LOOK, START, JOIN, END = ".look", ".start", ".join", ".end"
WAKE = "--wake"  # what such a monitor asks for
IDLE = 300.0  # seconds without a request after which it ends
_GLANCE = 15.0  # seconds between looks at whether it is still wanted
_LOCK = 3  # the descriptor of the lock file that whoever starts a server passes
_REPETITIONS = 10  # CPython takes 8 to 16 calls of a function until its bytecode is as it stays
_RESPITE = 0.5  # seconds after a failure to fork
_CALM = 0.012  # seconds that a command has the processors, before the next worker is made: unless a client waits
_MOST_FAILURES = 3
_MOST_RESTING = 2  # at a counter
_ENDING = frozenset({signals.SIGTERM, signals.SIGHUP, signals.SIGINT})


class _Hand:
    """What the server knows of a worker."""

    def __init__(self, pid: int, counter: Counter | None, channel: socket | None) -> None:
        self.pid, self.counter = pid, counter
        self.channel = channel  # to it, as long as it can become free
        self.connection: socket | None = None  # to its client


class Server:
    """Keeps a worker waiting at each counter, and reaps; it talks to no client before its end, so none can hold it up."""

    def __init__(self, counters: Sequence[Counter], paths: Sequence[str], key: int, program: Program) -> None:
        """`paths` are those of the sockets and the lock, removed in the end; none if they are not ours to remove."""
        self._counters, self._paths, self._key, self._program = counters, paths, key, program
        self._context = context.own()
        self._policy = os.sched_getscheduler(0), os.sched_getparam(0)
        self._files = _files()
        self._installation = _identities(self._files)
        self._hands: dict[int, _Hand] = {}  # by pidfd
        self._channels: dict[int, int] = {}  # pidfds, by the descriptor of the channel
        self._epoll = select.epoll()
        self._waiting: dict[Counter, int] = {}  # the pidfd of the one who waits there
        self._vacant: dict[Counter, float] = {}  # those where nobody waits, and from when on somebody is to
        self._resting: dict[Counter, list[int]] = {
            counter: [] for counter in counters
        }  # who have served, and wait for a call
        self._failures = 0  # of workers, in a row
        self._is_closing = False

    def serve(self) -> None:
        """Until there is nothing more to do."""
        _yield_to_workers()
        stopping = signals.signalfd(_ENDING)
        self._epoll.register(stopping, select.EPOLLIN)
        for counter in self._counters:
            self._vacate(counter, calm=0.0)
        idle = 0.0
        while self._hands or not self._is_closing:
            ready = self._epoll.poll(self._patience())
            idle = 0.0 if ready or self._is_busy() else idle + _GLANCE
            for fd, _ in ready:
                if fd in self._hands:
                    self._reap(fd)
                elif fd == stopping:
                    signals.read_signal(stopping)
                    self._close()
                elif fd in self._channels:
                    self._hear(self._channels[fd])
            called = {fd for fd, _ in ready}
            now = time.monotonic()
            for counter in [one for one, due in self._vacant.items() if due <= now or one.listener.fileno() in called]:
                self._fill(counter)
            if idle == _GLANCE and self._paths:
                forkserver_left.remove(os.path.dirname(self._paths[0]))
            if idle >= IDLE or not (ready or self._is_wanted()):
                self._close()

    def _patience(self) -> float:
        """For how many seconds there may be nothing to do."""
        return max(0.0, min(self._vacant.values()) - time.monotonic()) if self._vacant else _GLANCE

    def _is_busy(self) -> bool:
        return bool(self._vacant) or any(hand.connection for hand in self._hands.values())

    def _is_wanted(self) -> bool:
        """Whether the installation is the one that was loaded, and the next client would find us."""
        if self._installation != _identities(self._files):
            return False
        try:
            return all(os.stat(path).st_uid == os.geteuid() for path in self._paths)
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        """Serve nobody more.  Those in the queue find their connection closed, and run directly."""
        if self._is_closing:
            return
        self._is_closing = True
        for path in self._paths:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        self._vacant.clear()
        for counter in self._counters:
            counter.listener.close()
        for pidfd in (*self._waiting.values(), *(one for some in self._resting.values() for one in some)):
            self._drop_channel(self._hands[pidfd])  # they see that

    def _vacate(self, counter: Counter, calm: float = _CALM) -> None:
        """Nobody waits there any more, and for so many seconds that may stay so, unless a client comes."""
        self._waiting.pop(counter, None)
        self._vacant[counter] = time.monotonic() + calm
        self._epoll.register(counter.listener.fileno(), select.EPOLLIN)

    def _fill(self, counter: Counter) -> None:
        """Have a worker wait there: one who has rested, or a new one."""
        if self._is_closing or not self._is_wanted():
            self._close()
            return
        if self._resting[counter]:
            pidfd = self._resting[counter].pop()
            channel = self._hands[pidfd].channel
            if channel:
                workers.tell(channel, workers.CALLED)  # one who has ended is reaped, and so found missing, soon
            self._occupy(counter, pidfd)
            return
        if counter.most and sum(hand.counter is counter for hand in self._hands.values()) >= counter.most:
            self._occupy(counter)  # the next who is free comes back
            return
        ours, theirs = sockets.pair()
        try:
            pidfd = self._fork(lambda worker: worker.wait(counter, theirs), counter, ours)
        except OSError as error:  # too many processes
            log.error(f"cannot fork: {error.strerror}")
            ours.close()
            time.sleep(_RESPITE)
            return
        finally:
            theirs.close()
        self._channels[ours.fileno()] = pidfd
        self._epoll.register(ours.fileno(), select.EPOLLIN)
        self._occupy(counter, pidfd)

    def _occupy(self, counter: Counter, pidfd: int = -1) -> None:
        """The worker `pidfd` waits there; -1: whoever is free next is to."""
        if pidfd >= 0:
            self._waiting[counter] = pidfd
        if self._vacant.pop(counter, None) is not None:
            self._epoll.unregister(counter.listener.fileno())

    def _hear(self, pidfd: int) -> None:
        """It has a client: is its worker, or gives it back because that is in another cgroup; or it is free again."""
        hand = self._hands[pidfd]
        counter, channel = hand.counter, hand.channel
        if not counter or not channel:
            return
        said, descriptors, _ = sockets.receive(channel, 1)
        if said == workers.FREE:
            self._rest(pidfd, hand, counter)
        elif not descriptors:
            self._drop_channel(hand)
        elif said == workers.TAKEN:
            hand.connection = sockets.of(descriptors[0])
            self._failures = 0
            if self._waiting.get(counter) == pidfd:
                self._vacate(counter)
            if not counter.again:
                self._drop_channel(hand)
        else:
            self._serve_foreign(sockets.of(descriptors[0]))

    def _rest(self, pidfd: int, hand: _Hand, counter: Counter) -> None:
        if hand.connection:
            hand.connection.close()
            hand.connection = None
        if self._is_closing or len(self._resting[counter]) == _MOST_RESTING:
            self._drop_channel(hand)
        else:
            self._resting[counter].append(pidfd)
            if counter not in self._waiting:
                self._fill(counter)

    def _serve_foreign(self, connection: socket) -> None:
        cgroup = context.unified_cgroup(sockets.peer_credentials(connection)[0])
        try:
            pidfd = self._fork(lambda worker: worker.serve_foreign(connection), cgroup=cgroup)
        except OSError as error:  # perhaps it is one that we may not enter: it is refused by closing the connection
            log.error(f"cannot fork into {cgroup}: {error.strerror}")
            connection.close()
            return
        self._hands[pidfd].connection = connection

    def _fork(
        self,
        begin: Callable[[Worker], None],
        counter: Counter | None = None,
        channel: socket | None = None,
        cgroup: str = "",
    ) -> int:
        """A new worker, born in the unified cgroup `cgroup` ("": ours); its pidfd."""
        directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if cgroup else -1
        with closing(directory):
            pid, pidfd = birth.clone3(0, directory)
        if pid == 0:
            try:
                begin(workers.Worker(self._context, self._policy, self._key, self._program))
            finally:
                os._exit(1)
        self._hands[pidfd] = _Hand(pid, counter, channel)
        self._epoll.register(pidfd, select.EPOLLIN)
        return pidfd

    def _reap(self, pidfd: int) -> None:
        hand = self._hands.pop(pidfd)
        self._epoll.unregister(pidfd)
        os.close(pidfd)
        ended = os.waitid(os.P_PID, hand.pid, os.WEXITED | os.WNOWAIT)
        assert ended  # it does not return without
        is_killed = ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
        is_reborn = is_killed and ended.si_status == signals.SIGPIPE
        if hand.connection and is_killed and not is_reborn:
            say(hand.connection, KILLED, ended.si_status)  # before its pid can be another's
        os.waitpid(hand.pid, 0)
        if hand.counter and pidfd in self._resting[hand.counter]:
            self._resting[hand.counter].remove(pidfd)
        if hand.counter and self._waiting.get(hand.counter) == pidfd:  # it ended without having had a client
            self._failures += not (ended.si_code == os.CLD_EXITED and ended.si_status == workers.HAS_REFUSED)
            if self._is_closing:
                del self._waiting[hand.counter]
            else:
                self._vacate(hand.counter)
        self._drop_channel(hand)
        if self._failures == _MOST_FAILURES:
            self._close()  # whoever comes is better off without us
        if hand.connection:
            hand.connection.close()
        if hand.counter and not (self._is_closing or hand.counter in self._waiting or hand.counter in self._vacant):
            self._vacate(hand.counter)  # as many were at work as may be
        if hand.counter in self._vacant and not is_reborn:  # its command has ended: the next may come
            self._vacant[hand.counter] = 0.0

    def _drop_channel(self, hand: _Hand) -> None:
        if hand.channel:
            self._epoll.unregister(hand.channel.fileno())
            del self._channels[hand.channel.fileno()]
            hand.channel.close()
            hand.channel = None


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
    process.set_title(f"[lxc fork server] {PACKAGES}")
    gc.collect()
    gc.freeze()
    if passed:
        Server([Counter(passed, Memory(), program.acting)], (), key, program).serve()
    else:
        os.set_inheritable(_LOCK, False)
        look, start, join, end = (f"{path}{each}" for each in (LOOK, START, JOIN, END))
        counters = (
            Counter(_listen(path), Memory(), program.acting),
            Counter(_listen(look), Memory(), program.looking, again=True),
            Counter(_listen(start), Memory(), program.acting, again=True, lodges=True),
            Counter(_listen(join), Memory(), learns_at_end=True),
            Counter(_listen(end), Memory(), again=True, only=WAKE, most=len(os.sched_getaffinity(0)) + 1),
        )
        Server(counters, (path, look, start, join, end, f"{path}.lock"), key, program).serve()
    os._exit(0)


def _settle(program: Program) -> None:
    """Rehearse until nothing is new any more: what is imported late, caches, bytecode that adapts itself."""
    worker = workers.Worker(context.own(), (os.SCHED_OTHER, os.sched_param(0)), 0, program)
    for _ in range(_REPETITIONS):
        for scene in (worker.rehearse, *program.looking, *program.acting):
            scene()
    os.environb.clear()


def _listen(path: str) -> socket:
    """Listen on `path`.  Whoever started us has the lock, so what is there is left over."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
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


def _files() -> tuple[str, ...]:
    """Those of which one is another when this package is installed anew, or a library that it has loaded besides Python's."""
    package = f"{PACKAGES}/lxc"
    native = f"{LIBEXEC}/lxc-client", f"{LIBEXEC}/lxc-beside.so"
    return *native, f"{package}/release.py", f"{package}/runtime", *libseccomp.files()


def _identities(paths: Sequence[str]) -> tuple[int, ...]:
    found: list[int] = []
    for path in paths:
        try:
            it = os.stat(path)
        except FileNotFoundError:
            continue
        found += (it.st_ino, it.st_mtime_ns, it.st_ctime_ns)
    return tuple(found)
