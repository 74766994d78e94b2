"""A plan as plain data, for programs: what docs/dry-run.md describes.

Every record becomes an object of its fields, with the record's name as `kind`;
a step has its print as `text`, too.  So what a plan learns to say, its JSON
says.
"""

from __future__ import annotations

import os

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# What follows from a record's fields, and is worth saying.
_DERIVED: Mapping[str, tuple[str, ...]] = {
    "TerminalPlan": ("outside", "inside"), "Layout": ("name",), "OpenPeer": ("optional",),
}  # fmt: skip


def plain(value: object) -> Any:
    """`value`, a record or what records are made of, as json.dumps takes it."""
    if isinstance(value, Record):
        return _object(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, frozenset | set):
        return sorted(map(plain, value))
    raise TypeError(f"{type(value).__name__} is nothing that a plan is made of")


def kind(record: Record) -> str:
    """`make-dir` for a MakeDir."""
    words = "".join(f"-{char.lower()}" if char.isupper() else char for char in type(record).__name__)
    return words.lstrip("-")


def _object(record: Record) -> dict[str, Any]:
    fields = {name: plain(each) for name, each in record.__dict__.items()}
    fields |= {name: plain(getattr(record, name)) for name in _DERIVED.get(type(record).__name__, ())}
    of_all = {"text": str(record), "where": "", "optional": False} if _is_step(record) else {}
    return {"kind": kind(record), **of_all, **fields}


def _is_step(record: Record) -> bool:
    """Whether it prints as one thing to do, not as a list of them."""
    return type(record).__str__ is not object.__str__ and not kind(record).endswith("-plan")
