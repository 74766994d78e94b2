"""lxc-ls: which containers there are, as names, as a table, or as JSON."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import Command, Printing, superfluous, switch, text, value
from lxc.record import Record
from lxc.runtime.lists import inventory
from lxc.runtime.lists.inventory import Choice, Row
from lxc.runtime.place import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxc.cli.output import Plain
    from lxc.errors import LxcError

DEFAULT_DEPTH = 5
_MIB = 1 << 20
_LEAST_NAME, _LEAST_SIZE = len("NAME"), len("0.00")  # columns' widths, as LXC has them even if nothing is that wide


class Column(Record):
    """A column of the table: `show` gives a cell's text, "" for what is missing; `plain` the same for programs."""

    show: Callable[[Row], str]
    plain: Callable[[Row], Plain]
    is_size: bool = False


def _listed(field: str) -> Column:
    return Column(lambda row: ", ".join(getattr(row, field)), lambda row: list(getattr(row, field)))


def _size(field: str) -> Column:
    def show(row: Row) -> str:
        used: int | None = getattr(row, field)
        return "" if row.state == "STOPPED" else f"{(used or 0) / _MIB:.2f}"

    return Column(show, lambda row: getattr(row, field), is_size=True)


COLUMNS = {
    "NAME": Column(lambda row: _indented(row), lambda row: row.name),
    "STATE": Column(lambda row: row.state, lambda row: row.state),
    "PID": Column(lambda row: str(row.pid or ""), lambda row: row.pid),
    "RAM": _size("ram"),
    "SWAP": _size("swap"),
    "AUTOSTART": Column(lambda row: _word(row.autostart, "0", "1"), lambda row: row.autostart),
    "GROUPS": Column(
        lambda row: ", ".join(row.groups),
        lambda row: [group for line in row.groups for group in line.split(",") if group],
    ),
    "INTERFACE": _listed("interface"),
    "IPV4": _listed("ipv4"),
    "IPV6": _listed("ipv6"),
    "UNPRIVILEGED": Column(lambda row: _word(row.unprivileged, "false", "true"), lambda row: row.unprivileged),
}
DEFAULT_COLUMNS = ("NAME", "STATE", "AUTOSTART", "GROUPS", "IPV4", "IPV6", "UNPRIVILEGED")


def columns(words: str) -> tuple[str, ...]:
    """Names of columns, separated by commas."""
    return tuple(word.strip(" \t").upper() for word in words.split(","))


def depth(number: str) -> int:
    """How many levels; what is no such number means the default."""
    return int(number) if number.isascii() and number.isdecimal() else DEFAULT_DEPTH


def groups(words: str) -> tuple[str, ...]:
    """Names of groups, separated by commas."""
    return tuple(word for word in words.split(",") if word)


class LsArguments(Printing):
    line = switch("line", "1", "Print one name on each line.")
    fancy = switch("fancy", "f", "Print a table.")
    columns = value(
        "fancy-format",
        "F",
        "COLUMN[,COLUMN...]",
        f"With -f: columns of the table, of {', '.join(COLUMNS)} (default: {','.join(DEFAULT_COLUMNS)}).",
        columns,
        default=DEFAULT_COLUMNS,
        complete=tuple(COLUMNS),
    )
    active = switch("active", "", "List those that run, or are frozen.")
    running = switch("running", "", "List those that run, or are frozen.")
    frozen = switch("frozen", "", "List those that are frozen.")
    stopped = switch("stopped", "", "List those that are stopped.")
    defined = switch("defined", "", "List those that have a configuration.")
    nesting = value(
        "nesting",
        "",
        "N",
        f"List containers in containers, too, down to N levels (default: {DEFAULT_DEPTH}).",
        depth,
        default=0,
        optional=True,
    )
    filter = text("filter", "", "REGEX", "List those whose name matches the extended regular expression REGEX.")
    groups = value(
        "groups",
        "g",
        "GROUP[,GROUP...]",
        "List those that are in all of these groups.",
        groups,
        default=(),
        complete="groups",
    )


def check(arguments: LsArguments) -> None:
    words = arguments.operands if arguments.filter else arguments.operands[1:]
    if words:
        raise superfluous(words, hint="one expression is for all: 'web|db'")


COMMAND = Command(
    "lxc-ls",
    LsArguments,
    summary="Lists containers.",
    description="Without options the names of all containers are printed, in columns on a terminal. "
    "Options that choose containers narrow the choice when they are combined. REGEX may be given without --filter.\n\n"
    "What is in running containers (--nesting) is what they say of themselves. Of a container in a container the "
    "groups, autostart and unprivileged are those that its configuration file itself assigns.\n\n"
    "With --format json the answer is an array of objects. Each has the columns of the table as fields, in lower case: "
    "name, state, pid, ram (bytes), swap (bytes), autostart, groups, interface, ipv4, ipv6, unprivileged; with "
    "--nesting also within, the names of the containers it is in. Of these -F chooses; what is not known is null, or an "
    "empty array.",
    operands="[REGEX]",
    check=check,
    name="none",
    containers="none",
    exits=(("0", "Done, even if there are none."), ("1", "An error; a message says which.")),
    examples=(
        ("lxc-ls -f", "Prints a table of all containers."),
        ("lxc-ls --running -1", "Prints the names of those that run, one on each line."),
        ("lxc-ls -f -F NAME,PID,RAM '^web'", "Prints three columns of those whose name begins with web."),
    ),
    see_also=("lxc-info(1)", "lxc-monitor(1)", "lxc-top(1)"),
)


