"""The template `local`: a container of an image that is on this host, as two archives."""

from __future__ import annotations

import os

from lxc.errors import LxcError, UsageError
from lxc.images import filling, metadata, program, unpack
from lxc.images.metadata import Metadata
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

_LEVEL = 5  # of compatibility
_DEVICES = "dev/*\n./dev/*"


def main(words: Sequence[str]) -> int:
    """Do what the command line says: the exit status."""
    return program.run("lxc-local", lambda: _main(_arguments(words)))


def _main(options: Namespace) -> int:
    if not options.fstree:
        raise UsageError("which image? Say --fstree", hint="the archive of a root file system; its metadata --metadata")
    target = filling.target(options)
    with closing(_opened(options.fstree, "--fstree")) as archive:
        described = _described(options.metadata, target.mode) if options.metadata else Metadata({})
        excludes = _DEVICES if options.no_dev else ""
        filling.fill(target, described, archive, options.fstree, more_excludes=excludes)
    return 0


def _described(path: str, mode: str) -> Metadata:
    """What the archive of metadata says.  Raises LxcError, OSError."""
    import tempfile

    with (
        closing(_opened(path, "--metadata")) as archive,
        tempfile.TemporaryDirectory(prefix="lxc-local-") as directory,
        closing(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as fd,
    ):
        unpack.unpack(archive, path, fd, directory, everything=False)
        return metadata.read(fd, mode, _LEVEL)


def _opened(path: str, option: str) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LxcError(
            f"cannot open {path}: {error.strerror}", hint=f"{option} names an archive, which whoever creates may read"
        ) from error
    if not os.path.isfile(f"/proc/self/fd/{fd}"):
        os.close(fd)
        raise LxcError(f"{path} is no file", hint=f"{option} names an archive (tar)")
    return fd


def _arguments(words: Sequence[str]) -> Namespace:
    parser = program.parser("lxc-local", "A container of an image that is on this host", help_status=1)
    parser.add_argument("-m", "--metadata", default="", metavar="ARCHIVE", help="the metadata of the image")
    parser.add_argument("-f", "--fstree", default="", metavar="ARCHIVE", help="the root file system of the image")
    parser.add_argument("--no-dev", action="store_true", help="leave out what the image has in /dev")
    filling.add_arguments(parser)
    return parser.parse_args(words)
