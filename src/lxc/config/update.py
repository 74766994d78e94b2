"""Rewriting the lines of files from before LXC 2.1, whose keys had other names.

Comments that hold such a line are rewritten, too: whoever takes the `#` away
later wants it to work.  Everything else stays byte for byte.
"""

from __future__ import annotations

from lxc.config import legacy
from lxc.config.lines import assignment
from lxc.config.rules.rule import with_key, with_value
from lxc.values.rootfs import DRIVERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TYPE = "lxc.network.type"
_DIGITS_MAX = 10  # of a number that may be one


def updated(texts: Sequence[str]) -> list[str | None]:
    """For each line what it is since LXC 2.1: itself, another, or None if nothing has come in its place."""
    return list(_lines(texts, _driver(texts)))


def _lines(texts: Sequence[str], driver: str) -> Iterator[str | None]:
    numbers = _Numbers(texts)
    for text in texts:
        comment, line = _uncommented(text)
        key, value = assignment(line)
        if key in legacy.GONE:
            yield None
        elif key == "lxc.rootfs" and value:
            yield comment + with_key(with_value(line, _with_driver(driver, value)), "lxc.rootfs.path")
        else:
            name = _name(key, numbers, is_comment=bool(comment))
            yield comment + with_key(line, name) if name else text


class _Numbers:
    """Numbers of network devices: each lxc.network.type began a new one, also in a comment, where it is for comments.

    Those of lxc.net.N come first, for they were updated before; one that a device has under its old name is left to it.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        keys = [key for key, _ in map(assignment, texts)]
        self.taken = {*_numbers(keys, "lxc.net."), *_numbers(keys, "lxc.network.")}
        self.last, self.live, self.in_comments = max(_numbers(keys, "lxc.net."), default=-1), -1, 0

    def begin(self, is_comment: bool) -> None:
        self.last += 1
        while self.last in self.taken:
            self.last += 1
        self.in_comments = self.last
        if not is_comment:
            self.live = self.last


def _numbers(keys: Sequence[str], family: str) -> list[int]:
    """Which numbers the devices have whose keys begin with `family`."""
    found = (key[len(family) :].partition(".")[0] for key in keys if key.startswith(family))
    return [int(number) for number in found if number.isdecimal() and len(number) <= _DIGITS_MAX]


def _name(key: str, numbers: _Numbers, *, is_comment: bool) -> str:
    """What the key is called now, "" if it has its name still."""
    if key == _TYPE:
        numbers.begin(is_comment)
    name = legacy.name_now(key)
    if "<n>" not in name:
        return name
    number = numbers.in_comments if is_comment else numbers.live
    return name.replace("<n>", str(number)) if number >= 0 else ""  # of no device: it was a mistake then, too


def _uncommented(text: str) -> tuple[str, str]:
    """`text` without the `#` before it, and that; ("", text) if it is no comment."""
    line = text.lstrip(" \t#")
    return (text[: len(text) - len(line)], line) if "#" in text[: len(text) - len(line)] else ("", text)


def _driver(texts: Sequence[str]) -> str:
    """The storage driver that the last line about it names."""
    named = [value for key, value in map(assignment, texts) if key == "lxc.rootfs.backend" and value]
    return named[-1] if named else ""


def _with_driver(driver: str, value: str) -> str:
    has_one = not driver and value.partition(":")[0] in DRIVERS and ":" in value
    return value if has_one else f"{driver or 'dir'}:{value}"
