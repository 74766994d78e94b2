"""Reading configuration: lines, the files they include, and every mistake in them."""

from __future__ import annotations

import os
from _operator import length_hint

from lxc import regular
from lxc.config.batch import Batch
from lxc.config.key import Directive
from lxc.config.lines import not_a_comment, numbered, pieces, span, unquoted
from lxc.config.table import Draft
from lxc.errors import ConfigError
from lxc.values.words import Misspelt, correction, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lxc.config.table import Table

SIZE_MAX = 1 << 26  # bytes of one file
DEPTH_MAX = 64  # files that include one another
FILES_MAX = 4096  # files read for one configuration
WHAT_IS_A_COMMENT = "this belongs to the value, for only a line that begins with '#' is a comment"
MISTAKES_MAX = 1000  # reading ends there: whoever wrote that did not write configuration


class Files:
    """What there is to include."""

    def named(self, value: str) -> list[str]:
        """The files that `lxc.include = value` names, in the order of their names.  Raises ValueError."""
        if not value:
            return []
        if not value.endswith("/") and not os.path.isdir(value):
            return [value]
        try:
            names = sorted(os.listdir(value))
        except FileNotFoundError:
            return []  # as for LXC: a directory of additions may be missing
        except OSError as error:
            raise Misspelt(f"cannot read {value}: {error.strerror}", value) from error
        return [os.path.join(value, name) for name in names if name.endswith(".conf") and len(name) > len(".conf")]

    def text(self, path: str) -> str:
        """The text of the file at `path`.  Raises OSError, ValueError."""
        return read(path)

    def identity(self, path: str) -> object:
        """What two names of one file have in common."""
        try:
            status = os.stat(path)
        except OSError:
            return path
        return status.st_dev, status.st_ino


class Included:
    """What a file came to that was included before anything was said, so that it depends on nothing else, and what was read for it."""

    __slots__ = ("names", "table", "texts")

    def __init__(self, file: tuple[str, str]) -> None:
        self.names: list[tuple[str, list[str]]] = []  # values of lxc.include in it, and which files these named
        self.texts = [file]  # path and text of the file, and of these
        self.table: Table | None = None

    def holds(self, files: Files) -> bool:
        """Whether all that was read says what it said.  Who includes it is not in there: that would have been a mistake."""
        try:
            return all(files.named(value) == paths for value, paths in self.names) and all(
                files.text(path) == text for path, text in self.texts
            )
        except (OSError, ValueError):
            return False


_known: dict[tuple[type[Table], str], Included] = {}  # by path
_MOST_KNOWN = 16
_UNLIKE_ITSELF = ("environment", "hwaddr")  # in keys whose values are not the same for the same text each time


