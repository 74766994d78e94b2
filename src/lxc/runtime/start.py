"""Starting a container, as the one who asks for it sees it: check, decide, make a monitor, wait until it runs.

starter                                            monitor
binds the command socket: that is the claim
makes the cgroups, clone3() ─────────────────────▶ born in lxc.monitor.NAME, leaves the terminal
waits                                              starts the container
                              R  ◀───────────────  it runs
         or   F, the failure, its log  ◀─────────  it does not, and all is cleaned up
end of file ─────────────────────────────────────▶ (Ctrl-C) kills what it has started
"""

from __future__ import annotations

import os

from lxc import borrowed, log, trace
from lxc.cgroups import outside as cgroups
from lxc.cgroups import scope
from lxc.errors import AlreadyRunning, LxcError, StateError, StepError
from lxc.kernel import fs, process, signals, sockets
from lxc.record import Record
from lxc.runtime import foreground, handshake, host, monitor, remedies, stop
from lxc.runtime import plan as _plan
from lxc.runtime.plan import StartPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.config.container import Config
    from lxc.kernel.sockets import socket
    from lxc.runtime.place import Place
    from lxc.runtime.restoring import Checkpoint

_RUNS, _FAILED = b"R", b"F"
_LONGEST_REPORT = 1 << 22
_EADDRINUSE = 98
INTERRUPTIONS = frozenset({signals.SIGHUP, signals.SIGINT, signals.SIGTERM})


class Order(Record):
    """What is asked for."""

    place: Place
    config: Config
    argv: tuple[str, ...] = ()  # instead of lxc.init.cmd (or lxc.execute.cmd)
    execute: bool = False  # lxc-init stays above the command
    foreground: bool = False  # the caller stays, as if it were the monitor (`foreground`)
    pidfile: str = ""  # gets the monitor's pid
    config_file: str = ""  # which was read instead of the container's own
    logfile: str = ""  # gets the trace of a failed start; "" is the container's own log file
    checkpoint: Checkpoint | None = None  # what is restored instead of a program being run


class Watch(Record):
    """A monitor's work, before it has begun: everything here is its to close and to remove."""

    order: Order
    plan: StartPlan
    made: cgroups.Cgroups
    listener: socket
    pidfile: int

    def keep(
        self,
        started: Callable[[], bool],
        *,
        is_born: bool,
        first: Callable[[], None] = lambda: None,
        companion: int = -1,
    ) -> int:
        """Do `first`, then be the monitor until the container has ended.  Return the exit code of its init.

        Raises LxcError; everything is removed then, too.
        """
        try:
            first()
            if self.pidfile >= 0:
                os.write(self.pidfile, str(os.getpid()).encode())
                os.close(self.pidfile)
            order = self.order
            title = "" if order.foreground else f"[lxc monitor] {order.place.lxcpath} {order.place.name}"
            it = monitor.Monitor(
                order.place, self.plan, order.config, self.made, self.listener, order.checkpoint, title
            )
        except BaseException as error:
            self.abandon()
            raise self._failed(error) from error
        try:
            return it.live(started, self._end, is_born=is_born, companion=companion).code
        except BaseException as error:
            raise self._failed(error) from error

    def abandon(self) -> None:
        """Remove what was made for a monitor that never was."""
        cgroups.leave(self.made)
        cgroups.remove(self.made)
        _remove_pidfile(self.order.pidfile)
        self.listener.close()

    def _end(self) -> None:
        _remove_pidfile(self.order.pidfile)
        if self.order.config.ephemeral:
            from lxc.runtime import destroy

            try:
                for sentence in destroy.remove(self.order.place, self.order.config):
                    log.warn(sentence)
            except (LxcError, OSError) as error:
                log.error(f"the ephemeral container stays: {error}")

    def _failed(self, error: BaseException) -> BaseException:
        """What to raise for `error`; the log file gets what led there."""
        failure = remedies.failure(f"start {self.order.place.name}", error)
        log.error(str(failure))
        self._keep_trace()
        return failure

    def _keep_trace(self) -> None:
        """Write all that led to the failure to the container's log file, whatever the log level."""
        path = self.order.logfile or self.order.place.log_file
        if not self.order.logfile and not os.path.isdir(os.path.dirname(path)):
            return  # a container without directory has no log file either
        try:
            log.dump(path)
        except OSError as error:
            log.debug(f"cannot write {path}: {error.strerror}")


