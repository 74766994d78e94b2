"""What a command's options are: one row that parses, explains and completes itself.

A command's table is a class whose attributes are rows:

    class WaitArguments(Arguments):
        timeout = value("timeout", "t", "SECONDS", "Give up after SECONDS.", seconds, default=-1)

and everything that knows about options (parser, --help, manual page, shell
completion) walks `WaitArguments.OPTIONS`.  To the type checker
`arguments.timeout` is an int.  The rows common to all commands come from
`Arguments` itself; `Printing` adds --format for the commands that print data.
"""

from __future__ import annotations

from lxc import log, trace
from lxc.errors import UsageError
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar, TypeVar

    from lxc.config.container import Config
    from lxc.runtime.place import Place

    T = TypeVar("T")

COMMON = "Common options"


class Option(Record):
    """A row.  `parse` turns the argument's text into a value, raising ValueError in words.

    An option without `argument` is a switch.  One that is `optional` takes its
    argument only glued to it (-eLIST, --long=LIST) and gets "" otherwise.  `group`
    is the heading it is listed under; `complete` tells the shell what may follow: the
    words themselves, or one of `completion.SOURCES`.  For a FILE or a DIR that needs no telling.
    """

    long: str
    short: str = ""
    argument: str = ""
    help: str = ""
    parse: Callable[[str], Any] = str
    default: Any = None
    many: bool = False
    required: bool = False
    optional: bool = False
    group: str = "Options"
    complete: str | tuple[str, ...] = ""

    def __get__(self, arguments: Arguments | None, owner: type) -> Any:
        return self if arguments is None else arguments.values.get(self.long, self.default)

    @property
    def names(self) -> str:
        """As a message calls it: `--timeout` or `-t, --timeout`."""
        return f"-{self.short}, --{self.long}" if self.short else f"--{self.long}"

    def assign(self, old: Any, text: str) -> Any:
        """The value after one more use of the option.  Raises ValueError."""
        new = self.parse(text) if self.argument else True
        return (*(old or ()), new) if self.many else new


def switch(long: str, short: str, doc: str, group: str = "Options") -> bool:
    """An option that is given or not."""
    return Option(long, short, "", doc, default=False, group=group)  # type: ignore[return-value]  # a descriptor


def text(long: str, short: str, argument: str, doc: str, **more: Any) -> str:
    """An option with any text for an argument ("" if not given), of which the last use counts."""
    return Option(long, short, argument, doc, str, "", **more)  # type: ignore[return-value]


def texts(long: str, short: str, argument: str, doc: str, **more: Any) -> tuple[str, ...]:
    """An option with any text for an argument, of which all uses count."""
    return Option(long, short, argument, doc, str, (), many=True, **more)  # type: ignore[return-value]


def value(long: str, short: str, argument: str, doc: str, parse: Callable[[str], T], *, default: Any, **more: Any) -> T:
    """An option whose argument `parse` understands, of which the last use counts."""
    return Option(long, short, argument, doc, parse, default, **more)  # type: ignore[return-value]


def values(long: str, short: str, argument: str, doc: str, parse: Callable[[str], T], **more: Any) -> tuple[T, ...]:
    """An option whose argument `parse` understands, of which all uses count."""
    return Option(long, short, argument, doc, parse, (), many=True, **more)  # type: ignore[return-value]


def whole(text: str) -> int:
    """A whole number, which may be negative."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, got {text!r}") from None


def natural(text: str) -> int:
    """A whole number from 0 on."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"expected a whole number from 0 on, got {text!r}")
    return int(text)


def identity(text: str) -> int:
    """The number of a user or group; the largest of 32 bits is nobody's: to the kernel it means that none is given."""
    from lxc.values.plain import ID_MAX

    number = natural(text)
    if number > ID_MAX:
        raise ValueError(f"expected a number from 0 to {ID_MAX}, got {text!r}")
    return number


def one_of(*words: str) -> Callable[[str], str]:
    """One of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected {' or '.join(words)}, got {text!r}")
        return text

    return parse


class OptionTable:
    """Its subclasses' options, those of the subclass first."""

    OPTIONS: ClassVar[tuple[Option, ...]]
    NAMES: ClassVar[dict[str, Option]]  # "--timeout" and "-t"
    WITHOUT: ClassVar[tuple[str, ...]] = ()  # options of the classes above that a subclass does not take

    def __init_subclass__(cls) -> None:
        rows: dict[str, Option] = {}
        for owner in cls.__mro__:
            for option in vars(owner).values():
                if isinstance(option, Option):
                    rows.setdefault(option.long, option)
        cls.OPTIONS = tuple(option for option in rows.values() if option.long not in cls.WITHOUT)
        cls.NAMES = {f"--{option.long}": option for option in cls.OPTIONS}
        cls.NAMES |= {f"-{option.short}": option for option in reversed(cls.OPTIONS) if option.short}


