"""Images that were downloaded: kept whole or not at all, where LXC keeps them.

    BASE/download/DIST/RELEASE/ARCH/VARIANT/    rootfs.tar.xz, the metadata's files, build_id
                                   /.new-…      what is being downloaded; renamed when it is whole
                                   /.old-…      what was replaced, and is about to go

The directory of the architecture is locked by whoever looks whether there is
an image, until he has opened it: what two want at once one of them downloads,
and what a killed one left is removed by the next.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import time
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS

from lxc import beneath
from lxc.errors import LxcError
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ROOTFS, BUILD = "rootfs.tar.xz", "build_id"
_NEW, _OLD = ".new-", ".old-"
_MOST_TOLD = 4096  # bytes of a build's name, or a time


class Image(Record):
    """A whole image: its opened directory, its opened archive (the caller closes both), its build."""

    directory: int
    archive: int
    build: str


def base(namespace: str) -> str:
    """Where what was fetched is kept, for a template in this user namespace (lxc.images.mapped).  Raises LxcError."""
    named = os.environ.get("LXC_CACHE_PATH", "")
    if named:
        return os.path.abspath(named)
    if namespace != "yes" and os.geteuid() == 0:
        return "/var/cache/lxc"
    home = os.environ.get("HOME", "")
    if not home.startswith("/"):
        raise LxcError("there is no place to keep images: HOME is not set", hint="LXC_CACHE_PATH names another")
    return f"{home}/.cache/lxc"


class Shelf:
    """`with Shelf(base, words, owner) as shelf:` nobody else changes the images of this architecture.

    `words` are distribution, release, architecture, variant; `owner` is whose the files are: (-1, -1) ours.
    Raises LxcError, which names a place that cannot be used, and what to do.
    """

    def __init__(self, base: str, words: tuple[str, str, str, str], owner: tuple[int, int]) -> None:
        self.path, self._name, self._owner = "/".join((base, "download", *words[:3])), words[3], owner
        self._fd = -1

    def __enter__(self) -> Shelf:
        try:
            beneath.make_directories(self.path, owner=self._owner)
            self._fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Waiting for who is downloading such an image", flush=True)
                fcntl.flock(self._fd, fcntl.LOCK_EX)
            self._tidy()
        except OSError as error:
            self.__exit__()
            raise self._unusable(error) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _tidy(self) -> None:
        """Remove what killed ones have left, where that may be."""
        for left in os.listdir(self._fd):
            if left.startswith((_NEW, _OLD)):
                try:
                    self._remove(left)
                except OSError as error:
                    print(
                        f"{self.path}/{left} stays, which is of no use: {error.strerror}", file=sys.stderr, flush=True
                    )

    def image(self) -> Image | None:
        """The image that is there, if it is whole."""
        try:
            directory = beneath.open(self._fd, self._name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        build = _line(directory, BUILD)
        try:
            archive = beneath.open(directory, ROOTFS, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            archive = -1
        if archive >= 0 and build and stat.S_ISREG(os.fstat(archive).st_mode) and os.fstat(archive).st_size:
            return Image(directory, archive, build)
        fs.close(directory, archive)
        return None

    def drop(self) -> None:
        """Remove the image, and whatever else is in its place.  Raises LxcError."""
        try:
            self._remove(self._name)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._unusable(error) from error

    def renew(self, build: str, make: Callable[[int], None]) -> None:
        """Put an image there, of which `make` puts all but the build into an opened directory: whole, or nothing changes."""
        name = f"{_NEW}{os.urandom(6).hex()}"
        try:
            try:
                os.mkdir(name, 0o755, dir_fd=self._fd)
                with closing(beneath.open(self._fd, name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
                    make(directory)
                    with closing(new_file(directory, BUILD)) as fd:
                        fs.write(fd, f"{build}\n".encode())
                    self._settle(directory)
                self._replace(name)
            finally:
                if name in os.listdir(self._fd):
                    self._remove(name)
        except OSError as error:
            raise self._unusable(error) from error

    def _replace(self, name: str) -> None:
        old = f"{_OLD}{name.removeprefix(_NEW)}"
        try:
            os.rename(self._name, old, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except FileNotFoundError:
            old = ""
        os.rename(name, self._name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        os.fsync(self._fd)
        if old:
            self._remove(old)

    def _settle(self, directory: int) -> None:
        """All of it is on the disk, everybody may read it, and it is the owner's."""
        for name in os.listdir(directory):
            with closing(beneath.open(directory, name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as fd:
                is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
                os.fchmod(fd, 0o755 if is_directory else 0o644)
                self._give(fd)
                os.fsync(fd)
        os.fchmod(directory, 0o755)
        self._give(directory)
        os.fsync(directory)

    def _give(self, fd: int) -> None:
        os.fchown(fd, *self._owner)

    def _remove(self, name: str) -> None:
        import shutil

        status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(name, dir_fd=self._fd)
        else:
            os.unlink(name, dir_fd=self._fd)

    def _unusable(self, error: OSError) -> LxcError:
        said = f"cannot keep the image in {self.path}: {error.strerror or error}"
        if error.errno in (ENOSPC, EDQUOT):
            return LxcError(said, hint="make room there, or name a place that has some: LXC_CACHE_PATH=/DIRECTORY")
        if error.errno in (EACCES, EPERM, EROFS):
            return LxcError(said, hint="name a place that may be written to: LXC_CACHE_PATH=/DIRECTORY")
        return LxcError(said)


def has_expired(directory: int) -> bool:
    """Whether the time that an image names as its end (`expiry`, in seconds since 1970) is over, or it names none."""
    told = _line(directory, "expiry")
    return not (told.isdecimal() and len(told) < 20 and time.time() < int(told))


def new_file(directory: int, name: str) -> int:
    """A new file, in the place of any that is there; the caller closes it."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=directory)


def _line(directory: int, name: str) -> str:
    """The first line of a file; "" if it is none."""
    try:
        fd = beneath.open(directory, name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with closing(fd):
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return os.read(fd, _MOST_TOLD).decode(errors="replace").partition("\n")[0].strip()