def run(arguments: LsArguments) -> int:
    is_table = arguments.fancy or arguments.format == "json"
    shown = arguments.columns if is_table else ()
    unknown = [name for name in shown if name not in COLUMNS and name]
    if unknown:
        output.lines([f"Invalid key: {unknown[0]}"], output.STDERR)
        return 0
    choice = _choice(arguments, shown)
    if choice is None:
        return 0  # as LXC: an expression that is none matches nothing
    rows = list(_rows(arguments, choice))
    if arguments.format == "json":
        output.json([_as_json(row, shown, within=arguments.nesting > 0) for row in rows])
    elif arguments.fancy:
        output.lines(table(rows, shown) if rows else ())
    elif arguments.line:
        output.lines(_path(row) for row in rows)
    else:
        output.write(in_columns([_path(row) for row in rows], _terminal_width()))
    return 0


def table(rows: list[Row], shown: tuple[str, ...]) -> Iterator[str]:
    """The lines of the table: a blank after each cell, the last one too; sizes to the right, what is missing to the left."""
    sizes = [name in COLUMNS and COLUMNS[name].is_size for name in shown]
    columns = [_cells(name, rows) for name in shown]
    least = [_LEAST_SIZE if is_size else len(name) for name, is_size in zip(shown, sizes, strict=True)]
    widths = [max(at_least, *map(len, cells)) for at_least, cells in zip(least, columns, strict=True)]
    yield "".join(
        f"{name:<{width}}{'  ' if is_size else ''} " for name, width, is_size in zip(shown, widths, sizes, strict=True)
    )
    aligned = [
        [f"{cell:<{width}}  " if cell == "-" else f"{cell:>{width}}MB" for cell in cells] if is_size else cells
        for cells, width, is_size in zip(columns, widths, sizes, strict=True)
    ]
    line = "".join("%s " if is_size else f"%-{width}s " for width, is_size in zip(widths, sizes, strict=True))
    yield from (line % cells for cells in zip(*aligned, strict=True))


def in_columns(names: list[str], width: int) -> str:
    """`names` side by side as far as `width` allows; one below the other if it is 0."""
    longest = max(_LEAST_NAME, *map(len, names)) if names else 0
    per_line = max(1, (width + 1) // (longest + 1))
    lines = [names[at : at + per_line] for at in range(0, len(names), per_line)]
    return "".join(
        " ".join(f"{name:<{longest}}" for name in line) + (" \n" if len(line) < per_line else "\n") for line in lines
    )


def _choice(arguments: LsArguments, shown: tuple[str, ...]) -> Choice | None:
    """What the options choose; None if that is nothing."""
    choice = Choice(
        columns=frozenset(name.lower() for name in shown),
        only_active=arguments.active,
        only_running=arguments.running,
        only_stopped=arguments.stopped,
        only_frozen=arguments.frozen,
        only_defined=arguments.defined,
        groups=arguments.groups,
    )
    pattern = arguments.filter or "".join(arguments.operands)
    if not pattern:
        return choice
    from lxc.kernel.regex import Regex

    try:
        return choice.replace(matches=Regex(pattern).matches)
    except ValueError:
        return None


def _rows(arguments: LsArguments, choice: Choice) -> Iterator[Row]:
    lxcpath = place("lxc-ls", arguments.lxcpath).lxcpath  # absolute, as a container's is

    def complain(error: LxcError) -> None:
        if not arguments.quiet:
            output.lines([f"lxc-ls: {line}" for line in error.lines()], output.STDERR)

    for row in inventory.rows(lxcpath, choice, complain):
        yield row
        if arguments.nesting:
            from lxc.runtime.lists import nested

            yield from nested.rows(place(row.name, lxcpath), row, arguments.nesting, choice)


def _as_json(row: Row, shown: tuple[str, ...], *, within: bool) -> dict[str, Plain]:
    fields = {name.lower(): COLUMNS[name].plain(row) for name in shown if name}
    return fields | {"within": list(row.within)} if within else fields


def _cells(name: str, rows: list[Row]) -> list[str]:
    if not name:
        return [""] * len(rows)
    show = COLUMNS[name].show
    cells = [show(row) or "-" for row in rows]
    return cells if "".join(cells).isprintable() else [output.printable(cell) for cell in cells]


def _indented(row: Row) -> str:
    return "\\".rjust(len(row.within)) + row.name if row.within else row.name


def _path(row: Row) -> str:
    return output.printable("/".join((*row.within, row.name)))


def _word(value: bool | None, no: str, yes: str) -> str:
    return "" if value is None else yes if value else no


def _terminal_width() -> int:
    """The columns of the terminal that is output, error or input; 0 if none is."""
    import os

    for fd in (1, 2, 0):
        try:
            return os.get_terminal_size(fd).columns
        except OSError:
            continue
    return 0