class Reader:
    """Fills one configuration from lines; `config()` is the result, or all that was wrong.

    Lines of keys whose assignments just add up are gathered (`batch`) and made together: at the end of the file, and
    before a line that needs the others to be done, which `lxc.include` is and what clears several keys at once.
    """

    def __init__(self, base: Table, files: Files = Files()) -> None:  # noqa: B008  # it holds nothing
        self.warnings: list[str] = []
        self._mistakes: list[str] = []
        self._first = ""  # place of the first mistake
        self._remedy = ""  # what to do about the first that there is something to be done about
        self._table, self._draft = type(base), Draft(base)
        self._files = files
        self._open: list[str] = []  # the files being read, each included by the one before
        self._included = 0
        self._first_included: Included | None = None  # which is being read
        self._batches: dict[str, Batch] = {}  # by the name of the key; of one file
        self._adders: dict[str, Callable[[str], None]] = {}  # by what is before the "=": what adds to a batch
        self._told: list[tuple[int, bool, str, str]] = []  # line, whether it is a mistake, place, what

    def config(self) -> Any:
        """The configuration, as the kind of table that it began with.  Raises ConfigError with all mistakes."""
        if self._mistakes:
            raise ConfigError(*self._mistakes, where=self._first, hint=self._remedy)
        return self._draft.table()

    def read(self, text: str, path: str) -> None:
        """Read `text`, that of the file at `path`."""
        self._open.append(path)
        if "\r" in text:  # and so, maybe, lines that are not counted
            for number, line in numbered(pieces(text)):
                self._line(line, f"{path}:{number}")
                if self._has_enough():
                    break
        else:
            self._read_plain(text.split("\n"), path)
        self._settle()
        self._open.pop()

    def _read_plain(self, lines: list[str], path: str) -> None:
        """Read `lines`; this loop is what reading a large file takes."""
        adder, left = self._adders.get, iter(lines)
        for line in left:
            head, equals, value = line.partition("=")
            add = adder(head)
            if add:
                add(value)
            elif line and line[0] != "#":
                number = len(lines) - length_hint(left)
                if not (equals and self._is_done(head, value, number, lines, path)):
                    self._line(line, f"{path}:{number}")
                    if self._has_enough():
                        break

    def _is_done(self, head: str, value: str, number: int, lines: list[str], path: str) -> bool:
        """Whether the line `head=value` could be put into a batch, or done at once, there being nothing odd in it."""
        found = self._table.likely(head.strip(" \t"))
        if found is None:
            if head.rstrip(" \t").endswith("."):  # which is all of a family, members that were gathered among it
                self._settle()
            return False
        key, subkey = found
        if isinstance(key, Directive):
            self._settle()
            return False
        is_gathered = key.adds_up and (key.name in self._table.FAMILIES or not key.is_family)  # and its members are
        if is_gathered:  # an odd one, too: it has its place among the others
            batch = self._batches.get(key.name) or self._batches.setdefault(key.name, Batch(lines, path))
            add = self._adders[head] = batch.adder(subkey, head, number)
            add(value)
            return True
        if "#" in value or "'" in value or '"' in value or "\0" in value:
            return False
        where = f"{path}:{number}"
        try:
            key.put(self._draft, subkey, value.strip(" \t"), where)
        except ValueError as error:
            self._mistake(error, lines[number - 1], where)
        return True

    def _settle(self) -> None:
        """Make the assignments that were gathered, and put what there is to tell into the order of the lines."""
        for name, batch in self._batches.items():
            if not (batch.is_ordinary() and self._table.KEYS[name].put_all(self._draft, batch)):
                for where, line in batch.lines():
                    self._line(line, where)
        self._batches.clear()
        self._adders.clear()
        for _, is_mistake, where, what in sorted(self._told, key=lambda told: told[0]):
            if not is_mistake:
                self.warnings.append(what)
            elif len(self._mistakes) < MISTAKES_MAX:
                self._first = self._first or where
                self._mistakes.append(what)
        self._told.clear()

    def _has_enough(self) -> bool:
        if len(self._mistakes) + len(self._told) < MISTAKES_MAX:
            return False
        return len(self._mistakes) + sum(is_mistake for _, is_mistake, *_ in self._told) >= MISTAKES_MAX

    def _line(self, text: str, where: str) -> None:
        """Do what the line `text` says."""
        line = text.strip(" \t\r\n")
        if not line or line[0] == "#":
            return
        if line[:4] != "lxc.":
            self._without_effect(line, text, where)
            return
        key, equals, value = line.partition("=")
        key, value = key.rstrip(" \t"), value.lstrip(" \t")
        if "#" in value and value == unquoted(value) and not_a_comment(key, value):
            self._not_a_comment(key, value, text, where)
        if value and value[0] in "'\"":
            value = unquoted(value)
        try:
            if "\0" in line:
                raise Misspelt("expected text, got a line with a NUL byte in it", line[:4])
            if not equals:
                raise Misspelt("expected 'key = value', but there is no '='", line[:4])
            if key == "lxc.include":
                self._include(value)
            else:
                self._draft.assign(key, value, where)
        except ValueError as error:
            self._mistake(error, text, where)

    def _include(self, value: str) -> None:
        paths = self._files.named(value)
        if self._first_included:
            self._first_included.names.append((value, paths))
        for path in paths:
            is_first = not self._included and len(self._open) == 1 and self._is_blank()
            if is_first and self._take_known(path):
                continue
            opened = [self._files.identity(open_) for open_ in self._open]
            identity = self._files.identity(path)
            if identity in opened:
                loop = " → ".join((*self._open[opened.index(identity) :], path))
                raise Misspelt(f"{path} includes itself: {loop}", value)
            if len(self._open) >= DEPTH_MAX:
                raise Misspelt(f"expected at most {DEPTH_MAX} files that include one another", value)
            self._included += 1
            if self._included > FILES_MAX:
                raise Misspelt(f"expected at most {FILES_MAX} files in one configuration", value)
            try:
                text = self._files.text(path)
            except OSError as error:
                raise Misspelt(
                    f"cannot read {path}: {error.strerror}{_elsewhere(path, self._open[-1])}", value
                ) from error
            if is_first:
                self._read_first(text, path)
                continue
            if self._first_included:
                self._first_included.texts.append((path, text))
            self.read(text, path)

    def _is_blank(self) -> bool:
        said = self._draft.values or self._batches or self._told or self.warnings or self._mistakes
        return not said and type(self) is Reader

    def _take_known(self, path: str) -> bool:
        """Whether what comes of including `path`, before anything is said, is known; it is done then."""
        known = _known.get((self._table, path))
        if not (known and known.table and known.holds(self._files)):
            return False
        self._draft.take(known.table)
        self._included += len(known.texts)
        return True

    def _read_first(self, text: str, path: str) -> None:
        """As `read`, of what is included before anything is said."""
        known = self._first_included = Included((path, text))
        try:
            self.read(text, path)
        finally:
            self._first_included = None
        is_constant = not any(word in text for word in _UNLIKE_ITSELF for _, text in known.texts)
        if is_constant and not (self._told or self.warnings or self._mistakes):
            known.table = self._draft.snapshot()
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[self._table, path] = known

    def _mistake(self, error: ValueError, text: str, where: str) -> None:
        words = text.partition("=")[0].split()
        column, _ = span(text, getattr(error, "part", ""))
        self._remedy = self._remedy or getattr(error, "remedy", "").replace("FILE", where.rpartition(":")[0])
        self._tell(f"{where}:{column}: {words[0] if words else 'lxc.'}: {error}", where, is_mistake=True)

    def _without_effect(self, line: str, text: str, where: str) -> None:
        """Note a line LXC passes over in silence, because it does not begin with `lxc.`."""
        if len(self.warnings) + len(self._told) >= MISTAKES_MAX or not line.strip(" \t\f"):
            return
        key = line.partition("=")[0].strip(" \t")
        likely = f"lxc.{key[4:]}"
        near = likely if likely in self._table.KEYS else meant(key, self._table.KEYS) if len(self.warnings) < 10 else ""
        hint = correction(key, near)
        column = len(text) - len(text.lstrip()) + 1
        self._tell(f"{where}:{column}: {key}: has no effect, for it does not begin with 'lxc.'{hint}", where)

    def _not_a_comment(self, key: str, value: str, text: str, where: str) -> None:
        """Note a `#` in a value that looks as if a comment were meant."""
        if len(self.warnings) + len(self._told) < MISTAKES_MAX:
            comment = not_a_comment(key, value)
            self._tell(f"{where}:{text.index(comment) + 1}: {key}: {WHAT_IS_A_COMMENT}", where)

    def _tell(self, what: str, where: str, *, is_mistake: bool = False) -> None:
        self._told.append((int(where.rpartition(":")[2]), is_mistake, where, what))


def read(path: str, *, is_stream: bool = False) -> str:
    """The text of the file at `path`; bytes that are no UTF-8 come as surrogates.  Raises OSError, ValueError.

    It must be a regular file; with `is_stream`, where a user has named it, it may be a pipe, too, that is waited for.
    """
    raw = regular.read(path, SIZE_MAX, is_stream=is_stream)
    if len(raw) > SIZE_MAX:
        raise ValueError(f"expected a file of at most {SIZE_MAX} bytes, but {path} is larger")
    return raw.decode("utf-8", "surrogateescape")


def unreadable(path: str, error: OSError | ValueError) -> ConfigError:
    """What to raise if the configuration at `path` cannot be read."""
    why = error.strerror if isinstance(error, OSError) else error
    return ConfigError(f"{path}: cannot read the configuration: {why}", where=path)


def _elsewhere(path: str, includer: str) -> str:
    """Where `path` was looked for, if that is not plain from it, and what to write if it is beside the file that includes it."""
    beside = os.path.join(os.path.dirname(includer), path)
    if os.path.isabs(path):
        return ""
    return f"; it is taken from the working directory: write {beside if os.path.isfile(beside) else 'the whole path'}"
