"""lxc-start: run a container's init, or another command, in a container."""

from __future__ import annotations

import os

from lxc.cli import launching, output
from lxc.cli.launching import LaunchArguments
from lxc.cli.options import Command, Printing, switch, text
from lxc.errors import AlreadyRunning, LxcError, UsageError
from lxc.runtime.starting import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.plans.start import StartPlan


class StartArguments(LaunchArguments):
    pidfile = text("pidfile", "p", "FILE", "Write the pid of the monitor to FILE.")
    console = text("console", "c", "FILE", "Use the terminal FILE as the container's console.")
    console_log = text("console-log", "L", "FILE", "Append what the console says to FILE.")
    close_all_fds = switch("close-all-fds", "C", "Close inherited descriptors, also with -F.")
    dry_run = switch("dry-run", "", "Print what a start would do, in order, and do nothing.")
    format = Printing.format


def check(arguments: StartArguments) -> None:
    if arguments.daemon and arguments.foreground:
        raise UsageError("-d can't be used with -F")
    if arguments.format != "text" and not arguments.dry_run:
        raise UsageError("--format is for --dry-run")


COMMAND = Command(
    "lxc-start",
    StartArguments,
    summary="Starts a container.",
    description="Makes the container's namespaces, control groups and file system as its configuration says and runs "
    "its init in them: lxc.init.cmd, or /sbin/init, or COMMAND. The command returns when the container runs.\n\n"
    "If the start fails, the step that failed is named, with the configuration line it came from, and nothing is left "
    "behind. All that led there is added to the container's log file.\n\n"
    "With --dry-run --format json the plan is one object; its fields are in docs/dry-run.md.",
    operands="[-- COMMAND...]",
    containers="stopped",
    check=check,
    exits=(
        ("0", "The container runs, or ran already; with -F: it ran and has ended."),
        ("1", "It could not be started; a message says why."),
    ),
    examples=(
        ("lxc-start -n web", "Starts web."),
        ("lxc-start -n web -F", "Starts web with its console on this terminal."),
        ("lxc-start -n web --dry-run", "Shows what that would do."),
    ),
    see_also=("lxc-execute(1)", "lxc-stop(1)", "lxc-attach(1)", "lxc.container.conf(5)"),
)


def run(arguments: StartArguments) -> int:
    place = arguments.place
    if not (arguments.rcfile or place.is_defined):
        raise LxcError(
            f"No container config specified: there is no container {place.name} in {place.lxcpath}",
            hint=place.hidden or f"lxc-ls -P {place.lxcpath} lists those there are; lxc-create makes one",
        )
    items = {"lxc.console.path": arguments.console, "lxc.console.logfile": arguments.console_log}
    found = {key: value if value == "none" else os.path.abspath(value) for key, value in items.items() if value}
    config = launching.configured(arguments, found)  # the monitor has another directory
    launching.warn("lxc-start", arguments)
    if not arguments.dry_run:
        launching.open_log("lxc-start", arguments, config)
    pidfile = arguments.pidfile and os.path.realpath(arguments.pidfile)  # the monitor has another directory
    order = launching.order(arguments, config, foreground=arguments.foreground, pidfile=pidfile)
    if arguments.dry_run:
        _print(start.decide(order), arguments.format)
        return 0
    if arguments.close_all_fds and arguments.foreground:
        launching.close_inherited()
    try:
        start.start(order, told=lambda: None, warn=lambda warning: launching.tell("lxc-start", arguments, warning))
    except AlreadyRunning as error:
        error.exit_status = 0
        raise
    return 0


def _print(plan: StartPlan, form: str) -> None:
    if form == "json":
        from lxc.runtime.plans import as_json as plan_json

        output.json(plan_json.plain(plan))
    else:
        output.others(f"{plan}\n")
