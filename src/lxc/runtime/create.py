"""Making a container: its directory, its root file system's directory, its configuration, and what a template adds.

Whatever fails, and whenever a signal comes: what was made is removed again, and
nothing else is.  So each thing is noted as made in the moment it is.

While it is being made, the container has a marker, `partial`, that is locked for
as long as we live: another lxc-create, or a start, can tell a container in the
making from one whose making was cut short.
"""

from __future__ import annotations

import os

from lxc import beneath, log
from lxc.errors import ConfigError, LxcError, Refused, StateError, Unsupported, UsageError
from lxc.images import template as templates
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import interruption, lock
from lxc.storage import outside, removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.config.document import Document
    from lxc.config.settings import Settings
    from lxc.runtime.place import Place

BACKENDS = ("dir", "btrfs", "loop", "lvm", "nbd", "overlay", "overlayfs", "rbd", "zfs")  # of which we make `dir`
_SHARE = f"{os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}/share"


class Recipe(Record):
    """What to make a container of.

    `template` is a name, an absolute path, or "none"; `arguments` are for it.  `config_file` is the initial
    configuration ("": the system configuration's lxc.default_config), `rootfs` an absolute directory for the root file
    system ("": in the container's own).  With `is_quiet` the template has /dev/null for its output.
    """

    template: str
    arguments: tuple[str, ...] = ()
    config_file: str = ""
    backend: str = ""
    rootfs: str = ""
    is_quiet: bool = False


def create(place: Place, recipe: Recipe, initial: Settings | None = None) -> None:
    """Make the container, all of it or nothing.  Raises LxcError; Interrupted if SIGINT, SIGTERM … came.

    `initial` is the initial configuration where it is not to be read from a file.
    """
    check(recipe)
    if "dir" not in _backends(recipe.backend):
        raise Unsupported(
            f"{recipe.backend} cannot be a new container's storage: this version makes directories (dir) only",
            hint="leave -B out; the directory may lie on any file system, see --dir",
        )
    template = "" if templates.is_none(recipe.template) else templates.find(recipe.template)
    with interruption.deferred() as signal:
        if place.is_defined:
            raise _exists(place)
        config, document = (initial.config, initial.document) if initial else _initial(recipe.config_file)
        if template and config.idmap:
            raise Unsupported(
                "this version cannot run a template in a user namespace",
                where=config.places("lxc.idmap")[0],
                hint="create the container without lxc.idmap, or with -t none",
            )
        rootfs = _rootfs(place, recipe, config)
        with _Making(place) as making:
            making.claim()
            signal.check()
            if rootfs and not config.rootfs_path.path:
                making.make_rootfs(rootfs)
                document = document.append_item("lxc.rootfs.path", f"dir:{rootfs}")
            signal.check()
            making.save(document, rootfs)
            signal.check()
            if template:
                _fill(place, template, recipe, rootfs, signal)
                making.save(_headed(place, template, recipe.arguments), rootfs)
            signal.check()
            making.finish()


def check(recipe: Recipe) -> None:
    """Raise UsageError if the recipe makes no sense."""
    if not recipe.template:
        raise UsageError(
            "A template must be specified", hint='Use "none" if you really want a container without a rootfs'
        )
    if recipe.rootfs and not recipe.rootfs.startswith("/"):
        raise UsageError(f"--dir should use absolute path, got {recipe.rootfs!r}")
    if any(character in recipe.rootfs for character in "\n\r\0"):
        raise UsageError(f"--dir cannot be {recipe.rootfs!r}: a path in a configuration is one line")
    _backends(recipe.backend)


def is_being_made(place: Place) -> bool:
    """Whether somebody is making this container right now."""
    with closing(_open_directory(place)) as directory:
        return _marker(directory) == "held"


def is_unfinished(place: Place) -> bool:
    """Whether the making of this container was cut short: nobody is at it any more, and what was made is left."""
    with closing(_open_directory(place)) as directory:
        return _marker(directory) == "stale"


def _backends(text: str) -> list[str]:
    """The kinds of storage that may be tried, best and none being directories.  Raises UsageError."""
    names = [
        "dir" if name and ("best".startswith(name) or "none".startswith(name)) else name for name in text.split(",")
    ]
    for name in names if text else ():
        if name not in BACKENDS:
            known = f"there are: best, none, {', '.join(BACKENDS)}"
            raise UsageError(f"{name} is not a valid backing storage type", hint=known)
    return names if text else ["dir"]


def _initial(path: str) -> tuple[Config, Document]:
    """The initial configuration: the file at `path`, else the default if there is one."""
    from lxc.config import document, system
    from lxc.config.container import Config

    default = "" if path else system.get("lxc.default_config")
    if path or (default and os.path.exists(default)):
        return document.load(path or default)
    return Config(), document.Document()


def _rootfs(place: Place, recipe: Recipe, config: Config) -> str:
    """The root file system's directory; "" if there will be none."""
    configured = config.rootfs_path
    if not configured.path:
        if recipe.rootfs:
            return os.path.normpath(recipe.rootfs)
        return "" if templates.is_none(recipe.template) else place.rootfs
    if recipe.rootfs:
        raise UsageError(f"--dir {recipe.rootfs}: the initial configuration has lxc.rootfs.path = {configured.path}")
    if not os.path.exists(configured.path):
        raise LxcError(f'The rootfs "{configured.path}" does not exist', hint="lxc.rootfs.path names it")
    if configured.driver not in ("", "dir") or not os.path.isdir(configured.path):
        if templates.is_none(recipe.template):
            return configured.path
        raise Unsupported(f"a template can only fill a directory: {configured.path} is none")
    return configured.path


