"""A command line's words into Arguments: getopt_long(3)'s rules and GNU's error texts.

Each word that is an option goes through getopt.getopt alone, with the word
after it only if it turns out to need that: so options act in the order they are
given (--version before a mistake prints the version), and an optional
argument, which getopt knows no way to declare before Python 3.14, is one that
was needed but not glued on.
"""

from __future__ import annotations

import os
import sys

from lxc.cli.options import Arguments, superfluous
from lxc.cli.output import STDERR, STDOUT
from lxc.errors import UsageError
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lxc.cli.options import Command, Option

_without_gettext = sys.modules.setdefault("gettext", None) is None  # type: ignore[arg-type]  # None: not importable
import getopt  # noqa: E402  # asks for gettext (6 ms), does well without

if _without_gettext:
    del sys.modules["gettext"]

_OWN = frozenset({"dry-run", "format", "persist", "trace"})  # options that LXC has not


class Answer(Record):
    """What the command line asked for was answered by reading it: `text` is to be printed on descriptor `fd`."""

    text: str
    fd: int = STDERR
    status: int = 0


def parse(command: Command, words: Sequence[str]) -> Arguments | Answer:
    """Read the words after the command's name.  Raises UsageError for an argument that its option cannot have."""
    given: dict[str, Any] = {}
    rest = list(words)
    operands: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--" or (operands and "POSIXLY_CORRECT" in os.environ):
            operands += rest if word == "--" else [word, *rest]
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        try:
            found = _options_of(word, rest, command.arguments)
        except getopt.GetoptError as error:
            return _mistake(command, word, error)
        for option, text in found:
            answer = _answer(command, option.long, given) or _assign(command, given, option, text)
            if answer:
                return answer
    return _checked(command, given, operands)


def _options_of(word: str, rest: list[str], table: type[Arguments]) -> list[tuple[Option, str]]:
    """The options that `word` is, with their arguments; takes the first of `rest` if that is one.  Raises GetoptError."""
    whole = table.NAMES.get(word)
    if whole and not whole.argument:
        return [(whole, "")]
    if whole and rest and not whole.optional:
        return [(whole, rest.pop(0))]
    options = _likely(table.OPTIONS, word)
    short = "".join(f"{option.short}:" if option.argument else option.short for option in options if option.short)
    long = [f"{option.long}=" if option.argument else option.long for option in options]
    try:
        pairs = getopt.getopt([word], short, long)[0]
    except getopt.GetoptError as error:
        needy = _needy(options, word, error.opt)
        if not needy or not (needy.optional or rest):
            raise
        pairs = getopt.getopt([word, "" if needy.optional else rest.pop(0)], short, long)[0]
    return [(table.NAMES[name], text) for name, text in pairs]


def _likely(options: Sequence[Option], word: str) -> Sequence[Option]:
    """Without our own options, if the beginning of a long one is unique then: so it is for LXC."""
    beginning = word[2:].partition("=")[0] if word.startswith("--") else ""
    lxcs = [option for option in options if option.long not in _OWN]
    return lxcs if beginning and sum(option.long.startswith(beginning) for option in lxcs) == 1 else options


def _needy(options: Sequence[Option], word: str, name: str) -> Option | None:
    """The option whose missing argument made getopt fail at `name`, if that is why."""
    called = "long" if word.startswith("--") else "short"
    return next((option for option in options if option.argument and getattr(option, called) == name), None)


def _assign(command: Command, given: dict[str, Any], option: Option, text: str) -> Answer | None:
    try:
        given[option.long] = option.assign(given.get(option.long), text)
    except ValueError as error:
        raise UsageError(f"{option.names}: {error}") from error
    if option.long == "lxcpath" and len(given["lxcpath"]) > 1 and not command.many_paths:
        return Answer("This command only accepts 1 -P,--lxcpath arguments\n", status=1)
    return None


def _checked(command: Command, given: dict[str, Any], operands: list[str]) -> Arguments | Answer:
    if command.name == "required" and "name" not in given:
        if not operands:
            return Answer(f"{command.tool}: No container name specified\n", status=1)
        given["name"] = operands.pop(0)
    arguments = command.arguments(given, tuple(operands))
    if operands and not command.operands:
        is_for_one = command.name == "required"
        raise superfluous(operands, hint="one container at a time: call it again for another" if is_for_one else "")
    command.check(arguments)
    return arguments


def _answer(command: Command, name: str, given: dict[str, Any]) -> Answer | None:
    if name == "version":
        from lxc.release import LXC_VERSION

        return Answer(f"{LXC_VERSION}\n", STDOUT)
    if name in ("help", "usage"):
        from lxc.cli import help as texts

        text = texts.usage_text(command) if name == "usage" else texts.help_text(command) + command.more_help(given)
        return Answer(text, STDOUT) if command.helps_on_stdout else Answer(text)
    return None


def _mistake(command: Command, word: str, error: getopt.GetoptError) -> Answer:
    """GNU's words for what getopt(3) prints, and where to look: the help itself would push them out of sight."""
    complaint = _complaint(command.arguments.OPTIONS, word, error.opt)
    return Answer(f"{command.tool}: {complaint}\n  {command.tool} --help explains all options\n", status=1)


def _complaint(options: Sequence[Option], word: str, name: str) -> str:
    if not word.startswith("--"):
        needs_argument = any(option.short == name for option in options)
        return f"option requires an argument -- '{name}'" if needs_argument else f"invalid option -- '{name}'"
    for option in options:
        if option.long == name:
            return f"option '--{name}' " + ("requires an argument" if option.argument else "doesn't allow an argument")
    possible = " ".join(f"'--{option.long}'" for option in options if option.long.startswith(name))
    if possible:
        return f"option '{word}' is ambiguous; possibilities: {possible}"
    from lxc.values.words import meant

    near = meant(name, [option.long for option in options])
    return f"unrecognized option '{word}'{near and f'; did you mean --{near}?'}"
