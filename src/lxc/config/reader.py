"""Reading configuration: lines, the files they include, and every mistake in them."""

from __future__ import annotations

import os

from lxc.config.container import Config
from lxc.config.lines import not_a_comment, pieces, span, unquoted
from lxc.config.table import Draft
from lxc.errors import ConfigError
from lxc.values.words import Misspelt, meant

SIZE_MAX = 1 << 26  # bytes of one file
DEPTH_MAX = 64  # files that include one another
FILES_MAX = 4096  # files read for one configuration
WHAT_IS_A_COMMENT = "this belongs to the value, for only a line that begins with '#' is a comment"
MISTAKES_MAX = 1000  # reading ends there: whoever wrote that did not write configuration


class Reader:
    """Fills one configuration from lines; `config()` is the result, or all that was wrong."""

    def __init__(self, base: Config) -> None:
        self.warnings: list[str] = []
        self._mistakes: list[str] = []
        self._first = ""  # place of the first mistake
        self._draft = Draft(base)
        self._open: list[str] = []  # the files being read, each included by the one before
        self._files = 0

    def config(self) -> Config:
        """The configuration.  Raises ConfigError with all mistakes."""
        if self._mistakes:
            raise ConfigError(*self._mistakes, where=self._first)
        config: Config = self._draft.table()
        return config

    def lines(self, texts: tuple[str, ...] | list[str], path: str) -> None:
        """Read `texts`, the lines of the file at `path`."""
        self._open.append(os.path.realpath(path))
        assign = self._draft.assign
        number, step = 0, 1
        for text in texts:
            number += step
            step = 0 if text[-1] == "\r" else 1  # a line that ends so is a part of the line editors show
            line = text.strip(" \t\r\n")
            if not line or line[0] == "#":
                continue
            where = f"{path}:{number}"
            if line[:4] != "lxc.":
                self._without_effect(line, text, where)
                continue
            key, equals, value = line.partition("=")
            key, value = key.rstrip(" \t"), value.lstrip(" \t")
            if "#" in value and value == unquoted(value) and not_a_comment(key, value):
                self._not_a_comment(key, value, text, where)
            if value and value[0] in "'\"":
                value = unquoted(value)
            try:
                if not equals or "\0" in line:
                    _refuse(line)
                if key == "lxc.include":
                    self._include(value)
                else:
                    assign(key, value, where)
            except ValueError as error:
                self._mistake(error, text, where)
                if len(self._mistakes) >= MISTAKES_MAX:
                    break
        self._open.pop()

    def _include(self, value: str) -> None:
        for path in _included(value):
            real = os.path.realpath(path)
            if real in self._open:
                loop = " → ".join((*self._open[self._open.index(real) :], real))
                raise Misspelt(f"{path} includes itself: {loop}", value)
            if len(self._open) >= DEPTH_MAX:
                raise Misspelt(f"expected at most {DEPTH_MAX} files that include one another", value)
            self._files += 1
            if self._files > FILES_MAX:
                raise Misspelt(f"expected at most {FILES_MAX} files in one configuration", value)
            try:
                text = read(path)
            except OSError as error:
                raise Misspelt(f"cannot read {path}: {error.strerror}", value) from error
            self.lines(pieces(text), path)

    def _mistake(self, error: ValueError, text: str, where: str) -> None:
        words = text.partition("=")[0].split()
        column, _ = span(text, getattr(error, "part", ""))
        self._first = self._first or where
        self._mistakes.append(f"{where}:{column}: {words[0] if words else 'lxc.'}: {error}")

    def _without_effect(self, line: str, text: str, where: str) -> None:
        """Note a line LXC passes over in silence, because it does not begin with `lxc.`."""
        if len(self.warnings) >= MISTAKES_MAX or not line.strip(" \t\f"):
            return
        key = line.partition("=")[0].strip(" \t")
        likely = f"lxc.{key[4:]}"
        near = likely if likely in Config.KEYS else meant(key, Config.KEYS) if len(self.warnings) < 10 else ""
        hint = f"; did you mean {near}?" if near else ""
        column = len(text) - len(text.lstrip()) + 1
        self.warnings.append(f"{where}:{column}: {key}: has no effect, for it does not begin with 'lxc.'{hint}")

    def _not_a_comment(self, key: str, value: str, text: str, where: str) -> None:
        """Note a `#` in a value that looks as if a comment were meant."""
        if len(self.warnings) < MISTAKES_MAX:
            comment = not_a_comment(key, value)
            self.warnings.append(f"{where}:{text.index(comment) + 1}: {key}: {WHAT_IS_A_COMMENT}")


def read(path: str) -> str:
    """The text of the file at `path`; bytes that are no UTF-8 come as surrogates.  Raises OSError, ValueError."""
    with open(path, "rb") as file:
        data = file.read(SIZE_MAX + 1)
    if len(data) > SIZE_MAX:
        raise ValueError(f"expected a file of at most {SIZE_MAX} bytes, but {path} is larger")
    return data.decode("utf-8", "surrogateescape")


def _included(value: str) -> list[str]:
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


def _refuse(line: str) -> None:
    if "\0" in line:
        raise Misspelt("expected text, got a line with a NUL byte in it", line[:4])
    raise Misspelt("expected 'key = value', but there is no '='", line[:4])
