"""The root file system of a new container: decided first, which is pure and prints itself, then made.

    dir       a directory, in the container's own or elsewhere   -> dir:DIR
    btrfs     a subvolume                                        -> btrfs:NEW/rootfs
    overlay   a directory, and one for what changes later        -> overlay:NEW/rootfs:NEW/overlay/delta
    loop      a file with a file system in it                    -> loop:NEW/rootdev
    lvm       a logical volume with a file system in it          -> lvm:/dev/GROUP/NAME

But for volumes and a directory elsewhere, all of it lies in the container's own directory and is undone with that.
"""

from __future__ import annotations

import errno
import os

from lxc import beneath, programs
from lxc.errors import StepError, Unsupported
from lxc.kernel import btrfs, fs
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.storage import volumes
from lxc.storage.volumes import Volume

KINDS = ("dir", "btrfs", "overlay", "overlayfs", "loop", "lvm")  # that can be made
GROUP, POOL = "lxc", "lxc"  # of volumes
FSTYPE, SIZE = "ext4", 1 << 30  # of a file system that is made, unless something else is wished for
_IMAGE = "rootdev"
_DIRECTORIES = {  # the last two are mounted on
    "overlay": ("rootfs", "overlay", "overlay/delta"), "loop": ("rootfs",), "lvm": ("rootfs",),
}  # fmt: skip


class Wanted(Record):
    """What kind of file system is wished for, where one is made, and which volume for it."""

    fstype: str = FSTYPE
    size: int = SIZE  # bytes
    group: str = ""  # of volumes ("": what lxc.conf says, or GROUP)
    volume: str = ""  # ("": the container's name)
    pool: str = ""  # a thin one, if there is such ("": what lxc.conf says, or POOL)


class Creation(Record):
    """How the root of a new container comes to be."""

    driver: str
    path: str  # lxc.rootfs.path, without the driver
    directory: str  # the container's own
    wanted: Wanted = Wanted()

    def __str__(self) -> str:
        rootfs = f"{self.directory}/rootfs"
        if self.driver == "lvm":
            make = f"lvcreate -L {self.wanted.size}b {self.wanted.group} -n {self.path.rpartition('/')[2]}"
            return f"mkdir {rootfs}\n{make}\nmkfs.{self.wanted.fstype} {self.path}"
        if self.driver == "loop":
            return f"mkdir {rootfs}\ntruncate -s {self.wanted.size} {self.path}\nmkfs.{self.wanted.fstype} {self.path}"
        if self.driver == "btrfs":
            return f"btrfs subvolume create {rootfs}"
        if self.driver == "overlay":
            return f"mkdir -p {rootfs} {self.directory}/overlay/delta"
        return f"mkdir -p {self.path}"

    @property
    def filled(self) -> str:
        """The directory that a template fills: of an overlay the lower one; "" if a file system is to be mounted first."""
        return {"loop": "", "lvm": "", "overlay": f"{self.directory}/rootfs"}.get(self.driver, self.path)


class Outcome(Record):
    """What was made."""

    directories: tuple[str, ...] = ()  # in the container's own, outermost first
    volume: Volume | None = None


