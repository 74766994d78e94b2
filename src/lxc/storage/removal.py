"""Removing a directory tree that a hostile administrator filled, and only that tree.

Nothing here follows a link, leaves the tree, or enters what is mounted in it:
every step is a name below an opened directory.  There is no way up: `..` is
never opened, because a directory may be moved while we are in it.  Trees of any
depth are removed with at most `_WINDOW` descriptors and without recursion.

A subvolume of btrfs is a directory like any other; one that is read-only is made
writable, if its top directory is in the tree.

A file that cannot be removed does not keep the others: the error comes at the
end, and names the first.
"""

from __future__ import annotations

import os
from errno import EBUSY, EISDIR, ELOOP, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EROFS, EXDEV

from lxc.errors import LxcError, NotFound, Refused
from lxc.kernel import btrfs, fs, mountinfo, statx
from lxc.storage import descent

_WINDOW = 100  # directories kept open; deeper ones close the upper ones, which are opened again on the way back
_LANDMARKS = range(0, 100_000, 1000)  # depths kept open all the same: the way back starts at the last of them
_PASSES, _REPEATS = 8, 10_000  # over one directory, and over all, while something still writes into them
_UNMOUNT = "unmount it first, with umount(8); what is mounted there must not be lost"


def open_directory(parent: int, name: str, shown: str) -> int:
    """The directory `name` of `parent`, neither through a link nor onto another mount; the caller closes it.

    `shown` is its path for messages.  Raises NotFound, Refused, OSError.
    """
    try:
        return descent.open(parent, name)
    except OSError as error:
        if error.errno == ENOENT:
            raise NotFound(f"there is no {quoted(shown)}") from None
        if error.errno == ELOOP:
            raise Refused(f"{quoted(shown)} is a symbolic link: neither it nor what it leads to is removed") from None
        if error.errno == ENOTDIR:
            raise Refused(f"{quoted(shown)} is not a directory: it is not removed") from None
        if error.errno == EXDEV:
            raise Refused(f"{quoted(shown)} is a mount point: nothing was removed", hint=_UNMOUNT) from None
        raise


def refuse_mounts(directory: int) -> None:
    """Raise Refused if something is mounted on or below the opened directory, in this mount namespace."""
    top = os.readlink(f"/proc/self/fd/{directory}")
    points = [point for point in mountinfo.mount_points() if point == top or point.startswith(f"{top.rstrip('/')}/")]
    if points:
        more = f" (and {len(points) - 1} more)" if len(points) > 1 else ""
        raise Refused(f"something is mounted at {quoted(points[0])}{more}: nothing was removed", hint=_UNMOUNT)


def remove_opened(top: int, parent: int, name: str, shown: str, last: tuple[str, ...] = ()) -> None:
    """Remove the directory `name` of `parent`, which `open_directory` opened, with all that is in it.

    `shown` is its path for messages.  The files `last`, directly in it, go after everything else, and only if everything
    else could be removed.  Raises Refused before anything is removed; LxcError naming the first thing that could not be.
    """
    removal = _Removal(top, shown, last)
    try:
        refuse_mounts(top)
        removal.run(parent, name)
    finally:
        removal.close()
    if removal.first:
        raise _failure(removal.failures, *removal.first, is_empty=removal.is_empty)


def quoted(path: str) -> str:
    """`path` for a message: quoted if it contains what a terminal would not show, shortened if it is very long."""
    if len(path) > 300:
        path = f"{path[:140]} … {path[-140:]}"
    return path if path.isprintable() else repr(path)


class _Frame:
    """A directory on the way down: its name, its descriptor (-1: closed for the time being), and what is to do."""

    def __init__(self, name: str, fd: int) -> None:
        self.name, self.fd = name, fd
        self.directories: list[str] = []
        self.passes = 0
        self.is_stuck = False  # something in it stays, so it will
        self.may_be_read_only = True  # a subvolume; it has not been made writable yet

    def close(self) -> None:
        fs.close(self.fd)
        self.fd = -1