def decide(order: Order) -> StartPlan:
    """The plan for `order` on this host.  Touches nothing.  Raises LxcError."""
    trace.phase("decide")
    host.check()
    return _plan.start(
        order.place,
        order.config,
        host.facts(order.config, order.place).replace(config_file=order.config_file),
        argv=order.argv,
        execute=order.execute,
        foreground=order.foreground,
    )


def start(order: Order, told: Callable[[], None] | None = None) -> int:
    """Start what `order` asks for.

    Return 0 once it runs; in the foreground the exit code of its init, once it has ended.
    Raises AlreadyRunning, LxcError, and leaves nothing behind then.

    With `told`, starting it is all that this process is for: a worker of the fork server becomes the monitor, calls `told` once
    the container runs, and does not return.
    """
    plan = _decided(order)
    if borrowed.worker and plan.cgroups.layout.unified and (told or order.foreground):
        from lxc.runtime import in_place

        return in_place.start(order, plan, borrowed.worker, told)
    if not order.foreground:
        begun = _begin(order, plan)
        try:
            return begun.outcome()
        except KeyboardInterrupt:
            begun.withdraw()
            raise
        finally:
            begun.close()
    mask = signals.block(foreground.PASSED_ON)
    try:
        watch = prepared(order, plan)
        if not watch.made.layout.unified:
            return watch.keep(lambda: True, is_born=False)
        channel, pid = _fork_monitor(watch)
        return foreground.accompany(pid, channel)
    finally:
        signals.restore(mask)


def begin(order: Order) -> Begun:
    """The first half of `start`: a monitor that is at it.  The caller hears its outcome, or withdraws, and closes it."""
    return _begin(order, _decided(order))


def _begin(order: Order, plan: StartPlan) -> Begun:
    mask = signals.block(INTERRUPTIONS)  # nothing may come between making something and knowing of it
    try:
        return Begun(order.place, *_fork_monitor(prepared(order, plan)))
    finally:
        signals.restore(mask)


class Begun(Record):
    """A monitor that is starting its container."""

    place: Place
    channel: socket  # can be read when there is an outcome
    pid: int

    def outcome(self) -> int:
        """Wait for what becomes of the start, and return 0.  Raises LxcError if it failed."""
        letter, payload = _receive(self.channel)
        if letter == _RUNS:
            return 0
        os.waitpid(self.pid, 0)
        if letter == _FAILED:
            log.forget()  # the monitor was born remembering it, too
            raise handshake.unpack_failure(payload)
        raise LxcError("the monitor ended before the container ran", hint="it may have been killed; look at dmesg(1)")

    def withdraw(self) -> None:
        """Nobody wants the container any more: have the start undone, and wait until it is."""
        self.channel.shutdown(1)  # SHUT_WR: the monitor sees that
        letter, _ = _receive(self.channel)
        if letter == _RUNS:  # it ran before it could see it
            stop.kill(self.place)
        os.waitpid(self.pid, 0)

    def close(self) -> None:
        self.channel.close()


def _decided(order: Order) -> StartPlan:
    _enter_scope(order.place)
    plan = decide(order)
    for warning in plan.warnings:
        log.warn(warning)
    _check_creation(order.place)
    return plan


def _enter_scope(place: Place) -> None:
    """On a unified host an ordinary user's containers are in a scope of systemd's; without one, where the user is."""
    if not scope.is_offered() or cgroups.find().name != "unified":
        return
    try:
        scope.enter(place.name)
    except LxcError as error:
        log.warn(str(error))


def prepared(order: Order, plan: StartPlan) -> Watch:
    """The claim, and all else that is made before there is a monitor.  Raises AlreadyRunning, LxcError."""
    trace.phase("claim the command socket, make the cgroups")
    listener = _claim(order.place)
    try:
        pidfile = _open_pidfile(order.pidfile)
        made = cgroups.prepare(plan.cgroups)
    except BaseException:
        listener.close()
        _remove_pidfile(order.pidfile)
        raise
    return Watch(order, plan, made, listener, pidfile)


def _check_creation(place: Place) -> None:
    """Refuse a container that is not whole.  Raises StateError."""
    if not os.path.lexists(place.partial_file):
        return
    from lxc.runtime import making

    if making.is_being_made(place):
        raise StateError(f"{place.name} is still being created", hint="wait until lxc-create has finished")
    raise StateError(f"the creation of {place.name} was cut short", hint="lxc-destroy removes what there is of it")


