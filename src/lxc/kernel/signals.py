"""Signals: masks, handlers, and signals as descriptors: signalfd(2), sigprocmask(2), signal(2).

Numbers are plain ints: `import signal` costs a command 5 ms.
"""

from __future__ import annotations

import os

from lxc.kernel._libc import bind
from lxc.kernel.c import c_int, c_void_p, create_string_buffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import NoReturn
else:
    import _signal  # what `signal` wraps in enumerations

# As on all machines of signal(7) but alpha, mips and sparc.
SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGBUS, SIGKILL, SIGSEGV, SIGPIPE, SIGTERM = 1, 2, 3, 4, 7, 9, 11, 13, 15
SIGCHLD, SIGCONT, SIGSTOP, SIGXFSZ, SIGWINCH, SIGPWR = 17, 18, 19, 25, 28, 30
ALL = frozenset(range(1, 65)) - {32, 33}  # 32 and 33 are glibc's own
IGNORED_BY_PYTHON = frozenset({SIGPIPE, SIGXFSZ})  # by every one, and who is executed inherits that
KILLED_BY = 128  # and the signal: the exit status that a shell shows
_SI_KERNEL = 0x80
_SFD_CLOEXEC, _SFD_NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
_default = bind("signal", c_int, c_void_p, returns=c_void_p)
_signalfd = bind("signalfd", c_int, c_void_p, c_int)


def block(signals: frozenset[int]) -> frozenset[int]:
    """sigprocmask(2) SIG_BLOCK.  Return the mask before, for `restore`."""
    return frozenset(_signal.pthread_sigmask(_signal.SIG_BLOCK, signals))


def restore(mask: frozenset[int]) -> None:
    """sigprocmask(2) SIG_SETMASK."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)


def blocked() -> frozenset[int]:
    """The signals now blocked."""
    return frozenset(_signal.pthread_sigmask(_signal.SIG_BLOCK, ()))


def pending() -> frozenset[int]:
    """The signals that have come and are blocked."""
    return frozenset(_signal.sigpending())


def take(wanted: frozenset[int]) -> int:
    """One of the blocked signals `wanted` that has come, and waits no longer then; 0 if none has."""
    come = pending() & wanted
    return int(_signal.sigwait(come)) if come else 0


def pending_of(pid: int) -> frozenset[int]:
    """`pending` of another process."""
    with open(f"/proc/{pid}/status", "rb") as file:
        fields = [line.split()[1] for line in file if line.startswith((b"SigPnd:", b"ShdPnd:"))]
    word = int(fields[0], 16) | int(fields[1], 16)
    return frozenset(number for number in ALL if word >> (number - 1) & 1) if word else frozenset()


def signalfd(signals: frozenset[int]) -> int:
    """signalfd(2), non-blocking: a descriptor that reads `signals`, which should be blocked.  The caller closes it."""
    word = sum(1 << (number - 1) for number in signals)
    mask = create_string_buffer(word.to_bytes(8, "little"), 128)  # sigset_t
    return _signalfd(-1, mask, _SFD_CLOEXEC | _SFD_NONBLOCK)


def read_signal(fd: int) -> tuple[int, bool]:
    """The next signal of a signalfd: (signal number, whether the kernel sent it, as for keys of a terminal).

    Raises BlockingIOError if there is none.
    """
    info = os.read(fd, 128)  # struct signalfd_siginfo: ssi_signo, ssi_errno, ssi_code, …
    return int.from_bytes(info[:4], "little"), int.from_bytes(info[8:12], "little") == _SI_KERNEL


def set_default(number: int) -> None:
    """signal(2): SIG_DFL for signal `number`."""
    _dispose(number, _signal.SIG_DFL)


def reset(signals: frozenset[int] = ALL - {SIGKILL, SIGSTOP}) -> None:
    """signal(2): SIG_DFL for all `signals`, for who executes next.  Python, whose first thread alone may that, does not learn of it."""
    for number in signals:
        _default(number, None)


def ignore(number: int) -> None:
    """signal(2): SIG_IGN for signal `number`."""
    _dispose(number, _signal.SIG_IGN)


def catch(number: int, handler: Callable[[int], None]) -> bool:
    """signal(2): `handler(number)` is called between two steps of Python's first thread; False in another, which may not ask."""
    try:
        _signal.signal(number, lambda number, _frame: handler(number))
    except ValueError:
        return False
    return True


def _dispose(number: int, disposition: int) -> None:
    """Also from another thread than Python's first (`beside.clone`): only that one may tell Python, which else does not learn of it."""
    try:
        _signal.signal(number, disposition)
    except ValueError:
        _default(number, disposition)


def is_ignored(number: int) -> bool:
    """Whether the disposition of signal `number` is SIG_IGN, as nohup(1) and shells leave it behind."""
    return _signal.getsignal(number) == _signal.SIG_IGN


def is_default(number: int) -> bool:
    """Whether the disposition of signal `number` is SIG_DFL."""
    return _signal.getsignal(number) == _signal.SIG_DFL


def exit_status(status: int) -> int:
    """What a shell makes of a wait status: the exit code, or 128 + the signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else KILLED_BY - code


def die_by(number: int) -> NoReturn:
    """End this process by signal `number`, as another ended by it; without a core dump."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number not in (SIGKILL, SIGSTOP):
        _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(KILLED_BY + number)
