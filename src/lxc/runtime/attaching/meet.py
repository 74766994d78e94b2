"""Waiting for a process that was sent into a container to become the command, or to say why it cannot.

What comes over `report` is ours.  Over `status` also the container can speak,
whose administrator may trace the command from its birth: neither what is said
there is believed without looking, nor is it waited for longer than the command
lives.
"""

from __future__ import annotations

import errno
import os

from lxc.errors import LxcError, StepError
from lxc.kernel import fs, process
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import errand, failures
from lxc.runtime.handshake import unpack_failure
from lxc.runtime.interruption import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.interruption import deferred
    from lxc.runtime.plans.attach import AttachPlan

_CANNOT_EXECUTE, _NOT_FOUND = 126, 127
_MOST_ERRORS = 4095  # the kernel has no higher number


class Launched(Record):
    """A process on its way into a container; to be met, which closes the descriptors."""

    plan: AttachPlan
    middle: int  # its pid; it joins, and lxc-init in it gives birth to the command
    report: int  # where it tells why it cannot join
    status: int  # where lxc-init tells the command's pid, and why it cannot be executed
    namespace: tuple[int, int] | None  # of pids, the container's if the command is born in that: (device, inode)
    door: int = -1  # the mount with lxc-init; whoever closes it last waits, and that should not be the command


class Attached(Record):
    """A command that runs in a container, a child of this process."""

    pid: int
    pidfd: int
    group: int  # its process group, unless it was given a terminal: then it leads its own


def meet(launched: Launched, held: deferred | None = None) -> Attached:
    """Wait until the command runs.  Raises LxcError; Interrupted if a signal that is `held` comes before.

    What was launched is gone then.
    """
    try:
        number = _birth(launched, held)
        try:
            pidfd = _child(number, launched)
        except BaseException:
            _kill_born(launched)
            raise
        try:
            failure = _execution(launched.status, pidfd, held)
            if failure:
                raise _not_executed(launched.plan, failure)
        except BaseException:
            _kill(number)
            os.close(pidfd)
            raise
        return Attached(number, pidfd, launched.middle)
    finally:
        fs.close(launched.report, launched.status, launched.door)


def _birth(launched: Launched, held: deferred | None) -> int:
    """The pid of the command, as lxc-init tells it."""
    try:
        failure = b""
        while part := _hear(launched.report, held):
            failure += part
        said = b"" if failure else _hear(launched.status, held, 4)
    except BaseException:
        _kill(launched.middle)
        _kill_born(launched)
        raise
    _, ended = os.waitpid(launched.middle, 0)
    if failure:
        raise unpack_failure(failure)
    number = int.from_bytes(said, "little", signed=True)
    if number <= 0:
        why = os.strerror(min(-number, _MOST_ERRORS)) if number else f"it ended with {os.waitstatus_to_exitcode(ended)}"
        raise StepError(f"make a process in the pid namespace of {launched.plan.name}", why)
    return number


def _child(pid: int, launched: Launched) -> int:
    """A pidfd of our child `pid`.  Raises StepError if it is none, or not of the container: somebody there spoke for lxc-init."""
    try:
        pidfd = process.pidfd_open(pid)
    except OSError:
        raise _stranger(pid) from None
    try:
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if launched.namespace and not _is_in(launched.namespace, pid):
            raise _stranger(pid)
    except BaseException as error:
        os.close(pidfd)
        if isinstance(error, OSError):
            raise _stranger(pid) from None
        raise
    return pidfd


def _is_in(namespace: tuple[int, int], pid: int) -> bool:
    """Whether the pid namespace of our child is that.

    Linux tells nobody but root of one that has ended; of such it is enough that it was in another namespace than we.
    """
    try:
        status = os.stat(f"/proc/{pid}/ns/pid")
    except PermissionError:
        with open(f"/proc/{pid}/status", "rb") as file:
            fields = dict(line.split(b":", 1) for line in file)
        return fields[b"State"].split()[0] == b"Z" and len(fields[b"NSpid"].split()) > 1
    return (status.st_dev, status.st_ino) == namespace


def _stranger(pid: int) -> StepError:
    return StepError("attach", f"process {pid}, which is to be the command, is not a child of ours in the container")


def _execution(status: int, pidfd: int, held: deferred | None) -> int:
    """0 once the command runs, or has run; else the errno with which it could not be executed."""
    if status in readable(held, status, pidfd):  # also if both are: what it said is still there
        return int.from_bytes(os.read(status, 4), "little", signed=True)
    return 0


def _hear(fd: int, held: deferred | None, size: int = 65536) -> bytes:
    readable(held, fd)
    return os.read(fd, size)


def _kill(pid: int) -> None:
    """End our child `pid`, and forget it, whatever keeps it in the container."""
    with closing(process.pidfd_open(pid)) as pidfd:
        errand.end(pid, pidfd)


def _kill_born(launched: Launched) -> None:
    """End the command, if lxc-init has told of one; without lxc-init no other comes."""
    os.set_blocking(launched.status, False)
    try:
        number = int.from_bytes(os.read(launched.status, 4), "little", signed=True)
        if number > 0:
            os.close(_child(number, launched))
            _kill(number)
    except (BlockingIOError, StepError):  # a command that was never let go holds the other end; or it is none of ours
        pass


def _not_executed(plan: AttachPlan, number: int) -> LxcError:
    error = failures.not_executed(plan.argv, f"container {plan.name}", number, plan.label)
    error.exit_status = _NOT_FOUND if number == errno.ENOENT else _CANNOT_EXECUTE
    return error
