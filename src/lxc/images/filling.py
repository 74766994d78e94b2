"""What lxc-download and lxc-local have in common: a container's root made of an image, and its configuration."""

from __future__ import annotations

import os
import sys

from lxc import beneath
from lxc.errors import UsageError, printable
from lxc.images import mapped, metadata, unpack
from lxc.images.metadata import Container, Metadata
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_MOST = 16 << 20  # bytes of a container's first configuration


class Target(Record):
    """The container that is filled, as lxc-create tells of it, and for which `mode` of containers.

    `owner` is whose its configuration is, in this user namespace: (-1, -1) if it stays whose it is.
    """

    container: Container
    mode: str
    namespace: str
    owner: tuple[int, int]


def add_arguments(parser: ArgumentParser) -> None:
    """Those that lxc-create gives."""
    internal = parser.add_argument_group("LXC internal arguments (lxc-create gives them)")
    internal.add_argument("--name", default="", help="the container's name")
    internal.add_argument("--path", default="", help="the container's directory")
    internal.add_argument("--rootfs", default="", help="where to unpack the root file system")
    internal.add_argument("--mapped-uid", type=int, default=-1, metavar="UID", help="owner of the configuration")
    internal.add_argument("--mapped-gid", type=int, default=-1, metavar="GID", help="group of the configuration")


def target(options: Namespace) -> Target:
    """Raises UsageError."""
    namespace = mapped.user_namespace()
    if not (options.name and options.path and options.rootfs):
        raise UsageError("Please pass the name, path, and rootfs for the container", hint="lxc-create does")
    if namespace == "yes" and options.mapped_uid < 0:
        raise UsageError("In a user namespace without a map", hint="lxc-create gives one: --mapped-uid, --mapped-gid")
    container = Container(options.name, options.path, options.rootfs)
    return Target(container, mode(namespace), namespace, (options.mapped_uid, options.mapped_gid))


def mode(namespace: str) -> str:
    """For which containers an image is to be: "user" if these have ids of their own."""
    return "system" if namespace == "no" else "user"


def fill(target: Target, image: Metadata, archive: int, name: str, *, more_excludes: str = "") -> None:
    """Unpack the image's root file system, and write what its metadata say.  Raises LxcError, OSError."""
    container = target.container
    print("Unpacking the rootfs", flush=True)
    os.makedirs(container.rootfs, exist_ok=True)
    with closing(os.open(container.rootfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        unpack.check(root, container.rootfs)
        excludes = f"{image.text('excludes')}\n{more_excludes}".strip("\n")
        unpack.unpack(archive, name, root, container.rootfs, excludes=excludes)
        beneath.make_directory(root, "dev/pts")
        for failure in unpack.fill(root, container, image.text("templates")):
            print(f"not filled in, in the root: {printable(failure)}", file=sys.stderr, flush=True)
        if target.owner != (-1, -1):
            os.fchown(root, os.geteuid(), os.getegid())
    _configure(target, image)
    if image.text("create-message"):
        print("\n---\n" + printable(image.text("create-message"), "\n\t").rstrip(), flush=True)


def _configure(target: Target, image: Metadata) -> None:
    container = target.container
    fstab = image.text("fstab")
    if fstab:
        escaped = container.replace(rootfs=container.rootfs.replace(" ", "\\040"))
        _write(f"{container.path}/fstab", metadata.filled(fstab, escaped), target.owner)
    path = f"{container.path}/config"
    text = metadata.filled(image.text("config") or metadata.plain(target.mode), container)
    whole = metadata.assembled(_read(path), text, container, has_fstab=bool(fstab))
    _write(path, whole, target.owner)


def _read(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with open(fd, encoding="utf-8", errors="surrogateescape") as file:
        return file.read(_MOST)


def _write(path: str, text: str, owner: tuple[int, int]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o640)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.truncate()
        file.write(text)
        if owner != (-1, -1):
            os.fchown(fd, *owner)