class _Making:
    """What was made so far.  `with` removes it if the block does not reach `finish`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.directory = self.marker = -1
        self.above: tuple[str, ...] = ()  # the directories above the container's own
        self.is_ours = False  # the container's own directory
        self.roots: tuple[str, ...] = ()  # the root file system's directory and those above it
        self.made: outside.Made | None = None  # the root file system, if we made it
        self.files: tuple[str, ...] = ()  # in the container's directory, the marker not among them
        self.is_finished = False

    def __enter__(self) -> _Making:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if not self.is_finished:
                with lock.held(self.place) as held:
                    self._undo(held)
        except (LxcError, OSError) as second:
            log.error(f"{self.place.name} could not be removed again: {second}")
            if isinstance(error, LxcError):
                error.hint = f"what was made so far could not all be removed again: {second}"
        finally:
            for fd in (self.marker, self.directory):
                if fd >= 0:
                    os.close(fd)

    def claim(self) -> None:
        """Make the container's directory and its marker.  Raises StateError if somebody else has."""
        place = self.place
        with lock.held(place):
            if place.is_defined or os.path.lexists(place.config_file):
                raise _exists(place)
            self.above = outside.make_directories(place.lxcpath)
            try:
                os.mkdir(place.directory, 0o770)
                self.is_ours = True
            except FileExistsError:
                log.info(f"{place.directory} exists; it will stay if {place.name} cannot be made")
            self.directory = _open_directory(place)
            if self.is_ours:
                os.fchmod(self.directory, 0o770)  # whatever the umask
            mode = 0 if os.geteuid() == 0 else 0o400  # root opens a file without permissions; others look at its lock
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                self.marker = os.open("partial", flags, mode, dir_fd=self.directory)
            except FileExistsError:
                raise _claimed(place, self.directory) from None
            lock.try_lock(self.marker)

    def make_rootfs(self, path: str) -> None:
        """Make the root file system's directory, if there is none, and record it if it lies outside of ours."""
        if os.path.isdir(path):
            return
        self.roots = outside.make_directories(path)
        self.made = outside.identity(path)
        if os.path.dirname(self.made.path) != os.path.realpath(self.place.directory):
            self.files = (*self.files, outside.RECORD)
            outside.remember(self.directory, self.made)

    def save(self, document: Document, rootfs: str) -> None:
        """Write the configuration and see that it can be read again."""
        from lxc.config import document as documents

        self.files = (*self.files, "config")
        document.save(self.place.config_file)
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
        if self.made:
            outside.remove_made(self.made, ())
        outside.remove_empty(self.roots)
        if self.is_ours and self.directory >= 0:
            with closing(os.open(place.lxcpath, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as parent:
                removal.remove_opened(self.directory, parent, place.name, place.directory)
        elif self.is_ours:
            os.rmdir(place.directory)
        elif self.marker >= 0:
            for name in (*self.files, "partial"):
                _unlink(name, self.directory)
        if not os.path.lexists(place.directory):
            held.forget()
        outside.remove_empty(self.above)


def _fill(place: Place, template: str, recipe: Recipe, rootfs: str, signal: interruption.deferred) -> None:
    """Run the template."""
    arguments = (f"--path={place.directory}", f"--name={place.name}", f"--rootfs={rootfs}", *recipe.arguments)
    log.info(f"running {template} {' '.join(arguments)}")
    number = templates.run(template, arguments, is_quiet=recipe.is_quiet, interruption=signal.fd)
    if number:
        raise interruption.Interrupted(number)


def _headed(place: Place, template: str, arguments: tuple[str, ...]) -> Document:
    """The configuration as the template left it, with a heading that tells how it came to be."""
    from lxc.config import document

    try:
        _, written = document.load(place.config_file)
    except ConfigError as error:
        error.hint = error.hint or f"the template {template} wrote that"
        raise
    shown = " ".join(word if word.isprintable() else repr(word) for word in arguments)
    heading = (
        f"# Template used to create this container: {template}\n",
        f"# Parameters passed to the template: {shown}\n",
        f"# Template script checksum (SHA-1): {templates.checksum(template)}\n",
        "# For additional config options, please look at lxc.container.conf(5)\n",
        "\n",
        "# Uncomment the following line to support nesting containers:\n",
        f"#lxc.include = {_SHARE}/config/nesting.conf\n",
        "# (Be aware this has security implications)\n",
        "\n",
    )
    return written.replace(texts=(*heading, *written.texts))


def _open_directory(place: Place) -> int:
    """The container's directory; the caller closes it.  Raises OSError, ELOOP if it is a link."""
    with closing(os.open(place.lxcpath, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as parent:
        return beneath.open(parent, place.name, os.O_RDONLY | os.O_DIRECTORY)


def _marker(directory: int) -> str:
    """Whether the marker in a container's directory is "held" by somebody, "stale", or there is none ("")."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with closing(os.open("partial", flags, dir_fd=directory)) as fd:
            return "held" if lock.is_locked(fd) else "stale"
    except FileNotFoundError:
        return ""


def _exists(place: Place) -> LxcError:
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
