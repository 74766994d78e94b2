"""Processes and their namespaces: clone3(2), setns(2), unshare(2), pidfd_send_signal(2), prctl(2), personality(2)."""

from __future__ import annotations

import os
import sys

from lxc.kernel._libc import bind, bind_number
from lxc.kernel.c import (
    CDLL,
    Array,
    PyDLL,
    Structure,
    addressof,
    byref,
    c_char,
    c_char_p,
    c_int,
    c_long,
    c_size_t,
    c_uint,
    c_uint32,
    c_uint64,
    c_ulong,
    c_void_p,
    create_string_buffer,
    get_errno,
    sizeof,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # what `signal` wraps in enumerations

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x10000000, 0x20000000, 0x40000000, 0x00000080
CLONE_PIDFD, CLONE_PARENT, CLONE_PARENT_SETTID, CLONE_INTO_CGROUP = 0x00001000, 0x00008000, 0x00100000, 0x200000000
CLONE_VM, CLONE_VFORK = 0x00000100, 0x00004000
NAMESPACES = {  # as /proc/PID/ns calls them
    "user": CLONE_NEWUSER, "mnt": CLONE_NEWNS, "pid": CLONE_NEWPID, "uts": CLONE_NEWUTS,
    "ipc": CLONE_NEWIPC, "net": CLONE_NEWNET, "cgroup": CLONE_NEWCGROUP, "time": CLONE_NEWTIME,
}  # fmt: skip
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_CAPBSET_READ, PR_CAPBSET_DROP = 1, 4, 15, 23, 24
PR_SET_MM, PR_SET_MM_MAP, PR_SET_NO_NEW_PRIVS = 35, 14, 38
KEYCTL_JOIN_SESSION_KEYRING = 1
_WNOTHREAD = 0x20000000
_PR_SCHED_CORE, _CORE_GET, _CORE_CREATE, _CORE_SHARE_FROM = 62, 0, 1, 3
_THREAD, _THREAD_GROUP = 0, 1  # enum pid_type, as PR_SCHED_CORE counts it
_SYS_CLONE3, _SIGCHLD = 435, 17
_64_BITS = {  # what PER_LINUX32 makes of a machine's name
    "i686": "x86_64", "armv8l": "aarch64", "armv8b": "aarch64_be", "ppc": "ppc64", "ppcle": "ppc64le",
    "s390": "s390x", "mips": "mips64", "parisc": "parisc64", "sparc": "sparc64",
}  # fmt: skip


class clone_args(Structure):
    _fields_ = [
        (name, c_uint64)
        for name in (
            "flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack",
            "stack_size", "tls", "set_tid", "set_tid_size", "cgroup",
        )
    ]  # fmt: skip


class prctl_mm_map(Structure):
    _fields_ = [
        *(
            (name, c_uint64)
            for name in (
                "start_code", "end_code", "start_data", "end_data", "start_brk", "brk", "start_stack",
                "arg_start", "arg_end", "env_start", "env_end", "auxv",
            )
        ),
        ("auxv_size", c_uint32),
        ("exe_fd", c_uint32),
    ]  # fmt: skip


_unshare = bind("unshare", c_int)
_setns = bind("setns", c_int, c_int)
_sethostname = bind("sethostname", c_char_p, c_size_t)
_prctl = bind("prctl", c_int, c_ulong, c_ulong, c_ulong, c_ulong)
_personality = bind("personality", c_ulong)
_keyctl = bind("syscall", c_long, c_int, c_ulong, returns=c_long)
_pidfd_open = bind_number(434, c_int, c_uint)
_process_mrelease = bind_number(448, c_int, c_uint)

_title: Array[c_char] | None = None  # memory that the kernel reads the command line from
_places: tuple[int, ...] = ()  # where the kernel has put this program, and so its forks


def unshare(flags: int) -> None:
    """unshare(2)."""
    _unshare(flags)


def setns(fd: int, nstype: int) -> None:
    """setns(2).  `fd` is a namespace file or a pidfd; `nstype` a union of CLONE_NEW*."""
    _setns(fd, nstype)


def namespace_type(fd: int) -> int:
    """ioctl_nsfs(2), NS_GET_NSTYPE: which of CLONE_NEW* the namespace file `fd` is."""
    from fcntl import ioctl

    return ioctl(fd, 0xB703)


def parent_namespace(fd: int) -> int:
    """ioctl_nsfs(2), NS_GET_PARENT; the caller closes it.  Raises OSError: EPERM if it is not below ours."""
    from fcntl import ioctl

    return ioctl(fd, 0xB702)


def namespace_owner(fd: int) -> int:
    """ioctl_nsfs(2), NS_GET_OWNER_UID: who has made the user namespace `fd`."""
    from fcntl import ioctl

    return int.from_bytes(ioctl(fd, 0xB704, bytes(4)), "little")


def sethostname(name: str) -> None:
    """sethostname(2)."""
    raw = os.fsencode(name)
    _sethostname(raw, len(raw), path=name)


def pidfd_open(pid: int) -> int:
    """pidfd_open(2).  The caller closes the descriptor."""
    return _pidfd_open(pid, 0)


def pidfd_send_signal(pidfd: int, signal: int) -> None:
    """pidfd_send_signal(2)."""
    _signal.pidfd_send_signal(pidfd, signal)


def process_mrelease(pidfd: int) -> None:
    """process_mrelease(2), Linux 5.15: free the memory of who is dying.  Raises OSError: EINVAL if it is not, ESRCH if it has died."""
    _process_mrelease(pidfd, 0)


def reap() -> bool:
    """waitpid(2) for all children that have ended; whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def has_children_of_this_thread() -> bool:
    """waitpid(2), __WNOTHREAD: whether the calling thread has made processes that are there still; one is reaped, if it has ended."""
    try:
        os.waitpid(-1, os.WNOHANG | _WNOTHREAD)
    except ChildProcessError:
        return False
    return True


def prctl(option: int, value: int = 0) -> int:
    """prctl(2), for the options that take one number."""
    return _prctl(option, value, 0, 0, 0)


def personality(persona: int) -> None:
    """personality(2)."""
    _personality(persona)


def create_core_cookie(pid: int) -> None:
    """PR_SCHED_CORE_CREATE (Linux 5.14): from here on `pid` shares a processor core only with those that share its cookie.

    Raises OSError: ENODEV if no core of this machine has two threads, EINVAL if the kernel has no core scheduling.
    """
    _prctl(_PR_SCHED_CORE, _CORE_CREATE, pid, _THREAD_GROUP, 0)


def take_core_cookie(pid: int) -> None:
    """PR_SCHED_CORE_SHARE_FROM: give this thread the cookie of `pid`.  Raises OSError as `create_core_cookie` does."""
    _prctl(_PR_SCHED_CORE, _CORE_SHARE_FROM, pid, _THREAD, 0)


def core_cookie(pid: int) -> int:
    """PR_SCHED_CORE_GET: the cookie of `pid`, 0 if it has none.  Raises OSError as `create_core_cookie` does."""
    cookie = c_uint64(0)
    _prctl(_PR_SCHED_CORE, _CORE_GET, pid, _THREAD, addressof(cookie))
    return cookie.value


def join_session_keyring() -> None:
    """keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: leave the session keyring for a new, anonymous one."""
    number = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "armv7l": 311, "i686": 288, "ppc64le": 271, "s390x": 280}
    _keyctl(number[machine()], KEYCTL_JOIN_SESSION_KEYRING, 0)


def machine() -> str:
    """What uname(2) calls this machine, whatever personality(2) has it call itself."""
    told = os.uname().machine
    return _64_BITS.get(told, told) if sys.maxsize > 1 << 32 else told


def set_title(title: str) -> None:
    """Make ps(1) show `title`: PR_SET_MM_MAP with arg_start and arg_end on memory of ours (prctl(2), Linux 3.18).

    A kernel without CONFIG_CHECKPOINT_RESTORE has none, and nothing else depends on it: where it cannot be, all stays as it is.
    """
    try:
        _set_title(os.fsencode(title) + b"\0")
    except OSError:
        return


def _set_title(raw: bytes) -> None:
    global _title, _places
    if not _places:
        fields = stat("self")
        _places = tuple(map(int, (*fields[23:26], *fields[42:45], *fields[47:49])))  # 26-28, 45-47, 50-51 of proc(5)
    text = create_string_buffer(raw, len(raw))
    start_code, end_code, start_stack, start_data, end_data, start_brk, env_start, env_end = _places
    memory = prctl_mm_map(
        start_code, end_code, start_data, end_data, start_brk, _brk(0), start_stack,
        addressof(text), addressof(text) + len(raw), env_start, env_end, 0, 0, 0xFFFFFFFF,
    )  # fmt: skip
    _prctl(PR_SET_MM, PR_SET_MM_MAP, addressof(memory), sizeof(memory), 0)
    _title = text
    name = create_string_buffer(raw[:15])
    _prctl(PR_SET_NAME, addressof(name), 0, 0, 0)


def wipe_environment() -> None:
    """Overwrite the environment that this program was executed with, which /proc/PID/environ shows; os.environ stays."""
    env_start, env_end = map(int, stat("self")[47:49])  # proc(5): fields 50 and 51
    size = env_end - env_start
    (c_char * size).from_address(env_start).raw = bytes(size)


def stat(pid: int | str) -> list[bytes]:
    """The fields of /proc/PID/stat (proc(5)) from the third on: index 0 is the state.  Raises OSError."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()  # the name before may have anything in it


def clone3(flags: int, cgroup_fd: int = -1) -> tuple[int, int]:
    """clone3(2) as fork(2) does it: return (0, -1) in the child, (pid, pidfd) in the parent, which closes the pidfd.

    The caller must have one thread that runs.  The interpreter is told about the fork, as
    os.fork() would; PyDLL keeps the GIL across the call, so nothing runs between.
    With CLONE_PARENT the child is our parent's, who is told of its end by the signal that tells of ours.
    With `cgroup_fd` it is born in that cgroup (CLONE_INTO_CGROUP, Linux 5.7), if it survives that: see `birth`.
    """
    pidfd = c_int(-1)
    args = arguments(flags, pidfd, cgroup_fd)
    _before_fork()
    pid = _clone3(_SYS_CLONE3, byref(args), sizeof(args))
    if pid == 0:
        _after_fork_in_child()
        return 0, -1
    number = get_errno()
    _after_fork_in_parent()
    if pid < 0:
        raise OSError(number, os.strerror(number), "clone3")
    return pid, pidfd.value


def arguments(flags: int, pidfd: c_int, cgroup_fd: int) -> clone_args:
    """What clone3(2) takes for that; the child is born in the cgroup if there is one (not -1)."""
    args = clone_args(flags=flags | CLONE_PIDFD, pidfd=addressof(pidfd))
    if not flags & CLONE_PARENT:
        args.exit_signal = _SIGCHLD
    if cgroup_fd >= 0:
        args.flags |= CLONE_INTO_CGROUP
        args.cgroup = cgroup_fd
    return args


def clone_raw(args: clone_args) -> int:
    """clone3(2), of which the interpreter is told nothing: 0 in the child.  Raises OSError."""
    pid: int = _clone3(_SYS_CLONE3, byref(args), sizeof(args))
    if pid < 0:
        number = get_errno()
        raise OSError(number, os.strerror(number), "clone3")
    return pid


_python = PyDLL(None, use_errno=True)
_before_fork, _after_fork_in_parent = _python["PyOS_BeforeFork"], _python["PyOS_AfterFork_Parent"]
_after_fork_in_child = _python["PyOS_AfterFork_Child"]


_clone3 = _python["syscall"]
_clone3.argtypes, _clone3.restype = (c_long, c_void_p, c_size_t), c_long
_brk = CDLL(None)["sbrk"]
_brk.argtypes, _brk.restype = (c_long,), c_ulong
