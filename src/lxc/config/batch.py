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

_EXTRAORDINARY = "#\"'\0"


class Batch:
    """The assignments of one key, or one family of them, in a piece of `lines`, those of the file at `path`.

    Only what was assigned is kept; at which lines is found out when it is asked for.
    """

    __slots__ = ("_heads", "_lines", "_path")

    def __init__(self, lines: list[str], path: str) -> None:
        self._lines, self._path = lines, path
        self._heads: list[tuple[str, str, int, list[str]]] = []  # subkey, what stands before "=", first line, texts

    def adder(self, subkey: str, head: str, number: int) -> Callable[[str], None]:
        """What adds a line that begins with `head=`, of which `number` is the first: it is told what stands behind that."""
        texts: list[str] = []
        self._heads.append((subkey, head, number, texts))
        return texts.append

    def subkeys(self) -> list[str]:
        return [subkey for subkey, *_ in self._heads]

    def is_ordinary(self) -> bool:
        """Whether each text means just what it says."""
        for *_, texts in self._heads:
            joined = "".join(texts)
            if any(char in joined for char in _EXTRAORDINARY) or not all(texts) or any(map(str.isspace, texts)):
                return False
        return True

    def raw(self) -> list[str]:
        """What was assigned, with the blanks around it, in any order."""
        return [text for *_, texts in self._heads for text in texts]

    def texts(self) -> list[str]:
        """What was assigned, in the order of the lines."""
        return [text for _, text in self.pairs()]

    def pairs(self) -> list[tuple[str, str]]:
        """Each line's subkey and what was assigned, in the order of the lines."""
        if len(self._heads) == 1:
            subkey, _, _, texts = self._heads[0]
            return [(subkey, text.strip(" \t")) for text in texts]
        return [(subkey, text.strip(" \t")) for _, subkey, text in self._sorted()]

    def places(self) -> list[str]:
        return [f"{self._path}:{number}" for number, _, _ in self._sorted()]

    def lines(self) -> list[tuple[str, str]]:
        """The lines as they were, each behind its place."""
        return [(f"{self._path}:{number}", self._lines[number - 1]) for number, _, _ in self._sorted()]

    def _sorted(self) -> list[tuple[int, str, str]]:
        """Number, subkey and text of each line."""
        left = {head: (subkey, iter(texts)) for subkey, head, _, texts in self._heads}
        found = []
        first = min(number for _, _, number, _ in self._heads)
        for number, line in enumerate(self._lines[first - 1 :], first):
            head = line.partition("=")[0]
            if head in left:
                subkey, texts = left[head]
                text = next(texts, None)
                if text is None:  # the batch ends before the lines do
                    del left[head]
                else:
                    found.append((number, subkey, text))
        return found
