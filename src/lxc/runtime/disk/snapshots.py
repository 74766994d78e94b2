"""Snapshots of a container: containers themselves, LXCPATH/NAME/snaps/snapN, each with the time it was made.

ts        when, in local time; no line end
comment   what somebody wrote about it
"""

from __future__ import annotations

import os
import time

from lxc import beneath, errors, log, regular
from lxc.errors import LxcError, NotFound, StateError, StepError, Unsupported
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import host
from lxc.runtime.disk import copy_config, copying, dependents, destroy, ephemeral, making, rename
from lxc.runtime.place import Place, undefined
from lxc.storage import ours
from lxc.storage.plan import MODULES, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.config.container import Config
    from lxc.config.document import Document

_FORMAT = "%Y:%m:%d %H:%M:%S"
_LONGEST = 1 << 20  # bytes of a comment or a time
# In a container's directory, besides its root: of what it is, and not what somebody keeps there.
_ITS = ("config", "rootfs", "rootdev", "overlay", "partial", "apparmor", "lxc_rdepends", ours.RECORD)


class Snapshot(Record):
    """What lxc-snapshot -L tells of one."""

    name: str
    comment_file: str  # need not exist
    timestamp: str
    lxcpath: str  # the directory it lies in

    @property
    def place(self) -> Place:
        return Place(self.name, self.lxcpath)


def listed(place: Place) -> tuple[Snapshot, ...]:
    """The container's snapshots, sorted by number.  Raises OSError."""
    found = [_snapshot(snapshot) for snapshot in dependents.snapshots(place) if snapshot.is_defined]
    return tuple(sorted(found, key=lambda snapshot: (len(snapshot.name), snapshot.name)))


def found(place: Place) -> tuple[Snapshot, ...]:
    """As `listed`.  Raises NotFound if there is no container that could have any, nor left some when it was destroyed."""
    snapshots = listed(place)
    if not snapshots and not place.is_defined:
        raise undefined(place)
    return snapshots


def comment(snapshot: Snapshot) -> str:
    """What was written about it; "" if nothing was."""
    try:
        return _read(snapshot.comment_file).decode(errors="surrogateescape")
    except LxcError:
        return ""


def create(
    place: Place, comment_file: str = "", waits: Callable[[str], None] | None = None
) -> tuple[str, tuple[str, ...]]:
    """Make one; it gets the file `comment_file` as its comment.  Return its name, and what was left out of it.

    `waits` is told for whom we wait, if that takes more than a moment.  Raises NotFound, StateError, LxcError, and nothing
    is left of it then.
    """
    written = _read(comment_file, is_stream=True) if comment_file else b""
    config = _config(place)
    driver = host.root(place, config).driver
    if config.rootfs_path.path and MODULES[driver] not in ("dir", "btrfs", "overlay", "loop"):
        raise Unsupported(
            f"{place.name}'s backing store cannot be backed up: {driver}",
            hint="Your container must use another backing store type: dir, btrfs, overlay or loop",
        )
    snapshot, left = _copied(place, waits)
    time.tzset()  # a worker of the fork server has had another environment
    try:
        with closing(making.open_directory(snapshot)) as directory:
            _write(directory, f"{snapshot.directory}/ts", time.strftime(_FORMAT).encode())
            if comment_file:
                _write(directory, f"{snapshot.directory}/comment", written)
    except (OSError, StepError):
        destroy.destroy(snapshot, _config(snapshot), destroy.Wish())
        beneath.remove_empty((snapshot.lxcpath,))
        raise
    return snapshot.name, left


def restore(
    place: Place, name: str, new: Place | None = None, waits: Callable[[str], None] | None = None
) -> tuple[str, ...]:
    """Make the container `new` (None: the container itself anew) as it was in the snapshot `name`.

    Return what was left out.  `waits` is told for whom we wait, if that takes more than a moment.  Raises NotFound,
    StateError, LxcError; the container is as it was then.
    """
    snapshot = _find(place, name)
    wish = copying.Wish(as_snapshot=True, may_copy=True, keeps_addresses=True, waits=waits)
    if new is not None and new != place:
        return copying.copy(snapshot, new, wish)
    clones = [clone for clone in dependents.clones(place) if clone not in dependents.snapshots(place)]
    if clones:
        raise StateError("container rootfs has dependent snapshots", hint=f"{clones[0].directory} is one")
    with copying.stopped(place, waits=waits):
        made = Place(ephemeral.random_name(place.name), place.lxcpath)
        left = copying.copy(snapshot, made, wish.replace(keeps_name=True))
        try:
            old, config = _replace(place, made)
        except BaseException:
            if made.is_defined:  # and nothing of the container's own is in there
                destroy.destroy(made, _config(made), destroy.Wish())
            raise
    try:
        for sentence in destroy.destroy(old, config, destroy.Wish()):
            log.warn(sentence)
    except (LxcError, OSError) as error:
        raise LxcError(
            f"{place.name} is restored, but what it was before could not all be removed: {errors.sentence(error)}",
            hint=f"lxc-destroy -P {old.lxcpath} -n {old.name} removes the rest",
        ) from error
    return left


def remove(place: Place, name: str) -> tuple[str, ...]:
    """Remove the snapshot `name`.  Return a sentence about each thing that was left alone.  Raises as `destroy`."""
    unfinished = [snapshot for snapshot in _unfinished(place) if snapshot.name == name]
    snapshot = unfinished[0] if unfinished else _find(place, name)
    return destroy.destroy(snapshot, destroy.configured(snapshot), destroy.Wish(with_snapshots=True))


