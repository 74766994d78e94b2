"""Logical volumes, by lvm(8): made for a container, known again, removed with it."""

from __future__ import annotations

import os

from lxc import programs
from lxc.errors import StepError
from lxc.record import Record

_SIGNS = "+_.-"  # in names, beside letters and digits: lvm(8), VALID NAMES
_UNKNOWN_OPTION = 3  # what lvcreate ends with then
_SECTOR = 512  # bytes; what /sys/…/size counts in


class Volume(Record):
    """A logical volume that was made for a container: where, and which one it is."""

    path: str  # /dev/GROUP/NAME
    uuid: str  # of group and volume, as the device mapper has it


def identity(path: str) -> str:
    """Which logical volume is at `path`; "" if there is none."""
    try:
        uuid = _told(path, "dm/uuid")
    except OSError:
        return ""
    return uuid if uuid.startswith("LVM-") else ""


def size(path: str) -> int:
    """How many bytes the block device at `path` has.  Raises OSError."""
    return int(_told(path, "size")) * _SECTOR


def _told(path: str, file: str) -> str:
    """What sysfs has in `file` of the block device at `path`.  Raises OSError."""
    device = os.stat(path).st_rdev
    with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/{file}") as opened:
        return opened.read().strip()


def group_of(path: str) -> str:
    """The volume group of /dev/GROUP/NAME; "" if that is no such path."""
    parts = path.split("/")
    return parts[2] if len(parts) == 4 and parts[:2] == ["", "dev"] else ""


def is_thin(path: str) -> bool:
    """Whether the volume is one of a thin pool's, so that its snapshots need no room of their own."""
    return _asked(path, "lv_attr")[:1] == "V"


def pool_of(path: str) -> str:
    """The thin pool that the volume is of; "" if it is of none."""
    return _asked(path, "pool_lv")


def is_pool(path: str) -> bool:
    """Whether there is a thin pool at `path`."""
    return _asked(path, "lv_attr")[:1] == "t"


def is_name(name: str) -> bool:
    """Whether `name` can be that of a volume, a group or a pool."""
    is_spelt = name.isascii() and all(letter.isalnum() or letter in _SIGNS for letter in name)
    return is_spelt and name[:1] not in ("", "-") and name not in (".", "..")


def fstype(path: str) -> str:
    """The kind of file system on the block device at `path`, by blkid(8); "" if it is not known."""
    program = programs.find("blkid")
    return programs.run((program, "-p", "-o", "value", "-s", "TYPE", path)).output.strip() if program else ""


def create(group: str, name: str, size: int, pool: str) -> Volume:
    """A new volume of `size` bytes, of the thin pool `pool` if the group has such.  Raises StepError."""
    room: tuple[str, ...] = ("-L", f"{size}b")
    if pool and is_pool(f"/dev/{group}/{pool}"):
        room = ("--thinpool", f"/dev/{group}/{pool}", "-V", f"{size}b")
    return _made(group, name, *room, group, "-n", name)


def snapshot(source: str, name: str, size: int) -> Volume:
    """A snapshot of the volume `source`, in its group, with room for `size` bytes of changes if it is not thin.

    Raises StepError.
    """
    room = ("-kn",) if is_thin(source) else ("-L", f"{size}b")  # what is thin would not be activated otherwise
    return _made(group_of(source), name, "-s", "-n", name, *room, source)


def be_another(path: str) -> None:
    """Give the file system of a snapshot an identity of its own, where two with one cannot be mounted.  Raises StepError."""
    commands = {"xfs": ("xfs_admin", "-U", "generate", path), "btrfs": ("btrfstune", "-f", "-u", path)}
    command = commands.get(fstype(path))
    if command:
        _run(*command, package="xfsprogs or btrfs-progs")


def remove(volume: Volume) -> None:
    """Remove it.  One that is gone is fine.  Raises StepError; also if another volume has its name."""
    uuid = identity(volume.path)
    if not uuid:
        return
    if uuid != volume.uuid:
        raise StepError(f"lvremove {volume.path}", "it is another volume than the one made for the container")
    _run("lvremove", "-f", volume.path)


def _made(group: str, name: str, *words: str) -> Volume:
    try:
        _run("lvcreate", "-Wy", "--yes", *words)
    except _Unknown:  # an old one
        _run("lvcreate", "-qq", *words)
    path = f"/dev/{group}/{name}"
    uuid = identity(path)
    if not uuid:
        _run("lvremove", "-f", f"{group}/{name}")
        raise StepError(f"lvcreate {path}", "it was made, but no device of it came up", hint="is udevd at work?")
    return Volume(path, uuid)


def _asked(path: str, column: str) -> str:
    """What lvs(8) says of the volume; "" if there is none."""
    try:
        return _run("lvs", "--unbuffered", "--noheadings", "-o", column, path).strip()
    except StepError:
        return ""


class _Unknown(StepError):
    """An option is not known."""


def _run(name: str, *words: str, package: str = "lvm2") -> str:
    step, program = " ".join((name, *words)), programs.find(name)
    if not program:
        raise StepError(step, "this host has no such program", hint=f"install {package}")
    done = programs.run((program, *words))
    if done.status:
        raise (_Unknown if done.status == _UNKNOWN_OPTION else StepError)(step, done.complaint)
    return done.output
