"""Processes that share memory: of one that executes something soon, or of one that takes another's place (clone3(2), CLONE_VM)."""

from __future__ import annotations

import errno
import os
import time
from _thread import get_ident, stack_size, start_new_thread

from lxc.kernel import birth, fs, polling, process, signals
from lxc.kernel.c import (
    CDLL,
    PyDLL,
    Structure,
    addressof,
    byref,
    c_char_p,
    c_int,
    c_long,
    c_size_t,
    c_void_p,
    get_errno,
    sizeof,
)
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

LEFT = 3  # exit status
_SHARING = process.CLONE_VM | process.CLONE_VFORK
_TRACED_MS = 1000  # after which a signal that has no effect is taken for one that a tracer holds back (ptrace(2))
_BESIDE = f"{os.path.dirname(os.path.dirname(__file__))}/libexec/lxc-beside.so"
_STACK = 1 << 20  # bytes, for a process beside this one, whatever RLIMIT_STACK is
_beside: dict[int, _Beside] = {}  # by the threads that have made them, each of which the child goes on as
_before: dict[int, int] = {}  # pids before `be_reborn`, by those after it


class _Beside(Structure):
    """struct beside of native/beside, of a process that shares our memory."""

    _fields_ = [
        *((name, c_int) for name in ("child", "executes", "is_awaited", "gives", "may_stop", "is_born", "is_given")),
        *((name, c_int) for name in ("is_settled", "leaves", "is_at_rest", "is_to_execute", "has_failed", "error")),
        ("path", c_char_p),
        ("words", c_void_p),
        ("variables", c_void_p),
        ("maker", c_int),  # this, and what follows, is only ours: which process's thread it is
    ]


def clone(
    flags: int, cgroup_fd: int, run: Callable[[], NoReturn], gives: int = -1, *, may_stop: bool = False
) -> tuple[int, int]:
    """clone3(2), for a child that shares this process's memory: (pid, pidfd), of which the caller closes the second.

    The child does `run`, which ends in `execveat`, `execute` or os._exit, as one more thread of this interpreter: it
    takes turns with this process, and what it changes is changed here.  Descriptors, umask, directory and signals are its
    own, and all but SIGKILL and SIGSTOP blocked.  It may not become another user, nor enter a user or time namespace;
    nothing is copied for it, and nothing to be freed when it executes.  A thread stays behind here, and sleeps
    (native/beside).  Should it be killed amid Python's work, so is this process.  The descriptor `gives` is closed here.

    This process goes on once the child says so (`settle`), has executed or ended: two that take turns hinder each other.
    With `may_stop` somebody may freeze the child meanwhile, lock and all: a signal that asks this process to end, and is
    blocked, ends it then, and the child.

    From here on no garbage is collected: of what is freed, descriptors would only be closed by the process that it
    happens in.  The caller may have it collected again (gc.enable) once the child has executed or ended.

    Raises OSError: ENOSYS if this machine's processor is not one of those that it was written for.
    """
    try:
        return _clone(flags, cgroup_fd, run, gives, may_stop)
    except ChildProcessError:  # see `birth`
        with closing(birth.way_into(cgroup_fd)) as way:

            def move_and_run() -> NoReturn:
                birth.enter(way)
                os.close(way)
                run()

            return _clone(flags, -1, move_and_run, gives, may_stop)


def _clone(flags: int, cgroup_fd: int, run: Callable[[], NoReturn], gives: int, may_stop: bool) -> tuple[int, int]:
    """The same, for a child that is born there.  Raises ChildProcessError if it was killed in birth."""
    import gc  # of those who load this module, few get here

    clone = PyDLL(_BESIDE, use_errno=True)["lxc_clone_beside"]
    clone.argtypes, clone.restype = (c_void_p, c_size_t, c_void_p), c_long
    pidfd, it, number = c_int(-1), _Beside(maker=os.getpid(), gives=gives, may_stop=may_stop), 0
    args = process.arguments(flags | _SHARING | process.CLONE_PARENT_SETTID, pidfd, cgroup_fd)
    args.parent_tid = addressof(it)  # its first field

    def thread() -> None:
        nonlocal number
        _beside[get_ident()] = it
        if not it.is_awaited:  # who is killed, and has the lock, leaves it to nobody
            _library()["lxc_await"](_address(it, "is_awaited"))
        if clone(byref(args), sizeof(args), byref(it)):
            number = get_errno()
            settle()
        else:
            run()

    gc.disable()
    before = stack_size(_STACK)
    try:
        start_new_thread(thread, ())
    except RuntimeError:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), "pthread_create") from None
    finally:
        stack_size(before)
    _library()["lxc_await_settled"](byref(it))
    if number:
        it.maker = 0
        if number == errno.ECHILD:  # otherwise it is none, whatever the kernel has noted
            os.close(pidfd.value)
        raise OSError(number, os.strerror(number), "clone3")
    return it.child, pidfd.value


def _library() -> CDLL:
    return CDLL(_BESIDE, use_errno=True)


def _address(it: _Beside, field: str) -> c_void_p:
    return c_void_p(addressof(it) + getattr(_Beside, field).offset)


def _made() -> list[_Beside]:
    """Those that are of threads of this very process, and not of another that shares its memory, or had it before."""
    pid = os.getpid()
    return [it for it in _beside.values() if it.maker == pid]


