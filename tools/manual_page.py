"""Manual pages in the macros of man(7), straight from the tables: of a command, of all of them together, of lxc.conf."""

from __future__ import annotations

from lxc.cli.help import invocation, synopsis
from lxc.config import manual
from lxc.config import system as keys
from lxc.release import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lxc.cli.options import Command, Option

OVERVIEW = (
    "A container is a group of processes with a root file system, process ids, network, users and limits of its own, on the kernel of the host. "
    "LXC makes, starts, looks after and removes containers.",
    "Each container has a name, and a directory of that name below LXCPATH, in which are its configuration and, as a rule, its root file system. "
    "What is in the configuration says lxc.container.conf(5), what holds for all containers lxc.system.conf(5).",
    "While a container runs, it has a monitor, a process of the host that its first process is the child of. The other commands ask the monitor.",
    "Ordinary users have containers, too, with the ids that subuid(5) and subgid(5) give them; `lxc-checkconfig --user` tells what is missing for that. "
    "The network devices that they may have on the host's bridges says lxc-usernet(5).",
    "A command is run by its user's fork server, if there is one, which saves an interpreter's start; it ends after five idle minutes. "
    "With LXC_FORKSERVER=0 in the environment a command does without.",
)
SYSTEM = (
    "Each line is `key = value`. The first one that gives a key a value counts; what is not a key that follows is passed over. "
    "lxc-config prints what holds.",
)
FILES = (
    ("/etc/lxc/lxc.conf", "Settings for root's containers."),
    ("~/.config/lxc/lxc.conf", "The same for a user who is not root."),
    ("/etc/lxc/default.conf", "Configuration that lxc-create begins with, for root."),
    ("~/.config/lxc/default.conf", "The same for a user who is not root."),
)


def overview(commands: list[Command]) -> Iterator[str]:
    """The lines of the manual page of all of them together, lxc(7)."""
    yield f'.TH LXC 7 "" "lxcpy {VERSION}" "Overview"'
    yield from (".SH NAME", "lxc \\- Linux containers", ".SH DESCRIPTION")
    yield from _paragraphs(OVERVIEW)
    yield ".SH COMMANDS"
    for command in commands:
        yield from (".TP", f"\\fB{_escaped(command.tool)}\\fR(1)", _escaped(command.summary))
    yield ".SH FILES"
    yield from _terms((*FILES, *manual.FILES))
    yield from (".SH SEE ALSO", "lxc.container.conf(5), lxc.system.conf(5), lxc\\-usernet(5), lxc\\-user\\-nic(1)")


def system() -> Iterator[str]:
    """The lines of the manual page of lxc.conf, lxc.system.conf(5)."""
    yield f'.TH LXC.SYSTEM.CONF 5 "" "lxcpy {VERSION}" "File formats"'
    yield from (".SH NAME", "lxc.system.conf \\- settings for all containers of a user", ".SH DESCRIPTION")
    yield from _paragraphs(SYSTEM)
    yield ".SH KEYS"
    yield from _terms((key, what.replace("`", "")) for key, what in keys.DOCS.items())
    yield ".SH FILES"
    yield from _terms(FILES[:2])
    yield from (".SH SEE ALSO", "lxc(7), lxc\\-config(1), lxc.container.conf(5)")


def roff(command: Command) -> Iterator[str]:
    """The lines of the manual page of a command."""
    yield f'.TH {command.tool.upper()} 1 "" "lxcpy {VERSION}" "User commands"'
    yield from (".SH NAME", f"{_escaped(command.tool)} \\- {_escaped(_phrase(command.summary))}")
    yield from (".SH SYNOPSIS", ".nf", _escaped(synopsis(command)), ".fi")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(filter(None, (command.summary, *command.description.split("\n\n"))))
    yield ".SH OPTIONS"
    options = command.arguments.OPTIONS
    for heading in dict.fromkeys(option.group for option in options):
        if heading != "Options":
            yield f".SS {_escaped(heading)}"
        listed = (option for option in options if option.group == heading)
        yield from _terms((invocation(option).strip(), _help(command, option)) for option in listed)
    yield ".SH EXIT STATUS"
    yield from _terms(command.exits)
    if command.examples:
        yield ".SH EXAMPLES"
        yield from _terms(command.examples)
    yield from (".SH SEE ALSO", _escaped(", ".join(("lxc.container.conf(5)", *command.see_also))))


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from (".PP", _escaped(text))


def _terms(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in pairs:
        yield from (".TP", f"\\fB{_escaped(term)}\\fR", _escaped(meaning))


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
