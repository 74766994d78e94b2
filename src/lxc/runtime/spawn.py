"""Work that forks, done in an interpreter of its own: whoever calls may have threads, locks and a large heap.

    caller                                        fresh interpreter (lxc-client --task, or python -IS; posix_spawn)
    what to do, pickled ──────────────────────▶   does it
              ◀─────────────── what came of it, or the error and the log that led there
    end of file ──────────────────────────────▶   (a container in the foreground) kills it

The channel is a socket pair that nobody else has, so what comes over it is ours.  lxc-client has the fork server
provide the interpreter, if there is one; what is to be our own child's child has to be forked by a child of ours.
"""

from __future__ import annotations

import _pickle as pickle  # what `pickle` wraps
import os
import select
import sys

from lxc import borrowed, log
from lxc.errors import LxcError
from lxc.kernel import beside, fs, held, process, signals, sockets
from lxc.loading import LIBEXEC, PACKAGES
from lxc.record import Record
from lxc.runtime import client, container_log, remedies, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from lxc.config.settings import Settings
    from lxc.kernel.sockets import socket
    from lxc.runtime.attaching.meet import Attached
    from lxc.runtime.disk.create import Recipe
    from lxc.runtime.place import Place
    from lxc.runtime.plans.attach import Wish
    from lxc.runtime.starting.start import Order

    T = TypeVar("T")

CHANNEL = 3  # the channel's number in the fresh interpreter
_CLIENT = f"{LIBEXEC}/lxc-client"
_PROGRAM = (
    f"import sys; sys.path.insert(0, sys.argv[1]); from lxc.runtime import spawn; sys.exit(spawn.serve({CHANNEL}))"
)
_NOT_PASSED_ON = ("LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID")  # sd_listen_fds(3): they mean the caller itself
_ALL_BUT_FAULTS = signals.ALL - {signals.SIGBUS, signals.SIGILL, signals.SIGSEGV}
_IMPATIENCE_MS = 200
_SIZE, _PART = 8, 1 << 16  # bytes: of a length, and at a time: mostly that is all
_FAREWELL_MS = 5  # until who has answered ends: as long as other threads have the lock for, if they get it


def start(order: Order) -> int:
    """runtime.starting.start.start; the container of an order in the foreground is killed when the caller goes away."""
    code: int = _elsewhere("start", order).result
    return code


def create(place: Place, recipe: Recipe, initial: Settings | None) -> None:
    """runtime.disk.create.create, with `initial` as initial configuration unless it is None."""
    _elsewhere("create", place, recipe, initial)


def attach(place: Place, wish: Wish, *, is_on_terminal: bool) -> Attached:
    """runtime.attaching.attach.start; `is_on_terminal`: the wish's standard input becomes the command's controlling terminal."""
    from lxc.runtime.attaching import meet as attach_meet

    said = _elsewhere("attach", place, wish, is_on_terminal, descriptors=wish.stdio)
    plan, middle, namespace = said.result
    report, status = said.descriptors
    return attach_meet.meet(attach_meet.Launched(plan, middle, report, status, namespace))


def attach_wait(place: Place, wish: Wish) -> int:
    """The wait status of the command that `wish` says, once it has ended; it is no child of ours, and has no terminal."""
    status: int = _elsewhere("attach to", place, wish, descriptors=wish.stdio).result
    return status


def call(function: Callable[..., T], *arguments: object) -> T:
    """What `function`, of a module of ours, gives for `arguments`."""
    result: T = _elsewhere("work on", function, *arguments).result
    return result


class Said(Record):
    """What came of a task."""

    result: Any
    descriptors: tuple[int, ...] = ()  # the receiver's to close


