"""lxc-update-config: rewrite a configuration from before LXC 2.1."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import Arguments, Command, text
from lxc.errors import LxcError, UsageError

USAGE = (
    "lxc-update-config -h|--help [-c|--config]",
    "config: the container configuration to update",
)


class UpdateArguments(Arguments):
    WITHOUT = ("name", "logfile", "logpriority", "lxcpath", "rcfile")

    file = text("config", "c", "FILE", "The configuration to update.")


def check(arguments: UpdateArguments) -> None:
    if arguments.operands:
        raise UsageError(f"{arguments.operands[0]}: expected -c FILE")
    if "config" in arguments.values and not arguments.file:
        raise UsageError("-c, --config: expected the name of a file")


COMMAND = Command(
    "lxc-update-config",
    UpdateArguments,
    summary="Updates a configuration from before LXC 2.1.",
    description="Gives all keys in FILE the names they have since LXC 2.1, also in comments that hold such a line. "
    "Everything else stays as it is. The old file is kept as FILE.backup.\n\n"
    "Devices of lxc.network.type that had no number get one each, from 0. The storage driver that lxc.rootfs.backend "
    "names becomes part of lxc.rootfs.path. Lines of keys that have no meaning any more are removed.\n\n"
    "Without -c a summary of the options is printed.",
    name="none",
    containers="none",
    check=check,
    helps_on_stdout=True,
    exits=(("0", "Done; or there was nothing to do."), ("1", "The file cannot be read or written.")),
    examples=(("lxc-update-config -c /var/lib/lxc/web/config", "Updates the configuration of web."),),
    see_also=("lxc-check(1)",),
)


def run(arguments: UpdateArguments) -> int:
    if not arguments.file:
        output.lines(USAGE)
        return 0
    from lxc.config import mend, reader, update
    from lxc.config.document import Document
    from lxc.config.lines import pieces

    path = arguments.file
    try:
        old = reader.read(path)
        new = "".join(line for line in update.updated(pieces(old)) if line is not None)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise LxcError(f"cannot update {path}: {why}") from error
    mend.save(old, Document(path, new))
    return 0
