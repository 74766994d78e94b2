"""A start whose monitor is a process of its own, while who asks for it waits or, in the foreground, stays with it.

starter                                            monitor
makes the cgroups, clone3() ─────────────────────▶ born in lxc.monitor.NAME, leaves the terminal
waits                                              starts the container
                              R  ◀───────────────  it runs
         or   F, the failure, its log  ◀─────────  it does not, and all is cleaned up
end of file ─────────────────────────────────────▶ (Ctrl-C) kills what it has started

Who starts many has each monitor decide for itself, and make its cgroups (`begin_whole`): it is reborn in its own then.
"""

from __future__ import annotations

import os

from lxc import borrowed, log, trace
from lxc.cgroups import outside as cgroups
from lxc.errors import AlreadyRunning, LxcError
from lxc.kernel import beside, birth, fs, process, signals, sockets
from lxc.record import Record
from lxc.runtime import handshake, stop
from lxc.runtime.starting import foreground
from lxc.runtime.starting.watch import prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.kernel.sockets import socket
    from lxc.runtime.place import Place
    from lxc.runtime.plans.start import StartPlan
    from lxc.runtime.starting.start import Order
    from lxc.runtime.starting.watch import Watch

_RUNS, _FAILED, _RAN_ALREADY = b"R", b"F", b"A"
_LONGEST_REPORT = 1 << 22


def wait(order: Order, plan: StartPlan) -> int:
    """Return 0 once it runs; `start.start` tells more."""
    mask = signals.block(foreground.INTERRUPTIONS)  # nothing may come between making something and knowing of it
    try:
        begun = Begun(order.place, *_fork_monitor(prepared(order, plan)))
        try:
            signals.restore(mask)
            return begun.outcome()
        except KeyboardInterrupt:
            begun.withdraw()
            raise
        finally:
            begun.close()
    finally:
        signals.restore(mask)


def stay(order: Order, plan: StartPlan) -> int:
    """In the foreground, until it has ended: its exit code.  Without unified cgroups this process is the monitor."""
    mask = signals.block(foreground.PASSED_ON)
    try:
        watch = prepared(order, plan)
        if not watch.made.layout.unified:
            return watch.keep(foreground.wanted, is_born=False)
        channel, pid = _fork_monitor(watch)
        return foreground.accompany(pid, channel)
    finally:
        signals.restore(mask)


def begin_whole(place: Place, decide: Callable[[Place], tuple[Order, StartPlan]]) -> Begun:
    """A process that does what `decide` does, and is the monitor of that; it has the caller's memory, but nothing open of it.

    To be called with what interrupts blocked, until the caller knows of it, and hears its outcome, or withdraws.
    """
    ours, theirs = sockets.pair()
    try:
        pid, pidfd = process.clone3(0)
        if pid == 0:
            trace.become(f"start of {place.name}")
            _become_monitor(place, decide, theirs)
        os.close(pidfd)
        return Begun(place, ours, pid)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


class Begun(Record):
    """A monitor that is starting its container."""

    place: Place
    channel: socket  # can be read when there is an outcome
    pid: int

    def outcome(self) -> int:
        """Wait for what becomes of the start, and return 0.  Raises AlreadyRunning, LxcError if it failed."""
        letter, payload = _receive(self.channel)
        if letter == _RUNS:
            os.waitpid(self.pid, os.WNOHANG)  # it may have been reborn
            return 0
        os.waitpid(self.pid, 0)
        if letter == _RAN_ALREADY:
            raise AlreadyRunning("Container is already running")
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


def _fork_monitor(watch: Watch) -> tuple[socket, int]:
    """Make the monitor a process of its own, born in its cgroup.  Return the channel to it, and its pid."""
    trace.phase("make the monitor")
    channels: tuple[socket, ...] = ()
    try:
        channels = ours, theirs = sockets.pair()
        unified = cgroups.open_unified(watch.made, watch.made.monitor)
        pid, pidfd = birth.clone3(0, unified)
    except BaseException as error:
        for channel in channels:
            channel.close()
        watch.abandon()
        if isinstance(error, OSError):
            raise watch.unborn(error) from error
        raise
    if pid == 0:
        ours.close()
        trace.become(f"monitor of {watch.order.place.name}")
        _be_monitor(watch, theirs, is_born=unified >= 0)
    fs.close(pidfd, unified, watch.pidfile)
    theirs.close()
    watch.listener.close()
    trace.phase("wait for the monitor")
    return ours, pid


def _receive(channel: socket) -> tuple[bytes, bytes]:
    letter, _ = sockets.receive_exactly(channel, 1)
    payload, _ = sockets.receive_exactly(channel, _LONGEST_REPORT) if letter == _FAILED else (b"", ())
    return letter, payload


def _be_monitor(watch: Watch, channel: socket, *, is_born: bool) -> NoReturn:
    """In the new process: be the monitor."""
    status = 1
    trace.phase("leave the starter's session and files")
    try:
        if watch.order.foreground:
            code = watch.keep(foreground.wanted, is_born=is_born, first=lambda: foreground.be_accompanied(channel))
            trace.leave()
            foreground.tell_end(channel, code)
        else:
            _keep(watch, channel, is_born=is_born)
        status = 0
    except BaseException as error:
        if watch.order.foreground:
            code = error.exit_status if isinstance(error, LxcError) else status
            foreground.tell_end(channel, code, handshake.pack_failure(error))
        else:
            _tell_failure(channel, error)
    finally:
        os._exit(status)


def _become_monitor(place: Place, decide: Callable[[Place], tuple[Order, StartPlan]], channel: socket) -> NoReturn:
    status = 1
    try:
        fs.keep_only({channel.fileno(), *log.descriptors(), trace.descriptor()}, _lowest())
        borrowed.forget()
        watch = prepared(*decide(place))
        is_born = watch.made.layout.unified is not None
        if is_born:
            watch.be_reborn(beside.be_reborn)
        trace.become(f"monitor of {watch.order.place.name}")
        _keep(watch, channel, is_born=is_born)
        status = 0
    except AlreadyRunning:
        sockets.send(channel, _RAN_ALREADY)
    except BaseException as error:
        _tell_failure(channel, error)
    finally:
        os._exit(status)


def _keep(watch: Watch, channel: socket, *, is_born: bool) -> None:
    """In the background: the starter is told when it runs, and may give it up until then."""
    watch.keep(
        lambda: _tell_running(channel),
        is_born=is_born,
        first=lambda: detach(watch, channel),
        companion=channel.fileno(),
    )


def detach(watch: Watch, channel: socket) -> None:
    """In the monitor: leave the starter's session and files, but for the channel to who waits for it."""
    os.setsid()
    os.chdir("/")
    forget_terminal()
    kept = {watch.listener.fileno(), channel.fileno(), watch.pidfile, *log.descriptors(), trace.descriptor()}
    fs.keep_only(kept, _lowest())


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


def _lowest() -> int:
    """The first descriptor that is neither a standard one nor one that systemd passed (sd_listen_fds(3))."""
    passed = os.environ.get("LISTEN_FDS", "")
    return 3 + (int(passed) if passed.isdecimal() else 0)
