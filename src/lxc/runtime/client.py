"""Asking a container's monitor, over its command socket.  Works on monitors of LXC as on ours.

Nobody listening means that the container is stopped: functions whose answer
exists then give it ("STOPPED"), the others raise NotRunning.
"""

from __future__ import annotations

import errno
import os

from lxc import trace
from lxc.errors import LxcError, NoInit, NotRunning, StateError, StepError
from lxc.kernel import sockets
from lxc.record import Record
from lxc.runtime import claim, commands, questions
from lxc.runtime.commands import Reply, Request
from lxc.runtime.place import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from lxc.kernel.sockets import socket
    from lxc.runtime.commands import DeviceRule

PATIENCE = 30  # seconds that a monitor may take for an answer before it counts as hung
_LONGEST_ANSWER = 16 << 20  # bytes; a console log is the longest there is


def connect(place: Place) -> socket:
    """A connection to the monitor of `place`; the caller closes it.  Raises NotRunning, StateError, Refused."""
    try:
        connection = sockets.connect(place.socket_name)
    except ConnectionRefusedError:
        raise NotRunning(f"{place.name} is not running") from None
    except BlockingIOError:
        raise claim.deaf(f"the monitor of {place.name}", place.socket_name) from None
    except PermissionError as error:
        raise StateError(f"may not ask the monitor of {place.name}: {error.strerror}") from error
    except OSError as error:
        raise _cannot_ask(place, error) from error
    claim.check(connection, place)
    sockets.set_receive_timeout(connection, PATIENCE)
    return connection


def begin(place: Place, request: Request) -> socket:
    """The first half of `ask`: a connection on which `request` has been sent; the caller closes it.

    Raises NotRunning, StateError, Refused.
    """
    connection = connect(place)
    try:
        send(connection, place, request)
    except BaseException:
        connection.close()
        raise
    return connection


def lease(place: Place, request: Request) -> tuple[socket, Reply]:
    """As `ask`, and the connection, which stays open until the caller closes it."""
    connection = begin(place, request)
    try:
        return connection, receive(connection, place, request)
    except BaseException:
        connection.close()
        raise


def send(connection: socket, place: Place, request: Request) -> None:
    """Raises NotRunning if the monitor has gone away."""
    trace.phase(commands.NAMES[request.command])
    try:
        sockets.send(connection, commands.encode(request), credentials=(os.getpid(), os.geteuid(), os.getegid()))
    except (BrokenPipeError, ConnectionResetError) as error:
        raise NotRunning(f"{place.name} is not running: its monitor closed the connection") from error
    except OSError as error:
        raise _cannot_ask(place, error) from error


def _cannot_ask(place: Place, error: OSError) -> StepError:
    return StepError(f"ask the monitor of {place.name}", error)


def receive(connection: socket, place: Place, request: Request) -> Reply:
    """The reply to `request`, which was sent; the caller closes its descriptors.

    Raises NotRunning if the monitor goes away instead, StateError if it does not answer, or refuses to.
    """
    said_by = claim.another(connection)
    if said_by < 0:
        return _received(connection, place, request)
    from lxc.runtime import tasting

    answer = tasting.tasted(connection, _LONGEST_ANSWER, PATIENCE)
    try:
        return _received(answer, place, request).replace(said_by=said_by)
    finally:
        answer.close()


def _received(connection: socket, place: Place, request: Request) -> Reply:
    """As `receive`, of the answer on `connection`, whoever has said it."""
    try:
        raw, descriptors = sockets.receive_exactly(connection, commands.HEADER, PATIENCE)
        if len(raw) < commands.HEADER:
            sockets.close_all(descriptors)
            raise NotRunning(f"{place.name} is not running: its monitor closed the connection")
        ret, length, number = commands.read_header(raw)
        if not 0 <= length <= _LONGEST_ANSWER:
            sockets.close_all(descriptors)
            raise StateError(f"the monitor of {place.name} announced {length} bytes")
        try:
            payload, more = sockets.receive_exactly(connection, length, PATIENCE) if length else (b"", ())
        except OSError:
            sockets.close_all(descriptors)
            raise
        if len(payload) < length:
            sockets.close_all(descriptors + more)
            raise NotRunning(f"{place.name} is not running: its monitor closed the connection")
    except BlockingIOError as error:
        raise StateError(
            f"the monitor of {place.name} did not answer {commands.NAMES[request.command]} within {PATIENCE} s",
            hint="it may be stopped or overloaded: look at its state in ps(1), where it is named [lxc monitor]",
        ) from error
    except (BrokenPipeError, ConnectionResetError) as error:
        raise NotRunning(f"{place.name} is not running: its monitor closed the connection") from error
    except OSError as error:
        raise _cannot_ask(place, error) from error
    if ret == -1 and request.command != commands.GET_CONFIG_ITEM and not payload and not descriptors + more:
        raise StateError(
            f"may not control {place.name}: its monitor runs as another user", hint="run this as root or as that user"
        )
    trace.phase("")
    return Reply(ret, number, payload, descriptors + more)


