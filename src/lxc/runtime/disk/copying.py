"""Copying a container: its configuration, its root file system, and what lies beside them that the configuration needs.

All of the copy or nothing: see `making`.  The source's command socket is taken
meanwhile, so that nobody starts it while it is copied.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from lxc import beneath, log
from lxc.errors import AlreadyRunning, LxcError, StateError, StepError
from lxc.hooks import outside as hooks
from lxc.hooks import plan as hook_plan
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import as_root, claim, host, interruption, remedies
from lxc.runtime.disk import copy_config, dependents, others
from lxc.runtime.disk.copy_config import Change
from lxc.runtime.disk.making import Making, exists
from lxc.runtime.place import undefined
from lxc.storage import clone, inside, outside, tree, volumes
from lxc.storage.creation import Wanted
from lxc.storage.plan import MODULES, RootPlan, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.config.container import Config
    from lxc.config.document import Document
    from lxc.idmap.plan import IdMapPlan
    from lxc.kernel.sockets import socket
    from lxc.runtime.place import Place

_PATIENCE = 0.05  # seconds between looks at whether others are done with a container
_SILENCE = 1  # seconds until it is said for whom we wait
_NOBODY = 65534  # whose is what belongs to an id that a user namespace does not have (user_namespaces(7))


class Wish(Record):
    """How to copy.

    `as_snapshot` copies nothing that can be shared, `may_copy` allows a copy where there are no snapshots; `driver` is
    the storage that is wished for ("": as the source's), `size` that of its new file system, in bytes.  `edit` is a last
    change to the copy's configuration, and `arguments` are more words for the clone hooks.  `waits` is told for whom we
    wait, if that takes more than a moment.
    """

    as_snapshot: bool = False
    may_copy: bool = False
    driver: str = ""
    size: int = 0
    keeps_name: bool = False
    keeps_addresses: bool = False
    allows_running: bool = False
    arguments: tuple[str, ...] = ()
    edit: Callable[[Document, Place, IdMapPlan], Document] | None = None
    waits: Callable[[str], None] | None = None


def copy(source: Place, new: Place, wish: Wish) -> tuple[str, ...]:
    """Make the container `new`, a copy of `source`.  Return a sentence about each thing that was left out.

    Raises NotFound, StateError, LxcError; Interrupted if SIGINT, SIGTERM … came.  Nothing is left of it then.
    """
    from lxc.config import document as documents

    if not source.is_defined:
        raise undefined(source)
    if new.is_defined:
        raise exists(new)
    with interruption.deferred() as signal, stopped(source, signal.check, wish.waits, or_not=wish.allows_running):
        config, document = documents.load(source.config_file)
        others.refuse_hooks(config, "lxc.hook.clone")
        with Making(new, host.ids_on_disk(config), _user(source, new, document)) as making:
            making.claim()
            if not making.is_ours:
                raise StateError(f"{new.directory} exists already, and is no container")
            return _copy(source, new, wish, config, document, making, signal)


def _user(source: Place, new: Place, document: Document) -> tuple[int, int] | None:
    """Whose the copy is, if root copies a user's container to where that is, or as its snapshot; None: it is ours.

    The user has a file with the text `document` that is his own, so no other's becomes his by that.
    """
    if os.geteuid() != 0:
        return None
    try:
        top = os.stat((dependents.whole(new) or new).lxcpath)
        with open(source.config_file, "rb") as file:
            status = os.fstat(file.fileno())
            is_this = file.read().decode(errors="surrogateescape") == document.text
    except FileNotFoundError:
        return None
    return (status.st_uid, status.st_gid) if is_this and status.st_uid and status.st_uid == top.st_uid else None


class stopped:
    """`with stopped(place, check):` nobody starts the container.  Raises StateError if it runs; with `or_not` that is fine.

    Others who have reserved it, and copy it or move it, are waited for; `check` raises to end that, `waits` is told who
    they are.
    """

    def __init__(
        self,
        place: Place,
        check: Callable[[], None] = lambda: None,
        waits: Callable[[str], None] | None = None,
        *,
        or_not: bool = False,
    ) -> None:
        self._keeper = None if or_not else _reserved(place, check, waits or log.notice)

    def __enter__(self) -> None:
        """Its command socket's address has been taken."""

    def __exit__(self, *_: object) -> None:
        if self._keeper:
            self._keeper.close()


def _reserved(place: Place, check: Callable[[], None], waits: Callable[[str], None]) -> socket:
    deadline, is_told = time.monotonic() + _SILENCE, False
    while True:
        try:
            return claim.reserve(place)
        except AlreadyRunning:
            raise StateError(
                f"{place.name} is running",
                hint="stop it first: its files change while it runs; lxc-copy -a copies all the same",
            ) from None
        except claim.Reserved:
            check()
            if not is_told and time.monotonic() > deadline:
                is_told = True
                waits(f"waiting for {claim.keeper(place)}, which copies, moves or destroys {place.name}")
            time.sleep(_PATIENCE)


def _copy(
    source: Place,
    new: Place,
    wish: Wish,
    config: Config,
    document: Document,
    making: Making,
    signal: interruption.deferred,
) -> tuple[str, ...]:
    original = host.root(source, config)
    find = others.finder(source, document, original)
    root = _decide(original, new, wish)
    if root:
        log.info(f"the root of {new.name}:\n{root}")
    change = Change(
        source.directory,
        new.directory,
        f"{root.driver}:{root.path}" if root else "",
        "" if wish.keeps_name else new.host_name,
        not wish.keeps_addresses,
    )
    copied = copy_config.copied(document, change)
    written = wish.edit(copied.document, new, making.ids) if wish.edit else copied.document
    signal.check()
    if root and root.driver == "lvm":
        making.keep_volume(clone.make_volume(root))
    making.save(written, root.path if root else "")  # first, as it tells whose the files are, should this be cut short
    left = (
        as_root.run(making.ids, lambda: _make_root(source, root, making.directory, signal, find), signal)
        if root
        else ()
    )
    if copied.files:
        us = as_root.with_us(making.ids)[1:] if making.ids.uses_helpers else ()
        left += as_root.run(making.ids, lambda: _copy_files(source, making.directory, copied.files, us), signal)
    signal.check()
    finish_root(source, new, wish, written, making.directory)
    signal.check()
    needed = _needed(source, new, root) if root else ()
    try:
        dependents.record(new, needed)
        making.finish()
    except BaseException:
        dependents.release(new)
        raise
    return left


def _make_root(
    source: Place, root: clone.Clone, directory: int, signal: interruption.deferred, find: clone.Find
) -> tuple[str, ...]:
    try:
        return clone.make(root, directory, signal.check, find)
    except OSError as error:
        raise remedies.failure(f"copy the root of {source.name}", error) from error


def _decide(source: RootPlan, new: Place, wish: Wish) -> clone.Clone | None:
    """How the root is copied; None if there is none."""
    if source.is_shared:
        return None
    shared = wish.driver in ("", "btrfs") and source.is_directory and clone.is_shared(source.path, new.directory)
    return clone.decide(
        source,
        new.directory,
        as_snapshot=wish.as_snapshot,
        driver=wish.driver,
        may_copy=wish.may_copy,
        shared=shared,
        size=wish.size,
        volume=_volume(source),
    )


def _volume(source: RootPlan) -> Wanted:
    """What a copy's volume would be: of the group and the size of the source's, with its kind of file system, if that is one."""
    if source.driver != "lvm":
        return Wanted(group=host.volume_group())
    thin = volumes.is_thin(source.path)
    usual = Wanted()
    return Wanted(
        volumes.fstype(source.path) or usual.fstype,
        volumes.size(source.path),
        volumes.group_of(source.path) or host.volume_group(),
        pool=volumes.pool_of(source.path) if thin else "",
    )


def _copy_files(source: Place, target: int, files: tuple[str, ...], us: tuple[int, ...]) -> tuple[str, ...]:
    """Copy `files` from the source's directory into the copy's.  Return a sentence about each that is not there.

    Among the container's ids `us` are ours there, which get what belongs to none of them.
    """
    left, above = [], set[str]()
    with closing(os.open(source.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
        for name in files:
            try:
                here = beneath.open(directory, name, os.O_RDONLY)
            except OSError as error:
                left.append(f"{source.directory}/{name} was not copied: {error.strerror}")
                continue
            with closing(here):
                try:
                    _copy_file(here, target, name, us)
                except OSError as error:
                    raise StepError(f"copy {source.directory}/{name}", error) from error
            parts = [part for part in name.split("/") if part not in ("", ".")]
            above |= {"/".join(parts[:count]) for count in range(1, len(parts))}
        for name in sorted(above, reverse=True):  # what is in them was made before
            with (
                closing(beneath.open(directory, name, os.O_RDONLY | os.O_DIRECTORY)) as here,
                closing(beneath.open(target, name, os.O_RDONLY | os.O_DIRECTORY)) as there,
            ):
                tree.dress(here, there)
    return tuple(left)


def _copy_file(here: int, target: int, name: str, us: tuple[int, ...]) -> None:
    beneath.make_file(target, name, 0o600)
    with closing(beneath.open(target, name, os.O_WRONLY)) as there:
        tree.data(here, there)
        tree.dress(here, there)
        if us and os.fstat(here).st_uid == _NOBODY:
            os.fchown(there, *us)


def _needed(source: Place, new: Place, root: clone.Clone) -> tuple[Place, ...]:
    """The containers whose roots the copy's goes on using; a snapshot's own container is not told of."""
    if root.way == "snapshot" and root.driver == "lvm" and not volumes.is_thin(root.path):
        return (source,)  # removing the volume would remove its snapshots
    if not root.needs:
        return ()
    whole = dependents.whole(source)
    found = [source] if root.source.path in root.needs or uses(root.needs, source) else []
    found += [whole] if whole and uses(root.needs, whole) else []
    return tuple(
        other for other in dict.fromkeys((*found, *dependents.needed(source))) if other != dependents.whole(new)
    )


def uses(paths: tuple[str, ...], place: Place) -> bool:
    """Whether one of `paths` lies in the container's directory."""
    own = f"{os.path.realpath(place.directory)}/"
    return any(f"{os.path.realpath(path)}/".startswith(own) for path in paths)


# ---- in a mount namespace of its own ---------------------------------------------------------------------------------


def finish_root(source: Place, new: Place, wish: Wish, document: Document, directory: int) -> None:
    """Run the clone hooks with the copy's root mounted, and write its name into it.  Raises LxcError.

    `document` is what was written into the copy's opened `directory`: that may be another user's, who can write there, too.
    """
    from lxc.config import document as documents

    config, _ = documents.parse(document.text, new.config_file)
    root = host.root(new, config)
    if root.is_shared and not config.hook_clone:
        return
    with closing(_own(new, root.path, directory) if MODULES[root.driver] == "loop" else -1) as image:
        attached = outside.attach(root.replace(path=f"/proc/self/fd/{image}") if image >= 0 else root)
    mounted = root.replace(device=attached.device)
    try:
        as_root.run_apart(host.ids_on_disk(config), lambda: _adapt(source, new, wish, config, mounted, directory))
    finally:
        outside.detach(attached)


def _own(new: Place, path: str, directory: int) -> int:
    """What is at `path`, if that is in the container's opened `directory`, through no link; else -1: it is found by its path.

    Opened anew: what is mounted must be of our own mount namespace.  Raises OSError.
    """
    if not path.startswith(f"{new.directory}/"):
        return -1
    with closing(os.open(new.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as here:
        if not os.path.samestat(os.fstat(here), os.fstat(directory)):
            raise OSError(errno.EAGAIN, "it is another directory by now", new.directory)
        return beneath.open(here, path.removeprefix(f"{new.directory}/"), os.O_PATH)


def _adapt(source: Place, new: Place, wish: Wish, config: Config, root: RootPlan, directory: int) -> None:
    """In a child whose mounts are nobody else's."""
    commands = zip(config.hook_clone, config.places("lxc.hook.clone"), strict=True)
    told = {
        "LXC_SRC_NAME": source.name,
        "LXC_CONFIG_FILE": new.config_file,
        "LXC_ROOTFS_MOUNT": root.mount or "/",
        "LXC_ROOTFS_PATH": f"{root.driver}:{root.path}" if root.path else "",
    }
    words = tuple(map(hook_plan.quoted, wish.arguments))
    found = hook_plan.hooks("clone", commands, new.name, config.hook_version, told)
    try:
        upper, work = layers(root.path)[1:] if root.is_overlay else ("", "")
        with (
            closing(_own(new, root.path, directory) if root.is_directory else -1) as own,
            closing(_own(new, upper, directory)) as changes,
            closing(_own(new, work, directory)) as room,
            closing(inside.take_root(root.replace(opened=(changes, room)), inside.Way(own))) as top,
        ):
            hooks.run(tuple(hook.replace(arguments=words) for hook in found))
            if not (wish.keeps_name or root.is_shared):
                _write_name(top, new.name)
    except (OSError, LxcError) as error:
        raise remedies.failure("prepare the copy", error) from error


def _write_name(root: int, name: str) -> None:
    """Into /etc/hostname, if there is such a file."""
    try:
        with closing(beneath.open(root, "etc/hostname", os.O_PATH)) as found:
            if not stat.S_ISREG(os.fstat(found).st_mode):  # opening a device can do something
                raise OSError(errno.EINVAL, "it is no regular file")
            with closing(os.open(f"/proc/self/fd/{found}", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)) as file:
                os.write(file, os.fsencode(name))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StepError("write the copy's name into its /etc/hostname", error, hint="lxc-copy -K leaves it") from error
