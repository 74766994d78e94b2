"""lxc-console: sit down at a container's terminal."""

from __future__ import annotations

import os

from lxc.cli import output
from lxc.cli.options import Arguments, Command, natural, value
from lxc.errors import NotRunning
from lxc.runtime import client
from lxc.terminal import session

ANY = -1


def prefix(text: str) -> int:
    """The code of a control key, written as `a` or `^a`."""
    letter = text.removeprefix("^") if len(text) > 1 else text
    if len(letter) != 1 or not (letter.isascii() and letter.isalpha()):
        raise ValueError(f"expected a letter, with or without ^ before it, got {text!r}")
    return ord(letter) & 0x1F


class ConsoleArguments(Arguments):
    tty = value(
        "tty", "t", "N", "Number of the tty; 0 is the console (default: any that is free).", natural, default=ANY
    )
    escape = value(
        "escape",
        "e",
        "KEY",
        "Control key before q to leave, a letter or ^letter (default: ^a).",
        prefix,
        default=prefix("a"),
    )


COMMAND = Command(
    "lxc-console",
    ConsoleArguments,
    summary="Connects to a terminal of a container.",
    description="Takes a tty of the container, if it has configured some with lxc.tty.max and something in it, a getty "
    "say, serves them. Ctrl+a q leaves; whoever is logged in stays logged in. Ctrl+a Ctrl+a is Ctrl+a for the "
    "container.",
    containers="running",
    exits=(("0", "Left, or the container has closed the terminal."), ("1", "It does not run, or no tty is free.")),
    examples=(("lxc-console -n web -t 0", "Connects to the console."),),
    see_also=("lxc-attach(1)", "lxc-start(1)"),
)


def run(arguments: ConsoleArguments) -> int:
    place = arguments.place
    if client.state(place) == "STOPPED":
        raise NotRunning(f"{place.name} is not running")
    number, master, lease = client.tty(place, arguments.tty)
    output.lines(session.welcome(number, arguments.escape), output.STDERR)
    try:
        session.run(master, arguments.escape)
    finally:
        os.close(master)
        lease.close()
    return 0
