"""Work on what belongs to a container's ids, by a user who is not root: done by a process that is root among those ids.

we                                  fork (idmap.fork)
what to do ─────────────────────▶   is root where the container's ids are, and ours
           ◀── what came of it, or the error
(a signal that asks us to end) ─▶   is killed; so it is if we are
"""

from __future__ import annotations

import os

from lxc import beneath, log
from lxc.cgroups import outside as cgroups
from lxc.errors import LxcError
from lxc.kernel import fs, process, signals
from lxc.kernel.fs import closing
from lxc.runtime.handshake import pack_failure, unpack_failure
from lxc.runtime.interruption import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeVar

    from lxc.cgroups.outside import Cgroups
    from lxc.idmap.plan import IdMapPlan
    from lxc.runtime.interruption import deferred

    T = TypeVar("T")

_DONE = b"\1"  # no failure begins so


def run(ids: IdMapPlan, work: Callable[[], T], signal: deferred | None = None) -> T:
    """Do `work` with the rights of the container's root, if its ids are others' than ours; else simply do it.

    There, root is 0, or who stands for it, and we are somebody.  What `work` returns must be picklable.  This process
    must have one thread.  Raises what `work` raises, as LxcError; Interrupted if one of `signal` comes, wherever the
    other process is then.
    """
    return run_apart(ids, work, signal) if ids.uses_helpers else work()


def run_apart(ids: IdMapPlan, work: Callable[[], T], signal: deferred | None = None) -> T:
    """The same in any case by a process with mounts of its own.

    Root's is root, any other user's is root among the ids, or our own two if there are none.
    """
    import _pickle as pickle  # what `pickle` wraps

    reader, writer = os.pipe2(os.O_CLOEXEC)
    starter = os.getpid()
    try:
        pid = _fork(ids)
        if pid == 0:
            _tell(starter, writer, lambda: _DONE + pickle.dumps(work()))
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    said = _answer(pid, reader, signal)
    if said[:1] == _DONE:
        result: T = pickle.loads(said[1:])
        return result
    if not said:
        raise LxcError("the process that did it as the container's root ended before it was done")
    raise unpack_failure(said)


def _fork(ids: IdMapPlan) -> int:
    """fork(2), but the child is root, and has mounts of its own."""
    if os.geteuid() != 0:
        from lxc.idmap.fork import fork

        return fork(with_us(ids)[0], hands_on=True)
    pid, pidfd = process.clone3(process.CLONE_NEWNS)
    fs.close(pidfd)
    return pid


def with_us(ids: IdMapPlan) -> tuple[IdMapPlan, int, int]:
    """`ids` with our own two; and which those are there: not 0, unless they are all, for who becomes another loses all privileges."""
    return ids.with_user(os.geteuid(), os.getegid(), 1 if ids.users else 0)


def give(ids: IdMapPlan, directory: int, names: tuple[str, ...] = (".",)) -> None:
    """Make `names` in the opened `directory`, which are ours, those of the container's root, through no link.

    Their group stays ours, so that we still may look; by root: the group's is the container's, too.  Raises LxcError, OSError.
    """
    if not ids.users:
        return
    owner = (ids.uid, -1) if ids.uses_helpers else ids.owner

    def work() -> None:
        for name in names:
            above, _, last = name.rpartition("/")
            with closing(beneath.open(directory, above, os.O_PATH | os.O_DIRECTORY)) as parent:
                os.chown(last, *owner, dir_fd=parent, follow_symlinks=False)

    run(ids, work)


def remove_cgroups(ids: IdMapPlan, made: Cgroups) -> None:
    """Remove the cgroups that the container has made, if we may not do that as we are.  What stays is logged."""
    if not ids.uses_helpers or not cgroups.has_children(made):
        return
    try:
        run(ids, lambda: cgroups.remove_children(made))
    except (OSError, LxcError) as error:
        log.error(f"the container's own cgroups could not be removed: {error}")


def _end_with(starter: int) -> None:
    """In the child, whose ids are settled: be killed when the process `starter` is gone, which has the lock and the plan."""
    process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
    if os.getppid() != starter:
        os._exit(1)


def _answer(pid: int, reader: int, signal: deferred | None) -> bytes:
    """All that the child `pid` writes; closes `reader`.  Raises Interrupted; the child has ended in any case."""
    said = b""
    try:
        while True:
            readable(signal, reader)
            part = os.read(reader, 1 << 16)
            if not part:
                return said
            said += part
    except BaseException:
        os.kill(pid, signals.SIGKILL)
        raise
    finally:
        os.close(reader)
        os.waitpid(pid, 0)


def _tell(starter: int, fd: int, outcome: Callable[[], bytes]) -> NoReturn:
    """In the child.  Never returns, nor raises: the caller's work is the starter's."""
    try:
        _end_with(starter)
        fs.write(fd, outcome())
    except BaseException as error:
        fs.write(fd, pack_failure(error))
    finally:
        os._exit(0)
