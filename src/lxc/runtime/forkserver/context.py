"""What a process has from where it was started, beyond words and files: as /proc tells it of any process.

The fork server compares it: what it forks must be as if the client had executed it.
"""

from __future__ import annotations

import os
import resource

from lxc.cgroups import outside as cgroups
from lxc.kernel.fs import closing
from lxc.record import Record

_NAMESPACES = (
    "mnt", "user", "pid", "pid_for_children", "net", "uts", "ipc", "cgroup", "time", "time_for_children",
)  # fmt: skip
_STATUS = (
    "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Seccomp", "Cpus_allowed", "Mems_allowed",
    "Speculation_Store_Bypass", "SpeculationIndirectBranch",
)  # fmt: skip
_FILES = "attr/current", "oom_score_adj", "personality", "loginuid"
_LONGEST = 65536  # bytes of a file of /proc/PID
_SCHEDULING = {15: "priority", 16: "nice", 37: "rt_priority", 38: "policy"}  # proc(5), counted from the state
_LIMITS = {  # as /proc/PID/limits calls them, in the order of getrlimit(2)'s numbers on most machines
    b"Max cpu time": resource.RLIMIT_CPU,
    b"Max file size": resource.RLIMIT_FSIZE,
    b"Max data size": resource.RLIMIT_DATA,
    b"Max stack size": resource.RLIMIT_STACK,
    b"Max core file size": resource.RLIMIT_CORE,
    b"Max resident set": resource.RLIMIT_RSS,
    b"Max processes": resource.RLIMIT_NPROC,
    b"Max open files": resource.RLIMIT_NOFILE,
    b"Max locked memory": resource.RLIMIT_MEMLOCK,
    b"Max address space": resource.RLIMIT_AS,
    b"Max file locks": 10,  # RLIMIT_LOCKS, which Python has no name for
    b"Max pending signals": resource.RLIMIT_SIGPENDING,
    b"Max msgqueue size": resource.RLIMIT_MSGQUEUE,
    b"Max nice priority": resource.RLIMIT_NICE,
    b"Max realtime priority": resource.RLIMIT_RTPRIO,
    b"Max realtime timeout": resource.RLIMIT_RTTIME,
}


class Context(Record):
    same: tuple[object, ...]  # what is not carried, in the order of `_Kernel.names`
    limits: bytes
    cgroups: bytes
    ignored: frozenset[int]  # signals

    @property
    def unified(self) -> bytes:
        """What /proc/PID/cgroup says of the unified hierarchy."""
        return _unified(self.cgroups)

    def compare(self, ours: Context) -> None:
        """Raises ValueError that says in what it differs from `ours`, but for what can be carried."""
        if self.same != ours.same:
            rows = zip(_kernel().names, self.same, ours.same, strict=True)
            raise ValueError(f"it differs in {', '.join(name for name, theirs, mine in rows if theirs != mine)}")

    def adopt(self, ours: Context) -> None:
        """Have this process, which is as `ours` says but for its unified cgroup, have what can be carried.

        Raises ValueError, OSError if it cannot.
        """
        if self.limits != ours.limits:
            _take_limits(self.limits, ours.limits)
        if self.cgroups != ours.cgroups:
            _enter_cgroups(self.cgroups, ours.cgroups)