class Asked(Place):
    """A place whose monitor has been asked some things already; each is known for who asks it next, then no more."""

    replies: dict[Request, Reply]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for reply in self.replies.values():
            sockets.close_all(reply.descriptors)


class Asking(Record):
    """Questions that are on their way."""

    place: Place
    connection: socket
    requests: tuple[Request, ...]

    def replies(self) -> Asked:
        """Wait for the answers; the caller closes what comes with those that nobody asks for (`with`).

        Raises NotRunning, StateError.
        """
        try:
            reply = receive(self.connection, self.place, Request(commands.GET_STATE))
        finally:
            self.connection.close()
        replies = {Request(commands.GET_STATE): Reply(reply.ret, reply.number)}
        if reply.payload:  # else it is LXC's, which is asked the rest when somebody wants to know
            try:
                behind = commands.apart(reply.payload, reply.descriptors)
                behind = [each.replace(said_by=reply.said_by) for each in behind] if reply.said_by >= 0 else behind
                replies |= zip(self.requests, behind, strict=True)
            except ValueError as error:
                sockets.close_all(reply.descriptors)
                raise StateError(f"the monitor of {self.place.name} gave an answer that is none: {error}") from error
        else:
            sockets.close_all(reply.descriptors)
        return Asked(self.place.name, self.place.lxcpath, replies)


def begin_to_ask(place: Place, *requests: Request) -> Asking:
    """Ask the state and `requests` at once.  Raises NotRunning, StateError."""
    return Asking(place, begin(place, commands.with_aside(requests)), requests)


def ask(place: Place, request: Request) -> Reply:
    """The reply to `request`; the caller closes its descriptors.  Raises NotRunning, StateError, Refused."""
    if isinstance(place, Asked) and request in place.replies:
        return place.replies.pop(request)
    connection, reply = lease(place, request)
    connection.close()
    return reply


def told(place: Place, request: Request) -> Reply:
    """As `ask`, without descriptors: none comes with the reply, unless it is meant to use up ours."""
    reply = ask(place, request)
    sockets.close_all(reply.descriptors)
    return reply


def state(place: Place) -> str:
    """The state's name; STOPPED if nobody listens.  Raises StateError if the monitor does not tell."""
    try:
        number = told(place, Request(commands.GET_STATE)).number
    except NotRunning:
        return "STOPPED"
    if not 0 <= number < len(commands.STATES):
        raise StateError(f"the monitor of {place.name} gave its state as {number}")
    return commands.STATES[number]


def init_pid(place: Place) -> int:
    """The pid of the container's init in the monitor's pid namespace.  Raises NotRunning, NoInit, StateError, Refused."""
    reply = told(place, questions.INIT_PID)
    if reply.number <= 0:
        raise no_init(place)
    if reply.said_by >= 0:
        from lxc.runtime import suspicion

        suspicion.check_init(place, reply.said_by, reply.number)
    return reply.number


def init_pidfd(place: Place) -> int:
    """A pidfd of the container's init; the caller closes it.  Raises NotRunning, NoInit, StateError, Refused."""
    reply = ask(place, questions.INIT_PIDFD)
    fd = _first(reply.descriptors)
    if fd is None:
        raise no_init(place)
    if reply.said_by >= 0:
        from lxc.runtime import suspicion

        suspicion.check_init_of(place, reply.said_by, fd)
    return fd


def no_init(place: Place) -> NoInit:
    """What to raise for a container whose monitor has no init."""
    text = f"{place.name} is not running: it has no init now, but a monitor"
    return NoInit(text, hint="it is being started, or ends: lxc-info -s tells; lxc-stop -k gives it up")


def devpts_fd(place: Place) -> int | None:
    """A descriptor of the container's devpts, None if it has none; the caller closes it."""
    return _first(ask(place, Request(commands.GET_DEVPTS_FD)).descriptors)


def clone_flags(place: Place) -> int:
    """The CLONE_NEW* flags of the namespaces that the container does not share."""
    return told(place, questions.CLONE_FLAGS).number


def config_item(place: Place, key: str) -> str | None:
    """The running container's value of `key`; None if it has none or does not know it."""
    return _text(told(place, questions.item(key)))


def cgroup(place: Place, controller: str = "", command: int = commands.GET_CGROUP) -> str | None:
    """The container's cgroup below its hierarchy's mount ("" asks for the unified one); None if there is none."""
    path = _cgroup(place, controller, command)
    # LXC's monitor on a host that has no other hierarchy knows the unified one by its controllers alone.
    return path if path or controller else _cgroup(place, "freezer", command)


