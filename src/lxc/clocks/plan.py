"""Deciding by how much a container's clocks are shifted.  Pure; prints as a script."""

from __future__ import annotations

from lxc.record import Record

_SECOND_NS = 1_000_000_000


class Shift(Record):
    """lxc.time.offset.boot or .monotonic."""

    clock: str  # "boottime" or "monotonic", as the kernel calls them
    offset_ns: int
    where: str = ""

    @property
    def line(self) -> str:
        """A line of /proc/PID/timens_offsets: seconds, which may be negative, and nanoseconds, which may not."""
        seconds, nanoseconds = divmod(self.offset_ns, _SECOND_NS)
        return f"{self.clock} {seconds} {nanoseconds}\n"

    def __str__(self) -> str:
        return f"echo {self.line.rstrip()} >> /proc/INIT/timens_offsets"


class ClockPlan(Record):
    is_new: bool = False  # the container has a time namespace of its own
    shifts: tuple[Shift, ...] = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self.shifts))