def _elsewhere(task: str, *arguments: object, descriptors: tuple[int, ...] = ()) -> Said:
    """Have a fresh interpreter do one of `_TASKS`.  Returns and raises what that does."""
    channel, pid = _spawn(task, is_parent=task == "attach")
    said, given = b"", tuple[int, ...]()
    try:
        held.send(channel, _sized(pickle.dumps((task, arguments))), descriptors)
        said, given = _hear(channel)
    except OSError as error:  # it went away while it was being told
        log.debug(f"{task}: {error}")
    except BaseException:  # KeyboardInterrupt: have it undo what it has begun, and wait for that
        _interrupt(channel, pid)
        raise
    finally:
        held.close(channel)
        status = _reap(pid)
    if not said:
        raise LxcError(f"the Python process that was to {task} the container ended with wait status {status:#x}")
    kind, content, state, trace = pickle.loads(said)
    if kind is None:
        return Said(content, given)
    log.adopt(trace)
    failure: LxcError = kind.__new__(kind)
    failure.args = content
    failure.__dict__.update(state)
    raise failure


def _spawn(task: str, *, is_parent: bool) -> tuple[socket, int]:
    """A fresh interpreter that listens to us, to be told of `task`: the channel, which the caller closes, and its (or its client's) pid.

    `is_parent`: it is to be a child of ours.
    """
    ours, theirs = held.pair()
    words = _python() if is_parent else [_CLIENT, "--task", task]
    try:
        try:
            pid = _run(words, theirs)
        except (FileNotFoundError, PermissionError):
            if is_parent:
                raise
            words = _python()
            pid = _run(words, theirs)
    except OSError as error:
        ours.close()
        raise LxcError(f"cannot run the Python interpreter {words[0]}: {error.strerror}") from error
    finally:
        held.close(theirs)
    return ours, pid


def _run(words: list[str], channel: socket) -> int:
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    actions = [(os.POSIX_SPAWN_DUP2, channel.fileno(), CHANNEL)]
    mask = () if words[0] == _CLIENT else (signals.SIGINT,)  # Python would show where it was interrupted before `serve`
    return os.posix_spawn(
        words[0], words, environment, file_actions=actions, setsigmask=mask, setsigdef=(signals.SIGCHLD,)
    )


def _python() -> list[str]:
    return [_interpreter(), "-IS", "-c", _PROGRAM, PACKAGES]


def _interpreter() -> str:
    """The Python that runs us; where a program has us built in, the one that it was built with."""
    if os.path.basename(sys.executable).startswith("python"):
        return sys.executable
    return f"{sys.base_exec_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"


def _interrupt(channel: socket, pid: int) -> None:
    """Have it give up; return when it has."""
    try:
        os.kill(pid, signals.SIGINT)
        channel.shutdown(1)  # SHUT_WR: who watches over a container in the foreground sees that
        while sockets.receive(channel, 65536)[0]:
            pass
    except OSError as error:  # it is gone already
        log.debug(str(error))


def _reap(pid: int) -> int:
    """The wait status of our child, 0 if somebody else took it: the caller's process is not ours alone."""
    try:
        status = held.reaped(pid, _FAREWELL_MS)
        return os.waitpid(pid, 0)[1] if status is None else status
    except ChildProcessError:
        return 0


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(_SIZE, "little") + data


def _hear(channel: socket) -> tuple[bytes, tuple[int, ...]]:
    """What the other end says, b"" if it goes away before it has said it, and the descriptors it gives."""
    said, descriptors = b"", tuple[int, ...]()
    while len(said) < _SIZE or len(said) < _SIZE + int.from_bytes(said[:_SIZE], "little"):
        part, more, _ = sockets.receive(channel, _PART)
        if not part:
            return b"", descriptors
        said, descriptors = said + part, (*descriptors, *more)
    return said[_SIZE:], descriptors


# ---- in the fresh interpreter ----------------------------------------------------------------------------------------


def serve(fd: int) -> int:
    """Do what is asked for on the channel `fd`, say what came of it; the exit status.  Those it forks do not return."""
    process_id = beside.first_pid()
    status = 0
    try:
        signals.restore(frozenset())  # without a fork server, SIGINT is blocked until here
        os.set_inheritable(fd, False)
        channel = sockets.of(fd)
        request, descriptors = _hear(channel)
        if request:
            task, arguments = pickle.loads(request)
            asked = _Asked(channel, descriptors)
            asked.say(*_outcome(task, asked, arguments))
    except SystemExit:
        pass
    except (KeyboardInterrupt, BrokenPipeError):
        status = 1  # whoever asked has gone away, or is about to
    finally:
        if beside.first_pid() != process_id:
            os._exit(status)
    return status


