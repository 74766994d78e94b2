"""lxc-monitord: passes on what happens to the containers of a path; lxc-monitor starts it by itself."""

from __future__ import annotations

from lxc.cli.options import Arguments, Command, switch
from lxc.errors import UsageError


class MonitordArguments(Arguments):
    WITHOUT = ("name", "rcfile", "lxcpath")

    daemon = switch("daemon", "", "Stay, whether anybody listens or not.")


def check(arguments: MonitordArguments) -> None:
    if arguments.daemon:
        if len(arguments.operands) > 1:
            raise UsageError("expected --daemon and at most a container path")
    elif len(arguments.operands) != 2 or not _is_descriptor(arguments.operands[1]):
        raise UsageError(
            "expected a container path, and the number of a descriptor to tell when it listens; or --daemon"
        )


def _is_descriptor(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10  # more is no C int


COMMAND = Command(
    "lxc-monitord",
    MonitordArguments,
    summary="Passes on what happens to the containers of a path.",
    description="Reads what the monitors of the containers in LXCPATH say, and passes it on to every lxc-monitor(1) that "
    "listens; there is one for each container path. lxc-monitor starts it where it is needed, and it ends by itself when "
    "nobody has listened for half a minute; with --daemon, which is for services, it stays.\n\n"
    "When it listens, it writes the letter S to the descriptor FD.",
    operands="[LXCPATH] [FD]",
    name="none",
    containers="none",
    check=check,
    exits=(
        ("0", "It was told to end, or nobody listened."),
        ("1", "An error; or there is one already."),
    ),
    see_also=("lxc-monitor(1)",),
)


def run(arguments: MonitordArguments) -> int:
    import os

    from lxc.kernel import signals
    from lxc.runtime.monitord import Monitord

    lxcpath = arguments.operands[0] if arguments.operands else arguments.lxcpath
    signals.block(signals.ALL)
    monitord = Monitord(os.path.abspath(lxcpath))
    if not arguments.daemon:
        fd = int(arguments.operands[1])
        os.write(fd, b"S")
        os.close(fd)
    monitord.serve(forever=arguments.daemon)
    return 0
