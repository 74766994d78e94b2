"""lxc-checkpoint: write the processes of a running container to files, or make them of these again."""

from __future__ import annotations

import os

from lxc.checkpoint.plan import Images, Wish
from lxc.cli.options import Arguments, Command, switch, text
from lxc.errors import UsageError
from lxc.runtime import checkpoint
from lxc.runtime.starting import start

_DUMPING, _RESTORING = "Checkpoint options", "Restore options"


class CheckpointArguments(Arguments):
    restore = switch("restore", "r", "Restore the container instead of dumping it.")
    directory = text("checkpoint-dir", "D", "DIR", "Directory of the dump; must be given.")
    verbose = switch("verbose", "v", "Have CRIU log all it does.")
    action_script = text("action-script", "A", "FILE", "Program that CRIU runs at each stage, see criu(8).")
    stop = switch("stop", "s", "Stop the container with the dump; it goes on otherwise.", _DUMPING)
    pre_dump = switch("pre-dump", "p", "Dump the memory only: a later dump needs only what changed since.", _DUMPING)
    predump_dir = text("predump-dir", "", "DIR", "The earlier dump's directory, relative to -D.", group=_DUMPING)
    daemon = switch("daemon", "d", "Return as soon as the container runs (default).", _RESTORING)
    foreground = switch("foreground", "F", "Stay until the container ends.", _RESTORING)


def check(arguments: CheckpointArguments) -> None:
    if not arguments.directory:
        raise UsageError("-D is missing: which directory is the dump's?")
    for name, given in (("-s", arguments.stop), ("-p", arguments.pre_dump), ("--predump-dir", arguments.predump_dir)):
        if arguments.restore and given:
            raise UsageError(f"{name} is for dumps: it can't be used with -r")
    for name, given in (("-d", arguments.daemon), ("-F", arguments.foreground)):
        if given and not arguments.restore:
            raise UsageError(f"{name} is for restoring: it needs -r")
    if arguments.daemon and arguments.foreground:
        raise UsageError("-d can't be used with -F")
    if arguments.stop and arguments.pre_dump:
        raise UsageError("-s can't be used with -p: the container goes on after a pre-dump")


COMMAND = Command(
    "lxc-checkpoint",
    CheckpointArguments,
    summary="Dumps a running container, and restores it.",
    description="Has CRIU write the container's processes and their memory to the files of a directory, and make them of "
    "these again, here or on a host that has the same root file system. The files of the container are not dumped.\n\n"
    "What CRIU cannot dump is said beforehand, with the line of the configuration: ttys (lxc.tty.max must be 0), a console "
    "(lxc.console.path must be none), network devices but the loopback's, ids of its own, shared namespaces.\n\n"
    "A pre-dump saves the memory while the container goes on; the dump after it, with --predump-dir, writes only what has "
    "changed since, so that the container stands still for less time. CRIU leaves its statistics in stats-dump and its log "
    "in dump.log, pre-dump.log or restore.log.\n\n"
    "A restored container has the limits of control groups, hooks and the root of its configuration; all else is as it was "
    "dumped. The directory must be root's alone, and so must those above it, for whoever writes to it decides "
    "what runs.",
    containers="running",
    check=check,
    exits=(("0", "Done."), ("1", "It was not; a message says why.")),
    examples=(
        ("lxc-checkpoint -n web -D /var/dumps/1 -s", "Dumps web, which has stopped then."),
        ("lxc-checkpoint -n web -D /var/dumps/1 -r", "Goes on from there."),
        ("lxc-checkpoint -n web -D /var/dumps/a -p", "Dumps the memory of web, which goes on."),
        ("lxc-checkpoint -n web -D /var/dumps/b -s --predump-dir ../a", "Dumps what has changed since, and stops it."),
    ),
    see_also=("lxc-start(1)", "lxc-freeze(1)", "criu(8)"),
)


def run(arguments: CheckpointArguments) -> int:
    place, config = arguments.place, arguments.config
    script = os.path.abspath(arguments.action_script) if arguments.action_script else ""
    images = Images(os.path.abspath(arguments.directory), arguments.verbose, script)
    if arguments.restore:
        checkpoint.restore(start.Order(place, config, foreground=arguments.foreground), images)
        return 0
    wish = Wish(is_pre_dump=arguments.pre_dump, stops=arguments.stop, earlier=arguments.predump_dir)
    checkpoint.dump(place, config, images, wish)
    return 0
