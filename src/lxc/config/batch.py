"""Many assignments of one key: gathered while a file is read, and made all at once.

A large configuration is thousands of lines of a few keys whose assignments just add up.  To look at each alone takes
microseconds; to gather them takes a tenth of that, and what is gathered is looked at in passes of a few C functions.
Whatever is out of the ordinary in any of them (a quote, a `#`, nothing at all) makes the whole batch be done line by
line: no message is written here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_EXTRAORDINARY = "#\"'\0"


class Batch:
    """The assignments of one key, or one family of them, in a piece of `lines`, those of the file at `path`."""

    __slots__ = ("_heads", "_lines", "_path")

    def __init__(self, lines: list[str], path: str) -> None:
        self._lines, self._path = lines, path
        self._heads: list[tuple[str, list[Any]]] = []  # subkey; text, line number, text, line number …

    def adder(self, subkey: str) -> Callable[[object], None]:
        """What adds a line of `subkey`: it is told what stands behind the "=", and then the line's number."""
        self._heads.append((subkey, []))
        return self._heads[-1][1].append

    def subkeys(self) -> list[str]:
        return [subkey for subkey, _ in self._heads]

    def is_ordinary(self) -> bool:
        """Whether each text means just what it says."""
        for _, items in self._heads:
            texts = items[::2]
            joined = "".join(texts)
            if any(char in joined for char in _EXTRAORDINARY) or not all(map(str.strip, texts)):
                return False
        return True

    def raw(self) -> list[str]:
        """What was assigned, with the blanks around it, in any order."""
        return [text for _, items in self._heads for text in items[::2]]

    def texts(self) -> list[str]:
        """What was assigned, in the order of the lines."""
        return [text for _, text in self.pairs()]

    def pairs(self) -> list[tuple[str, str]]:
        """Each line's subkey and what was assigned, in the order of the lines."""
        return [(subkey, text.strip(" \t")) for _, subkey, text in self._sorted()]

    def places(self) -> list[str]:
        return [f"{self._path}:{number}" for number, _, _ in self._sorted()]

    def lines(self) -> list[tuple[str, str]]:
        """The lines as they were, each behind its place."""
        return [(f"{self._path}:{number}", self._lines[number - 1]) for number, _, _ in self._sorted()]

    def _sorted(self) -> list[tuple[int, str, str]]:
        return sorted(
            (number, subkey, text)
            for subkey, items in self._heads
            for text, number in zip(items[::2], items[1::2], strict=True)
        )
