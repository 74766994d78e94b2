"""lxc-cgroup: read and set the limits of a running container."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import Arguments, Command, superfluous, switch
from lxc.errors import LxcError, NotRunning, UsageError
from lxc.runtime import client


class CgroupArguments(Arguments):
    persist = switch("persist", "", "Write VALUE into the container's configuration, too, for its next start.")
    list = switch("list", "", "Print the names of the files that a container's control groups have on this host.")

    @property
    def file(self) -> str:
        return self.operands[0]

    @property
    def value(self) -> str | None:
        return self.operands[1] if len(self.operands) > 1 else None


def check(arguments: CgroupArguments) -> None:
    if arguments.list:
        if arguments.operands:
            raise superfluous(arguments.operands)
        return
    if not arguments.operands:
        raise UsageError("missing: the file of the control group, such as pids.max")
    if len(arguments.operands) > 2:
        raise UsageError(f"expected one VALUE, got several: quote them: '{' '.join(arguments.operands[1:])}'")
    if arguments.persist and arguments.value is None:
        raise UsageError("--persist: there is no VALUE to write")


COMMAND = Command(
    "lxc-cgroup",
    CgroupArguments,
    summary="Prints or sets a file of a running container's control groups.",
    description="Without VALUE the content of FILE is printed, and an empty line. "
    "FILE is named as in the kernel's documents: the word before the first dot is the controller; --list prints which there are.\n\n"
    "devices.allow and devices.deny work on all hosts. On one of the unified layout, where the kernel has no such "
    "files, the rule is added to the container's program. The device may be named by its file.\n\n"
    "With --persist the value is written into the container's configuration, too: in the place of what it says of the "
    "same file, or behind its other rules for devices. A container that does not run is only changed there; "
    "whether the kernel takes the value is known at its next start.",
    operands="FILE [VALUE]",
    containers="running",
    complete_next="cgroup-files",
    check=check,
    exits=(("0", "Done."), ("1", "There is no such file, it does not take the value, or the container does not run.")),
    examples=(
        ("lxc-cgroup -n web pids.max", "Prints how many processes web may have."),
        ("lxc-cgroup -n web memory.max 2G", "Limits its memory, on a host of the unified layout."),
        ("lxc-cgroup -n web devices.allow 'c 10:229 rwm' --persist", "Lets it use FUSE, from now on."),
    ),
    see_also=("lxc-device(1)", "lxc-top(1)", "lxc.container.conf(5)"),
)


def run(arguments: CgroupArguments) -> int:
    from lxc.runtime.changing import cgroup_files

    if arguments.list:
        output.lines(cgroup_files.names())
        return 0
    place, value = arguments.place, arguments.value
    is_running = client.is_running(place)
    if not is_running and not arguments.persist:
        raise NotRunning(f"'{place.lxcpath}:{place.name}' is not running")
    if value is None:
        try:
            output.write(cgroup_files.read(place, arguments.file) + "\n\n")
        except LxcError as error:
            what = f"Failed to retrieve value of '{arguments.file}' for '{place.lxcpath}:{place.name}': {error}"
            raise LxcError(what, hint=error.hint) from error
        return 0
    try:
        if arguments.persist:
            cgroup_files.check(arguments.file, value)
        if is_running:
            cgroup_files.write(place, arguments.file, value)
        if arguments.persist:
            cgroup_files.persist(place, arguments.file, value)
    except LxcError as error:
        what = f"Failed to assign '{value}' value to '{arguments.file}' for '{place.name}': {error}"
        raise LxcError(what, hint=error.hint) from error
    if not (is_running or arguments.quiet or arguments.file.startswith("devices.")):
        said = f"lxc-cgroup: {place.name} does not run: whether the kernel takes '{value}' is known at its next start"
        output.lines([output.printable(said)], output.STDERR)
    return 0
