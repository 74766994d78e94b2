"""The process that answers the system calls that a container's filter notifies of.  A child of the monitor.

    monitor                         supervisor                                  container's init
    fork ─────────────────────────▶ connects to the proxy, or loads handlers
          ◀── it can, or why not    waits
    clone3 ──────────────────────────────────────────────────────────────────▶  loads the filter
                                          ◀────────── listener ────────────────
                                    answers, one call at a time
    listener of what is attached ─▶ answers for that, too
    kill ─────────────────────────▶

Whoever decides may be slow, wrong or gone, and handlers act on what a hostile
process says: so it is not the monitor that waits for them, nor runs them.
"""

from __future__ import annotations

import errno
import os
from select import POLLIN, poll

from lxc import log
from lxc.errors import LxcError, StepError
from lxc.kernel import fs, process, seccomp, signals, sockets
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.security.inside import INITS, OTHERS
from lxc.security.seccomp.notification import NOTIFICATION, RESPONSE, Notification, Response, Sizes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Protocol

    from lxc.kernel.sockets import socket
    from lxc.security.plan import Supervision

    class Decider(Protocol):
        """Who decides on system calls."""

        def decide(self, init: int, listener: int, notification: Notification) -> bytes:
            """A struct seccomp_notif_resp.  Raises OSError, ValueError; the call is answered by default then."""


_MOST_LISTENERS = 1024  # each attached command has its own, as long as it runs
_LONGEST_REPORT = 4096
_READY = "\0"


class Supervisor(Record):
    """The monitor's hold of that process."""

    pid: int
    channel: socket  # listeners go in here
    waits: int  # file that holds the id of the call that waits for its answer; 0 if none does

    def take(self, listener: int) -> None:
        """Have it answer for `listener`, too; the caller closes that.  Raises OSError."""
        sockets.send(self.channel, OTHERS, (listener,))

    def stop(self, listener: int = -1) -> None:
        """End it; who waits for its answer gets ENOSYS, also at `listener`, if that stays open."""
        self.channel.close()
        try:
            os.kill(self.pid, signals.SIGKILL)  # our child, not reaped yet: the pid is its
        finally:
            os.waitpid(self.pid, 0)
            waiting = int.from_bytes(os.pread(self.waits, 8, 0), "little")
            os.close(self.waits)
            if waiting and listener >= 0:
                try:
                    seccomp.respond(listener, Response(waiting).raw)
                except OSError as error:  # it was at another listener, or has gone
                    log.debug(f"nobody waits for an answer: {error.strerror}")


def start(plan: Supervision, title: str, *, blocks: bool = True) -> Supervisor:
    """The process that answers as `plan` says, called `title` in ps(1).

    With `blocks` return once it can.  Raises StepError if it cannot.  To be called in the monitor, which has one thread.
    """
    ours, theirs = sockets.pair()
    report, report_end = os.pipe2(os.O_CLOEXEC)
    waits = os.memfd_create("lxc-notified", os.MFD_CLOEXEC)
    os.pwrite(waits, bytes(8), 0)
    with closing(report):
        try:
            monitor = os.getpid()
            pid, pidfd = process.clone3(0)
            if pid == 0:
                _be(plan, title, monitor, theirs, report_end, waits)
            os.close(pidfd)
        except BaseException:
            ours.close()
            os.close(waits)
            raise
        finally:
            theirs.close()
            os.close(report_end)
        ours.setblocking(False)  # it may be busy for long; the monitor must not be
        supervisor = Supervisor(pid, ours, waits)
        why = os.read(report, _LONGEST_REPORT).decode(errors="surrogateescape") if blocks else _READY
    if why != _READY:
        supervisor.stop()
        raise StepError(str(plan), why or "the process that was to do it has ended", where=plan.where)
    return supervisor


def is_listener(fd: int) -> bool:
    """Whether it is what seccomp(2) gives: the kernel's own name for it cannot be had by another file."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:seccomp notify"
    except OSError:
        return False


def _be(plan: Supervision, title: str, monitor: int, channel: socket, report: int, waits: int) -> NoReturn:
    """In the new process.  Never returns."""
    try:
        process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
        if os.getppid() != monitor:
            os._exit(1)
        fs.keep_only((channel.fileno(), report, waits, *log.descriptors()))
        process.set_title(title)
        try:
            sizes = Sizes(*seccomp.notif_sizes())
            if sizes.notification < NOTIFICATION or sizes.response < RESPONSE:
                raise LxcError("this kernel's notifications are shorter than any known")
            decider = _decider(plan, sizes, monitor)
        except (LxcError, OSError) as error:
            log.error(str(error))
            _report(report, str(error))
            os._exit(1)
        _report(report, _READY)
        _serve(channel, decider, sizes, waits)
    except BaseException as error:
        log.error(f"no more system calls are answered: {type(error).__name__}: {error}")
    finally:
        os._exit(1)


def _report(report: int, text: str) -> None:
    try:
        os.write(report, text.encode(errors="surrogateescape")[:_LONGEST_REPORT])
    except BrokenPipeError:  # nobody waits for it
        pass
    os.close(report)


def _decider(plan: Supervision, sizes: Sizes, monitor: int) -> Decider:
    if plan.functions:
        from lxc.security.seccomp.handlers import Handlers

        return Handlers(plan.functions, plan.cookie, sizes)
    from lxc.security.seccomp.proxy import Proxy

    return Proxy(plan.proxy, plan.cookie, sizes, monitor)


def _serve(channel: socket, decider: Decider, sizes: Sizes, waits: int) -> None:
    """Answer until the monitor has gone."""
    sockets.pass_credentials(channel)
    waiter, listeners, init = poll(), set[int](), 0
    waiter.register(channel.fileno(), POLLIN)
    while True:
        for fd, events in waiter.poll():
            if fd != channel.fileno():
                if not (events & POLLIN):  # nobody is left that this filter is for
                    waiter.unregister(fd)
                    listeners.discard(fd)
                    os.close(fd)
                else:
                    _answer(fd, decider, sizes, init, waits)
                continue
            letter, given, credentials = sockets.receive(channel, 1)
            if not letter:
                return
            if letter == INITS and credentials:
                init = credentials[0]
            for each in given:
                if len(listeners) < _MOST_LISTENERS and is_listener(each):
                    listeners.add(each)
                    waiter.register(each, POLLIN)
                else:
                    os.close(each)


def _answer(listener: int, decider: Decider, sizes: Sizes, init: int, waits: int) -> None:
    try:
        notification = Notification(seccomp.receive(listener, sizes.notification))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINTR):
            raise
        return  # its caller has gone
    os.pwrite(waits, notification.id.to_bytes(8, "little"), 0)
    default = Response(notification.id).padded(sizes)
    try:
        response = decider.decide(init, listener, notification)
    except (OSError, ValueError) as error:
        log.warn(f"system call {notification.number} of process {notification.pid} is not decided on: {error}")
        response = default
    for each in (response, default):
        try:
            seccomp.respond(listener, each)
        except OSError as error:
            if error.errno == errno.EINVAL and each is not default:
                log.warn(f"the kernel refuses the response to system call {notification.number}")
                continue
            if error.errno not in (errno.ENOENT, errno.EINPROGRESS):
                raise
        break
    os.pwrite(waits, bytes(8), 0)
