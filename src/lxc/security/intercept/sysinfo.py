"""sysinfo(2), which tells of the whole machine, told of the container.

[all]
sysinfo notify
"""

from __future__ import annotations

import os
import sys
import time

from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.security.seccomp.handlers import CONTINUE, Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.security.seccomp.handlers import Call

_UNIT = 1
_SIZE = 112  # bytes of struct sysinfo on 64-bit machines


def sysinfo(call: Call) -> Answer | None:
    """Fill the structure from the container's control groups: memory, swap, processes, and how long it runs.

    What its groups do not limit is told as of the machine; programs of another architecture get the kernel's answer.

    Safe: nothing that the caller says is used but the address to write to, in its own memory, which the kernel checks;
    the files that are read are the host's, in groups that the kernel names.
    """
    if call.name != "sysinfo":
        return None
    if not call.is_native or sys.maxsize < 1 << 32:
        return CONTINUE
    machine = _machine()
    total = min(
        _of_group(call, "memory", ("memory.max", "memory.limit_in_bytes"), machine["MemTotal"]), machine["MemTotal"]
    )
    used = _of_group(
        call, "memory", ("memory.current", "memory.usage_in_bytes"), machine["MemTotal"] - machine["MemFree"]
    )
    swap = min(_of_group(call, "memory", ("memory.swap.max",), machine["SwapTotal"]), machine["SwapTotal"])
    swapped = _of_group(call, "memory", ("memory.swap.current",), machine["SwapTotal"] - machine["SwapFree"])
    processes = _of_group(call, "pids", ("pids.current",), 1)
    loads = [int(load * (1 << 16)) for load in os.getloadavg()]
    words = (_uptime(call), *loads, total, max(total - used, 0), 0, 0, swap, max(swap - swapped, 0))
    raw = b"".join(word.to_bytes(8, sys.byteorder) for word in words)
    raw += min(processes, 0xFFFF).to_bytes(2, sys.byteorder) + bytes(6) + bytes(16) + _UNIT.to_bytes(4, sys.byteorder)
    call.write(call.arguments[0], raw.ljust(_SIZE, b"\0"))
    return Answer()


def _machine() -> dict[str, int]:
    """Bytes of /proc/meminfo."""
    with open("/proc/meminfo", encoding="ascii") as file:
        pairs = (line.split(":") for line in file)
        return {name: int(rest.split()[0]) * 1024 for name, rest in pairs}


def _uptime(call: Call) -> int:
    """Seconds since the container's init was started."""
    fields = call.read("stat", of_init=True).rpartition(")")[2].split()
    return max(int(time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")), 0)


def _of_group(call: Call, controller: str, files: tuple[str, ...], default: int) -> int:
    """What the first of `files` that there is says in the group of the container's init; `default` without one, or limit."""
    for _, directories in call.groups(controller):
        for directory in directories:
            for file in files:
                text = _text(f"{directory}/{file}")
                if text.isdecimal():
                    return int(text)
    return default


def _text(path: str) -> str:
    try:
        with closing(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)) as file:
            if fs.filesystem_type(file) not in (fs.CGROUP_SUPER_MAGIC, fs.CGROUP2_SUPER_MAGIC):
                return ""
            return os.read(file, 64).decode(errors="replace").strip()
    except OSError:
        return ""
