"""A container in the making: what was made of it so far, and how that is undone.

Whatever fails, and whenever a signal comes: what was made is removed again, and
nothing else is.  So each thing is noted as made in the moment it is.

While it is being made, the container has a marker, `partial`, that is locked for
as long as we live: others can tell a container in the making from one whose
making was cut short.
"""

from __future__ import annotations

import os

from lxc import beneath, followed, log
from lxc.errors import LxcError, Refused, StateError, sentence
from lxc.idmap.plan import IdMapPlan
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.runtime import as_root, failures, lock
from lxc.storage import creation, ours, removal, volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.document import Document
    from lxc.runtime.place import Place
    from lxc.storage.volumes import Volume


def is_being_made(place: Place) -> bool:
    """Whether somebody is making this container right now."""
    with closing(open_directory(place)) as directory:
        return _marker(directory) == "held"


def define(place: Place, document: Document) -> None:
    """Make `document` the container's configuration file, in its directory, which is made if it is missing.

    Raises LxcError (StepError if it cannot be written), OSError, and leaves nothing made then.
    """
    with lock.held(place):
        made: list[str] = []
        try:
            try:
                made += beneath.make_directories(place.lxcpath)
                with closing(_open_path(place)) as parent:
                    beneath.new_directory(parent, place.name, 0o770)
                made.append(place.directory)
            except FileExistsError:
                pass
            except OSError as error:
                raise failures.no_directory(error, place.directory) from error
            document.save(place.config_file)
        except BaseException:
            beneath.remove_empty(tuple(made))
            raise


