"""lxc-config: the settings of lxc.conf."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import Command, Printing, superfluous, switch
from lxc.config import system

USAGE = (
    "Usage: lxc-config -l: list all available configuration items",
    "       lxc-config item: print configuration item",
)


class ConfigArguments(Printing):
    WITHOUT = ("name", "quiet", "logfile", "logpriority", "lxcpath", "rcfile")

    list = switch("list", "l", "List the names of all settings.")


def check(arguments: ConfigArguments) -> None:
    words = arguments.operands if arguments.list else arguments.operands[1:]
    if words:
        raise superfluous(words)


COMMAND = Command(
    "lxc-config",
    ConfigArguments,
    summary="Prints the settings of lxc.conf.",
    description="Prints the value of ITEM, a setting of the system's configuration. "
    "The beginning of a name is enough: the first setting of the list that begins so is printed.\n\n"
    "With --format json the answer is an object of names and values; a setting that is not set is null.",
    operands="ITEM",
    check=check,
    name="none",
    containers="none",
    complete=system.LISTED,
    helps_on_stdout=True,
    exits=(("0", "Done."), ("1", "There is no such setting.")),
    examples=(("lxc-config lxc.lxcpath", "Prints where the containers are."),),
)


def run(arguments: ConfigArguments) -> int:
    asked = arguments.operands[0] if arguments.operands else ""
    found = system.LISTED if arguments.list else [key for key in system.LISTED if asked and key.startswith(asked)][:1]
    if arguments.format == "json":
        output.json({key: system.get(key) or None for key in found})
    elif arguments.list:
        output.lines(found)
    elif found:
        output.lines([system.get(found[0]) or f"{found[0]} is not set."])
    elif not asked:
        output.lines(USAGE)
    else:
        output.lines([f"Unknown configuration item: {asked}"])
    return 0 if found or not asked else 1
