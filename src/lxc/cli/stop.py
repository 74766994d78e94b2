"""lxc-stop: shut down, reboot or kill a container."""

from __future__ import annotations

from lxc.cli.options import Arguments, Command, switch, value, whole
from lxc.errors import LxcError, NotRunning, UsageError
from lxc.runtime import client, stop

NOT_RUNNING = 2
DEFAULT_TIMEOUT = 60


class StopArguments(Arguments):
    reboot = switch("reboot", "r", "Ask the container to reboot.")
    nowait = switch("nowait", "W", "Return as soon as the container was asked.")
    timeout = value(
        "timeout",
        "t",
        "SECONDS",
        f"Kill the container if it has not stopped after SECONDS (default: {DEFAULT_TIMEOUT}); -1 waits forever.",
        whole,
        default=DEFAULT_TIMEOUT,
    )
    kill = switch("kill", "k", "Kill all processes at once.")
    nokill = switch("nokill", "", "Do not kill the container when the time is up.")
    nolock = switch("nolock", "", "Accepted with -k, without effect.")


def check(arguments: StopArguments) -> None:
    if arguments.timeout < -1:
        raise UsageError("Invalid timeout: expected seconds, or -1 to wait forever")
    if arguments.kill and arguments.nokill:
        raise UsageError("-k can't be used with --nokill")
    if arguments.kill and arguments.reboot:
        raise UsageError("-k can't be used with -r")
    if arguments.kill and arguments.values.get("timeout", 0) > 0:
        raise UsageError("-k doesn't allow timeouts")
    if arguments.nolock and not arguments.kill:
        raise UsageError("--nolock may only be used with -k")


COMMAND = Command(
    "lxc-stop",
    StopArguments,
    summary="Shuts down, reboots or kills a container.",
    description="Sends the container's init the signal lxc.signal.halt and waits until the container is gone. "
    "If it is not when the time is up, it is killed.\n\n"
    "With -r init is sent lxc.signal.reboot, and the command waits until the container runs again.",
    containers="running",
    check=check,
    exits=(
        ("0", "The container was stopped, or rebooted; with -W: asked to."),
        ("1", "It was not; a message says why."),
        (str(NOT_RUNNING), "The container is not running, or does not exist."),
    ),
    examples=(
        ("lxc-stop -n web", "Shuts web down, and kills it if it still runs after a minute."),
        ("lxc-stop -n web -t 10 --nokill", "Gives web ten seconds; fails if it needs more."),
    ),
    see_also=("lxc-start(1)", "lxc-wait(1)"),
)


def run(arguments: StopArguments) -> int:
    place = arguments.place
    timeout = 0 if arguments.nowait else arguments.timeout
    try:
        if arguments.kill:  # whoever takes that runs
            stop.begin_to_kill(place).wait()
            return 0
        if client.state(place) == "STOPPED":
            raise NotRunning(f"{place.name} is not running")
        if arguments.reboot:
            done = stop.reboot(place, timeout, _signal(arguments, "lxc.signal.reboot"))
        else:
            done = _shut_down(arguments, timeout)
    except NotRunning as error:
        error.exit_status = NOT_RUNNING
        raise
    if not done:
        what = "run again" if arguments.reboot else "stop"
        raise LxcError(f"{place.name} did not {what} within {timeout} s")
    return 0


def _shut_down(arguments: StopArguments, timeout: int) -> bool:
    if stop.shutdown(arguments.place, timeout, _signal(arguments, "lxc.signal.halt")):
        return True
    if arguments.nokill:
        return False
    stop.kill(arguments.place)
    return True


def _signal(arguments: StopArguments, key: str) -> int:
    """The signal that the configuration names: that of --rcfile, else what the container was started with; 0 if none."""
    return int(arguments.config.get_item(key) or 0) if arguments.rcfile else stop.signal_of(arguments.place, key)
