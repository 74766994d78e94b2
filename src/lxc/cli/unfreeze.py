"""lxc-unfreeze: let a frozen container's processes run again."""

from __future__ import annotations

from lxc.cli.options import Arguments, Command
from lxc.runtime import freeze

COMMAND = Command(
    "lxc-unfreeze",
    Arguments,
    summary="Lets the processes of a frozen container run again.",
    description="A container that is not frozen, or not running, is left as it is.",
    containers="frozen",
    exits=(("0", "The container is not frozen (any more)."), ("1", "It does not thaw, or there is no such container.")),
    see_also=("lxc-freeze(1)",),
)


def run(arguments: Arguments) -> int:
    freeze.unfreeze(arguments.place)
    return 0
