"""lxc-execute: run one command in a container, below an init of ours."""

from __future__ import annotations

from lxc.cli import launching
from lxc.cli.launching import LaunchArguments
from lxc.cli.options import Command, identity, value
from lxc.errors import LxcError, UsageError
from lxc.runtime.starting import start


class ExecuteArguments(LaunchArguments):
    uid = value("uid", "u", "UID", "Run the command as user UID of the container.", identity, default=-1)
    gid = value("gid", "g", "GID", "Run the command as group GID of the container.", identity, default=-1)


def check(arguments: ExecuteArguments) -> None:
    if arguments.daemon and arguments.foreground:
        raise UsageError("-d can't be used with -F")


COMMAND = Command(
    "lxc-execute",
    ExecuteArguments,
    summary="Runs a command in a container.",
    description="Makes a container as lxc-start does and runs COMMAND in it, or lxc.execute.cmd, below lxc-init, which "
    "passes signals on and reaps orphans: for programs that are not made to be the first process. "
    "The container ends when the last of its processes does.",
    operands="[-- COMMAND...]",
    containers="stopped",
    check=check,
    exits=(
        ("N", "In the foreground: what COMMAND ended with, or 128 + the signal that killed it."),
        ("255", "COMMAND could not be executed."),
        ("1", "The container could not be started; a message says why."),
        ("0", "With -d: the container runs."),
    ),
    examples=(("lxc-execute -n build -f build.conf -- make -C /src", "Runs make in a container that need not exist."),),
    see_also=("lxc-start(1)", "lxc-attach(1)", "lxc.container.conf(5)"),
)


def run(arguments: ExecuteArguments) -> int:
    place = arguments.place
    if not (arguments.rcfile or place.is_defined):
        raise LxcError(
            "Executing a container with no configuration file may crash the host",
            hint=place.hidden or f"give one with -f, or make the container {place.name} with lxc-create",
        )
    numbers = {"lxc.init.uid": arguments.uid, "lxc.init.gid": arguments.gid}
    config = launching.configured(arguments, {key: str(number) for key, number in numbers.items() if number >= 0})
    launching.warn("lxc-execute", arguments)
    launching.open_log("lxc-execute", arguments, config)
    order = launching.order(arguments, config, execute=True, foreground=not arguments.daemon)
    return start.start(order, warn=lambda warning: launching.tell("lxc-execute", arguments, warning))