class Making:
    """What was made so far.  `with` removes it if the block does not reach `finish`."""

    def __init__(
        self,
        place: Place,
        ids: IdMapPlan = IdMapPlan(),  # noqa: B008  # a Record is immutable
        user: tuple[int, int] | None = None,
    ) -> None:
        """Root among `ids` gets what is the container's own; the rest is `user`'s (uid and gid), for whom root makes it, or ours."""
        self.place, self.ids, self.user = place, ids, user
        self.directory = self.marker = -1
        self.above: tuple[str, ...] = ()  # the directories above the container's own
        self.is_ours = False  # the container's own directory
        self.roots: tuple[str, ...] = ()  # the root file system's directory and those above it
        self.made: tuple[ours.Made, ...] = ()  # the root file system's directories that we made
        self.volume: Volume | None = None  # the logical volume that it is in, if we made it
        self.files: tuple[str, ...] = ()  # in the container's directory, the marker not among them
        self.is_finished = False

    def __enter__(self) -> Making:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if not self.is_finished:
                with lock.held(self.place) as held:
                    self._undo(held)
        except (LxcError, OSError) as second:
            why = sentence(second)
            log.error(f"{self.place.name} could not be removed again: {why}")
            if isinstance(error, LxcError):
                error.hint = f"what was made so far could not all be removed again: {why}"
        finally:
            fs.close(self.marker, self.directory)

    def claim(self) -> None:
        """Make the container's directory and its marker.  Raises StateError if somebody else has."""
        place = self.place
        with lock.held(place):
            if place.is_defined or os.path.lexists(place.config_file):
                raise exists(place)
            try:
                self.above = self._make_above()
                with closing(_open_path(place)) as parent:
                    try:
                        os.mkdir(place.name, 0o770, dir_fd=parent)
                        self.is_ours = True
                    except FileExistsError:
                        log.info(f"{place.directory} exists; it will stay if {place.name} cannot be made")
                    self.directory = beneath.open(parent, place.name, os.O_RDONLY | os.O_DIRECTORY)
                if self.is_ours:
                    os.fchmod(self.directory, 0o770)  # whatever the umask
                    as_root.give(self.ids, self.directory)
                    if self.user:
                        os.fchown(self.directory, -1 if self.ids.users else self.user[0], self.user[1])
            except OSError as error:
                raise failures.no_directory(error, place.directory) from error
            is_roots = os.geteuid() == 0 and not self.user
            mode = 0 if is_roots else 0o400  # root opens a file without permissions; others look at its lock
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                self.marker = os.open("partial", flags, mode, dir_fd=self.directory)
            except FileExistsError:
                raise _claimed(place, self.directory) from None
            if self.user:
                os.fchown(self.marker, *self.user)
            lock.try_lock(self.marker)

    def _make_above(self) -> tuple[str, ...]:
        """Make the directories above the container's own; with the user's rights alone where they are his, who may put links there."""
        if not self.user:
            return beneath.make_directories(self.place.lxcpath)
        fs.setfsids(*self.user)
        try:
            return beneath.make_directories(self.place.lxcpath)
        finally:
            fs.setfsids(os.geteuid(), os.getegid())

    def make_root(self, how: creation.Creation) -> creation.Creation:
        """Make the root file system, if there is none; record a directory that lies outside of ours.  Return `how`."""
        if how.driver == "dir":
            self._make_directory(how.path)
            return how
        try:
            made = creation.make(how, self.directory)
        except OSError as error:
            raise failures.failure(f"make the root file system of {self.place.name}", error) from error
        paths = tuple(f"{self.place.directory}/{name}" for name in made.directories)
        self.made = tuple(ours.identity(path) for path in paths if os.path.dirname(path) == self.place.directory)
        if how.driver == "loop":
            self.files = (*self.files, os.path.basename(how.path))
        if made.volume:
            self.keep_volume(made.volume)
        as_root.give(self.ids, self.directory, made.directories)
        return how

    def keep_volume(self, volume: Volume) -> None:
        """A logical volume was made for the root file system: record it."""
        self.volume = volume
        self.files = (*self.files, ours.RECORD)
        ours.remember(self.directory, volume)

    def _make_directory(self, path: str) -> None:
        if os.path.isdir(path):
            return
        try:
            self.roots = beneath.make_directories(path)
        except OSError as error:
            raise failures.no_directory(error, path) from error
        made = ours.identity(path)
        self.made = (made,)
        if self.ids.users:
            with followed.parent(path) as (directory, name):
                as_root.give(self.ids, directory, (name,))
        if os.path.dirname(made.path) != os.path.realpath(self.place.directory):
            self.files = (*self.files, ours.RECORD)
            ours.remember(self.directory, made)

    def save(self, document: Document, rootfs: str) -> None:
        """Write the configuration and see that it can be read again."""
        from lxc.config import document as documents

        self.files = (*self.files, "config")
        if os.path.islink(self.place.config_file):
            raise Refused(
                f"{self.place.config_file} has become a symbolic link: what it leads to is not written to",
                hint="a template must leave the configuration where it is",
            )
        document.save_in(self.directory, self.place.config_file, self.user or (-1, -1))
        config, _ = documents.load(self.place.config_file)
        if rootfs and config.rootfs_path.path != rootfs:
            raise Refused(
                f"lxc.rootfs.path became {config.rootfs_path.path!r}, not {rootfs!r}",
                hint="a path in a configuration must be one line, and a template must leave it as it is",
            )

    def finish(self) -> None:
        """The container is made."""
        os.unlink("partial", dir_fd=self.directory)
        self.is_finished = True

    def _undo(self, held: lock.held) -> None:
        place = self.place
        as_root.run(self.ids, self._undo_roots)
        if self.is_ours and self.directory >= 0:
            as_root.run(self.ids, self._undo_directory)
        elif self.is_ours:
            os.rmdir(place.directory)
        elif self.marker >= 0:
            for name in (*self.files, "partial"):
                _unlink(name, self.directory)
        if not os.path.lexists(place.directory):
            held.forget()
        beneath.remove_empty(self.above)

    def _undo_roots(self) -> None:
        if self.volume:
            volumes.remove(self.volume)
        own = os.path.realpath(self.place.directory)
        for made in self.made:
            if not (self.is_ours and os.path.dirname(made.path) == own):  # that goes with all that is in it
                ours.remove_made(made, ())
        beneath.remove_empty(self.roots)

    def _undo_directory(self) -> None:
        place = self.place
        with closing(os.open(place.lxcpath, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as parent:
            removal.remove_opened(self.directory, parent, place.name, place.directory, last=("config", "partial"))


def open_directory(place: Place) -> int:
    """The container's directory; the caller closes it.  Raises OSError, ELOOP if it is a link."""
    with closing(_open_path(place)) as parent:
        return beneath.open(parent, place.name, os.O_RDONLY | os.O_DIRECTORY)


def _open_path(place: Place) -> int:
    return os.open(place.lxcpath, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _marker(directory: int) -> str:
    """Whether the marker in a container's directory is "held" by somebody, "stale", or there is none ("")."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with closing(os.open("partial", flags, dir_fd=directory)) as fd:
            return "held" if lock.is_locked(fd) else "stale"
    except FileNotFoundError:
        return ""


def exists(place: Place) -> LxcError:
    """That there is such a container already, or one in the making."""
    try:
        with closing(open_directory(place)) as directory:
            if _marker(directory):
                return _claimed(place, directory)
    except OSError as error:
        log.debug(f"whether {place.name} is in the making cannot be told: {error.strerror}")
    return StateError(f'Container "{place.name}" already exists in "{place.lxcpath}"')


def _claimed(place: Place, directory: int) -> LxcError:
    if _marker(directory) == "held":
        return StateError(f"{place.name} is being created by another process")
    return StateError(
        f"an earlier creation of {place.name} was cut short",
        hint=f"lxc-destroy -P {place.lxcpath} -n {place.name} removes what it left",
    )


def _unlink(name: str, directory: int) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
