"""lxc-top: what the running containers use, as it changes."""

from __future__ import annotations

import os
import time
from select import POLLIN, poll

from lxc.cli import output
from lxc.cli.options import Command, Printing, switch, value
from lxc.cli.sizes import in_units
from lxc.errors import LxcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lxc.cgroups.statistics import Detail

_CLEAR, _BOLD, _PLAIN = "\33[H\33[J", "\33[7m\33[1m", "\33[0m"
_FRAME = "%-18s %12s %12s %12s %36s %10s"
_NAME_WIDTH = 18
_WIDTH = 127  # columns of a line, if it has all that there may be
_AROUND = 3  # lines that are not containers
_TICKS = 100  # a second
_DELAY, _BATCH_DELAY = 3.0, 300.0
_COLUMNS = (
    "time_ms", "container", "cpu_nanos", "cpu_sys_userhz", "cpu_user_userhz", "blkio_bytes", "blkio_iops", "mem_used_bytes",
    "memsw_used_bytes", "kernel_mem_used_bytes",
)  # fmt: skip
_VALUES: dict[str, Callable[[Detail], int]] = {
    "c": lambda it: it.cpu_ns,
    "b": lambda it: it.io_bytes,
    "m": lambda it: it.memory_bytes,
    "s": lambda it: it.memory_and_swap_bytes,
    "k": lambda it: it.kernel_bytes,
}


_OPTIONAL = {"MemSw": "memory_and_swap_bytes", "KMem": "kernel_bytes"}  # columns; without bytes they are left out


def order(text: str) -> str:
    """n(ame), c(pu), b(lkio), m(emory), s(wap, with memory) or k(ernel memory)."""
    if text[:1] not in ("n", *_VALUES):
        raise ValueError(f"expected name, cpu, blkio, memory, swap or kernel, or its first letter, got {text!r}")
    return text[0]


