"""lxc-freeze: freeze all the container's processes."""

from __future__ import annotations

from lxc.cli.options import Arguments, Command
from lxc.runtime import freeze

COMMAND = Command(
    "lxc-freeze",
    Arguments,
    summary="Freezes all processes of a running container.",
    description="The processes stay where they are, in memory, and get no processor time until lxc-unfreeze. "
    "Returns when all of them are frozen; freezing a frozen container does nothing.",
    containers="running",
    exits=(("0", "The container is frozen."), ("1", "It is not running, or does not freeze.")),
    see_also=("lxc-unfreeze(1)", "lxc-wait(1)"),
)


def run(arguments: Arguments) -> int:
    freeze.freeze(arguments.place)
    return 0
