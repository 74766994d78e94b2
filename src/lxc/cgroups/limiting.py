"""Putting limits in force: values for the payload's files, and the device controller's rules.  Runs in the monitor."""

from __future__ import annotations

import errno
import os

from lxc import log
from lxc.cgroups import making, nesting, program
from lxc.cgroups.files import read, write
from lxc.errors import StepError
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.cgroups.devices import Policy
    from lxc.cgroups.outside import Cgroups
    from lxc.cgroups.plan import Layout, Write

# What the kernel takes, for the files that are written most; see its documents cgroup-v1/* and cgroup-v2.
_EXPECTED = {
    "pids.max": "a number of processes, or max",
    "memory.limit_in_bytes": "bytes, with k, m or g for more, or -1",
    "memory.memsw.limit_in_bytes": "bytes, not less than memory.limit_in_bytes, or -1",
    "memory.max": "bytes, with K, M or G for more, or max",
    "memory.high": "bytes, with K, M or G for more, or max",
    "memory.low": "bytes, with K, M or G for more, or max",
    "memory.min": "bytes, with K, M or G for more, or max",
    "memory.swap.max": "bytes, with K, M or G for more, or max",
    "cpu.shares": "a number; 1024 is what others have",
    "cpu.weight": "a number from 1 to 10000; 100 is what others have",
    "cpu.cfs_quota_us": "microseconds from 1000, or -1",
    "cpu.cfs_period_us": "microseconds from 1000 to 1000000",
    "cpu.max": "QUOTA PERIOD in microseconds, QUOTA being from 1000, or max",
    "cpuset.cpus": "numbers and ranges of processors that the cgroup above has, such as 0-3,7",
    "cpuset.mems": "numbers and ranges of memory nodes that the cgroup above has, such as 0",
    "io.max": "MAJOR:MINOR with rbps=, wbps=, riops= or wiops= and a number or max",
    "io.weight": "a number from 1 to 10000, or MAJOR:MINOR and one",
    "freezer.state": "FROZEN or THAWED",
    "devices.allow": "a, or b|c MAJOR:MINOR ACCESS",
    "devices.deny": "a, or b|c MAJOR:MINOR ACCESS",
}
_THROTTLE = "MAJOR:MINOR of a whole disk, and a number per second"


def write_all(cgroups: Cgroups, writes: tuple[Write, ...]) -> None:
    """Write each value to its file of the payload's cgroup, in their order.  Raises StepError."""
    for each in writes:
        hierarchy = cgroups.layout.home(each.controller)
        name = each.key or each.file
        if not hierarchy:
            raise StepError(f"set {name}", f"no hierarchy has it ({cgroups.layout.name} layout)", where=each.where)
        directory = hierarchy.directory_of(cgroups.payload)
        path = f"{directory}/{each.file}"
        try:
            if cgroups.inner and not hierarchy.is_unified:
                nesting.write(directory, cgroups.inner, each.file, each.value)
            else:
                write(path, each.value)
        except OSError as error:
            step, hint = f"set {name}: write {each.value!r} to {path}", _hint(each, path, error.errno or 0)
            raise StepError(f"{step} ({cgroups.layout.name} layout)", error, where=each.where, hint=hint) from error
        log.debug(f"{path}: {each.value}")


def enable(layout: Layout, names: tuple[str, ...], wanted: frozenset[str]) -> None:
    """On a unified host have the cgroups `names` their controllers: all that can be had, in subtree_control on the way.

    Only that of `wanted`, controllers that limits are set of, must succeed.  Raises StepError.
    """
    unified = layout.unified
    if not unified or layout.name != "unified":
        return
    _enable(unified.directory(unified.base), wanted)
    for way in dict.fromkeys(way for name in names for way in making.ways(name)):
        _enable(unified.directory_of(way), wanted)


