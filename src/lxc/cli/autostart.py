"""lxc-autostart: start, stop or reboot the containers that are to run whenever the host does."""

from __future__ import annotations

import os
import time

from lxc import log
from lxc.cli import output
from lxc.cli.options import Command, Printing, switch, value, values, whole
from lxc.errors import NotFound, NotRunning, Refused, StateError, UsageError
from lxc.runtime import client
from lxc.runtime.lists import listing
from lxc.runtime.starting import fleet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.errors import LxcError
    from lxc.runtime.place import Place
    from lxc.runtime.starting.fleet import Member

DEFAULT_TIMEOUT = 60
SOME_FAILED = 2


def groups(words: str) -> tuple[str, ...]:
    """Names of groups separated by commas; an empty one is that of the containers without group."""
    return tuple(words.split(","))


class AutostartArguments(Printing):
    reboot = switch("reboot", "r", "Ask the containers that run to reboot, instead of starting any.")
    shutdown = switch("shutdown", "s", "Shut the containers that run down.")
    kill = switch("kill", "k", "Kill the containers that run.")
    list = switch("list", "L", "Print which containers that would be, and the delay after each start; do nothing.")
    all = switch("all", "a", "Do it with the containers of all groups.")
    ignore_auto = switch("ignore-auto", "A", "Do it with those, too, whose lxc.start.auto is not 1.")
    groups = values(
        "groups",
        "g",
        "GROUP[,GROUP...]",
        "Do it with the containers of these groups, group by group; an empty name means those that are in none "
        "(default: only them). Can be repeated.",
        groups,
        complete="groups",
    )
    timeout = value(
        "timeout",
        "t",
        "SECONDS",
        f"With -s: kill what still runs after SECONDS (default: {DEFAULT_TIMEOUT}); -1 waits forever.",
        whole,
        default=DEFAULT_TIMEOUT,
    )


def check(arguments: AutostartArguments) -> None:
    if arguments.timeout < -1:
        raise UsageError("Invalid timeout: expected seconds, or -1 to wait forever")
    if arguments.format != "text" and not arguments.list:
        raise UsageError("--format is for -L")


COMMAND = Command(
    "lxc-autostart",
    AutostartArguments,
    summary="Starts, shuts down, kills or reboots the containers that are marked for it.",
    description="Does it with the containers whose lxc.start.auto is 1 and that are in one of the groups (lxc.group), in "
    "the order of lxc.start.order and then of their names; shuts down and kills in the reverse order. Of the actions, "
    "if there are several, -s comes before -k, and that before -r. Containers that are as wanted already are left alone.\n\n"
    "Containers of the same order are started at the same time. After one with lxc.start.delay, so many seconds pass "
    "before the next is.\n\n"
    "With -L --format json the answer is an array of objects with the fields name and delay (seconds; not with -s, -k).",
    name="none",
    operands="",
    containers="none",
    check=check,
    exits=(
        ("0", "Done; also if there was nothing to do."),
        ("1", "All that was tried failed; or another error."),
        (str(SOME_FAILED), "Some failed; a message for each says why."),
    ),
    examples=(
        ("lxc-autostart", "Starts the containers that are marked and in no group."),
        ("lxc-autostart -g onboot,", "Starts those in the group onboot, then those in none."),
        ("lxc-autostart -a -s -t 30", "Shuts all down that are marked, and kills what runs after half a minute."),
        ("lxc-autostart -a -A -L", "Lists all containers that do not run, with their delays."),
    ),
    see_also=("lxc-start(1)", "lxc-stop(1)", "lxc-ls(1)", "lxc.container.conf(5)"),
)


def run(arguments: AutostartArguments) -> int:
    complaints = _Complaints(is_quiet=arguments.quiet)
    if arguments.all and arguments.groups and not arguments.quiet:
        output.lines(["lxc-autostart: -a overrides -g: the containers of all groups are meant"], output.STDERR)
    chosen = _chosen(arguments, complaints)
    if arguments.list:
        _print(arguments, chosen)
    else:
        _act(arguments, chosen, complaints)
    failed = complaints.count
    return 0 if not failed else SOME_FAILED if failed < len(chosen) + complaints.left_out else 1


class _Complaints:
    """What went wrong, told as it comes."""

    def __init__(self, *, is_quiet: bool) -> None:
        self.count = self.left_out = 0
        self._is_quiet = is_quiet

    def add(self, place: Place, error: LxcError) -> None:
        self.count += 1
        if not self._is_quiet:
            lines = error.lines()
            output.lines([f"lxc-autostart: {place.name}: {lines[0]}", *lines[1:]], output.STDERR)

    def leave_out(self, place: Place, error: LxcError) -> None:
        """It is not among those that something is done with, because of the error."""
        self.left_out += 1
        self.add(place, error)


def _stops(arguments: AutostartArguments) -> bool:
    return arguments.shutdown or arguments.kill


def _chosen(arguments: AutostartArguments, complaints: _Complaints) -> list[Member]:
    """The containers that something is to be done with, in their order."""
    from lxc.runtime.place import place

    lxcpath = place("lxc-autostart", arguments.lxcpath).lxcpath  # absolute, as a container's is
    if arguments.lxcpaths and not os.path.isdir(lxcpath):
        raise NotFound(f"there is no directory {lxcpath}", hint="-P is the directory that the containers are in")
    known = fleet.members(lxcpath, complaints.leave_out)
    if _stops(arguments):
        known.reverse()
    if not arguments.all:
        known = fleet.in_groups(known, [group for some in arguments.groups for group in some] or [""])
    wants_running = _stops(arguments) or arguments.reboot
    running = set(listing.active(lxcpath))
    return [
        member
        for member in known
        if (member.auto or arguments.ignore_auto)
        and _is_meant(member.place, complaints, running=member.place.name in running, wants_running=wants_running)
    ]


def _is_meant(place: Place, complaints: _Complaints, *, running: bool, wants_running: bool) -> bool:
    """Whether it runs, if that is wanted, and obeys us; `running` is whether anybody has its monitor's address."""
    if not running:
        return not wants_running
    try:
        if wants_running:
            return client.may_control(place)
        client.connect(place).close()  # another user there would keep it from being started, and nobody would know
    except NotRunning:
        return True  # it has just stopped, or nobody ever listened: see `listing.mistaken`
    except Refused as error:
        complaints.leave_out(place, error)
    except StateError as error:
        log.info(f"{place.name}: {error}")
    return False


def _print(arguments: AutostartArguments, chosen: list[Member]) -> None:
    if arguments.format == "json":
        with_delay = not _stops(arguments)
        output.json([{"name": it.place.name} | ({"delay": it.delay} if with_delay else {}) for it in chosen])
    elif _stops(arguments):
        output.others("".join(f"{member.place.name}\n" for member in chosen))
    else:
        output.others("".join(f"{member.place.name} {member.delay}\n" for member in chosen))


def _act(arguments: AutostartArguments, chosen: list[Member], complaints: _Complaints) -> None:
    for batch in fleet.batches(chosen):
        places = [member.place for member in batch]
        if arguments.shutdown:
            fleet.shut_down_all(places, arguments.timeout, complaints.add)
        elif arguments.kill:
            fleet.kill_all(places, complaints.add)
        else:
            (fleet.reboot_all if arguments.reboot else fleet.start_all)(places, complaints.add)
            time.sleep(batch[-1].delay)
