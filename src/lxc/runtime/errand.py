"""Work on a running container's files, done by a child for which nobody has to wait.

Who is root in a container may mount a file system there that never answers
(FUSE, a network's).  Whoever looks into it is kept, in the end even from dying
by SIGKILL, until the container lets go of it.  Which paths lead there cannot be
told without looking.  So a child looks; it keeps no descriptor of the caller's
that somebody could be waiting for the end of.
"""

from __future__ import annotations

import errno
import marshal
import os
import stat
import time

from lxc import log
from lxc.kernel import fs, polling, process, signals
from lxc.kernel.fs import closing
from lxc.runtime.interruption import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.runtime.interruption import deferred

_PATIENCE = 10.0  # seconds
_FAREWELL_MS = 200  # for one that was killed to end
_UNANSWERED = "a file system of the container does not answer"


def run(act: Callable[[], bytes | None], kept: tuple[int, ...] = (), held: deferred | None = None) -> bytes:
    """What `act` gives, done in a child that has no descriptors but those that are `kept`.

    Raises the OSError that it raises; TimeoutError if it takes longer than ten seconds, Interrupted if a signal that
    is `held` comes before it ends: it has been killed then, and goes as soon as the kernel lets it.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    with closing(reader):
        try:
            pid, pidfd = process.clone3(0)
            if pid == 0:
                _be_child(act, writer, (*kept, *log.descriptors()))
        finally:
            os.close(writer)
        with closing(pidfd):
            try:
                said = _hear(reader, held)
            finally:
                end(pid, pidfd)
    if not said:
        raise OSError(errno.EIO, "the process that did it was killed")
    number, why, path, result = marshal.loads(said)
    if number:
        raise OSError(number, why, path)
    return bytes(result)


def contents(root: int, path: str, most: int) -> bytes:
    """The first `most` bytes of the regular file at `path` below the directory `root`, which no link leads out of.

    b"" if it is none, nor opened then: opening a device can do something, and reading proc's, which have no size, may
    keep us waiting.  Of what is the container's, to be called by the child of `run`.  Raises OSError.
    """
    with closing(fs.openat2(root, path, os.O_PATH, 0, fs.RESOLVE_IN_ROOT | fs.RESOLVE_NO_MAGICLINKS)) as found:
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return b""
        with closing(os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)) as file:
            return os.read(file, most)


def end(pid: int, pidfd: int) -> None:
    """Kill the child `pid` of ours, and forget it; one that does not even die then is left to itself."""
    try:
        process.pidfd_send_signal(pidfd, signals.SIGKILL)
        if polling.events(pidfd, _FAREWELL_MS):
            os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):  # the caller's process is not ours alone: somebody else took it
        pass


def _hear(reader: int, held: deferred | None) -> bytes:
    """All that it says; raises as `run` does if that does not come."""
    said, deadline = b"", time.monotonic() + _PATIENCE
    while readable(held, reader, ms=max(0, deadline - time.monotonic()) * 1000):
        part = os.read(reader, 1 << 16)
        if not part:
            return said
        said += part
    raise TimeoutError(errno.ETIMEDOUT, _UNANSWERED)


def _be_child(act: Callable[[], bytes | None], writer: int, kept: tuple[int, ...]) -> NoReturn:
    try:
        fs.keep_only((writer, *kept), 0)
        said = marshal.dumps((0, "", None, act() or b""))
    except OSError as error:
        path = error.filename if isinstance(error.filename, str) else None
        said = marshal.dumps((error.errno or errno.EIO, error.strerror or str(error), path, b""))
    except BaseException as error:
        said = marshal.dumps((errno.EIO, str(error) or type(error).__name__, None, b""))
    try:
        fs.write(writer, said)
    finally:
        os._exit(0)