def makeable(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `kinds` that can be made.  Pure.  Raises Unsupported if there is none."""
    found = tuple(kind for kind in kinds if kind in KINDS)
    if not found:
        raise Unsupported(
            f"{' or '.join(kinds)} cannot be a new container's storage: this version does not make it",
            hint=f"it makes {', '.join(KINDS)}; what was made otherwise can be named by lxc.rootfs.path",
        )
    return found


def decide(driver: str, directory: str, rootfs: str, wanted: Wanted, *, is_root: bool) -> Creation:
    """How to make the root, by one of KINDS, of a container whose own directory is `directory`; `rootfs` is where a plain one is to be.

    `is_root`: whether it is made by root.  Pure.  Raises Unsupported.
    """
    if not is_root and driver not in ("dir", "btrfs"):
        raise Unsupported(
            f"{driver}: Unprivileged users can only create btrfs and directory-backed containers",
            hint="leave -B out",
        )
    if not wanted.fstype.isalnum():
        raise Unsupported(f"{wanted.fstype!r} is no type of a file system", hint="--fstype=ext4 is one")
    if driver == "loop":
        return Creation("loop", f"{directory}/{_IMAGE}", directory, wanted)
    if driver == "lvm":
        return Creation("lvm", volume_path(directory, wanted), directory, wanted)
    if driver in ("overlay", "overlayfs"):
        return Creation("overlay", f"{directory}/rootfs:{directory}/overlay/delta", directory)
    return Creation(driver, f"{directory}/rootfs" if driver == "btrfs" else rootfs, directory)


def volume_path(directory: str, wanted: Wanted) -> str:
    """Where the logical volume of the container is whose own directory is `directory`.  Pure.  Raises Unsupported."""
    volume = wanted.volume or directory.rpartition("/")[2]
    for name, what in ((wanted.group, "volume group"), (volume, "volume"), (wanted.pool, "thin pool")):
        if name and not volumes.is_name(name):
            raise Unsupported(f"{name!r} cannot be the name of a {what}", hint="lvm(8): letters, digits and + _ . -")
    return f"/dev/{wanted.group}/{volume}"


def make(creation: Creation, directory: int) -> Outcome:
    """Make it, in the container's opened `directory`: all but a plain directory.

    Raises LxcError, OSError, and leaves nothing then.
    """
    if creation.driver == "btrfs":
        subvolume(directory, creation.directory)
        return Outcome(("rootfs",))
    made = Outcome(make_directories(directory, _DIRECTORIES[creation.driver]))
    try:
        if creation.driver == "loop":
            make_image(directory, creation.path, creation.wanted)
        elif creation.driver == "lvm":
            made = made.replace(volume=make_volume(creation.path, creation.wanted))
    except BaseException:
        os.rmdir("rootfs", dir_fd=directory)
        raise
    return made


def make_volume(path: str, wanted: Wanted) -> Volume:
    """A logical volume with a file system in it.  Raises StepError, and leaves nothing then."""
    group, _, name = path.removeprefix("/dev/").partition("/")
    made = volumes.create(group, name, wanted.size, wanted.pool)
    try:
        _mkfs(path, path, wanted)
    except BaseException:
        volumes.remove(made)
        raise
    return made


def make_image(directory: int, shown: str, wanted: Wanted) -> None:
    """A file with a file system in it, in the opened `directory`; `shown` is its path for messages.

    Raises StepError, and leaves nothing then.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with closing(os.open(_IMAGE, flags, 0o600, dir_fd=directory)) as file:
        try:
            _make_room(file, shown, wanted.size)
            _mkfs(f"/proc/{os.getpid()}/fd/{file}", shown, wanted)  # whatever is at its path
        except BaseException:
            os.unlink(_IMAGE, dir_fd=directory)
            raise


def _make_room(file: int, shown: str, size: int) -> None:
    try:
        os.ftruncate(file, size)
    except OSError as error:
        hint = "the file system that it lies on has files of no such size" if error.errno == errno.EFBIG else ""
        raise StepError(f"make {shown} {size} bytes long", error, hint=hint) from error


def _mkfs(path: str, shown: str, wanted: Wanted) -> None:
    name = f"mkfs.{wanted.fstype}"
    program = programs.find(name)
    if not program:
        raise StepError(f"{name} {shown}", "this host has no such program", hint="install it, or use --fstype=ext4")
    done = programs.run((program, path))
    if done.status:
        complaint, hint = _complaint(done), "--fssize may be too small for it" if wanted.size < SIZE else ""
        if os.strerror(errno.ENOSPC) in complaint:
            hint = "the disk that the image lies on is full: free some space"
        raise StepError(f"{name} {shown}", complaint, hint=hint)


def settle(root: int, shown: str) -> None:
    """Have all on the disk that was written to the file system `shown` since its directory `root` was opened.  Raises StepError.

    Whoever wrote to an image on a full disk need not have heard of that.
    """
    try:
        fs.syncfs(root)
    except OSError as error:
        hint = "the disk that it lies on may be full: free some space"
        raise StepError(f"write to {shown} all that is to be in it", error, hint=hint) from error


def _complaint(done: programs.Done) -> str:
    """What a mkfs said was wrong, without the name and version that those of ext4 say first."""
    first, _, others = done.errors.partition("\n")
    return done.replace(errors=others).complaint if first.startswith("mke2fs ") else done.complaint


def make_directories(directory: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """Make `names` in the opened `directory`, for everybody to look into.  Return them.  Raises OSError, and leaves nothing then."""
    made: list[str] = []
    try:
        for name in names:
            above, _, last = name.rpartition("/")
            with closing(beneath.open(directory, above, os.O_PATH | os.O_DIRECTORY)) as parent:
                beneath.new_directory(parent, last, 0o755)
            made.append(name)
    except OSError:
        for name in reversed(made):
            os.rmdir(name, dir_fd=directory)
        raise
    return names


def subvolume(directory: int, shown: str) -> None:
    """A btrfs subvolume `rootfs` in the opened `directory`; `shown` is its path for messages.  Raises StepError."""
    try:
        btrfs.create_subvolume(directory, "rootfs")
        with closing(beneath.open(directory, "rootfs", os.O_RDONLY | os.O_DIRECTORY)) as made:
            os.fchmod(made, 0o755)  # whatever the umask
    except OSError as error:
        why = "it is not on a btrfs" if error.errno == errno.ENOTTY else error.strerror or str(error)
        raise StepError(f"make a subvolume in {shown}", why, hint="-B dir makes a directory") from error
