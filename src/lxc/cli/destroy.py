"""lxc-destroy: remove a container."""

from __future__ import annotations

from lxc.cli import output
from lxc.cli.options import Arguments, Command, switch
from lxc.runtime.disk import destroy


class DestroyArguments(Arguments):
    force = switch("force", "f", "Kill the container first, if it runs.")
    snapshots = switch("snapshots", "s", "Destroy the container's snapshots, too.")


COMMAND = Command(
    "lxc-destroy",
    DestroyArguments,
    summary="Removes a container.",
    description="Removes the directory LXCPATH/NAME, and nothing else: links are not followed, and where something is "
    "mounted, nothing is removed. A root file system outside of it is removed only if lxc-create made it for this "
    "container; otherwise it is left alone, and the command says so.\n\n"
    "A container that runs, has snapshots, or whose root file system clones need, is not removed. With "
    "lxc.rootfs.managed = 0 the destroy hooks are run and nothing is removed.\n\n"
    "A container whose creation was cut short is removed, too.",
    containers="defined",
    exits=(("0", "The container is removed."), ("1", "It is not, or not completely; a message says why.")),
    examples=(
        ("lxc-destroy -n web", "Removes web if it is stopped."),
        ("lxc-destroy -n web -f -s", "Kills web and removes it with its snapshots."),
    ),
    see_also=("lxc-create(1)", "lxc-stop(1)", "lxc-snapshot(1)"),
)


def run(arguments: DestroyArguments) -> int:
    wish = destroy.Wish(is_forced=arguments.force, with_snapshots=arguments.snapshots)
    left = destroy.destroy(arguments.place, arguments.config, wish)
    if not arguments.quiet:
        output.lines([f"lxc-destroy: {arguments.name}: {sentence}" for sentence in left], output.STDERR)
    return 0
