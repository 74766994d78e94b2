"""One hook as a process: begun by whoever knows how, followed to its end here.

What it says goes to the log, line by line.  It is the hook's process that is
waited for: what it has left running may keep its output open, and is cut off.
"""

from __future__ import annotations

import os
import time

from lxc import log, regular
from lxc.errors import StepError, printable
from lxc.hooks.plan import quoted
from lxc.kernel import descent, fs, process, signals
from lxc.kernel.fs import closing
from lxc.loop import Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.hooks.plan import Hook

_MOST_OUTPUT = 40950  # bytes that are read; a hook that says more gets SIGPIPE
_LONGEST_SHOWN = 200  # characters of a line in an error
_PATIENCE = 10  # seconds after which it is said what is being waited for
_SHELL = "/bin/sh"
_STDOUT, _STDERR = 1, 2


def run(hooks: tuple[Hook, ...], begin: Callable[[Hook, int], int], loop: Loop | None = None) -> None:
    """Run them one after the other.  Raises StepError at the first that fails; the others are not run then.

    `begin(hook, output)` makes the process, gives it `output`, and returns its pid.
    `loop` is served meanwhile; if that gives up what goes on, the hook is killed.
    """
    if not hooks:
        return
    serving = loop or Loop()
    try:
        for hook in hooks:
            _run(hook, begin, serving)
    finally:
        if serving is not loop:
            serving.close()


def spawn(hook: Hook, output: int) -> int:
    """Begin `hook` as a program of the host, with our environment and its own.  Return its pid.  Raises StepError."""
    try:
        return os.posix_spawn(
            _SHELL,
            (_SHELL, "-c", hook.replace(command=_ours(hook.command)).script),
            {**os.environ, **dict(hook.environment)},
            file_actions=((os.POSIX_SPAWN_DUP2, output, _STDOUT), (os.POSIX_SPAWN_DUP2, output, _STDERR)),
            setsigmask=(),
            setsigdef=signals.IGNORED_BY_PYTHON,
        )
    except OSError as error:
        raise StepError(str(hook), f"{_SHELL}: {error.strerror}", where=hook.where) from error


def _ours(command: str) -> str:
    """`command`, with our program in the place of one that LXC installs, and that is missing on this host."""
    program, space, words = command.partition(" ")
    there = regular.found(program)
    return command if there == program else f"{quoted(there)}{space}{words}"


def _run(hook: Hook, begin: Callable[[Hook, int], int], loop: Loop) -> None:
    log.info(str(hook))
    reader, writer = os.pipe2(os.O_CLOEXEC)
    followed = _Followed(hook, reader, loop)
    try:
        with closing(writer):
            pid = begin(hook, writer)
        status = followed.to_its_end(pid)
    finally:
        followed.close()
    if status:
        raise _failure(hook, status, followed.last_words())


class _Followed:
    """A hook that runs: what it has said, and when it ends."""

    def __init__(self, hook: Hook, reader: int, loop: Loop) -> None:
        self._hook, self._reader, self._loop = hook, reader, loop
        self._said = b""  # all of it, up to _MOST_OUTPUT
        self._logged = 0  # bytes of it
        self._has_ended = False

    def to_its_end(self, pid: int) -> int:
        """Log what it says until it has ended.  Return its exit code, -N if signal N has ended it."""
        os.set_blocking(self._reader, False)
        self._loop.watch(self._reader, self._can_read)
        with closing(process.pidfd_open(pid)) as pidfd:
            self._loop.watch(pidfd, lambda _: self._end())
            try:
                self._wait(pid)
            finally:
                self._loop.forget(pidfd)
        _, status = os.waitpid(pid, 0)
        while self._reader >= 0 and self._read():
            pass
        self._log(self._said[self._logged :])
        return os.waitstatus_to_exitcode(status)

    def last_words(self) -> str:
        """The last two lines of what it said."""
        lines = [line for line in self._said.decode(errors="replace").splitlines() if line.strip()]
        return " / ".join(printable(line.strip(), "\t")[:_LONGEST_SHOWN] for line in lines[-2:])

    def close(self) -> None:
        if self._reader >= 0:
            self._loop.forget(self._reader)
            os.close(self._reader)
            self._reader = -1

    def _wait(self, pid: int) -> None:
        began, is_said = time.monotonic(), False
        while not self._has_ended:
            self._loop.turn(_PATIENCE)
            if self._loop.given_up and not self._has_ended:
                _kill(pid)
            if not is_said and not self._has_ended and time.monotonic() - began >= _PATIENCE:
                log.warn(f"still waiting for process {pid}: {self._hook}")
                is_said = True

    def _end(self) -> None:
        self._has_ended = True

    def _can_read(self, _events: int) -> None:
        self._read()

    def _read(self) -> bool:
        """Take what it has said since; False if there is nothing now, or nothing is to come."""
        try:
            data = os.read(self._reader, 4096)
        except BlockingIOError:
            return False
        self._said += data
        whole, newline, _ = self._said[self._logged :].rpartition(b"\n")
        self._log(whole + newline)
        if not data or len(self._said) >= _MOST_OUTPUT:
            self.close()
        return bool(data)

    def _log(self, data: bytes) -> None:
        self._logged += len(data)
        for line in data.decode(errors="replace").splitlines():
            log.debug(f"the {self._hook.type} hook {self._hook.command} said: " + printable(line, "\t"))


def _kill(pid: int) -> None:
    """Kill the process and all that it has begun: stopped first, for what is stopped begins nothing more."""
    held = {pid: descent.hold(pid)}  # pidfds, for numbers may be others' soon
    try:
        descent.send(held[pid], signals.SIGSTOP)
        while more := descent.held(pid, held.keys()):
            held |= more
            for fd in more.values():
                descent.send(fd, signals.SIGSTOP)
        for fd in held.values():
            descent.send(fd, signals.SIGKILL)
    finally:
        fs.close(*held.values())


def _failure(hook: Hook, code: int, last_words: str) -> StepError:
    why = f"it was killed by signal {-code}" if code < 0 else f"it ended with status {code}"
    hint = ""
    if -code == signals.SIGPIPE:
        hint = f"of a hook's output {_MOST_OUTPUT} bytes are read: have it write more than that to a file"
    return StepError(str(hook), f"{why}; it said: {last_words}" if last_words else why, where=hook.where, hint=hint)
