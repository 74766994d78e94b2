"""/proc/self/mountinfo (proc(5)): what is mounted where, in this mount namespace."""

from __future__ import annotations

import os


def mount_points() -> list[str]:
    """Where file systems are mounted, in the order of mounting; as seen from this process's root."""
    with open("/proc/self/mountinfo", "rb") as file:
        return parsed(file.read())


def parsed(data: bytes) -> list[str]:
    """The same of what was read of such a file."""
    return [os.fsdecode(_unescaped(line.split(b" ")[4])) for line in data.split(b"\n") if line]


def _unescaped(field: bytes) -> bytes:
    r"""A field, in which blanks, line breaks and backslashes are \ooo."""
    head, *rest = field.split(b"\\")
    return head + b"".join(bytes((int(part[:3], 8),)) + part[3:] for part in rest)