def settle() -> None:
    """To be said by what `clone` has made, when it is about to wait for who made it."""
    PyDLL(_BESIDE)["lxc_settle"](_address(_beside[get_ident()], "is_settled"))


def await_given() -> None:
    """For what `clone` has made: return once it alone has the descriptor that it was given."""
    it = _beside[get_ident()]
    while not it.is_given and os.getppid() == it.maker:  # mostly it is given long since
        time.sleep(0.001)


def keep_memory() -> None:
    """To be said by what `clone` has made, and goes on: who made it does not, but ends with the status LEFT."""
    _beside[get_ident()].leaves = LEFT
    settle()


def is_possible() -> bool:
    """Whether this machine is one that `clone` was written for, and this process has not done that yet."""
    return not _made() and is_available()


def is_available() -> bool:
    """Whether this machine is one that `clone` was written for."""
    return os.uname().machine == "x86_64"


def has_lost_a_child() -> bool:
    """Whether one of `clone` was killed that may have been within Python's lock: this process is to end, and is killed if it does not."""
    return bool(_library()["lxc_may_have_broken_lock"]())


def has_left_a_thread() -> bool:
    """Whether there is one of `clone` in this process."""
    return bool(_made())


def execveat(directory: int, name: str, words: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    """execveat(2) of the file `name` in the opened `directory`, for what `clone` may have made.  Raises OSError."""
    own = _beside.get(get_ident())
    if not own:
        fs.execveat(directory, name, words, variables)
    _library()["lxc_execveat"](byref(own), directory, os.fsencode(name), *fs.vectors(words, variables))
    number = get_errno()
    raise OSError(number, os.strerror(number))


def execute(path: str, words: tuple[str, ...], variables: Mapping[bytes, bytes], child: int) -> NoReturn:
    """execve(2), by the thread that is the parent of `child`, the only one that is still to hear of its parent's death.

    Descriptors that are inheritable stay open.  Signals stay blocked as they are; if `clone` has made the child,
    all of them.  Raises OSError.
    """
    parents = [it for it in _made() if it.child == child]
    if not parents:
        os.execve(path, words, variables)
    texts = [*map(os.fsencode, words)], [b"=".join(pair) for pair in variables.items()]
    arrays = [(c_char_p * (len(some) + 1))(*some, None) for some in texts]
    (it,) = parents
    it.path = os.fsencode(path)
    it.words, it.variables = map(addressof, arrays)
    own = _beside.get(get_ident())
    _library()["lxc_execute"](byref(it), own and byref(own))
    number = get_errno()
    raise OSError(number, os.strerror(number), path)


def be_reborn(cgroup_fd: int, tell: Callable[[], object] = lambda: None) -> None:
    """Return in a child of this process, born in that cgroup (CLONE_INTO_CGROUP), which this one has made room for.

    The child has this process's memory and stack themselves (CLONE_VM), so it costs no more than a system call.  This
    process waits for it in the kernel (CLONE_VFORK), and would find a stack that is not its own any more: the first
    thing that the child does is to end it, by SIGPIPE, which service managers take for a clean end (systemd.service(5),
    SuccessExitStatus).  Descriptors and what is blocked are copied; signals that wait for it come to the child, once it has
    done `tell`, which tells who sends them.

    Where Linux kills who is born there (`birth`), this process moves there before.

    Raises OSError: EBUSY if this process has other threads.  They would end with whatever they hold, the interpreter too.
    Those that `clone` has left hold nothing.
    """
    parked = _made()
    for it in parked:
        _library()["lxc_await"](_address(it, "is_at_rest"))  # in its hands the lock would be lost
    if os.stat("/proc/self/task").st_nlink > 3 + len(parked):  # one link for each thread, and two
        raise OSError(errno.EBUSY, "this process has other threads")
    args = process.clone_args(flags=_SHARING | process.CLONE_INTO_CGROUP, exit_signal=signals.SIGCHLD, cgroup=cgroup_fd)
    before = os.getpid()
    parent, mask = process.pidfd_open(before), signals.blocked()
    try:
        signals.ignore(signals.SIGPIPE)  # forgets those that wait
        signals.set_default(signals.SIGPIPE)
        signals.restore(mask - {signals.SIGPIPE})
        if child := process.clone_raw(args):  # it has not lived
            os.waitpid(child, 0)
            with closing(birth.way_into(cgroup_fd)) as way:
                os.write(way, b"0")
            args.flags &= ~process.CLONE_INTO_CGROUP
            process.clone_raw(args)
        come = frozenset[int]()
        try:
            tell()
            come = signals.pending_of(before)
        finally:
            process.pidfd_send_signal(parent, signals.SIGPIPE)
        for number in come:
            os.kill(os.getpid(), number)
        if not polling.events(parent, _TRACED_MS):
            process.pidfd_send_signal(parent, signals.SIGKILL)
            polling.events(parent, None)
        _before[os.getpid()] = before
    finally:
        signals.ignore(signals.SIGPIPE)
        signals.restore(mask)
        os.close(parent)


def first_pid() -> int:
    """The pid of this process before it was reborn, if it was."""
    pid = os.getpid()
    while pid in _before:
        pid = _before[pid]
    return pid