class _Asked(Record):
    channel: socket
    descriptors: tuple[int, ...]

    def say(self, outcome: tuple[object, ...], given: tuple[int, ...] = ()) -> None:
        sockets.send(self.channel, _sized(pickle.dumps(outcome)), given)


def _success(result: object) -> tuple[object, ...]:
    return None, result, None, None


def _outcome(task: str, asked: _Asked, arguments: tuple[Any, ...]) -> tuple[tuple[object, ...], tuple[int, ...]]:
    """(None, result, …), or (kind, arguments, attributes, log) of the error; and the descriptors of the result."""
    try:
        said = _TASKS[task](asked, *arguments)
        return _success(said.result), said.descriptors
    except (LxcError, OSError) as error:
        failure = error if isinstance(error, LxcError) else remedies.failure(f"{task} the container", error)
        return (type(failure), failure.args, failure.__dict__, log.remembered()), ()


def _start(asked: _Asked, order: Order) -> Said:
    from lxc.runtime.starting import start

    container_log.open_log("lxc", order.place, order.config)
    if order.foreground:
        _be_watched(asked.channel, order.place)
    is_told = False

    def told() -> None:
        nonlocal is_told
        asked.say(_success(0))
        is_told = True

    code = start.start(order, told)
    if is_told:
        raise SystemExit
    return Said(code)


def _create(_asked: _Asked, place: Place, recipe: Recipe, initial: Settings | None) -> Said:
    from lxc.runtime.disk import create

    create.create(place, recipe, initial)
    return Said(None)


def _attach(asked: _Asked, place: Place, wish: Wish, is_on_terminal: bool) -> Said:
    from lxc.runtime.attaching import attach
    from lxc.runtime.attaching import facts as attach_facts

    stdin, stdout, stderr = asked.descriptors
    terminal = stdin if is_on_terminal else -1
    with attach_facts.ask(place) as running:
        launched = attach.launch(running, wish.replace(stdio=(stdin, stdout, stderr)), terminal, is_sibling=True)
    return Said((launched.plan, launched.middle, launched.namespace), (launched.report, launched.status))


def _attach_wait(asked: _Asked, place: Place, wish: Wish) -> Said:
    from lxc.runtime.attaching import attach

    stdin, stdout, stderr = asked.descriptors
    attached = attach.start(place, wish.replace(stdio=(stdin, stdout, stderr)), is_all=True)
    fs.close(attached.pidfd, *asked.descriptors)  # who reads what the command writes hears of its end from it alone
    return Said(os.waitpid(attached.pid, 0)[1])


def _call(_asked: _Asked, function: Callable[..., object], *arguments: object) -> Said:
    return Said(function(*arguments))


_TASKS: dict[str, Callable[..., Said]] = {
    "start": _start,
    "create": _create,
    "attach": _attach,
    "attach to": _attach_wait,
    "work on": _call,
}


def _be_watched(channel: socket, place: Place) -> None:
    """Return in a child.  This process stays until the child ends, and ends it if the channel does; raises SystemExit."""
    mask = signals.block(_ALL_BUT_FAULTS)
    pid = os.fork()
    if pid == 0:
        borrowed.worker = None
        signals.restore(mask)
        return
    pidfd = process.pidfd_open(pid)
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    poller.register(channel, select.POLLIN)
    is_abandoned = False
    while pidfd not in (ready := {fd for fd, _ in poller.poll(_IMPATIENCE_MS if is_abandoned else None)}):
        if channel.fileno() in ready:
            poller.unregister(channel)
            is_abandoned = True
        if is_abandoned:
            _kill(place, pid)
    raise SystemExit


def _kill(place: Place, monitor: int) -> None:
    """Kill the container if it is the process `monitor` that is its monitor."""
    try:
        connection = client.connect(place)
        listener, _, _ = sockets.peer_credentials(connection)
        connection.close()
        if listener == monitor:
            stop.kill(place)
    except LxcError as error:
        log.debug(str(error))