class _Removal:
    def __init__(self, top: int, shown: str, last: tuple[str, ...]) -> None:
        self.shown, self.last = shown, last
        self.frames = [_Frame("", top)]
        self.repeats = 0  # passes over a directory that had been emptied already
        self.failures = 0
        self.is_empty = False  # nothing is left in the top directory, not even `last`
        self.first: tuple[str, OSError] | None = None

    def run(self, parent: int, name: str) -> None:
        """Empty the top directory, remove `last`, then the top directory: `name` of `parent`."""
        top = self.frames[0]
        while not top.is_stuck:
            self._empty(top)
            self._descend()
            if not top.is_stuck:
                for file in self.last:
                    self._unlink(top, file)
            if not top.is_stuck:
                self.is_empty = True
                if self._rmdir(parent, name, top):
                    return

    def close(self) -> None:
        """Close what is open but the top directory, which the caller opened."""
        while len(self.frames) > 1:
            self._drop()

    def _descend(self) -> None:
        """Remove the directories below the top one, each after what is in it."""
        while len(self.frames) > 1 or self.frames[0].directories:
            frame = self.frames[-1]
            if frame.fd < 0 and not self._reopen():
                continue
            if frame.directories:
                self._enter(frame, frame.directories.pop())
            else:
                self._leave()

    def _empty(self, frame: _Frame) -> None:
        """Remove the files of the last frame's directory and list its directories."""
        frame.passes += 1
        kept = self.last if len(self.frames) == 1 else ()
        try:
            with os.scandir(frame.fd) as entries:
                for entry in entries:
                    if entry.name in kept:
                        continue
                    if entry.is_dir(follow_symlinks=False) or not self._unlink(frame, entry.name):
                        frame.directories.append(entry.name)
        except OSError as error:
            self._fail(frame, error)

    def _unlink(self, frame: _Frame, name: str) -> bool:
        """Remove a file.  Return False if it is a directory."""
        try:
            os.unlink(name, dir_fd=frame.fd)
        except OSError as error:
            if error.errno == EISDIR:
                return False
            if error.errno == EROFS and _make_writable(frame):
                return self._unlink(frame, name)
            if error.errno != ENOENT:
                self._fail(frame, _explained(error, frame.fd, name), name)
        return True

    def _enter(self, frame: _Frame, name: str) -> None:
        """Remove the directory `name` of `frame` if it is empty, else go into it."""
        try:
            os.rmdir(name, dir_fd=frame.fd)
            return
        except OSError as error:
            if error.errno == ENOENT:
                return
            if error.errno == EROFS and _make_writable(frame):
                self._enter(frame, name)
                return
        try:
            fd = descent.open(frame.fd, name)
        except OSError as error:
            if error.errno in (ELOOP, ENOTDIR):  # put into the directory's place meanwhile
                self._unlink(frame, name)
            elif error.errno != ENOENT:
                self._fail(frame, _explained(error, frame.fd, name), name)
            return
        self.frames.append(_Frame(name, fd))
        passed = len(self.frames) - 1 - _WINDOW
        if passed > 0 and passed not in _LANDMARKS:
            self.frames[passed].close()
        self._empty(self.frames[-1])

    def _leave(self) -> None:
        """Go back to the parent of the emptied directory and remove it there."""
        frame, parent = self.frames[-1], self.frames[-2]
        if parent.fd < 0:
            self._reopen()
        elif frame.is_stuck:
            parent.is_stuck = True
            self._drop()
        elif self._rmdir(parent.fd, frame.name, frame):
            self._drop()
        elif not frame.is_stuck:
            self._empty(frame)

    def _rmdir(self, parent: int, name: str, frame: _Frame) -> bool:
        """Remove the directory of `frame`.  Return False if it stays, or is to be emptied again: see `is_stuck`."""
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError as error:
            self.repeats += 1
            if error.errno == ENOENT or (error.errno == ENOTDIR and len(self.frames) > 1):
                return True  # somebody moved it; if it is still there, its parent will not be empty
            if error.errno != ENOTEMPTY or frame.passes >= _PASSES or self.repeats > _REPEATS:
                self._fail(frame, _explained(error, parent, name))
            return False
        return True

    def _drop(self) -> None:
        self.frames.pop().close()

    def _reopen(self) -> bool:
        """Open the last frames again, from a landmark.  If the way is gone, drop the last frame and return False."""
        frames = self.frames
        first = max(0, len(frames) - _WINDOW)
        landmark = next(at for at in range(first, -1, -1) if frames[at].fd >= 0)  # the top one is always open
        try:
            if landmark < first:
                frames[first].fd = descent.walk(
                    frames[landmark].fd, [frame.name for frame in frames[landmark + 1 : first + 1]]
                )
            for parent, frame in zip(frames[first:], frames[first + 1 :], strict=False):
                if frame.fd < 0:
                    frame.fd = descent.open(parent.fd, frame.name)
        except OSError as error:
            if error.errno not in (ENOENT, ENOTDIR, ELOOP):  # these mean that somebody else moves things
                self._fail(frames[-1], error)
                frames[-2].is_stuck = True
            self._drop()
            return False
        return True

    def _fail(self, frame: _Frame, error: OSError, name: str = "") -> None:
        """Note that `name` in the directory of `frame`, or that itself, stays."""
        self.failures += 1
        frame.is_stuck = True
        if self.first is None:
            inner = [above.name for above in self.frames[1 : self.frames.index(frame) + 1]]
            self.first = "/".join([self.shown, *inner, *([name] if name else [])]), error


def _make_writable(frame: _Frame) -> bool:
    """Make its directory writable.  Return False if it is no read-only subvolume, or had been made writable before."""
    if not frame.may_be_read_only:
        return False
    frame.may_be_read_only = False
    try:
        if not btrfs.is_subvolume(frame.fd):
            return False
        btrfs.set_read_only(frame.fd, be=False)
    except OSError:
        return False  # the whole file system is
    return True


def _explained(error: OSError, parent: int, name: str) -> OSError:
    """`error` with the reason that its number does not tell."""
    why = ""
    if error.errno in (EBUSY, EXDEV):
        why = "something is mounted there"
    elif error.errno == ENOTEMPTY:
        why = "something still writes into it"
    elif error.errno == EPERM:
        for path, what in ((name, "it"), (".", "the directory it is in")):
            try:
                attributes = statx.attributes(parent, path)
            except OSError:
                continue
            for flag, called in ((statx.STATX_ATTR_IMMUTABLE, "immutable"), (statx.STATX_ATTR_APPEND, "append-only")):
                if attributes & flag and not why:
                    why = f"{what} is {called}"
    return OSError(error.errno, f"{error.strerror}, {why}") if why else error


def _failure(count: int, path: str, error: OSError, *, is_empty: bool) -> LxcError:
    more = f" (nor {count - 1} more)" if count > 1 else ""
    hints = {
        EPERM: "chattr -i (or -a) makes what is immutable (or append-only) removable; then destroy again",
        EXDEV: _UNMOUNT,
        EBUSY: _UNMOUNT,
        EROFS: "mount the file system read-write, then destroy again",
    }
    hint = hints.get(error.errno or 0, "the rest was removed; destroying again removes what is left")
    if is_empty and error.errno not in (EBUSY, ENOTEMPTY):
        hint = f"it is empty, and no container any more: rmdir {quoted(path)} removes it"
    return LxcError(f"cannot remove {quoted(path)}: {error.strerror}{more}", hint=hint)