def own() -> Context:
    """The context of this process."""
    with closing(os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as proc:
        return of(proc)


def of(proc: int) -> Context:
    """The context of the process whose directory of /proc is open as `proc`.

    Raises OSError if it has ended or is not ours to look at, ValueError if it is confined in a way that does not show.
    """
    kernel = _kernel()
    status = _read(proc, "status").split(b"\n")
    if kernel.seccomp and not status[kernel.seccomp].endswith(b"\t0"):
        raise ValueError("its system calls are filtered")
    if not status[kernel.privileges].endswith(b"\t0"):
        raise ValueError("it can gain no privileges, and may be confined by Landlock")
    fields = _read(proc, "stat").rpartition(b")")[2].split()
    ignored = int(status[kernel.ignored].partition(b":")[2], 16)
    return Context(
        (
            *[status[line] for line in kernel.lines],
            *[fields[number] for number in _SCHEDULING],
            os.readlink("root", dir_fd=proc),  # as we see it: not what directory it is, but where that is mounted
            *[os.readlink(link, dir_fd=proc) for link in kernel.links],
            *[_read(proc, file) for file in kernel.files],
        ),
        _read(proc, "limits"),
        _read(proc, "cgroup"),
        frozenset(number for number in range(1, 65) if ignored >> (number - 1) & 1) if ignored else frozenset(),
    )


class _Kernel(Record):
    """What this kernel tells of each process, and where: it is the same for all."""

    lines: tuple[int, ...]  # of /proc/PID/status: those of _STATUS
    links: tuple[str, ...]
    files: tuple[str, ...]  # without those that need a security module or audit, if there is none
    names: tuple[str, ...]  # what a Context calls all of these
    ignored: int  # the line of ignored signals
    seccomp: int  # the line that says whether system calls are filtered; 0 if it says that of none
    privileges: int  # the line of no_new_privs


def _kernel() -> _Kernel:
    if not _looked:
        with closing(os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as proc:
            status = [line.partition(b":")[0].decode(errors="replace") for line in _read(proc, "status").split(b"\n")]
            known = os.listdir("/proc/self/ns")
            files = tuple(name for name in _FILES if _tells(proc, name))
        names = [name for name in _STATUS if name in status]
        links = tuple(f"ns/{name}" for name in _NAMESPACES if name in known)
        _looked.append(
            _Kernel(
                tuple(map(status.index, names)),
                links,
                files,
                (*names, *_SCHEDULING.values(), "its root directory", *links, *files),
                status.index("SigIgn"),
                status.index("Seccomp") if "Seccomp" in status else 0,
                status.index("NoNewPrivs"),
            )
        )
    return _looked[0]


_looked: list[_Kernel] = []


def _tells(proc: int, name: str) -> bool:
    try:
        return bool(_read(proc, name))
    except OSError:
        return False


def unified_cgroup(pid: int) -> str:
    """The directory of the unified cgroup of process `pid`, "" if there is none or it has ended."""
    try:
        with open(f"/proc/{pid}/cgroup", "rb") as file:
            line = _unified(file.read())
    except OSError:
        return ""
    mount = _mounts().get(b"") if line else ""
    return mount + os.fsdecode(line[3:]) if mount else ""


def is_alive(proc: int) -> bool:
    """Whether the directory of /proc `proc` still has its process."""
    try:
        return bool(_read(proc, "oom_score_adj"))
    except OSError:
        return False


def _unified(text: bytes) -> bytes:
    return next((line for line in text.split(b"\n") if line.startswith(b"0::")), b"")


_found: dict[bytes, str] = {}


def _mounts() -> dict[bytes, str]:
    """Where each hierarchy is mounted, by its controllers as /proc/PID/cgroup has them; looked for once."""
    if not _found:
        for hierarchy in cgroups.find().hierarchies:
            _found[",".join(hierarchy.controllers).encode()] = hierarchy.mount
    return _found


def _enter_cgroups(theirs: bytes, ours: bytes) -> None:
    """Enter the v1 cgroups of `theirs` that are not in `ours`.  Raises ValueError, OSError.

    By `tasks`: a thread that moves itself waits for nobody.
    """
    for line in sorted(set(theirs.split(b"\n")) - set(ours.split(b"\n"))):
        number, controllers, cgroup = line.split(b":", 2)
        if number == b"0":
            continue  # it was born in there
        if controllers not in _mounts():
            raise ValueError(f"it differs in its cgroup of {controllers.decode()}")
        path = f"{_mounts()[controllers]}{os.fsdecode(cgroup)}/tasks"
        with closing(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) as fd:
            os.write(fd, b"0")


def _take_limits(theirs: bytes, ours: bytes) -> None:
    """setrlimit(2) for those that differ.  Raises ValueError, OSError."""
    for line in sorted(set(theirs.split(b"\n")) - set(ours.split(b"\n"))):
        name = line[:25].strip()
        if name not in _LIMITS:
            raise ValueError(f"it differs in {name.decode()}")
        soft, hard = (-1 if word == b"unlimited" else _signed(int(word)) for word in line[25:].split()[:2])
        resource.setrlimit(_LIMITS[name], (soft, hard))


def _signed(limit: int) -> int:
    """As Python takes it: C's rlim_t has no sign."""
    return limit - (1 << 64) if limit >= 1 << 63 else limit


def _read(proc: int, name: str) -> bytes:
    """The file's text; such a file comes as a whole.  Raises OSError, ValueError."""
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    try:
        text = os.read(fd, _LONGEST)
    finally:
        os.close(fd)
    if len(text) == _LONGEST:
        raise ValueError(f"its {name} is too long")
    return text
