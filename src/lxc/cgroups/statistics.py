"""What the processes of a cgroup use: cgroups(7), the kernel's cgroup-v1 and cgroup-v2 documents.

Version 1 has a directory for each controller, version 2 one for all: whoever
asks says which directory is whose, and each number is looked for under the
first version's name, then under the second's.  A number that the kernel does
not have (a controller is missing) is None.
"""

from __future__ import annotations

from lxc.cgroups.files import read
from lxc.record import Record

_TICK_US = 10_000  # USER_HZ is 100 on every architecture that we run on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Directory = Callable[[str], str]  # of a controller's name: the cgroup's directory there, "" if there is none


class Usage(Record):
    cpu_ns: int | None = None
    io_bytes: int | None = None
    memory_bytes: int | None = None
    kernel_bytes: int | None = None


class Detail(Record):
    """What lxc-top shows of a cgroup; what the kernel does not count is 0."""

    cpu_ns: int = 0
    system_ticks: int = 0  # of a hundredth of a second (USER_HZ)
    user_ticks: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    io_bytes: int = 0
    operations: int = 0
    memory_bytes: int = 0
    memory_and_swap_bytes: int = 0  # of a version 2 host: swap alone, which is what it limits
    kernel_bytes: int = 0

    @property
    def is_counted(self) -> bool:
        """Whether the kernel counts anything of it: there is no container without any of its own cgroups' numbers."""
        return self != Detail()


def detail(directory: Directory) -> Detail:
    """What the cgroup has used and uses now."""
    system, user = _ticks(directory)
    read, written, total, operations = _disks(directory)
    return Detail(
        cpu_ns=cpu(directory) or 0,
        system_ticks=system,
        user_ticks=user,
        read_bytes=read,
        written_bytes=written,
        io_bytes=total,
        operations=operations,
        memory_bytes=_first(directory("memory"), "memory.usage_in_bytes", "memory.current"),
        memory_and_swap_bytes=_first(directory("memory"), "memory.memsw.usage_in_bytes", "memory.swap.current"),
        kernel_bytes=_first(directory("memory"), "memory.kmem.usage_in_bytes")
        or _table(directory("memory"), "memory.stat").get("kernel", 0),
    )


def _ticks(directory: Directory) -> tuple[int, int]:
    """(in the kernel, in programs)."""
    old = _table(directory("cpuacct"), "cpuacct.stat")
    if old:
        return old.get("system", 0), old.get("user", 0)
    new = _table(directory("cpu"), "cpu.stat")
    return new.get("system_usec", 0) // _TICK_US, new.get("user_usec", 0) // _TICK_US


def _disks(directory: Directory) -> tuple[int, int, int, int]:
    """(bytes read, bytes written, bytes in all, operations), of all block devices."""
    sizes = _services(directory("blkio"), "blkio.throttle.io_service_bytes")
    if sizes:
        operations = _services(directory("blkio"), "blkio.throttle.io_serviced")
        return sizes.get("Read", 0), sizes.get("Write", 0), sizes.get("Total", 0), operations.get("Total", 0)
    pairs = [word.partition("=") for line in _lines(directory("io"), "io.stat") for word in line.split()[1:]]
    sums = {
        name: sum(int(text) for key, _, text in pairs if key == name) for name in ("rbytes", "wbytes", "rios", "wios")
    }
    return sums["rbytes"], sums["wbytes"], sums["rbytes"] + sums["wbytes"], sums["rios"] + sums["wios"]


def _services(directory: str, file: str) -> dict[str, int]:
    """The sums of a file with `DEVICE KIND NUMBER` in each line, by kind."""
    sums: dict[str, int] = {}
    for words in map(str.split, _lines(directory, file)):
        if len(words) == 3:
            sums[words[1]] = sums.get(words[1], 0) + int(words[2])
    return sums


def _first(directory: str, *files: str) -> int:
    return next((number for file in files if (number := _number(directory, file)) is not None), 0)


def usage(directory: Directory) -> Usage:
    """What the cgroup uses now."""
    return Usage(cpu(directory), io(directory), memory(directory), kernel_memory(directory))


def cpu(directory: Directory) -> int | None:
    """Nanoseconds of processor time."""
    usage_ns = _number(directory("cpuacct"), "cpuacct.usage")
    if usage_ns is not None:
        return usage_ns
    usage_us = _table(directory("cpu"), "cpu.stat").get("usage_usec")
    return usage_us * 1000 if usage_us is not None else None


def io(directory: Directory) -> int | None:
    """Bytes read from and written to block devices."""
    total = [line.split() for line in _lines(directory("blkio"), "blkio.throttle.io_service_bytes")]
    if total:
        return next((int(words[1]) for words in reversed(total) if words[0] == "Total"), None)
    devices = _lines(directory("io"), "io.stat")
    pairs = [word.partition("=") for line in devices for word in line.split()[1:]]
    return sum(int(text) for key, _, text in pairs if key in ("rbytes", "wbytes")) if devices else None


def memory(directory: Directory) -> int | None:
    """Bytes of memory, the page cache included."""
    used = _number(directory("memory"), "memory.usage_in_bytes")
    if used is not None:
        return used
    table = _table(directory("memory"), "memory.stat")
    return table["anon"] + table["file"] if "anon" in table and "file" in table else None


def kernel_memory(directory: Directory) -> int | None:
    """Bytes of memory that the kernel holds for the processes."""
    used = _number(directory("memory"), "memory.kmem.usage_in_bytes")
    if used is not None:
        return used
    table = _table(directory("memory"), "memory.stat")
    parts = [table[key] for key in ("kernel_stack", "pagetables", "sock", "slab") if key in table]
    return sum(parts) if parts else None


def swap(directory: Directory) -> int | None:
    """Bytes of swap space."""
    used = _number(directory("memory"), "memory.swap.current")
    return used if used is not None else _table(directory("memory"), "memory.stat").get("swap")


def _number(directory: str, file: str) -> int | None:
    lines = _lines(directory, file)
    return int(lines[0]) if lines else None


def _table(directory: str, file: str) -> dict[str, int]:
    """The numbers of a flat keyed file: `KEY NUMBER` in each line."""
    pairs = [line.split() for line in _lines(directory, file)]
    return {words[0]: int(words[1]) for words in pairs if len(words) == 2}


def _lines(directory: str, file: str) -> list[str]:
    """The file's lines; none if there is no such file, or the cgroup is gone meanwhile."""
    if not directory:
        return []
    try:
        return read(f"{directory}/{file}").removesuffix("\n").split("\n")
    except OSError:
        return []  # ENOENT, ENODEV (the cgroup went away), EOPNOTSUPP (the controller is off): nothing to tell