def _claim(place: Place) -> socket:
    """Listen on the container's command socket: whoever does is its monitor.  Raises AlreadyRunning."""
    try:
        return sockets.listen(place.socket_name)
    except OSError as error:
        if error.errno == _EADDRINUSE:
            raise AlreadyRunning("Container is already running") from None
        raise StepError(f"listen on the command socket of {place.name}", error.strerror or str(error)) from error


def _open_pidfile(path: str) -> int:
    if not path:
        return -1
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StepError(f"write the pid file {path}", error.strerror or str(error)) from error


def _remove_pidfile(path: str) -> None:
    try:
        if path:
            os.unlink(path)
    except FileNotFoundError:
        pass


def _fork_monitor(watch: Watch) -> tuple[socket, int]:
    """Make the monitor a process of its own, born in its cgroup.  Return the channel to it, and its pid."""
    trace.phase("make the monitor")
    ours, theirs = sockets.pair()
    unified = cgroups.open_unified(watch.made, watch.made.monitor)
    try:
        pid, pidfd = process.clone3(0, unified)
    except BaseException as error:
        ours.close()
        theirs.close()
        watch.abandon()
        if isinstance(error, OSError):
            raise StepError(
                f"make the monitor, in the cgroup {watch.made.monitor}", error.strerror or str(error)
            ) from error
        raise
    if pid == 0:
        ours.close()
        trace.become(f"monitor of {watch.order.place.name}")
        _be_monitor(watch, theirs, is_born=unified >= 0)
    for fd in (pidfd, unified, watch.pidfile):
        if fd >= 0:
            os.close(fd)
    theirs.close()
    watch.listener.close()
    trace.phase("wait for the monitor")
    return ours, pid


def _receive(channel: socket) -> tuple[bytes, bytes]:
    letter, _ = sockets.receive_exactly(channel, 1)
    payload = b""
    while letter == _FAILED and len(payload) < _LONGEST_REPORT:
        part, _, _ = sockets.receive(channel, 65536)
        if not part:
            break
        payload += part
    return letter, payload


def _be_monitor(watch: Watch, channel: socket, *, is_born: bool) -> NoReturn:
    """In the new process: be the monitor."""
    status = 1
    trace.phase("leave the starter's session and files")
    try:
        if watch.order.foreground:
            code = watch.keep(lambda: True, is_born=is_born, first=lambda: foreground.be_accompanied(channel))
            trace.leave()
            foreground.tell_end(channel, code)
        else:
            watch.keep(lambda: _tell_running(channel), is_born=is_born, first=lambda: _detach(watch, channel))
        status = 0
    except BaseException as error:
        if watch.order.foreground:
            code = error.exit_status if isinstance(error, LxcError) else status
            foreground.tell_end(channel, code, handshake.pack_failure(error))
        else:
            _tell_failure(channel, error)
    finally:
        os._exit(status)


def _detach(watch: Watch, channel: socket) -> None:
    """Leave the starter's session and files."""
    os.setsid()
    os.chdir("/")
    forget_terminal()
    _keep_only({watch.listener.fileno(), channel.fileno(), watch.pidfile, log.descriptor(), trace.descriptor()})


def forget_terminal() -> None:
    """Standard input, output and error become /dev/null: what there is to say goes through the channel."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _tell_running(channel: socket) -> bool:
    """Tell the starter; False if it has gone, or wants the container no more."""
    trace.leave()
    try:
        channel.setblocking(False)
        try:
            if channel.recv(1) == b"":
                return False
        except BlockingIOError:
            pass
        sockets.send(channel, _RUNS)
        channel.close()
    except OSError:
        return False
    return True


def _tell_failure(channel: socket, error: BaseException) -> None:
    trace.leave()
    try:
        channel.setblocking(True)
        sockets.send(channel, _FAILED + handshake.pack_failure(error))
    except OSError:
        log.error(f"nobody is left to be told: {error}")


def _keep_only(kept: set[int]) -> None:
    """Close every descriptor but standard ones and `kept`, and those that systemd passed (sd_listen_fds(3))."""
    passed = os.environ.get("LISTEN_FDS", "")
    first = 3 + (int(passed) if passed.isdecimal() else 0)
    for fd in sorted(fd for fd in kept if fd >= first):
        if fd > first:
            fs.close_range(first, fd - 1)
        first = fd + 1
    fs.close_range(first, fs.HIGHEST)
