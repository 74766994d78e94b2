"""A file and what to write into it, as lxc.cgroup2.*, lxc.cgroup.* and lxc.proc.* say it."""

from __future__ import annotations

from lxc.record import Record


class Setting(Record):
    """`name` is the key's last part ("memory.max"), `value` the text to write."""

    name: str
    value: str
