"""Reading a configuration for the linter: mistakes are found, kept and passed over, and every line is remembered."""

from __future__ import annotations

from lxc.config import legacy, update
from lxc.config.container import Config
from lxc.config.family import Numbered
from lxc.config.lines import assignment, not_a_comment, numbered, pieces
from lxc.config.reader import WHAT_IS_A_COMMENT, Reader, read
from lxc.config.rules.rule import Assignment, Edit, Found
from lxc.config.table import Draft
from lxc.record import Record
from lxc.values.words import correction, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Reading(Record):
    """All that can be said of a configuration file without knowing the host."""

    config: Config  # what it comes to without the lines that are wrong
    assignments: tuple[Assignment, ...]
    found: tuple[tuple[str, Found], ...]  # (rule, what) in the order of the lines
    texts: Mapping[str, str]  # "file:line" -> the line
    files: tuple[str, ...]  # the file itself, then those it includes
    includers: Mapping[str, str]  # included file -> "file:line" of who includes it first
    updates: Mapping[str, Edit]  # of the file's lines with keys of old, unread ones too: what to make of them
    is_cut: bool  # there were so many mistakes that the rest was not read
    has_bare_returns: bool  # line ends that editors do not show: lines cannot be told by their numbers


class _Log(Draft):
    """A draft that remembers what it was told."""

    __slots__ = ("assignments",)

    def __init__(self, table: Config) -> None:
        super().__init__(table)
        self.assignments: list[Assignment] = []

    def assign(self, name: str, text: str, where: str) -> None:
        super().assign(name, text, where)
        self.assignments.append(Assignment(name, text, where))


class Recorder(Reader):
    """Reads as `Reader` does, but keeps everything it comes across."""

    def __init__(self) -> None:
        super().__init__(Config())
        self._draft: _Log = _Log(Config())
        self._found: list[tuple[str, Found]] = []
        self._texts: dict[str, str] = {}
        self._included_by: dict[str, list[str]] = {}  # path -> the files it was included by
        self._paths: list[str] = []
        self._updates: dict[str, Edit] = {}
        self._has_bare_returns = False

    def reading(self) -> Reading:
        """What was read; the recorder is of no more use."""
        found = tuple(dict.fromkeys(self._found))  # a file that is included twice is wrong once
        return Reading(
            config=self._draft.table(),
            assignments=tuple(self._draft.assignments),
            found=found,
            texts=self._texts,
            files=tuple(self._included_by),
            includers=self._includers(),
            updates=self._updates,
            is_cut=self._has_enough(),
            has_bare_returns=self._has_bare_returns,
        )

    def read(self, text: str, path: str) -> None:
        self._included_by.setdefault(path, []).extend(self._paths[-1:])
        texts = pieces(text)
        places = [f"{path}:{number}" for number, _ in numbered(texts)]
        for where, line in zip(places, texts, strict=True):
            self._texts.setdefault(where, line)
        if not self._paths:
            self._has_bare_returns = len(set(places)) < len(places)
            self._updates = {
                where: Edit(where, () if new is None else (new.rstrip("\r\n"),))
                for where, old, new in zip(places, texts, update.updated(texts), strict=True)
                if new != old and old.lstrip(" \t")[:1] != "#"
            }
        self._paths.append(path)
        super().read(text, path)
        self._paths.pop()

    def _is_done(self, *_: object) -> bool:
        return False  # each line is looked at alone

    def _mistake(self, error: ValueError, text: str, where: str) -> None:
        super()._mistake(error, text, where)
        key, value = assignment(text)
        comment = not_a_comment(key, value)
        is_noted = comment and self._found[-1:] == [("trailing-comment", _comment(key, value, where))]
        if is_noted and self._is_meant(key, value.removesuffix(comment).rstrip(" \t"), where):
            self._found[-1] = ("trailing-comment", _moved(comment, text, where, str(error)))
        else:
            self._found.append((self._rule(text, key), Found(where, str(error), getattr(error, "part", ""))))

    def _is_meant(self, key: str, value: str, where: str) -> bool:
        """Whether `key` takes `value`, which it is given then."""
        try:
            self._draft.assign(key, value, where)
        except ValueError:
            return False
        return True

    def _without_effect(self, line: str, text: str, where: str) -> None:
        super()._without_effect(line, text, where)
        key = line.partition("=")[0].strip(" \t")
        near = f"lxc.{key[4:]}" if f"lxc.{key[4:]}" in Config.KEYS else meant(key, Config.KEYS)
        hint = correction(key, near)
        message = f"this line has no effect, for it does not begin with 'lxc.'{hint}"
        self._found.append(("ignored-line", Found(where, message, key)))

    def _not_a_comment(self, key: str, value: str, text: str, where: str) -> None:
        super()._not_a_comment(key, value, text, where)
        self._found.append(("trailing-comment", _comment(key, value, where)))

    def _rule(self, text: str, key: str) -> str:
        """The name of the rule for the line `text`, which was refused."""
        if "=" not in text or "\0" in text:
            return "no-assignment"
        if key == "lxc.include":
            return "include-unreadable"
        if legacy.name_now(key) or key in legacy.GONE:
            return "legacy-key"
        try:
            row, subkey = Config.find(key)
        except ValueError:
            return "unknown-key"
        rival = getattr(row, "rival", "")
        if rival and self._draft.values.get(rival):
            return "rival-keys"
        return _of_network(row, subkey, self._draft) if isinstance(row, Numbered) else "bad-value"

    def _includers(self) -> dict[str, str]:
        """Included file -> "file:line" of the first line that includes it."""
        lines: dict[str, list[tuple[str, str]]] = {}
        for where, text in self._texts.items():
            key, value = assignment(text) if "include" in text else ("", "")
            if key == "lxc.include" and value:
                lines.setdefault(where.rpartition(":")[0], []).append((value, where))
        return {
            path: next((where for value, where in lines.get(by[0], ()) if path.startswith(value)), by[0])
            for path, by in self._included_by.items()
            if by
        }


def record(path: str, text: str | None = None) -> Reading:
    """Read the file at `path`, or `text` as if it had been there.  Raises OSError, ValueError."""
    recorder = Recorder()
    recorder.read(read(path) if text is None else text, path)
    return recorder.reading()


def _of_network(row: Numbered, subkey: str, draft: Draft) -> str:
    number, _, key = subkey.partition(".")
    if not number.isdecimal() or (key and key not in row.table.KEYS):
        return "unknown-key"
    member = draft.values.get(row.name, {}).get(int(number)) or row.table()
    return "other-network-type" if key and member.refuses(key) else "bad-value"


def _comment(key: str, value: str, where: str) -> Found:
    return Found(where, WHAT_IS_A_COMMENT, not_a_comment(key, value))


def _moved(comment: str, text: str, where: str, why: str) -> Found:
    """The finding for a comment behind a value, and the comment on a line of its own."""
    line = text.rstrip("\r\n")
    indent = line[: len(line) - len(line.lstrip())]
    rest = line.rstrip(" \t").removesuffix(comment).rstrip(" \t")
    edits = (Edit(where, (f"{indent}{comment}", rest)),) if rest != line else ()
    return Found(where, f"{WHAT_IS_A_COMMENT}; so it is wrong: {why}", comment, edits)
