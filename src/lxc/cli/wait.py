"""lxc-wait: wait until a container reaches a state."""

from __future__ import annotations

from lxc.cli.options import Arguments, Command, value
from lxc.errors import UsageError
from lxc.runtime import wait
from lxc.runtime.commands import STATES


def seconds(text: str) -> float:
    """Seconds, perhaps with a fraction; negative is forever."""
    try:
        number = float(text)
        if number == number:  # NaN, which is before and after nothing, is not even itself
            return number
    except ValueError:
        pass
    raise ValueError(f"expected a number of seconds, got {text!r}")


class WaitArguments(Arguments):
    states = value(
        "state",
        "s",
        "STATE[|STATE...]",
        f"States to wait for, any of them: {', '.join(STATES)}.",
        wait.states,
        default=frozenset[str](),
        required=True,
        complete="states",
    )
    timeout = value(
        "timeout",
        "t",
        "SECONDS",
        "Give up after SECONDS; 0 looks once, -1 (the default) waits forever.",
        seconds,
        default=-1.0,
    )


def check(arguments: WaitArguments) -> None:
    if not arguments.states:
        raise UsageError("-s, --state: missing; it says which states to wait for")


COMMAND = Command(
    "lxc-wait",
    WaitArguments,
    summary="Waits until a container is in one of some states.",
    description="Returns at once if the container is in one of the states already. "
    "A container that nobody started is STOPPED, whether it exists or not.",
    containers="defined",
    check=check,
    exits=(("0", "The container is in one of the states."), ("1", "It is not, and the time is up; or an error.")),
    examples=(("lxc-wait -n web -s 'RUNNING|STOPPED' -t 30", "Waits half a minute for web to run or to stop."),),
    see_also=("lxc-monitor(1)", "lxc-info(1)"),
)


def run(arguments: WaitArguments) -> int:
    return 0 if wait.wait(arguments.place, arguments.states, arguments.timeout) else 1
