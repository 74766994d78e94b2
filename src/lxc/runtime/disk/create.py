"""Making a container: its directory, its root file system's directory, its configuration, and what a template adds.

All of it or nothing: see `making`.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.config import system
from lxc.errors import ConfigError, LxcError, Refused, Unsupported, UsageError
from lxc.idmap import fork
from lxc.idmap.plan import IdMapPlan
from lxc.images import template as templates
from lxc.kernel import mount, process
from lxc.kernel.fs import closing
from lxc.loading import PACKAGES
from lxc.record import Record
from lxc.runtime import as_root, host, interruption
from lxc.runtime.disk.making import Making, exists
from lxc.storage import creation, inside, outside
from lxc.storage.backend import Attached
from lxc.storage.creation import Creation, Wanted
from lxc.storage.plan import RootPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.config.document import Document
    from lxc.config.settings import Settings
    from lxc.runtime.place import Place

BACKENDS = ("dir", "btrfs", "loop", "lvm", "nbd", "overlay", "overlayfs", "rbd", "zfs")  # see creation.KINDS
_BEST = ("btrfs", "lvm", "dir")  # in this order
_SHARE = f"{PACKAGES}/lxc/share"


class Recipe(Record):
    """What to make a container of.

    `template` is a name, an absolute path, or "none"; `arguments` are for it.  `config_file` is the initial
    configuration ("": the system configuration's lxc.default_config), `rootfs` an absolute directory for the root file
    system ("": in the container's own).  `backend` is the storage, or several of which the first that can be is taken,
    and `wanted` which file system is made where one is.  With `is_quiet` the template has /dev/null for its output.
    """

    template: str
    arguments: tuple[str, ...] = ()
    config_file: str = ""
    backend: str = ""
    rootfs: str = ""
    is_quiet: bool = False
    wanted: Wanted = Wanted()


def create(place: Place, recipe: Recipe, initial: Settings | None = None) -> None:
    """Make the container, all of it or nothing.  Raises LxcError; Interrupted if SIGINT, SIGTERM … came.

    `initial` is the initial configuration where it is not to be read from a file.
    """
    check(recipe)
    possible = creation.makeable(kinds(recipe.backend))
    template = "" if templates.is_none(recipe.template) else templates.find(recipe.template)
    if place.is_defined:
        raise exists(place)
    # While signals have their effect: a pipe is waited for.
    config, document = (initial.config, initial.document) if initial else _initial(recipe.config_file)
    with interruption.deferred() as signal:
        ids = host.ids_on_disk(config)
        rootfs = _rootfs(place, recipe, config)
        if template:
            _refuse_precious(place, rootfs)
        with Making(place, ids) as making:
            making.claim()
            signal.check()
            path = filled = rootfs
            if rootfs and not config.rootfs_path.path:
                root = _make_root(making, possible, _wanted(recipe.wanted), rootfs)
                path, filled = root.path, root.filled
                document = document.append_item("lxc.rootfs.path", f"{root.driver}:{path}")
            signal.check()
            making.save(document, path)
            signal.check()
            if template:
                with _reached(place, ids, filled) as directory:
                    _fill(place, template, recipe, directory, ids, signal)
                making.save(_headed(place, template, recipe.arguments), path)
            signal.check()
            making.finish()


def _make_root(making: Making, possible: tuple[str, ...], wanted: Wanted, rootfs: str) -> Creation:
    """Make the root file system, of the first kind that is `possible` here.  Raises what the last one did."""

    def make(kind: str) -> Creation:
        is_root = os.geteuid() == 0
        return making.make_root(creation.decide(kind, making.place.directory, rootfs, wanted, is_root=is_root))

    for kind in possible[:-1]:
        try:
            return make(kind)
        except LxcError as error:
            log.info(f"not {kind}: {error}")
    return make(possible[-1])


def _wanted(wanted: Wanted) -> Wanted:
    """With the groups and pools of volumes that lxc.conf names, where no others are wished for."""
    group = wanted.group or host.volume_group()
    return wanted.replace(group=group, pool=wanted.pool or system.get("lxc.bdev.lvm.thin_pool") or creation.POOL)


class _reached:
    """`with _reached(place, ids, filled) as directory:` a template can fill the container's root there.

    Where no directory is `filled` (""), its file system is mounted meanwhile, for this process and its children alone.
    Raises LxcError, OSError.
    """

    def __init__(self, place: Place, ids: IdMapPlan, filled: str) -> None:
        self._place, self._ids, self._filled = place, ids, filled
        self._root, self._attached, self._top = RootPlan(""), Attached(), -1

    def __enter__(self) -> str:
        if self._filled:
            return self._filled
        from lxc.config import document

        root = self._root = host.root(self._place, document.load(self._place.config_file)[0])
        process.unshare(process.CLONE_NEWNS)
        self._attached = outside.attach(root)
        try:
            with closing(inside.take_root(root.replace(device=self._attached.device))) as top:
                if self._ids.users:
                    os.chown(f"/proc/self/fd/{top}", *self._ids.owner)
                self._top = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)
        except BaseException:
            outside.detach(self._attached)
            raise
        return root.mount

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._root.is_shared:
            return
        try:
            with closing(self._top):
                if not kind:
                    creation.settle(self._top, self._root.path)
        finally:
            mount.umount(self._root.mount, mount.MNT_DETACH)  # whatever the template has left running there
            outside.detach(self._attached)


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
    kinds(recipe.backend)


def kinds(text: str) -> tuple[str, ...]:
    """The kinds of storage that `text` ("loop", "best", "btrfs,dir") allows, to be tried in this order.  Raises UsageError."""
    found: list[str] = []
    for name in text.split(",") if text else ("dir",):
        if name and "none".startswith(name):
            found.append("dir")
        elif name and "best".startswith(name):
            found += _BEST
        elif name in BACKENDS:
            found.append(name)
        else:
            known = f"there are: best, none, {', '.join(BACKENDS)}"
            raise UsageError(f"{name} is not a valid backing storage type", hint=known)
    return tuple(found)


def _initial(path: str) -> tuple[Config, Document]:
    """The initial configuration: the file at `path`, else the default if there is one."""
    from lxc.config import document
    from lxc.config.container import Config

    default = "" if path else system.get("lxc.default_config")
    if path or (default and os.path.exists(default)):
        config, initial = document.load(path or default, is_stream=bool(path))
        return config, _anchored(initial)
    return Config(), document.Document()


def _anchored(initial: Document) -> Document:
    """With the relative paths that it includes made absolute: they are taken from the working directory, which is seldom the same again."""
    from lxc.config.lines import assignment, quoted

    lines = list(initial.texts)
    for number, line in enumerate(lines):
        key, value = assignment(line)
        if key == "lxc.include" and value and not value.startswith("/"):
            lines[number] = f"lxc.include = {quoted(os.path.join(os.getcwd(), value))}\n"
    return initial.replace(text="".join(lines))


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


def _refuse_precious(place: Place, rootfs: str) -> None:
    """Raise Refused where a template would replace this host's own files, or mix its with the containers."""
    precious = {"/": "the root of this host", os.path.realpath(place.lxcpath): "where the containers are"}
    what = precious.get(os.path.realpath(rootfs))
    if what:
        raise Refused(f"a template cannot fill {rootfs}: it is {what}", hint="choose an empty or a new directory")


def _fill(
    place: Place, template: str, recipe: Recipe, rootfs: str, ids: IdMapPlan, signal: interruption.deferred
) -> None:
    """Run the template; for a container with ids of its own as its root, told which ids of those we are."""
    arguments = (f"--path={place.directory}", f"--name={place.name}", f"--rootfs={rootfs}", *recipe.arguments)
    how, needed = os.fork, tuple[str, ...]()
    if ids.users:
        ids, uid, gid = as_root.with_us(ids)
        arguments = (*arguments, "--mapped-uid", str(uid), "--mapped-gid", str(gid))
        how, needed = (lambda: _fork(ids)), (place.config_file, f"{rootfs}/.")
    log.info(f"running {template} {' '.join(_told(arguments))}")
    number = templates.run(
        template, arguments, is_quiet=recipe.is_quiet, interruption=signal.fd, fork=how, needed=needed
    )
    if number:
        raise interruption.Interrupted(number)


def _fork(ids: IdMapPlan) -> int:
    """fork(2), but the child is root where `ids` are.  The host's root is another user there: no set-user-ID program becomes him."""
    pid = fork.fork(ids, hands_on=True)
    if pid == 0:
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)
    return pid


def _headed(place: Place, template: str, arguments: tuple[str, ...]) -> Document:
    """The configuration as the template left it, with a heading that tells how it came to be."""
    from lxc.config import document

    try:
        _, written = document.load(place.config_file)
    except ConfigError as error:
        error.hint = error.hint or f"the template {template} wrote that"
        raise
    shown = " ".join(word if word.isprintable() else repr(word) for word in _told(arguments))
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
    return written.replace(text="".join((*heading, written.text)))


def _told(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """A template's arguments as others may read them: without passwords."""
    told = list(arguments)
    for number, word in enumerate(arguments):
        option, equals, _ = word.partition("=")
        if option == "--password" and equals:
            told[number] = "--password=…"
        elif option == "--password" and number + 1 < len(told):
            told[number + 1] = "…"
    return tuple(told)