def _cgroup(place: Place, controller: str, command: int) -> str | None:
    try:
        reply = told(place, questions.cgroup_of(controller, command))
    except NotRunning:  # LXC closes the connection on a controller it does not know
        if not is_running(place):
            raise
        return None
    path = _text(reply)
    if path and reply.said_by >= 0:
        from lxc.runtime import suspicion

        return path if suspicion.has_cgroup(reply.said_by, controller, path) else None
    return path


def limit_cgroup(place: Place, controller: str = "") -> str | None:
    """The same of the cgroup that limits the container, which may be above the one that its processes are in."""
    return cgroup(place, controller, commands.GET_LIMIT_CGROUP)


def add_device_rule(place: Place, rule: DeviceRule) -> None:
    """Have the monitor add a rule for devices, on a host of the unified layout.  Raises NotRunning, LxcError."""
    reply = told(place, Request(commands.ADD_BPF_DEVICE_CGROUP, payload=commands.as_device_rule(rule)))
    if reply.ret < 0:
        raise LxcError(f"the monitor of {place.name} did not add the device rule: {os.strerror(reply.error)}")


def scope(place: Place) -> str:
    """The systemd scope that an ordinary user's container is in; "" if it is in none."""
    return _text(told(place, Request(commands.GET_SYSTEMD_SCOPE))) or ""


def cgroup_fds(place: Place) -> tuple[int, ...]:
    """Directories of the payload's cgroups, one in each hierarchy; the caller closes them."""
    reply = ask(place, questions.CGROUPS)
    if reply.ret < 0:
        sockets.close_all(reply.descriptors)
        what = f"the monitor of {place.name} did not give its cgroups: {os.strerror(reply.error)}"
        is_gone = reply.ret == -errno.ENOENT
        raise StateError(what, hint="it was removed: attach with -eCGROUP" if is_gone else "")
    if reply.said_by >= 0:
        from lxc.runtime import suspicion

        return suspicion.cgroups_of(reply.said_by, reply.descriptors)
    return reply.descriptors


def offer_listener(place: Place) -> socket:
    """A connection that the monitor waits at for a listener to system calls; the caller closes it.

    A process on its way into the container sends it with `hand_over`, and is nobody here by then.
    """
    return begin(place, Request(commands.SECCOMP_NOTIFY_ADD_LISTENER))


def hand_over(connection: socket, listener: int) -> None:
    """Send `listener` over the connection of `offer_listener`.  Raises OSError if the monitor does not take it."""
    sockets.send(connection, b"\0", (listener,))
    raw, descriptors = sockets.receive_exactly(connection, commands.HEADER)
    sockets.close_all(descriptors)
    reply = Reply(commands.read_header(raw)[0] if len(raw) == commands.HEADER else -errno.EPIPE)
    if reply.ret < 0:
        raise OSError(reply.error, f"the monitor does not take it: {os.strerror(reply.error)}")


def is_running(place: Place) -> bool:
    """Whether somebody listens on the command socket."""
    try:
        connect(place).close()
    except NotRunning:
        return False
    return True


def may_control(place: Place) -> bool:
    """Whether the monitor obeys us; True if there is none."""
    try:
        told(place, questions.INIT_PID)
    except NotRunning:
        return True
    except StateError:
        return False
    return True


def tty(place: Place, number: int) -> tuple[int, int, socket]:
    """Take tty `number` (0 the console, -1 any): its number, the pty's master, and the connection that is the lease.

    The caller closes both.  Raises NotRunning, StateError if the tty is in use or does not exist.
    """
    connection, reply = lease(place, Request(commands.GET_TTY_FD, number))
    master = _first(reply.descriptors)
    if master is None:
        connection.close()
        what = {
            -1: f"{place.name} has no tty, or none is free",
            0: f"{place.name} has no console, or it is in use",
        }.get(number, f"tty {number} of {place.name} is in use or does not exist")
        raise StateError(f"Denied access to tty: {what}")
    return reply.number, master, connection


def publish_state(place: Place, number: int) -> None:
    """SERVE_STATE_CLIENTS: have the monitor record state `number` and tell those who wait for it; and tell lxc-monitord, as it does not."""
    from lxc.runtime.life.server import tell_monitord

    told(place, Request(commands.SERVE_STATE_CLIENTS, number))
    tell_monitord(place, number)


def _first(descriptors: tuple[int, ...]) -> int | None:
    sockets.close_all(descriptors[1:])
    return descriptors[0] if descriptors else None


def _text(reply: Reply) -> str | None:
    """The text of a reply; None if it has none, or is a refusal."""
    if reply.ret < 0 or not reply.payload:
        return None
    return reply.payload.partition(b"\0")[0].decode(errors="surrogateescape")
