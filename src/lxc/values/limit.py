"""Resource limits, prlimit(2)."""

from __future__ import annotations

from lxc.record import Record
from lxc.values.words import Misspelt, unknown

# The kernel's number of a resource is its place here (all architectures but alpha, mips, sparc).
NAMES = (
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
    "msgqueue", "nice", "rtprio", "rttime",
)  # fmt: skip
UNLIMITED = -1
_INFINITY = (1 << 64) - 1  # how the kernel says it


class Limit(Record):
    """A soft and a hard limit; UNLIMITED is none."""

    soft: int
    hard: int

    def __str__(self) -> str:
        return _show(self.soft) if self.soft == self.hard else f"{_show(self.soft)}:{_show(self.hard)}"


def parse(value: str) -> Limit:
    """`soft:hard`, or one limit for both; each a number or `unlimited` (-1 is the same)."""
    soft, colon, hard = value.partition(":")
    return Limit(_one(soft, value), _one(hard if colon else soft, value))


def resource(name: str) -> str:
    """A resource limit's name, such as nofile, or its number."""
    if name not in NAMES and not (name.isascii() and name.isdecimal() and len(name) < 10):
        raise unknown("a resource such as nofile", name, NAMES)
    return name


def number(name: str) -> int:
    """The kernel's number of the resource called `name`, RLIMIT_NOFILE for `nofile`."""
    return NAMES.index(name) if name in NAMES else int(name)


def _one(text: str, value: str) -> int:
    word = text.strip(" \t")
    if word in ("unlimited", "-1"):  # what the kernel's number of it is as a signed one
        return UNLIMITED
    if not (word.isascii() and word.isdecimal()) or len(word) > 20 or int(word) > _INFINITY:
        raise Misspelt(f"expected 'soft[:hard]', each a number or 'unlimited', got {value!r}", word)
    return UNLIMITED if int(word) == _INFINITY else int(word)


def _show(limit: int) -> str:
    return "unlimited" if limit == UNLIMITED else str(limit)
