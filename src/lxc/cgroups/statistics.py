"""What the processes of a cgroup use: cgroups(7), the kernel's cgroup-v1 and cgroup-v2 documents.

Version 1 has a directory for each controller, version 2 one for all: whoever
asks says which directory is whose, and each number is looked for under the
first version's name, then under the second's.  A number that the kernel does
not have (a controller is missing) is None.
"""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Directory = Callable[[str], str]  # of a controller's name: the cgroup's directory there, "" if there is none


class Usage(Record):
    cpu_ns: int | None = None
    io_bytes: int | None = None
    memory_bytes: int | None = None
    kernel_bytes: int | None = None
    swap_bytes: int | None = None


def usage(directory: Directory) -> Usage:
    """What the cgroup uses now."""
    return Usage(cpu(directory), io(directory), memory(directory), kernel_memory(directory), swap(directory))


def cpu(directory: Directory) -> int | None:
    """Nanoseconds of processor time."""
    usage_ns = _number(directory("cpuacct"), "cpuacct.usage")
    usage_us = _table(directory("cpu"), "cpu.stat").get("usage_usec")
    if usage_ns is not None:
        return usage_ns
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
        with open(f"{directory}/{file}", "rb") as content:
            return content.read().decode(errors="replace").splitlines()
    except OSError:
        return []  # ENOENT, ENODEV (the cgroup went away), EOPNOTSUPP (the controller is off): nothing to tell
