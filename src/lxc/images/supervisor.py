"""Running a program so that nothing of it is left when it is given up.

    we                               supervisor                        program
    fork() ────────────────────────▶ own mount namespace
                                     fork() ─────────────────────────▶ exec
                  "end STATUS"  ◀─── waits                       ◀──── ends
    or, when interrupted:
    SIGTERM ───────────────────────▶ SIGTERM, 2 s later SIGKILL, to all that descends from it

Orphans of the program become the supervisor's children (PR_SET_CHILD_SUBREAPER),
so what a template started is found when the template itself is gone.  The
supervisor gets SIGTERM if we die (PR_SET_PDEATHSIG), the program SIGKILL if the
supervisor does.  The program stays in our process group: a terminal is its too.
What it mounts and forgets goes away with the namespace, the host never sees it.
"""

from __future__ import annotations

import errno
import os
import select
import time

from lxc import propagation
from lxc.errors import LxcError
from lxc.kernel import descent, fs, process, signals
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_CHILD_SUBREAPER = 36
_GRACE, _PATIENCE = 2, 30  # seconds from SIGTERM to SIGKILL; and until we leave what even that does not end
_KEPT = 4096  # bytes of what a quiet program writes to its standard error


class Ended(Record):
    """How it went: the `step` that came last ("end" if the program did), its errno or wait status, and the signal that
    interrupted it (0: none); of a quiet program the last words it wrote to its standard error."""

    step: str
    number: int
    signal: int
    words: str


def run(
    argv: tuple[str, ...],
    *,
    is_quiet: bool,
    interruption: int,
    fork: Callable[[], int] = os.fork,
    needed: tuple[str, ...] = (),
    ignored: tuple[int, ...] = (),
) -> Ended:
    """Run a program to its end, or until the signalfd `interruption` gets readable, and then end all it started.

    The signals of `interruption` must be blocked.  With `is_quiet` it has /dev/null for standard input and output.
    `fork` makes the program's process, which must be able to reach the paths `needed`, and begins with the signals `ignored`
    ignored.  Raises OSError.
    """

    def become() -> None:
        _become(argv, report_end, words_end if is_quiet else -1, needed, ignored)

    report, report_end = os.pipe()
    words, words_end = os.pipe()
    us = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _supervise(us, report_end, fork, become)
        finally:
            os._exit(1)
    os.close(report_end)
    os.close(words_end)
    try:
        said, signal, tail = _listen(pid, report, words, interruption)
    finally:
        os.close(report)
        os.close(words)
        os.waitpid(pid, 0)
    step, _, number = said.partition("\n")[0].rpartition(" ")
    return Ended(step, int(number or 0), signal, tail)


def _listen(pid: int, report: int, words: int, interruption: int) -> tuple[str, int, str]:
    """Wait until the supervisor is gone: its report, the signal that interrupted it, the program's last words."""
    os.set_blocking(words, False)
    poller = select.poll()
    for fd in (report, words, interruption):
        poller.register(fd, select.POLLIN)
    said, tail, signal = b"", b"", 0
    while True:
        ready = {fd for fd, _ in poller.poll()}
        if interruption in ready:
            signal = signal or signals.read_signal(interruption)[0]
            os.kill(pid, signals.SIGTERM)  # our child, not waited for: the pid is its own
            poller.unregister(interruption)
        if words in ready:
            part = _read(words)
            tail = (tail + part)[-_KEPT:]
            if not part:
                poller.unregister(words)
        if report in ready:
            part = os.read(report, 64)
            said += part
            if not part:
                return said.decode(), signal, (tail + _read(words))[-_KEPT:].decode(errors="replace")


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def _supervise(parent: int, report: int, fork: Callable[[], int], become: Callable[[], None]) -> None:
    """Be the supervisor, and in the process that `fork` makes, `become` the program; says on `report` how it went and does not return but by an error."""
    process.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    stop = signals.signalfd(frozenset({signals.SIGTERM}))
    signals.block(frozenset({signals.SIGTERM}))
    process.prctl(process.PR_SET_PDEATHSIG, signals.SIGTERM)
    if os.getppid() != parent:
        return
    if os.geteuid() == 0:
        try:
            process.unshare(process.CLONE_NEWNS)
            propagation.keep_from_host()
        except OSError as error:
            _say(report, "leave the host's mounts alone", error.errno)
            return
    try:
        pid = fork()
    except (OSError, LxcError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        _say(report, f"make its process: {why}", 0)
        return
    if pid == 0:
        try:
            become()
        finally:
            os._exit(127)
    pidfd = process.pidfd_open(pid)
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    poller.register(stop, select.POLLIN)
    if stop not in {fd for fd, _ in poller.poll()}:
        status = os.waitpid(pid, 0)[1]
        if status:
            _end_all(0)
        _say(report, "end", status)
    else:
        _end_all(_GRACE)
    os._exit(0)


def _become(argv: tuple[str, ...], report: int, words: int, needed: tuple[str, ...], ignored: tuple[int, ...]) -> None:
    process.prctl(process.PR_SET_PDEATHSIG, signals.SIGKILL)
    if words >= 0:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for fd, source in ((0, null), (1, null), (2, words)):
            os.dup2(source, fd)
    os.umask(0o022)
    signals.reset(signals.IGNORED_BY_PYTHON)
    for number in ignored:
        signals.ignore(number)
    signals.restore(frozenset())
    for path in needed:
        closed = _closed(path)
        if closed:
            _say(report, f"search {closed}", errno.EACCES)
            return
    try:
        os.execv(argv[0], argv)
    except OSError as error:
        _say(report, "execute", error.errno)


def _closed(path: str) -> str:
    """The first directory on the way to `path` that this process may not search; "" if there is none."""
    parts = path.strip("/").split("/")
    ways = ("/" + "/".join(parts[:count]) for count in range(len(parts)))
    return next((way for way in ways if not os.access(way, os.X_OK, effective_ids=True)), "")


def _say(report: int, step: str, number: int | None) -> None:
    os.write(report, f"{step} {number or 0}\n".encode())


def _end_all(grace: float) -> None:
    """End every descendant of this process: SIGTERM, after `grace` seconds SIGKILL, until none is left."""
    begin = time.monotonic()
    told: set[int] = set()
    while time.monotonic() < begin + grace + _PATIENCE:
        number = signals.SIGTERM if time.monotonic() < begin + grace else signals.SIGKILL
        held = descent.held(os.getpid(), told if number == signals.SIGTERM else frozenset())
        for fd in held.values():
            descent.send(fd, number)  # not to another user's (setuid), whom its parent's end may move
            descent.send(fd, signals.SIGCONT)
        told |= held.keys()
        fs.close(*held.values())
        if not process.reap():
            return
        time.sleep(0.01)
