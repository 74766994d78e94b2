"""Making a container: its directory, its root file system's directory, its configuration, and what a template adds.

All of it or nothing: see `making`.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import ConfigError, LxcError, Unsupported, UsageError
from lxc.idmap import fork
from lxc.idmap.plan import IdMapPlan
from lxc.images import template as templates
from lxc.record import Record
from lxc.runtime import host, interruption
from lxc.runtime.making import Making, exists

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
            raise exists(place)
        config, document = (initial.config, initial.document) if initial else _initial(recipe.config_file)
        ids = host.ids_on_disk(config)
        rootfs = _rootfs(place, recipe, config)
        with Making(place, ids) as making:
            making.claim()
            signal.check()
            if rootfs and not config.rootfs_path.path:
                making.make_rootfs(rootfs)
                document = document.append_item("lxc.rootfs.path", f"dir:{rootfs}")
            signal.check()
            making.save(document, rootfs)
            signal.check()
            if template:
                _fill(place, template, recipe, rootfs, ids, signal)
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


def _fill(
    place: Place, template: str, recipe: Recipe, rootfs: str, ids: IdMapPlan, signal: interruption.deferred
) -> None:
    """Run the template; for a container with ids of its own as its root, told which ids of those we are."""
    arguments = (f"--path={place.directory}", f"--name={place.name}", f"--rootfs={rootfs}", *recipe.arguments)
    how, needed = os.fork, tuple[str, ...]()
    if ids.users:
        ids, uid, gid = ids.with_user(os.geteuid(), os.getegid())
        arguments = (*arguments, "--mapped-uid", str(uid), "--mapped-gid", str(gid))
        how, needed = (lambda: fork.fork(ids)), (place.config_file, f"{rootfs}/.")
    log.info(f"running {template} {' '.join(arguments)}")
    number = templates.run(
        template, arguments, is_quiet=recipe.is_quiet, interruption=signal.fd, fork=how, needed=needed
    )
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
    return written.replace(text="".join((*heading, written.text)))
