"""lxc-create: make a container."""

from __future__ import annotations

import os

from lxc.cli import output
from lxc.cli.options import Arguments, Command, superfluous, text, value
from lxc.errors import Unsupported, UsageError
from lxc.images import template
from lxc.runtime.disk import create
from lxc.storage.creation import FSTYPE, GROUP, KINDS, POOL, SIZE, Wanted
from lxc.values import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VOLUMES, _STORAGE = "Options for -B lvm", "Options for storage that this version does not make"
_ONLY_FOR = {
    "dir": ("dir",), "lvname": ("lvm",), "vgname": ("lvm",), "thinpool": ("lvm",), "fstype": ("lvm", "loop", "rbd"),
    "fssize": ("lvm", "loop", "rbd"), "zfsroot": ("zfs",), "rbdname": ("rbd",), "rbdpool": ("rbd",), "rbduser": ("rbd",),
}  # fmt: skip


class CreateArguments(Arguments):
    template = text(
        "template", "t", "TEMPLATE", "What fills the container's root file system: the name or absolute path of a template, "
        "or none.", required=True, complete="templates",
    )  # fmt: skip
    initial = text("config", "f", "FILE", "Begin with the configuration FILE, not with lxc.default_config of lxc.conf.")
    backend = text(
        "bdev",
        "B",
        "TYPE",
        "Storage of the root file system: dir (also none), btrfs, overlay, loop or lvm; best is btrfs or lvm where that "
        "can be, else dir, and of several (btrfs,dir) the first that can be is taken.",
        complete=("best", *KINDS, "none"),
    )
    directory = text(
        "dir", "", "DIR", "Put the root file system into DIR, an absolute path (default: LXCPATH/NAME/rootfs)."
    )
    fstype = text("fstype", "", "TYPE", f"Type of the file system in an image or a volume (default: {FSTYPE}).")
    fssize = value(
        "fssize", "", "SIZE", "Its size, in MiB or with one of bBkKmMgGtT (default: 1G).", size.disk, default=SIZE
    )
    lvname = text("lvname", "", "NAME", "Name of the logical volume (default: the container's).", group=_VOLUMES)
    vgname = text(
        "vgname", "", "VG", f"Its volume group (default: lxc.bdev.lvm.vg of lxc.conf, or {GROUP}).", group=_VOLUMES
    )
    thinpool = text(
        "thinpool",
        "",
        "POOL",
        f"Its thin pool, if there is one of this name (default: lxc.bdev.lvm.thin_pool of lxc.conf, or {POOL}).",
        group=_VOLUMES,
    )
    zfsroot = text("zfsroot", "", "PATH", "Parent of the dataset.", group=_STORAGE)
    rbdname = text("rbdname", "", "NAME", "Name of the Ceph block device.", group=_STORAGE)
    rbdpool = text("rbdpool", "", "POOL", "Its pool.", group=_STORAGE)
    rbduser = text("rbduser", "", "USER", "Its user.", group=_STORAGE)


def check(arguments: CreateArguments) -> None:
    create.check(_recipe(arguments))
    if template.is_none(arguments.template) and arguments.operands:
        raise superfluous(arguments.operands, hint="-t none has no use for them")
    kinds = {*create.kinds(arguments.backend), *arguments.backend.split(",")}
    for option, types in _ONLY_FOR.items():
        if option in arguments.values and not {*types, "best"} & kinds:
            raise UsageError(f"--{option} can only be used with -B {' or '.join(types)}")


def template_help(given: dict[str, Any]) -> str:
    """What the template that `-t` named before `-h` says about itself."""
    name = given.get("template", "")
    if not name or template.is_none(name):
        return ""
    return f"\nAbout the template {name}, after `--`:\n\n{template.help_text(template.find(name))}"


COMMAND = Command(
    "lxc-create",
    CreateArguments,
    summary="Makes a container.",
    description="Makes the directory LXCPATH/NAME with the container's configuration and its root file system, which a "
    "template fills: a program that is given what follows `--`. `lxc-create -t TEMPLATE -h` prints the template's own help.\n\n"
    "With -t none there is no root file system, only the configuration.\n\n"
    "If anything fails, or the command is interrupted, what was made is removed again. A directory that was there before "
    "is left with what a template may have put there.\n\n"
    "A root file system's directory outside of LXCPATH/NAME that lxc-create made is remembered as such: lxc-destroy removes "
    "it, and no other.",
    operands="[-- TEMPLATE-OPTION...]",
    containers="none",
    check=check,
    more_help=template_help,
    exits=(("0", "The container is made."), ("1", "It is not, and nothing is left of it; a message says why.")),
    examples=(
        ("lxc-create -n web -t busybox", "Makes a container with busybox in it."),
        (
            "lxc-create -n web -t download -- -d debian -r bookworm -a amd64",
            "Makes one of an image that is downloaded, and kept for the next one.",
        ),
        (
            "lxc-create -n web -t oci -- -u docker://registry.example.org/nginx:latest",
            "Makes one of an image in a registry.",
        ),
        ("lxc-create -n web -t none -f web.conf", "Makes one that consists of a configuration."),
        ("lxc-create -t busybox -h", "Prints the options of the template busybox."),
    ),
    see_also=("lxc-destroy(1)", "lxc-start(1)", "lxc.container.conf(5)", "lxc.system.conf(5)"),
)


def run(arguments: CreateArguments) -> int:
    create.create(arguments.place, _recipe(arguments))
    if os.geteuid() != 0 and not arguments.quiet:
        _warn(arguments)
    return 0


def _warn(arguments: CreateArguments) -> None:
    """Tell a user whose container was made without ids of its own that it cannot be started as it is."""
    from lxc.config import document
    from lxc.idmap import plan
    from lxc.idmap.starter import starter

    config, _ = document.load(arguments.place.config_file)
    if config.idmap or "user" in config.namespace_share:
        return
    try:
        plan.by(starter(), plan.IdMapPlan())
    except Unsupported as error:
        name = f"{COMMAND.tool}: {arguments.name}"
        hint = "lxc-checkconfig --user tells how lxc-create gives containers some"
        output.lines([f"{name}: warning: {error}", f"  {hint}"], output.STDERR)


def _recipe(arguments: CreateArguments) -> create.Recipe:
    return create.Recipe(
        template=arguments.template,
        arguments=arguments.operands,
        config_file=arguments.initial or arguments.rcfile,
        backend=arguments.backend,
        rootfs=arguments.directory,
        is_quiet=arguments.quiet,
        wanted=Wanted(
            arguments.fstype or FSTYPE, arguments.fssize, arguments.vgname, arguments.lvname, arguments.thinpool
        ),
    )
