"""Ranges of user and group ids: `u 0 100000 65536`."""

from __future__ import annotations

from lxc.record import Record
from lxc.values.plain import UINT_MAX, integer
from lxc.values.words import Misspelt, listed


class IdMap(Record):
    """`count` ids from `inside` on, seen in the container, are those from `outside` on, seen on the host."""

    kind: str  # "u" or "g"
    inside: int
    outside: int
    count: int

    def __str__(self) -> str:
        return f"{self.kind} {self.inside} {self.outside} {self.count}"


def parse(value: str) -> IdMap:
    """`u` or `g`, the first id in the container, the first on the host, and how many."""
    fields = listed(value)
    if len(fields) != 4:
        raise Misspelt(f"expected 'u|g first-inside first-outside count', got {len(fields)} fields in {value!r}")
    if fields[0] not in ("u", "g"):
        raise Misspelt(f"expected 'u' (users) or 'g' (groups) first, got {fields[0]!r}", fields[0])
    return IdMap(fields[0], *(integer(field, 0, UINT_MAX) for field in fields[1:]))
