"""lxc-snapshot: make, list, restore and remove snapshots of a container."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import Command, Printing, switch, text
from lxc.errors import UsageError
from lxc.runtime.disk import snapshots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place


class SnapshotArguments(Printing):
    list_ = switch("list", "L", "List the snapshots.")
    comments = switch("showcomments", "C", "With -L: show their comments, too.")
    restore = text("restore", "r", "SNAPSHOT", "Make the container as it was in SNAPSHOT.")
    newname = text(
        "newname", "N", "NEWNAME", "With -r: make the container NEWNAME instead; also the word after the name."
    )
    destroy = text("destroy", "d", "SNAPSHOT", "Remove SNAPSHOT, or ALL.")
    comment = text("comment", "c", "FILE", "Make a snapshot with the text of FILE as its comment.")


def check(arguments: SnapshotArguments) -> None:
    for option in SnapshotArguments.OPTIONS:
        if arguments.values.get(option.long) == "" and option.argument:
            raise UsageError(f"{option.names}: expected a {option.argument}, got nothing")
    if len(arguments.operands) > 1 or (arguments.operands and not arguments.restore):
        raise UsageError("Too many arguments")
    options = {"-L": arguments.list_, "-r": arguments.restore, "-d": arguments.destroy}
    wishes = [name for name, is_given in options.items() if is_given]
    if len(wishes) > 1:
        raise UsageError(f"{' and '.join(wishes)}: one at a time")


COMMAND = Command(
    "lxc-snapshot",
    SnapshotArguments,
    summary="Makes, lists, restores and removes snapshots of a container.",
    description="A snapshot is a container of its own in LXCPATH/NAME/snaps, called snap0, snap1 and so on. Of a container on "
    "btrfs or an overlay it shares what has not changed; of one in a directory it is a copy. The container must be stopped.\n\n"
    "-r puts the container back: it is replaced only when the snapshot has been copied whole, and keeps its snapshots.",
    operands="[NEWNAME]",
    containers="defined",
    check=check,
    exits=(("0", "Done."), ("1", "An error; a message says which. The container is as it was.")),
    examples=(
        ("lxc-snapshot -n web", "Makes a snapshot of web."),
        ("lxc-snapshot -n web -L -C", "Lists web's snapshots with their comments."),
        ("lxc-snapshot -n web -r snap0", "Makes web as it was in snap0."),
        ("lxc-snapshot -n web -r snap0 -N old", "Makes the container old of snap0."),
        ("lxc-snapshot -n web -d ALL", "Removes all of web's snapshots."),
    ),
    see_also=("lxc-copy(1)", "lxc-destroy(1)", "lxc-create(1)"),
)


def run(arguments: SnapshotArguments) -> int:
    place = arguments.place
    if arguments.list_:
        return _list(arguments, place)

    def waits(said: str) -> None:
        if not arguments.quiet:
            output.lines([f"lxc-snapshot: {said}"], output.STDERR)

    left: tuple[str, ...] = ()
    if arguments.restore:
        new = arguments.newname or "".join(arguments.operands)
        left = snapshots.restore(place, arguments.restore, place.beside(new) if new else None, waits)
    elif arguments.destroy:
        is_all = "ALL".startswith(arguments.destroy)
        left = snapshots.remove_all(place) if is_all else snapshots.remove(place, arguments.destroy)
    else:
        _, left = snapshots.create(place, arguments.comment, waits)
    if not arguments.quiet:
        output.lines([f"lxc-snapshot: {arguments.name}: {sentence}" for sentence in left], output.STDERR)
    return 0


def _list(arguments: SnapshotArguments, place: Place) -> int:
    found = snapshots.found(place)
    if arguments.format == "json":
        output.json(
            [
                {
                    "name": snapshot.name,
                    "lxcpath": snapshot.lxcpath,
                    "timestamp": snapshot.timestamp,
                    "comment": snapshots.comment(snapshot),
                }
                for snapshot in found
            ]
        )
        return 0
    if not found:
        output.lines(["No snapshots"])
    for snapshot in found:
        output.others(f"{snapshot.name} ({snapshot.lxcpath}) {snapshot.timestamp}\n")
        if arguments.comments:
            output.others(snapshots.comment(snapshot))
    return 0
