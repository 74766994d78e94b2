"""Files below a directory whose owner is hostile: opened and made by descriptor, and never through a link.

The rule that everything here enforces: no component of the path is a symbolic
link, none leads out, none is one of proc(5)'s magic links.  A path that breaks
it is an error that names the link.  Used for all that is touched below a
container's root (mount targets, device nodes, ttys) and in a container's
directory.
"""

from __future__ import annotations

import errno
import os

from lxc.kernel import fs
from lxc.kernel.fs import closing

RULE = fs.RESOLVE_BENEATH | fs.RESOLVE_NO_SYMLINKS | fs.RESOLVE_NO_MAGICLINKS
_DIGITS = 8  # which the name of a file ends with until it takes another's place


def open(root: int, path: str, flags: int, mode: int = 0, *, same_mount: bool = False) -> int:  # noqa: A001  # beneath.open
    """openat2(2) of `path` below the directory `root`, links refused; a leading slash means `root`.

    With `same_mount` no mount point may be crossed either.  The caller closes the descriptor.
    Raises OSError; ELOOP's text names the link.
    """
    relative = path.strip("/") or "."
    try:
        return fs.openat2(root, relative, flags, mode, RULE | (fs.RESOLVE_NO_XDEV if same_mount else 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(
                errno.ELOOP, f"{_first_link(root, relative)} is a symbolic link; links are not followed", path
            ) from None
        if error.errno == errno.EXDEV and not same_mount:
            raise OSError(errno.EXDEV, f"{path} leads out of the directory that it is to be in", path) from None
        raise


def make_directory(root: int, path: str, mode: int = 0o755) -> None:
    """mkdir -p below `root`.  What exists must be a directory all the way, or OSError is raised."""
    done = ""
    for part in filter(None, path.split("/")):
        with closing(open(root, done, os.O_PATH | os.O_DIRECTORY)) as parent:
            try:
                os.mkdir(part, mode, dir_fd=parent)
            except FileExistsError:
                pass
        done = f"{done}/{part}"
    os.close(open(root, done, os.O_PATH | os.O_DIRECTORY))


def new_directory(parent: int, name: str, mode: int, owner: tuple[int, int] = (-1, -1)) -> None:
    """mkdir(2) in the opened `parent`, of `mode` whatever the umask, and `owner`'s (-1: ours).

    What somebody has put there meanwhile gets neither if it is a link.  Raises OSError, and leaves nothing made then.
    """
    os.mkdir(name, mode, dir_fd=parent)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with closing(os.open(name, flags, dir_fd=parent)) as made:
            os.fchmod(made, mode)
            os.fchown(made, *owner)
    except OSError:
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError:
            pass  # it is not what we have made any more
        raise


def make_directories(path: str, mode: int = 0o755, owner: tuple[int, int] = (-1, -1)) -> tuple[str, ...]:
    """mkdir -p of the absolute `path`, all of `mode` and of `owner` (-1: ours).  Return what was not there before, outermost first.

    Links on the way are followed; what is made is no link.  Raises OSError, and then leaves nothing made.
    """
    made: list[str] = []
    above = ""
    try:
        for part in filter(None, path.split("/")):
            at = f"{above}/{part}"
            try:
                with closing(os.open(above or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as parent:
                    new_directory(parent, part, mode, owner)
                made.append(at)
            except FileExistsError:
                pass
            except OSError as error:
                error.filename = at
                raise
            above = at
        os.close(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))  # what was there is a directory
    except OSError:
        remove_empty(tuple(made))
        raise
    return tuple(made)


def remove_empty(directories: tuple[str, ...]) -> None:
    """Remove what `make_directories` made, as far as nobody put anything there."""
    for path in reversed(directories):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError:
            return


def make_file(root: int, path: str, mode: int = 0o644) -> None:
    """Make an empty regular file, and the directories above it, below `root`; what exists is left as it is."""
    above, _, name = path.strip("/").rpartition("/")
    make_directory(root, above)
    with closing(open(root, above, os.O_PATH | os.O_DIRECTORY)) as parent:
        try:
            os.close(
                os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode, dir_fd=parent)
            )
        except FileExistsError:
            os.close(open(root, path, os.O_PATH))  # refuses a link


def replace_file(directory: int, name: str, data: bytes, owner: tuple[int, int] = (-1, -1), mode: int = -1) -> None:
    """Have `data` in the file `name` of the opened `directory`, whole or not at all; what was there is replaced, a link too.

    It gets `owner` (-1: ours) and `mode` (-1: 0660 less the umask).  Raises OSError.
    """
    spare = f".{name}.{os.urandom(_DIGITS // 2).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(spare, flags, 0o660 if mode < 0 else 0o600, dir_fd=directory)
    try:
        with closing(fd):
            os.fchown(fd, *owner)
            if mode >= 0:
                os.fchmod(fd, mode)
            fs.write(fd, data)
        os.rename(spare, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(spare, dir_fd=directory)
        raise


def is_spare(file: str, name: str) -> bool:
    """Whether something that is called `file` is what `replace_file` has left for `name`, if it was killed."""
    digits = file.removeprefix(f".{name}.")
    return digits != file and len(digits) == _DIGITS and not digits.strip("0123456789abcdef")


def _first_link(root: int, path: str) -> str:
    """The part of `path` that is a link, as the container sees it."""
    done = ""
    for part in path.split("/"):
        done = f"{done}/{part}"
        try:
            os.close(fs.openat2(root, done.lstrip("/"), os.O_PATH, 0, RULE))
        except OSError:
            return done
    return f"/{path}"
