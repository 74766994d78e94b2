"""lxc-copy: copy a container, rename it, or start a copy of it that goes when it ends."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import Arguments, Command, switch, text, value
from lxc.errors import LxcError, StateError, UsageError
from lxc.runtime.disk import copying, ephemeral
from lxc.runtime.place import place as place_of
from lxc.storage.clone import TARGETS
from lxc.values import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.runtime.place import Place

_EPHEMERAL = "Options for -e"
_ATTEMPTS = 100
_IN_MEMORY = ("Container is placed on tmpfs.", "Rebooting will cause all changes made to it to be lost!")


class CopyArguments(Arguments):
    newname = text("newname", "N", "NEWNAME", "Name of the copy; with -e one is made up if it is left out.")
    newpath = text(
        "newpath", "p", "PATH", "Directory that the copy is put into (default: the source's).", complete="dir"
    )
    rename = switch("rename", "R", "Rename the container; nothing is copied.")
    snapshot = switch("snapshot", "s", "Copy nothing that can be shared: a snapshot, or an overlay over a directory.")
    running = switch("allowrunning", "a", "Copy a container that runs; what it writes meanwhile may be torn.")
    driver = text("backingstorage", "B", "TYPE", "Storage of the copy (default: as the source's).", complete=TARGETS)
    size = value(
        "fssize",
        "L",
        "SIZE",
        "Size of the copy's file system, where it gets a new one (-B loop), in MiB or with one of bBkKmMgGtT.",
        size.disk,
        default=0,
    )
    keepname = switch("keepname", "K", "Keep the host name.")
    keepmac = switch("keepmac", "M", "Keep the hardware addresses.")
    temporary = switch("ephemeral", "e", "Make a snapshot, start it, and destroy it when it has stopped.")
    keepdata = switch("keepdata", "D", "Do not destroy it.", group=_EPHEMERAL)
    foreground = switch("foreground", "F", "Start it with its console on this terminal.", group=_EPHEMERAL)
    daemon = switch("daemon", "d", "Start it in the background (default).", group=_EPHEMERAL)
    mounts = value(
        "mount",
        "m",
        "MOUNT,...",
        "Mount more in it: bind=SOURCE[:TARGET][:ro|rw] or overlay=SOURCE[:TARGET].",
        ephemeral.mounts,
        default=(),
        group=_EPHEMERAL,
    )
    tmpfs = switch("tmpfs", "t", "Keep what it changes in memory; a reboot loses it.", group=_EPHEMERAL)


def check(arguments: CopyArguments) -> None:
    if not arguments.newname and not arguments.temporary:
        raise UsageError("You must provide a NEWNAME for the clone.", hint="give one with -N")
    if arguments.tmpfs and not arguments.temporary:
        raise UsageError("-t can only be used with -e")
    if arguments.tmpfs and arguments.keepdata:
        raise UsageError("-t can't be used with -D: what is in memory cannot be kept")
    if arguments.tmpfs and arguments.driver not in ("", "overlay", "overlayfs"):
        raise UsageError("-t can only be used with -B overlay")
    if arguments.rename and (arguments.snapshot or arguments.temporary):
        raise UsageError("-R renames: -s and -e make something new")
    if arguments.rename and (arguments.driver or arguments.size):
        raise UsageError("-R renames: the files stay as they are stored, -B and -L are for copies")


COMMAND = Command(
    "lxc-copy",
    CopyArguments,
    summary="Copies a container.",
    description="Makes the container NEWNAME with the configuration and the files of NAME. What named NAME names the copy: "
    "its root file system, its host name, hook scripts and the fstab in its directory; network devices that had a hardware "
    "address get a new one. The clone hooks are run with the copy's root mounted; what follows `--` are more arguments for "
    "them.\n\n"
    "A snapshot of a directory is an overlay over it: NAME cannot be destroyed or renamed as long as it is needed.\n\n"
    "With -e the copy is started at once, and what follows `--` is run in it, after which it is shut down.\n\n"
    "If anything fails, nothing is left of the copy.",
    operands="[-- ARGUMENT...]",
    containers="defined",
    check=check,
    exits=(("0", "The copy is made, or the container renamed."), ("1", "It is not; a message says why.")),
    examples=(
        ("lxc-copy -n web -N web2", "Makes web2, a copy of web."),
        ("lxc-copy -n web -N try -s", "Makes try, which shares web's files until it changes them."),
        ("lxc-copy -n web -N shop -R", "Renames web to shop."),
        ("lxc-copy -n web -e -- apt-get -s upgrade", "Runs a command in a copy of web that is destroyed afterwards."),
    ),
    see_also=("lxc-create(1)", "lxc-destroy(1)", "lxc-snapshot(1)", "lxc.container.conf(5)"),
)


def run(arguments: CopyArguments) -> int:
    source = arguments.place
    if arguments.rename:
        from lxc.runtime.disk import rename

        new = place_of(arguments.newname, arguments.newpath or source.lxcpath)
        rename.rename(source, new, keeps_name=arguments.keepname, arguments=arguments.operands, waits=_waits(arguments))
        return 0
    new, left = _copy(arguments, source)
    if not arguments.quiet:
        if arguments.temporary:  # who asks for another copy names it, and is told by its exit status
            output.lines([f"Created {new.name} as clone of {source.name}", *(_IN_MEMORY if arguments.tmpfs else ())])
        output.lines([f"lxc-copy: {source.name}: {sentence}" for sentence in left], output.STDERR)
    return _start(arguments, new) if arguments.temporary else 0


def _copy(arguments: CopyArguments, source: Place) -> tuple[Place, tuple[str, ...]]:
    wanted = _wish(arguments)
    path = arguments.newpath or source.lxcpath
    for _ in range(_ATTEMPTS):
        name = arguments.newname or ephemeral.random_name(source.name)
        new = place_of(name, path)
        try:
            return new, copying.copy(source, new, wanted)
        except StateError:
            if arguments.newname or not new.is_defined:
                raise
    raise LxcError("no name is free for the copy", hint="give one with -N")


def _waits(arguments: CopyArguments) -> Callable[[str], None] | None:
    return None if arguments.quiet else lambda said: output.lines([f"lxc-copy: {said}"], output.STDERR)


def _wish(arguments: CopyArguments) -> copying.Wish:
    is_temporary = arguments.temporary
    changed = ephemeral.Wish(arguments.mounts, arguments.keepdata, arguments.tmpfs, arguments.keepname)
    return copying.Wish(
        as_snapshot=arguments.snapshot or is_temporary,
        driver="overlay" if arguments.tmpfs else arguments.driver,
        size=arguments.size,
        keeps_name=arguments.keepname,
        keeps_addresses=arguments.keepmac,
        allows_running=arguments.running,
        arguments=() if is_temporary else arguments.operands,
        edit=changed.edit if is_temporary else None,
        waits=_waits(arguments),
    )


def _start(arguments: CopyArguments, place: Place) -> int:
    """Start the copy, and run the command in it, if there is one."""
    from lxc.config import document
    from lxc.runtime.starting import start

    config, _ = document.load(place.config_file)
    order = start.Order(place, config, foreground=arguments.foreground and not arguments.operands)
    try:
        start.start(order)
        if arguments.operands:
            _execute(arguments, place)
    except BaseException:
        _give_up(place, keeps_data=arguments.keepdata)
        raise
    return 0


def _execute(arguments: CopyArguments, place: Place) -> None:
    from lxc.runtime import stop
    from lxc.runtime.attaching import run as attach_run
    from lxc.runtime.plans.attach import Wish

    attach_run.run(place, Wish(argv=arguments.operands, clear_env=True))
    stop.shutdown(place, -1, arguments.config.signal_halt)


def _give_up(place: Place, *, keeps_data: bool) -> None:
    """Stop the copy, and remove it unless it was to be kept."""
    from lxc.config import document
    from lxc.runtime import stop
    from lxc.runtime.disk import destroy

    stop.kill(place)
    if not keeps_data and place.is_defined:
        destroy.destroy(place, document.load(place.config_file)[0], destroy.Wish(is_forced=True))
