"""Renaming a container: its directory moves, and what named it follows.

LXC copies all its data and destroys the original.  Here nothing is copied, so
nothing can be lost on the way.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import LxcError, StateError
from lxc.hooks import outside as hooks
from lxc.kernel.fs import closing
from lxc.runtime import host, interruption, lock
from lxc.runtime.disk import copy_config, copying, dependents, destroy, others
from lxc.runtime.disk.copy_config import Change
from lxc.runtime.disk.copying import stopped
from lxc.runtime.disk.making import exists, open_directory
from lxc.runtime.place import undefined
from lxc.storage import removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.config.container import Config
    from lxc.config.document import Document
    from lxc.runtime.place import Place


def rename(
    place: Place,
    new: Place,
    *,
    keeps_name: bool = False,
    arguments: tuple[str, ...] = (),
    waits: Callable[[str], None] | None = None,
) -> None:
    """Make the container `place` the container `new` of the same path; the clone and destroy hooks are run.

    `keeps_name` leaves its host name; `arguments` are more words for the clone hooks; `waits` is told for whom we
    wait, if that takes more than a moment.  Raises NotFound, StateError, LxcError, and it has its old name then.
    """
    from lxc.config import document as documents

    _refuse(place, new)
    with interruption.deferred() as signal, stopped(place, signal.check, waits), stopped(new, signal.check, waits):
        loaded = documents.load(place.config_file)
        others.refuse_hooks(loaded[0], "lxc.hook.clone", "lxc.hook.destroy")
        others.refuse_elsewhere(place, loaded[1], host.root(place, loaded[0]))
        name = "" if keeps_name else new.host_name
        needed = dependents.needed(place)
        config, document = move(place, new, name, loaded)
        written = copy_config.relocated(document, moving(config, place, new, name))
        wish = copying.Wish(keeps_name=keeps_name, arguments=arguments)
        try:
            with closing(open_directory(new)) as moved:
                copying.finish_root(place, new, wish, written, moved)
        except BaseException:
            with closing(open_directory(new)) as moved:
                document.save_in(moved, new.config_file)
            os.rename(new.directory, place.directory)
            _tell(new, place, needed)
            raise
        _forget(place, config)


def move(
    place: Place, new: Place, name: str = "", loaded: tuple[Config, Document] | None = None
) -> tuple[Config, Document]:
    """Move the container's directory, and have its configuration say so; `name` is to be its host name, "" keeps that.

    Return what the configuration was, which may be `loaded` already.  Both must be kept from being started.  Raises
    LxcError, OSError, and nothing has moved then.
    """
    from lxc.config import document as documents

    config, document = loaded or documents.load(place.config_file)
    needed = dependents.needed(place)
    with lock.held(place) as held:
        os.rename(place.directory, new.directory)
        try:
            with closing(open_directory(new)) as moved:
                copy_config.relocated(document, moving(config, place, new, name)).save_in(moved, new.config_file)
        except BaseException:
            os.rename(new.directory, place.directory)
            raise
        held.forget()
    _tell(place, new, needed)
    return config, document


def moving(config: Config, place: Place, new: Place, name: str = "") -> Change:
    """What becomes different when the directory of `place` becomes that of `new`."""
    root = config.rootfs_path
    path = f"{root.driver}:{root.path}" if root.driver else root.path
    return Change(place.directory, new.directory, copy_config.rebased(path, place.directory, new.directory), name)


def _refuse(place: Place, new: Place) -> None:
    if not place.is_defined:
        raise undefined(place)
    if new.lxcpath != place.lxcpath:
        raise StateError(
            "renaming does not move a container to another path", hint="copy it, then destroy the original"
        )
    if os.path.lexists(new.directory):
        raise exists(new)
    if dependents.snapshots(place):
        raise StateError(
            "Renaming a container with snapshots is not supported",
            hint=f"lxc-snapshot -n {place.name} -d ALL removes them",
        )
    clones = dependents.clones(place)
    if clones:
        raise StateError(f"{removal.quoted(clones[0].directory)} needs the root file system of {place.name}")


def _tell(place: Place, new: Place, needed: tuple[Place, ...]) -> None:
    """Have the containers `needed`, whose root file systems it needs, know it by its new name."""
    if not needed:
        return
    try:
        dependents.release(new, place)
        dependents.record(new, needed)
    except (LxcError, OSError) as error:
        log.error(f"{place.name} is {new.name} now, and {needed[0].name} does not know: {error}")


def _forget(place: Place, config: Config) -> None:
    """Run the destroy hooks of the old name."""
    try:
        hooks.run(destroy.hooks_of(place, config))
    except LxcError as error:
        log.error(f"{place.name} has another name now, but: {error}")
