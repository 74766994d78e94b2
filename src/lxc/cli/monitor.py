"""lxc-monitor: print what happens to containers."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import COMMON, Command, Printing, switch, text
from lxc.errors import LxcError, NotRunning, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.cli.output import Plain
    from lxc.kernel.regex import Regex
    from lxc.runtime.events import Event


class MonitorArguments(Printing):
    WITHOUT = ("rcfile",)

    name = text(
        "name",
        "n",
        "REGEX",
        "Containers whose whole name matches, regex(7), extended (default: all).",
        group=COMMON,
        complete="container",
    )
    quit = switch("quit", "Q", "Have lxc-monitord end, which passes on what happens.")


def check(arguments: MonitorArguments) -> None:
    _expression(arguments.name)


def _expression(pattern: str) -> Regex:
    from lxc.kernel.regex import Regex

    try:
        return Regex(f"^({pattern or '.*'})$")
    except ValueError:
        raise UsageError(f"Failed to compile the regex '{pattern}'") from None


COMMAND = Command(
    "lxc-monitor",
    MonitorArguments,
    summary="Prints what happens to containers.",
    description="Prints a line for each state that a container reaches, and for each exit code of its init, 0 if that was "
    "ended by a signal, until it is killed.\n\n"
    "What happens is passed on by lxc-monitord, one for each container path. It is started if there is none, and ends by "
    "itself when nobody has listened for half a minute.\n\n"
    "With --format json each line is an object: lxcpath, name, state (a name, or null), exit_code (or null).",
    name="none",
    many_paths=True,
    check=check,
    exits=(
        ("0", "With --quit: all are ending."),
        ("1", "An error; or lxc-monitord has ended."),
    ),
    examples=(
        ("lxc-monitor", "Prints what happens to all containers."),
        ("lxc-monitor -n 'web|db[0-9]+'", "Prints what happens to some."),
        ("lxc-monitor -Q", "Has lxc-monitord end."),
    ),
    see_also=("lxc-wait(1)", "lxc-monitord(1)"),
)


def run(arguments: MonitorArguments) -> int:
    paths = [path.rstrip("/") or "/" for path in arguments.lxcpaths] or [arguments.lxcpath]
    if arguments.quit:
        return _quit(paths)
    from lxc.runtime import events

    wanted = _expression(arguments.name)
    for event in events.follow(paths):
        if wanted.matches(event.name):
            _print(event, as_json=arguments.format == "json")
    return 0


def _quit(paths: list[str]) -> int:
    from lxc.runtime import events

    status = 0
    for path in paths:
        try:
            events.quit_monitord(path)
        except NotRunning:
            output.lines([f"lxc-monitor: Unable to open monitor on path: {path}"], output.STDERR)
            status = LxcError.exit_status
    return status


def _print(event: Event, *, as_json: bool) -> None:
    from lxc.runtime.commands import STATES

    state = STATES[event.state] if event.state >= 0 else None
    if as_json:
        exit_code = event.exit_code if event.exit_code >= 0 else None
        found: dict[str, Plain] = {"lxcpath": event.lxcpath, "name": event.name, "state": state, "exit_code": exit_code}
        output.json(found, indent=None)
    elif state:
        output.lines([f"'{output.printable(event.name)}' changed state to [{state}]"])
    else:
        output.lines([f"'{output.printable(event.name)}' exited with status [{event.exit_code}]"])