def seconds(text: str) -> float:
    """A number of seconds, more than none."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1e6:
        raise ValueError(f"expected a number of seconds above 0, got {text!r}")
    return number


class TopArguments(Printing):
    delay = value(
        "delay", "d", "SECONDS", "Time between two looks (default: 3; in batch mode 300).", seconds, default=0.0
    )
    batch = switch("batch", "b", "Print lines of values, separated by commas, for programs.")
    sort = value(
        "sort", "s", "ORDER", "By n(ame), c(pu), b(lkio), m(emory), s(wap) or k(ernel memory).", order, default="n"
    )
    reverse = switch("reverse", "r", "The other way round.")


COMMAND = Command(
    "lxc-top",
    TopArguments,
    summary="Shows what the running containers use: processor, disks, memory.",
    description="Names are sorted upwards, what is used downwards. The keys n c b m s k choose by what; the same again, or r, turns "
    "the order round; q ends.\n\n"
    "In batch mode a line is printed for each container and look; with --format json, which is a batch mode, too, a line "
    "for each look, an array of objects with the same names. Sizes are in bytes, times in what their names say; "
    "userhz is a hundredth of a second. On hosts of the unified layout memsw is the swap space alone.\n\n"
    "A container without a control group that its monitor's user may have, as that of an ordinary user who has been delegated none, "
    "is counted by nobody: its numbers are 0, and it is named below the table; in batch mode once, on standard error.",
    name="none",
    containers="none",
    many_paths=True,
    exits=(("0", "It was ended."), ("1", "It could not begin: standard input is no terminal.")),
    examples=(("lxc-top -s m", "Shows who has most memory first."), ("lxc-top -b -d 60", "Prints a line a minute.")),
    see_also=("lxc-info(1)", "lxc-cgroup(1)"),
)


def run(arguments: TopArguments) -> int:
    if arguments.batch or arguments.format == "json":
        _print(arguments)
        return 0
    if not os.isatty(0):
        raise LxcError("Failed to setup terminal: stdin is not a tty", hint="-b prints for programs")
    _show(arguments)
    return 0


def _print(arguments: TopArguments) -> None:
    """Until nobody reads it any more."""
    from lxc.runtime import statistics

    if arguments.format == "text":
        output.lines([",".join(_COLUMNS)])
    told: set[str] = set()
    while True:
        now_ms, found = int(time.time() * 1000), statistics.details(arguments.lxcpath)
        if (fresh := {name for name, it in found.items() if not it.is_counted} - told) and not arguments.quiet:
            output.lines([f"lxc-top: {_uncounted(fresh)}"], output.STDERR)
            told |= fresh
        names = sort(found, arguments.sort, arguments.reverse)
        table: list[tuple[int | str, ...]] = [(now_ms, name, *_numbers(found[name])) for name in names]
        if arguments.format == "json":
            output.json([dict(zip(_COLUMNS, row, strict=True)) for row in table], indent=None)
        else:
            output.lines(",".join(map(str, row)) for row in table)
        time.sleep(arguments.delay or _BATCH_DELAY)


def _numbers(it: Detail) -> tuple[int, ...]:
    return (
        it.cpu_ns, it.system_ticks, it.user_ticks, it.io_bytes, it.operations, it.memory_bytes, it.memory_and_swap_bytes,
        it.kernel_bytes,
    )  # fmt: skip


def _show(arguments: TopArguments) -> None:
    from lxc.kernel import tty
    from lxc.runtime import statistics
    from lxc.terminal import ours

    by, reverse = arguments.sort, arguments.reverse
    tty.restore(0, tty.settings(0))  # stops us in the background, as whoever fills the screen
    with ours.changed(0, tty.make_keys):
        waiter = poll()
        waiter.register(0, POLLIN)
        while True:
            found = statistics.details(arguments.lxcpath)
            output.write(_CLEAR + "\n".join(screen(found, sort(found, by, reverse), room(tty.window_size(0)))))
            waiter.poll((arguments.delay or _DELAY) * 1000)
            if not waiter.poll(0):  # or it was read by the shell, which had the terminal before we were continued
                continue
            key = os.read(0, 1).decode(errors="replace")
            if key in ("q", ""):
                output.write("\n")
                return
            if key == "r" or key == by:
                reverse = not reverse
            elif key == "n" or key in _VALUES:
                by, reverse = key, False


def sort(found: dict[str, Detail], by: str, reverse: bool) -> list[str]:
    """The names, in the order to show them: names upwards, values downwards, or the other way round."""
    if by == "n":
        return sorted(found, reverse=reverse)
    return sorted(found, key=lambda name: (_VALUES[by](found[name]), name), reverse=not reverse)


def room(window: bytes) -> int:
    """How many containers a window of that `struct winsize` has room for: on a narrow one each line takes several rows."""
    rows, columns = (int.from_bytes(window[at : at + 2], "little") for at in (0, 2))
    return rows // -(-_WIDTH // (columns or _WIDTH)) - _AROUND


def screen(found: dict[str, Detail], names: list[str], rows: int) -> Iterator[str]:
    """The lines of the screen, with at most `rows` containers."""
    more = [column for column, field in _OPTIONAL.items() if any(getattr(it, field) for it in found.values())]
    frame = _FRAME + " %10s" * len(more)
    yield _BOLD + frame % ("Container", "CPU", "CPU", "CPU", "BlkIO", "Mem", *more)
    yield frame % ("Name", "Used", "Sys", "User", "Total(Read/Write)", "Used", *("Used" for _ in more))
    uncounted = [name for name in names if not found[name].is_counted]
    shown = names[: max(rows - bool(uncounted), 0)]
    lines = [_row(frame, name, [found[name]], more) for name in shown]
    lines.append(_row(frame, f"TOTAL {len(shown)} of {len(names)}", list(found.values()), more))
    yield _PLAIN + lines[0]
    yield from lines[1:]
    if uncounted:
        yield _uncounted(uncounted)[: _WIDTH - 1]


def _uncounted(names: Iterable[str]) -> str:
    """Why these have used nothing, it seems."""
    return f"not counted, for they have no control groups of their own: {output.printable(', '.join(sorted(names)))}"


def _row(frame: str, name: str, those: list[Detail], more: list[str]) -> str:
    def sum_of(field: str) -> int:
        return sum(getattr(it, field) for it in those)

    times = (sum_of("cpu_ns") / 1e9, sum_of("system_ticks") / _TICKS, sum_of("user_ticks") / _TICKS)
    sizes = [humanized(sum_of(field)) for field in ("io_bytes", "read_bytes", "written_bytes")]
    return frame % (
        output.printable(name[:_NAME_WIDTH]),
        *(f"{each:.2f}" for each in times),
        f"{sizes[0]}({sizes[1]}/{sizes[2]})",
        humanized(sum_of("memory_bytes")),
        *(humanized(sum_of(_OPTIONAL[column])) for column in more),
    )


def humanized(size: int) -> str:
    """`size` in the largest unit that it exceeds, ten characters wide."""
    wholes, hundredths, unit = in_units(size)
    return f"{wholes:3}.{hundredths:02} {unit:3}" if unit else f"{size:3}.00   "