def _enable(directory: str, wanted: frozenset[str]) -> None:
    missing = set(read(f"{directory}/cgroup.controllers").split())
    missing -= set(read(f"{directory}/cgroup.subtree_control").split())
    is_inhabited = bool(missing) and _is_inhabited(directory)
    for controller in sorted(missing):
        try:
            if is_inhabited:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            write(f"{directory}/cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            if controller in wanted:
                step = f"enable the controller {controller} below {directory} (unified layout)"
                raise StepError(step, error, hint=_ENABLING.get(error.errno or 0, "")) from error
            log.info(f"the controller {controller} stays off below {directory}: {error.strerror}")


def _is_inhabited(directory: str) -> bool:
    """Whether processes are in this cgroup, which is not the root, so that it must not hand controllers down.

    The kernel refuses that for some controllers.  It hands down others (cpu, cpuset, pids, perf_event), and from then on
    takes no process into any cgroup below: cgroups(7), threaded mode.
    """
    return os.path.exists(f"{directory}/cgroup.type") and bool(read(f"{directory}/cgroup.procs"))


_ENABLING = {
    errno.EBUSY: "processes are in that cgroup itself: move them to one below it, or set lxc.cgroup.relative = 0",
    errno.EACCES: "have the cgroup delegated to you (Delegate=yes in its systemd unit)",
    errno.ENOENT: "the cgroup above does not hand it down",
    errno.EOPNOTSUPP: "the cgroup is threaded: choose another with lxc.cgroup.dir",
}


class DeviceProgram:
    """The program that governs the devices of a payload on version 2, attached for as long as its cgroup is there."""

    def __init__(self) -> None:
        self._fd = -1
        self._next: tuple[Policy, int] | None = None  # what has been loaded for `put`, and its program

    def load(self, policy: Policy) -> None:
        """Have the kernel check the program for `policy`, which takes a while: `put` then only attaches it.  Raises StepError."""
        if self._next and self._next[0] == policy:
            return
        from lxc.kernel import bpf

        self._forget_next()
        try:
            new = bpf.prog_load(bpf.PROG_TYPE_CGROUP_DEVICE, program.encoded(policy.instructions), "lxc_devices")
        except OSError as error:
            raise _refused("load the device program", error) from error
        self._next = policy, new

    def put(self, cgroups: Cgroups, policy: Policy) -> None:
        """Put `policy` in force, in the place of the one before, in one moment.  Raises StepError."""
        unified = cgroups.layout.unified
        if not unified:
            raise StepError("attach the device program", f"no unified hierarchy ({cgroups.layout.name} layout)")
        from lxc.kernel import bpf

        self.load(policy)
        assert self._next
        new = self._next[1]
        directory = unified.directory_of(cgroups.payload)
        try:
            with closing(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as cgroup:
                bpf.prog_attach(cgroup, new, bpf.CGROUP_DEVICE, self._fd)
        except OSError as error:
            self._forget_next()
            raise _refused(f"attach the device program to {directory}", error) from error
        self._next = None
        self.close()
        self._fd = new

    def _forget_next(self) -> None:
        if self._next:
            os.close(self._next[1])
            self._next = None

    def close(self) -> None:
        """Let go of the program; it stays in force until the cgroup is removed."""
        self._forget_next()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


_PROGRAM = {
    errno.EPERM: "device rules of version 2 want CAP_BPF or CAP_SYS_ADMIN on the host: leave them out for a user's container",
    errno.ENOSYS: "the kernel lacks CONFIG_CGROUP_BPF, or a system-call filter forbids bpf(2)",
    errno.EINVAL: "the kernel lacks CONFIG_CGROUP_BPF",
}


def _refused(step: str, error: OSError) -> StepError:
    return StepError(f"{step} (unified layout)", error, hint=_PROGRAM.get(error.errno or 0, ""))


def _hint(each: Write, path: str, number: int) -> str:
    directory, _, file = path.rpartition("/")
    if number == errno.ENOENT:
        if not os.path.isdir(directory):
            return f"the cgroup {directory} is gone"
        there = sorted(name for name in os.listdir(directory) if name.startswith(f"{each.controller}."))
        if not there:
            return f"the controller {each.controller} is not enabled in {directory}"
        return f"there is no {file}; {each.controller} has {' '.join(there[:12])}{' …' * (len(there) > 12)}"
    if number in (errno.EACCES, errno.EPERM) and not os.access(path, os.W_OK):
        return f"{file} cannot be written, or not by this user"
    return expected(file, number)


def expected(file: str, number: int) -> str:
    """What the kernel would have taken for `file`, to which a write failed with the errno `number`; "" if that is not it."""
    if number in (errno.EINVAL, errno.ERANGE, errno.ENODEV, errno.EDOM, errno.EOVERFLOW):
        text = _THROTTLE if file.startswith("blkio.throttle.") else _EXPECTED.get(file, "")
        return f"expected {text}" if text else "the kernel does not take this value"
    if number == errno.EBUSY:
        return "more is used already than the limit allows, or another setting stands against it"
    return ""
