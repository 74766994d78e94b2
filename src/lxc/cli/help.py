"""What --help and --usage print: the option table as text."""

from __future__ import annotations

import textwrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.cli.options import Command, Option

_WIDTH, _INDENT, _PER_LINE = 80, 27, 4


def help_text(command: Command) -> str:
    """All about the command's options, for a terminal."""
    options = command.arguments.OPTIONS
    parts = [f"Usage: {synopsis(command)}", textwrap.fill(f"{command.tool} {_lower(command.summary)}", _WIDTH)]
    for heading in dict.fromkeys(option.group for option in options):
        parts.append("\n".join((f"{heading}:", *(_entry(option) for option in options if option.group == heading))))
    parts.append(f"See {command.tool}(1) for more.")
    return "\n\n".join(parts) + "\n"


def usage_text(command: Command) -> str:
    """All options in brackets, a few on each line."""
    words = [f"[{_short(option)}--{option.long}{_argument(option)}]" for option in command.arguments.OPTIONS]
    lines = [" ".join(words[at : at + _PER_LINE]) for at in range(0, len(words), _PER_LINE)]
    return f"Usage: {command.tool} " + "\n\t".join(lines) + "\n"


def synopsis(command: Command) -> str:
    """The command as one would type it."""
    name = "[-n] NAME" if command.name == "required" else ""
    required = [_example(option) for option in command.arguments.OPTIONS if option.required]
    return " ".join(word for word in (command.tool, name, *required, "[OPTION]...", command.operands) if word)


def invocation(option: Option) -> str:
    """The option's names with its argument, as a list of options shows them."""
    short = f"-{option.short}, " if option.short else "    "
    return f"{short}--{option.long}{_argument(option)}"


def _entry(option: Option) -> str:
    name = f"  {invocation(option)}"
    text = textwrap.wrap(option.help, _WIDTH - _INDENT)
    first = [name] if len(name) >= _INDENT - 1 else [f"{name:<{_INDENT}}{text.pop(0)}"]
    return "\n".join([*first, *(" " * _INDENT + line for line in text)])


def _argument(option: Option) -> str:
    if option.optional:
        return f"[={option.argument}]"
    return f"={option.argument}" if option.argument else ""


def _short(option: Option) -> str:
    return f"-{option.short}|" if option.short else ""


def _example(option: Option) -> str:
    return f"-{option.short} {option.argument}" if option.short else f"--{option.long}={option.argument}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
