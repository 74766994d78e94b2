"""Limits of control groups version 1 in the words of version 2, where these say the same."""

from __future__ import annotations

from lxc.record import Record
from lxc.values.plain import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UNCHANGED = ("cpuset.cpus", "cpuset.mems", "pids.max", "rdma.max", "devices.allow", "devices.deny")
CONTROLLERS = {"blkio": "io", "cpuacct": "cpu"}  # version 1 -> version 2, where the name is another
_THROTTLE = {"read_bps": "rbps", "write_bps": "wbps", "read_iops": "riops", "write_iops": "wiops"}
_WEIGHT_OF_1024, _WEIGHT_MAX = 100, 10000
_PERIOD_US = 100000  # the kernel's default
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


class Limit(Record):
    """A file of a cgroup and what is written into it."""

    file: str
    value: str


def translated(limit: Limit, others: Sequence[Limit]) -> tuple[Limit, ...] | None:
    """What says the same as `limit`, a file of version 1, in version 2; () if nothing needs saying, None if nothing does.

    `others` are all limits of version 1: two of its files may be one of version 2.
    """
    if limit.file in _UNCHANGED:
        return (limit,)
    if limit.file in _TRANSLATIONS:
        try:
            return _TRANSLATIONS[limit.file](limit.value, {other.file: other.value for other in others})
        except ValueError:
            return None
    return _hugetlb(limit) or _throttle(limit)


def hindrance(limit: Limit) -> str:
    """Why no start succeeds with `limit`, of either version; "" if nothing is known."""
    value = limit.value.strip()
    is_freezing = limit.file == "cgroup.freeze" and value.lstrip("+0x") == "1"
    if is_freezing or (limit.file == "freezer.state" and value == "FROZEN"):
        return "the container would be frozen before it runs: leave it out, and freeze it by lxc-freeze"
    if limit.file == "cgroup.kill":
        return "the container would be killed before it runs: leave it out"
    return ""


def weight(shares: int) -> int:
    """cpu.weight for cpu.shares: the kernel's own conversion, by which 1024 shares are a weight of 100."""
    return min(max((shares * _WEIGHT_OF_1024 + 512) // 1024, 1), _WEIGHT_MAX)


def size(text: str) -> int:
    """Bytes, as the kernel reads `4G`; -1 is no limit.  Raises ValueError."""
    digits = text.strip()
    unit = digits[-1:].lower() if digits[-1:].lower() in _UNITS and digits[-1:] else ""
    return integer(digits[: len(digits) - len(unit)], -1, 1 << 63) << _UNITS[unit]


def _memory(value: str, _: dict[str, str]) -> tuple[Limit, ...]:
    return (Limit("memory.max", "max" if size(value) < 0 else value),)


def _swap(value: str, others: dict[str, str]) -> tuple[Limit, ...] | None:
    """Version 1 limits memory and swap together, version 2 swap alone."""
    if size(value) < 0:
        return (Limit("memory.swap.max", "max"),)
    memory = size(others.get("memory.limit_in_bytes", "-1"))
    return (Limit("memory.swap.max", str(size(value) - memory)),) if 0 <= memory <= size(value) else None


def _shares(value: str, _: dict[str, str]) -> tuple[Limit, ...]:
    return (Limit("cpu.weight", str(weight(integer(value, 0, 1 << 62)))),)


def _quota(value: str, others: dict[str, str]) -> tuple[Limit, ...]:
    period = integer(others.get("cpu.cfs_period_us", str(_PERIOD_US)), 1, 1 << 32)
    quota = integer(value, -1, 1 << 62)
    return (Limit("cpu.max", f"{'max' if quota < 0 else quota} {period}"),)


def _period(value: str, others: dict[str, str]) -> tuple[Limit, ...]:
    if "cpu.cfs_quota_us" in others:
        return ()  # it is in the same line as that
    return _quota("-1", {"cpu.cfs_period_us": value})


def _hierarchy(value: str, _: dict[str, str]) -> tuple[Limit, ...] | None:
    return () if value.strip() == "1" else None  # version 2 knows nothing else


def _state(value: str, _: dict[str, str]) -> tuple[Limit, ...] | None:
    return () if value.strip() == "THAWED" else None  # what a cgroup is that nobody has frozen


_TRANSLATIONS: dict[str, Callable[[str, dict[str, str]], tuple[Limit, ...] | None]] = {
    "memory.limit_in_bytes": _memory,
    "memory.memsw.limit_in_bytes": _swap,
    "memory.use_hierarchy": _hierarchy,
    "cpu.shares": _shares,
    "cpu.cfs_quota_us": _quota,
    "cpu.cfs_period_us": _period,
    "freezer.state": _state,
}


def _hugetlb(limit: Limit) -> tuple[Limit, ...] | None:
    controller, _, rest = limit.file.partition(".")
    if controller != "hugetlb" or not rest.endswith(".limit_in_bytes"):
        return None
    return (
        Limit(f"hugetlb.{rest.removesuffix('.limit_in_bytes')}.max", "max" if limit.value == "-1" else limit.value),
    )


def _throttle(limit: Limit) -> tuple[Limit, ...] | None:
    """blkio.throttle.read_bps_device, "8:0 1048576": io.max, "8:0 rbps=1048576"."""
    word = _THROTTLE.get(limit.file.removeprefix("blkio.throttle.").removesuffix("_device"))
    fields = limit.value.split()
    if not word or not limit.file.endswith("_device") or len(fields) != 2 or not fields[1].isdecimal():
        return None
    return (Limit("io.max", f"{fields[0]} {word}={fields[1] if int(fields[1]) else 'max'}"),)
