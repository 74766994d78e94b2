"""Every error this package raises on purpose.

    LxcError                 a command prints it, in at most five lines, and exits with `exit_status`
    ├── ConfigError          a configuration file cannot be used; `where` is file:line of the first mistake
    ├── UsageError           the command line is wrong
    ├── StateError           the container is not in a state that allows the request
    │   ├── AlreadyRunning
    │   └── NotRunning
    │       └── NoInit
    ├── NotFound             no such container, template, backend, device …
    ├── Unsupported          this kernel or host lacks what was asked for, or this version does not do it yet
    ├── Refused              what was asked for would not be safe
    └── StepError            a step of a plan failed; `step` prints itself, `why` is the kernel's word

System calls raise plain OSError (see lxc.kernel).  Whoever knows the user's
words for what failed adds them: `raise LxcError("cannot …") from error`.
"""

from __future__ import annotations

import errno
import os

_LIMITS = {  # what the kernel says of whoever has reached one, whatever they were doing
    errno.EMFILE: "it needs more open files: raise the limit (ulimit -n)",
    errno.ENFILE: "the host has as many files open as it may: raise fs.file-max (sysctl), or end what has many",
    errno.EFBIG: "a file may not become as large: raise the limit (ulimit -f)",
    errno.EDQUOT: "the disk quota is used up: free some space",
}
_NO_PROCESS = "no more processes may run, or there is no memory for one: raise the limit (ulimit -u, ulimit -v), or pids.max of the control group"


def remedy(error: object) -> str:
    """What to do about an OSError that says that a limit is reached, or that there is no /proc, whatever was done; "" for all else."""
    if not isinstance(error, OSError):
        return ""
    if error.errno == errno.EAGAIN and error.strerror == os.strerror(errno.EAGAIN):  # in the kernel's words: of fork(2)
        return _NO_PROCESS
    if error.errno == errno.ENOENT and str(error.filename).startswith("/proc/") and not os.path.exists("/proc/self"):
        return "proc is not mounted: mount -t proc proc /proc"
    return _LIMITS.get(error.errno or 0, "")


class LxcError(Exception):
    """Something the user can understand and act on; shown without a traceback.

    `where` is the place the setting came from ("/var/lib/lxc/web/config:12"),
    `hint` one sentence on what to do about it; either may be "".
    """

    exit_status = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.where, self.hint = where, hint

    def lines(self) -> list[str]:
        """What the user is shown: at most five lines, the first says what failed and why."""
        from_where = [f"  set in {self.where}"] if self.where else []
        hint = self.hint or remedy(self.__cause__)
        what_to_do = [f"  {hint}"] if hint else []
        return [*str(self).splitlines()[: 5 - len(from_where) - len(what_to_do)], *from_where, *what_to_do]


class ConfigError(LxcError):
    """A configuration file cannot be used.

    `mistakes` are all the mistakes found, one line of text each, the first being
    this error's own message; each begins with its file and line.
    """

    def __init__(self, *mistakes: str, where: str = "", hint: str = "") -> None:
        super().__init__(mistakes[0], hint=hint)
        self.where, self.mistakes = where, mistakes

    def lines(self) -> list[str]:
        shown = list(self.mistakes[:4])
        if len(self.mistakes) > 4:
            shown[3:] = [f"… and {len(self.mistakes) - 3} more mistakes"]
        return [*shown, *([f"  {self.hint}"] if self.hint else [])]


class UsageError(LxcError):
    """The command line is wrong."""


class StateError(LxcError):
    """The container is not in a state that allows the request."""


class AlreadyRunning(StateError):
    """Somebody listens on the container's command socket."""


class NotRunning(StateError):
    """Nobody listens on the container's command socket."""


class NoInit(NotRunning):
    """Its monitor listens, but there is no init: the container is being started, or what it was is being removed."""


class NotFound(LxcError):
    """No such container, template, backend, device …"""


class Unsupported(LxcError):
    """This kernel or host lacks what was asked for, or this version does not do it yet."""


class Refused(LxcError):
    """What was asked for would not be safe."""


class StepError(LxcError):
    """A step of a plan failed: `cannot {step}: {why}`, with the kernel's word if that is an OSError."""

    def __init__(self, step: str, why: str | OSError, *, where: str = "", hint: str = "") -> None:
        self.step, self.why = step, why if isinstance(why, str) else why.strerror or str(why)
        super().__init__(f"cannot {step}: {self.why}", where=where, hint=hint or remedy(why))


def sentence(error: Exception) -> str:
    """What failed, in one line: what an error of ours says, or one of the system's that nobody had words for."""
    if not isinstance(error, OSError):
        return str(error)
    text = error.strerror or str(error) or type(error).__name__
    return f"{os.fsdecode(error.filename)}: {text}" if isinstance(error.filename, str | bytes) else text


def printable(text: str, also: str = "") -> str:
    """`text` with what a terminal would obey, and not show, replaced, but `also`: strangers and containers choose names, too."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in also or "\udc80" <= c <= "\udcff" else "?" for c in text)
