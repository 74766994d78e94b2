"""A command's manual page, section 1: straight from its option table, in the macros of man(7)."""

from __future__ import annotations

from lxc.cli.help import invocation, synopsis
from lxc.release import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.cli.options import Command, Option


def roff(command: Command) -> str:
    """The manual page."""
    return "\n".join(_lines(command)) + "\n"


def _lines(command: Command) -> Iterator[str]:
    yield f'.TH {command.tool.upper()} 1 "" "lxcpy {VERSION}" "User commands"'
    yield from (".SH NAME", f"{_escaped(command.tool)} \\- {_escaped(_phrase(command.summary))}")
    yield from (".SH SYNOPSIS", ".nf", _escaped(synopsis(command)), ".fi")
    yield ".SH DESCRIPTION"
    for paragraph in (command.summary, *command.description.split("\n\n")):
        if paragraph:
            yield from (".PP", _escaped(paragraph))
    yield ".SH OPTIONS"
    options = command.arguments.OPTIONS
    for heading in dict.fromkeys(option.group for option in options):
        if heading != "Options":
            yield f".SS {_escaped(heading)}"
        for option in options:
            if option.group == heading:
                yield from (".TP", f"\\fB{_escaped(invocation(option).strip())}\\fR", _escaped(_help(command, option)))
    yield ".SH EXIT STATUS"
    for code, meaning in command.exits:
        yield from (".TP", f"\\fB{_escaped(code)}\\fR", _escaped(meaning))
    if command.examples:
        yield ".SH EXAMPLES"
        for line, meaning in command.examples:
            yield from (".TP", f"\\fB{_escaped(line)}\\fR", _escaped(meaning))
    yield from (".SH SEE ALSO", _escaped(", ".join(("lxc.container.conf(5)", *command.see_also))))


def _help(command: Command, option: Option) -> str:
    is_once = option.long == "lxcpath" and not command.many_paths
    return option.help + (" May be given more than once." if option.many and not is_once else "")


def _phrase(sentence: str) -> str:
    """`sentence` as whatis(1) shows it."""
    return sentence[:1].lower() + sentence[1:].removesuffix(".")


def _escaped(text: str) -> str:
    """`text` as roff input: nothing in it is a request, an escape, or not ASCII."""
    escaped = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    )
    escaped = "".join(character if character.isascii() else f"\\[u{ord(character):04X}]" for character in escaped)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