def remove_all(place: Place) -> tuple[str, ...]:
    """Remove all of them, and the directory they lie in.  Raises as `remove`."""
    names = [*(snapshot.name for snapshot in found(place)), *(snapshot.name for snapshot in _unfinished(place))]
    left = tuple(sentence for name in names for sentence in remove(place, name))
    dependents.forget_snapshots(place)
    return left


def _replace(place: Place, made: Place) -> tuple[Place, Config]:
    """Put the container `made` into the place of the container `place`.  Return what is to be destroyed then.

    Whenever this is cut short, everything is still there, under one name or another.  Raises LxcError, OSError; the
    container is as it was then.
    """
    is_, becomes = _loaded(place), _loaded(made)
    root = host.root(made, becomes[0])
    if MODULES[root.driver] == "overlay" and copying.uses(layers(root.path)[0], place):
        _replace_layer(place, is_[0], made, *becomes)
        return made, becomes[0]
    old = Place(ephemeral.random_name(place.name), place.lxcpath)
    rename.move(place, old, loaded=is_)
    try:
        config = _config(old)
        rename.move(made, place, loaded=becomes)
        try:
            _carry(old, config, place)
        except BaseException:
            rename.move(place, made)
            raise
    except BaseException:
        rename.move(old, place)
        raise
    return old, config


def _carry(old: Place, config: Config, place: Place) -> None:
    """Keep what else lies in the directory of `old`: snapshots, a log, what the configuration names.

    Raises OSError, and all of it lies where it was then.
    """
    carried: list[str] = []
    roots = [path.removeprefix(f"{old.directory}/").split("/")[0] for path in config.rootfs_path.path.split(":")]
    with closing(making.open_directory(old)) as source, closing(making.open_directory(place)) as target:
        try:
            for name in set(os.listdir(source)).difference(_ITS, roots, os.listdir(target)):
                os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
                carried.append(name)
        except BaseException:
            for name in carried:
                os.rename(name, name, src_dir_fd=target, dst_dir_fd=source)
            raise


def _replace_layer(place: Place, config: Config, made: Place, becomes: Config, document: Document) -> None:
    """The same for a container whose own directory has the layers below: what it has changed is replaced."""
    upper = layers(host.root(place, config).path)[1]
    if upper != f"{place.directory}/overlay/delta":
        raise Unsupported(
            f"{place.name} has its changes in {upper}, where a snapshot cannot take their place",
            hint="restore it under another name: lxc-snapshot -r SNAPSHOT -N NAME",
        )
    _carry(made, becomes, place)
    own, others, kept = f"{place.directory}/overlay", f"{made.directory}/overlay", f"{made.directory}/replaced"
    os.rename(own, kept)
    try:
        os.rename(others, own)
        try:
            with closing(making.open_directory(place)) as directory:
                copy_config.relocated(document, rename.moving(becomes, made, place)).save_in(
                    directory, place.config_file
                )
        except BaseException:
            os.rename(own, others)
            raise
    except BaseException:
        os.rename(kept, own)
        raise


def _unfinished(place: Place) -> list[Place]:
    """Snapshots whose making was cut short before they had a configuration."""
    return [snapshot for snapshot in dependents.snapshots(place) if destroy.is_unfinished(snapshot)]


def _snapshot(place: Place) -> Snapshot:
    try:
        timestamp = _read(f"{place.directory}/ts").decode(errors="replace")
    except LxcError:
        timestamp = ""
    return Snapshot(place.name, f"{place.directory}/comment", timestamp, place.lxcpath)


def _find(place: Place, name: str) -> Place:
    snapshots = found(place)
    for snapshot in snapshots:
        if snapshot.name == name:
            return snapshot.place
    there = ", ".join(snapshot.name for snapshot in snapshots)
    raise NotFound(f"Could not open snapshot {name}", hint=f"there are: {there}" if there else "there is none")


def _copied(place: Place, waits: Callable[[str], None] | None) -> tuple[Place, tuple[str, ...]]:
    """A copy with the first name that nobody has, and what was left out of it."""
    wish = copying.Wish(as_snapshot=True, may_copy=True, keeps_name=True, keeps_addresses=True, waits=waits)
    while True:
        snapshot = _free(place)
        try:
            return snapshot, copying.copy(place, snapshot, wish)
        except StateError:
            if _free(place) == snapshot:
                raise  # else it has gone to another, who was at it at the same time


def _free(place: Place) -> Place:
    directory = dependents.snapshot_directory(place)
    number = 0
    while os.path.lexists(f"{directory}/snap{number}"):
        number += 1
    return Place(f"snap{number}", directory)


def _config(place: Place) -> Config:
    return _loaded(place)[0]


def _loaded(place: Place) -> tuple[Config, Document]:
    from lxc.config import document

    if not place.is_defined:
        raise undefined(place)
    return document.load(place.config_file)


def _read(path: str, *, is_stream: bool = False) -> bytes:
    try:
        data = regular.read(path, _LONGEST, is_stream=is_stream)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise LxcError(f"cannot read {path}: {why}") from error
    if len(data) > _LONGEST:
        raise LxcError(f"cannot read {path}: it has more than {_LONGEST} bytes")
    return data


def _write(directory: int, path: str, data: bytes) -> None:
    """Make the file at `path`, which is in the opened `directory`.  Raises StepError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with closing(os.open(os.path.basename(path), flags, 0o644, dir_fd=directory)) as fd:
            fs.write(fd, data)
    except OSError as error:
        raise StepError(f"write {path}", error) from error