class Arguments(OptionTable):
    """What a command line said: the options' values, and in `operands` the words that are neither option nor name.

    Everything that can be asked without an option in the table is a property here.
    """

    name = text("name", "n", "NAME", "Name of the container.", group=COMMON, complete="container")
    help = switch("help", "h", "Print this help.", COMMON)
    usage = switch("usage", "", "Print all options on a few lines.", COMMON)
    version = switch("version", "", "Print the version of LXC whose interface this is.", COMMON)
    quiet = switch("quiet", "q", "Print no messages.", COMMON)
    logfile = text("logfile", "o", "FILE", "Append the log to FILE.", group=COMMON)
    logpriority = value(
        "logpriority", "l", "LEVEL",
        "Log messages of LEVEL and above (default: error), without -o to the container's own log file.",
        log.level, default=-1, group=COMMON, complete=tuple(name for name in log.LEVELS if name != "ALERT"),
    )  # fmt: skip
    lxcpaths = texts("lxcpath", "P", "PATH", "Directory of the containers.", group=COMMON, complete="dir")
    rcfile = text("rcfile", "", "FILE", "Use FILE, not the container's own configuration.", group=COMMON)
    trace = text(
        "trace",
        "",
        "FILE",
        "Write how long each phase takes to FILE, for chrome://tracing or ui.perfetto.dev.",
        group=COMMON,
    )

    def __init__(self, values: dict[str, Any] | None = None, operands: tuple[str, ...] = ()) -> None:
        self.values, self.operands = values or {}, operands
        self._config: Config | None = None
        self._place: Place | None = None
        self.warnings: tuple[str, ...] = ()  # lines of the configuration without effect, once it was asked for

    @property
    def lxcpath(self) -> str:
        """The directory given by -P, as given but without trailing slashes; else the system configuration's."""
        if self.lxcpaths and self.lxcpaths[0]:
            return self.lxcpaths[0].rstrip("/") or "/"
        from lxc.config import system

        return system.get("lxc.lxcpath")

    @property
    def config(self) -> Config:
        """The configuration of --rcfile, else of the container; an empty one if it has none.  Raises ConfigError, OSError.

        The container's own is read even if --rcfile replaces it: one that is wrong is an error all the same.
        """
        if self._config is None:
            from lxc.config import container, document

            trace.phase("read the configuration")
            own = document.load(self.place.config_file) if self.place.is_defined else (container.Config(), None)
            self._config, file = document.load(self.rcfile, is_stream=True) if self.rcfile else own
            self.warnings = file.warnings if file else ()
            trace.phase("")
        return self._config

    @property
    def place(self) -> Place:
        """The container this command line is about.  Raises UsageError for a name that no container can have."""
        if self._place is None:
            from lxc.runtime.place import place

            self._place = place(self.name, self.lxcpath)
        return self._place


class Printing(Arguments):
    """The arguments of a command that prints data."""

    format = value(
        "format",
        "",
        "FORMAT",
        "Print as text (default), or as JSON for programs.",
        one_of("text", "json"),
        default="text",
        complete=("text", "json"),
    )


def superfluous(words: Sequence[str], hint: str = "") -> UsageError:
    """What to raise for `words` that mean nothing to a command: whoever wrote them takes them for something."""
    return UsageError(f"{words[0]!r}: expected no more words", hint=hint)


class Command(Record):
    """All about a command but what it does.

    `operands` is what may follow the name, as the synopsis shows it.  `name` says whether the first operand is the
    container's name: "required", or "none".  `containers` are those the shell offers: running, stopped, frozen,
    defined, all or none.  `many_paths` allows -P more than once.  `check` raises UsageError for options that do not go
    together; `more_help` gives the end of --help, from the options before it.  `description` is paragraphs of plain
    text, separated by empty lines.
    """

    tool: str
    arguments: type[Arguments]
    summary: str
    description: str = ""
    operands: str = ""
    name: str = "required"
    containers: str = "all"
    many_paths: bool = False
    complete: str | tuple[str, ...] = ""
    complete_next: str = ""  # the same for the word after the container's name
    check: Callable[[Any], None] = lambda arguments: None
    more_help: Callable[[dict[str, Any]], str] = lambda given: ""
    helps_on_stdout: bool = False  # as the few do that LXC has written otherwise than its others
    exits: tuple[tuple[str, str], ...] = (("0", "Done."), ("1", "An error; a message says which."))
    examples: tuple[tuple[str, str], ...] = ()
    see_also: tuple[str, ...] = ()
