"""Running hooks in the container's init: programs of the host before the root is entered, of the container afterwards.

What a start hook runs is the container's, and so is /bin/sh: it is hostile, and
beside it waits an init that is still ours, with all its privileges.  So it
comes in through the door that all take (runtime.door), and without
CAP_SYS_PTRACE, which alone would let it look into init: init has it, and cannot
be dumped (ptrace(2), "Ptrace access mode checking").  Of the starter's
environment it is told nothing.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc.errors import StepError
from lxc.hooks import process
from lxc.kernel import capability, fs, signals
from lxc.kernel import process as kernel
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from lxc.hooks.plan import Hook

_CAP_SYS_PTRACE = 19
_SHELL = "/bin/sh"
_FIRST = 3  # the lowest descriptor that is not standard input, output or error
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-:@,")
_EXECUTABLE = 0o111
_WHOSE = (
    "lxc.hook.start is a program of the container, its path is one in there; lxc.hook.start-host is one of the host"
)


def run(hook: Hook) -> None:
    """Run `hook`, a program of the host, with our environment and its own.  Raises StepError if it fails."""
    process.run((hook,), process.spawn)


def check(hooks: tuple[Hook, ...], root: int) -> None:
    """The first of the start `hooks` must be there, below the directory `root`.  Raises StepError.

    A command that the shell would look for, or make up, is not looked for here.
    """
    path = hooks[0].command.split(maxsplit=1)[0] if hooks else ""
    if not path.startswith("/") or not set(path) <= _PLAIN:
        return
    try:
        with closing(fs.openat2(root, path, os.O_PATH, 0, fs.RESOLVE_IN_ROOT | fs.RESOLVE_NO_MAGICLINKS)) as file:
            mode = os.fstat(file).st_mode
    except OSError as error:
        why = "it is not in the container" if error.errno == errno.ENOENT else error.strerror or str(error)
        raise StepError(str(hooks[0]), why, where=hooks[0].where, hint=_WHOSE) from error
    if not stat.S_ISREG(mode) or not mode & _EXECUTABLE:
        raise StepError(str(hooks[0]), f"{path} is not an executable file of the container", where=hooks[0].where)


def run_contained(hook: Hook, door: int, words: Callable[[], tuple[str, ...]]) -> None:
    """Run `hook`, a program of the container, whose root has been entered.  `door` is the directory of lxc-init on its read-only mount.

    `words`, called in the process that becomes lxc-init, gives what that is to be told beside the command.
    Raises StepError if it fails.
    """
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # until init executes
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    with closing(reader):
        try:
            with closing(writer):
                process.run((hook,), lambda hook, output: _fork(hook, door, output, writer, words))
        except StepError as error:
            raise _not_executed(hook, reader) or error from None


def _fork(hook: Hook, door: int, output: int, report: int, words: Callable[[], tuple[str, ...]]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _become(hook, door, output, report, words)
        finally:
            os._exit(126)
    return pid


def _become(hook: Hook, door: int, output: int, report: int, words: Callable[[], tuple[str, ...]]) -> NoReturn:
    """In the new process: become the shell that executes `hook`."""
    for fd in (1, 2):
        os.dup2(output, fd)
    if kernel.prctl(kernel.PR_CAPBSET_READ, _CAP_SYS_PTRACE):
        kernel.prctl(kernel.PR_CAPBSET_DROP, _CAP_SYS_PTRACE)
    capability.clear_inheritable()
    signals.reset(signals.IGNORED_BY_PYTHON)
    signals.restore(frozenset())
    fs.close_range(_FIRST, fs.HIGHEST, on_exec=True)
    os.set_inheritable(report, True)  # lxc-init marks it close-on-exec again
    argv = ("lxc-init", f"--exec={report}", *words(), "--", _SHELL, "-c", hook.script)
    fs.execveat(door, "lxc-init", argv, dict(hook.environment))


def _not_executed(hook: Hook, report: int) -> StepError | None:
    """What to raise if lxc-init could not execute the shell, and has left the errno in `report`."""
    try:
        raw = os.read(report, 4)
    except BlockingIOError:  # a process that a hook has left behind took hold of the other end
        return None
    if not raw:
        return None
    why = f"{_SHELL} of the container: {os.strerror(raw[0])}"
    return StepError(
        str(hook), why, where=hook.where, hint="hooks are shell commands: a start hook needs a shell there"
    )
