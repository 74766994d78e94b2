"""Unmaking a container.

What goes: the container's own directory, LXCPATH/NAME, and a root file system
elsewhere only if lxc-create made it for this container.  All else that the
configuration names stays, and `destroy` says so.  The configuration file goes
last, and with it the marker of one that was not finished, so a container that
could not be removed completely is still there to be destroyed again.
"""

from __future__ import annotations

import os
import time

from lxc import beneath, log
from lxc.cgroups import outside as cgroups
from lxc.config import system
from lxc.errors import AlreadyRunning, LxcError, NotFound, Refused, StateError
from lxc.hooks import outside as hooks
from lxc.hooks import plan as hook_plan
from lxc.idmap.plan import IdMapPlan
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import as_root, claim, host, lock, stop
from lxc.runtime.disk import dependents, others
from lxc.runtime.place import Place
from lxc.runtime.plans import cgroups as plan_cgroups
from lxc.storage import ours, removal, volumes
from lxc.storage.volumes import Volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.kernel.sockets import socket
    from lxc.storage.ours import Made

_ATTEMPTS = 200
_OWN = (
    "config", "rootfs", "rootdev", "partial", "snaps", "lxc_snapshots", "lxc_rdepends", "overlay", "apparmor", ours.RECORD
)  # fmt: skip


class Wish(Record):
    """How to destroy: `is_forced` kills a running container first, `with_snapshots` destroys its snapshots before it."""

    is_forced: bool = False
    with_snapshots: bool = False


def destroy(place: Place, config: Config, wish: Wish) -> tuple[str, ...]:
    """Destroy the container.  Return a sentence about each thing that is its, and was left alone.

    Raises NotFound, StateError, Refused before anything is removed; LxcError naming what could not be.
    """
    _refuse_strangers(place)
    others.refuse_hooks(config, "lxc.hook.destroy")
    if config.rootfs_managed:
        _refuse_dependents(place, wish)
    keeper = _stopped(place, wish)
    try:
        if wish.with_snapshots and config.rootfs_managed:
            _destroy_snapshots(place)
        return remove(place, config)
    finally:
        keeper.close()


def remove(place: Place, config: Config) -> tuple[str, ...]:
    """The removal alone; the caller holds the command socket's address, so that nobody starts the container meanwhile.

    A container that is gone is fine.  Returns and raises as `destroy`.
    """
    with lock.held(place) as held:
        try:
            os.lstat(place.directory)
        except FileNotFoundError:
            held.forget()
            return ()
        _refuse_strangers(place)
        _refuse_making(place)
        if config.rootfs_managed:
            _refuse_dependents(place, Wish())
        with (
            closing(_open_directory(place.lxcpath)) as parent,
            closing(removal.open_directory(parent, place.name, place.directory)) as directory,
        ):
            removal.refuse_mounts(directory)
            if not os.path.lexists(place.partial_file):  # else it was never used, and its own hooks may be missing
                others.refuse_hooks(config, "lxc.hook.destroy")
                hooks.run(hooks_of(place, config))
            _remove_cgroups(place, config)
            _free_network(place, config)
            if not config.rootfs_managed:
                log.info(f"lxc.rootfs.managed is 0: {place.directory} is left as it is")
                return ()
            ids = host.ids(config) if os.geteuid() else IdMapPlan()  # root may remove anybody's files
            made = ours.remembered(directory, by_root=not os.geteuid())
            left = as_root.run(ids, lambda: _remove_root(place, config, made))
            dependents.release(place)
            as_root.run(ids, lambda: _remove_directory(place, directory, parent))
        held.forget()
    return left


def _remove_directory(place: Place, directory: int, parent: int) -> None:
    removal.remove_opened(directory, parent, place.name, place.directory, last=("config", "partial"))


def _stopped(place: Place, wish: Wish) -> socket:
    """The command socket's address, taken: as long as it is not closed, nobody can start the container.

    Raises StateError if it runs and may not be killed.
    """
    for _ in range(_ATTEMPTS):
        try:
            return claim.reserve(place)
        except AlreadyRunning:
            if not wish.is_forced:
                raise StateError(f"{place.name} is running", hint="lxc-destroy -f stops it first") from None
        stop.kill(place)
        time.sleep(0.05)  # from the end of the conversation to the end of the monitor
    raise StateError(f"{place.name} was killed, but its monitor does not end")


def _remove_cgroups(place: Place, config: Config) -> None:
    """Remove what a killed monitor has left."""
    pattern = system.get("lxc.cgroup.pattern") or ""
    found = plan_cgroups.Host(cgroups.find(relative=config.cgroup_relative), pattern=pattern)
    cgroups.remove_leftovers(plan_cgroups.placed(place, config, found))


def _free_network(place: Place, config: Config) -> None:
    """Have no end of a pair in use that a killed monitor has left."""
    if os.geteuid() or not any(device.type == "veth" for device in config.net.values()):
        return
    from lxc.kernel.netlink import Channel
    from lxc.network import ends
    from lxc.network.links import Links

    try:
        with Links(Channel()) as host:
            ends.take_back(host, ends.Owner(os.fsdecode(place.socket_name)))
    except OSError as error:
        log.debug(f"cannot look for network devices that were left: {error.strerror}")


def _remove_root(place: Place, config: Config, made: Made | Volume | None) -> tuple[str, ...]:
    """Remove a root file system outside of the container's directory, if it is what was `made` for the container."""
    if isinstance(made, Volume):
        return _remove_volume(place, config, made)
    root = config.rootfs_path
    if not root.path and made and os.path.lexists(place.partial_file):
        root = root.replace(path=made.path)  # its making was cut short before the configuration was written
    upper = root.path.rpartition(":/")[2].lstrip("/")  # an overlay's upper directory comes last
    path = os.path.realpath(f"/{upper}" if root.driver.startswith("overlay") else root.path)
    own = os.path.realpath(place.directory)
    if not root.path or f"{path}/".startswith(f"{own}/") or not os.path.lexists(path):
        return ()
    shown = removal.quoted(root.path)
    if root.driver not in ("", "dir"):
        return (f"{root.driver}:{shown} was left alone: it was not made with the container",)
    if made is None or made.path != path:
        return (f"{shown} was left alone: it was not made with the container",)
    user = _user_of(place, path)
    if user:
        return (f"{shown} was left alone: {user} uses it, too",)
    try:
        ours.remove_made(made, (*_precious(place), os.path.realpath(os.getcwd())))
    except Refused as error:
        return (f"{error}",)
    return ()


def _remove_volume(place: Place, config: Config, made: Volume) -> tuple[str, ...]:
    """Remove the logical volume that was made for the container, if it is its root still, or was to be."""
    root, shown = config.rootfs_path, removal.quoted(made.path)
    is_unfinished = os.path.lexists(place.partial_file) and not root.path
    if root.path != made.path and not is_unfinished:
        return (f"{shown} was left alone: it is not the container's root any more",)
    if volumes.identity(made.path) not in ("", made.uuid):
        return (f"{shown} was left alone: it is another volume than the one made for the container",)
    user = _user_of(place, made.path)
    if user:
        return (f"{shown} was left alone: {user} uses it, too",)
    volumes.remove(made)
    return ()


def _precious(place: Place) -> tuple[str, ...]:
    """What must survive any destroy, by its real path."""
    import pwd

    homes = {user.pw_dir for user in pwd.getpwall() if user.pw_dir.startswith("/")}
    return tuple(sorted({os.path.realpath(path) for path in (place.lxcpath, os.environ.get("HOME", "/"), *homes)}))


def _user_of(place: Place, path: str) -> str:
    """The name of another container of the same path whose configuration names this root file system; "" if none."""
    from lxc.config import reader
    from lxc.runtime.lists import listing

    for name in listing.defined(place.lxcpath, hidden=True):
        if name == place.name:
            continue
        try:
            text = reader.read(Place(name, place.lxcpath).config_file)
            roots = [line for line in text.split("\n") if line.lstrip().startswith("lxc.rootfs.path")]
            if any(path in line or path in _real_paths(line) for line in roots):
                return name
        except (OSError, ValueError):
            continue  # cannot be read: then it is not ours to look at
    return ""


def _real_paths(line: str) -> list[str]:
    """Where the paths really are that a line assigns."""
    parts = line.partition("=")[2].strip().split(":")
    return [os.path.realpath(part) for part in parts if part.startswith("/")]


def hooks_of(place: Place, config: Config) -> tuple[hook_plan.Hook, ...]:
    """The destroy hooks."""
    environment = {
        "LXC_CONFIG_FILE": place.config_file,
        "LXC_ROOTFS_MOUNT": config.rootfs_mount,
        "LXC_ROOTFS_PATH": config.rootfs_path.path,
        "LXC_CONSOLE": config.console_path,
        "LXC_CONSOLE_LOGPATH": config.console_logfile,
    }
    told = {name: value for name, value in environment.items() if value}
    commands = zip(config.hook_destroy, config.places("lxc.hook.destroy"), strict=True)
    return hook_plan.hooks("destroy", commands, place.name, config.hook_version, told)


def _refuse_strangers(place: Place) -> None:
    """Raise NotFound, Refused if LXCPATH/NAME is no container, nor what is left of one that was not finished."""
    if not (os.path.lexists(place.config_file) or os.path.lexists(place.partial_file)):
        none = f"there is no {removal.quoted(place.config_file)}"
        raise NotFound("Container is not defined", hint=place.hidden or none)
    shown = removal.quoted(place.directory)
    with closing(_open_directory(place.lxcpath)) as parent:
        os.close(removal.open_directory(parent, place.name, place.directory))
    wrong = ours.objection(os.path.realpath(place.directory), _precious(place))
    if wrong:
        raise Refused(f"{shown} is not removed: {wrong}")
    if not _has_settings(place.config_file) and _has_others(place):
        raise Refused(
            f"{shown} does not look like a container: its file `config` sets nothing of LXC's, and it has other files",
            hint="if it is one after all, remove it with rm(1)",
        )


def _has_others(place: Place) -> bool:
    """Whether there are files in its directory that no container has."""
    own = {*_OWN, f"{place.name}.log"}
    return any(name not in own and not beneath.is_spare(name, "config") for name in os.listdir(place.directory))


def _has_settings(path: str) -> bool:
    from lxc.config import reader

    try:
        return any(line.lstrip(" \t").startswith("lxc.") for line in reader.read(path).split("\n"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise reader.unreadable(path, error) from error


def _open_directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _refuse_making(place: Place) -> None:
    from lxc.runtime.disk import making

    if making.is_being_made(place):
        raise StateError(f"{place.name} is being created by another process")


def _refuse_dependents(place: Place, wish: Wish) -> None:
    snapshots = dependents.snapshots(place)
    if snapshots and not wish.with_snapshots:
        count = f"{len(snapshots)} snapshots" if len(snapshots) > 1 else "a snapshot"
        raise StateError(
            f"Destroying {place.name} failed: {place.name} has snapshots",
            hint=f"lxc-destroy -s removes them, too: {count}, {snapshots[-1].name} the last",
        )
    clones = [clone for clone in dependents.clones(place) if clone not in snapshots]
    if clones:
        names = ", ".join(removal.quoted(clone.directory) for clone in clones)
        raise StateError(
            f"Destroying {place.name} failed: {place.name} has clones", hint=f"they need its root file system: {names}"
        )


def is_unfinished(snapshot: Place) -> bool:
    """Whether its making was cut short, or goes on, before it had a configuration."""
    return os.path.lexists(snapshot.partial_file) and not os.path.lexists(snapshot.config_file)


def configured(snapshot: Place) -> Config:
    """Its configuration, by which it is destroyed.

    Raises LxcError if there is none, nor it is unfinished, or none to be seen: os.path.exists takes the one for the other.
    """
    from lxc.config import document
    from lxc.config.container import Config

    if is_unfinished(snapshot):
        return Config()
    shown = removal.quoted(snapshot.directory)
    try:
        os.stat(snapshot.config_file)
    except PermissionError as error:
        raise LxcError(
            f"cannot look into the snapshot {shown}: {error.strerror}",
            hint="somebody else has made it, as root, perhaps, who can also destroy it",
        ) from error
    except FileNotFoundError:
        raise LxcError(
            f"{shown} is not a snapshot: it has no configuration", hint="remove it yourself, then destroy again"
        ) from None
    return document.load(snapshot.config_file)[0]


def _destroy_snapshots(place: Place) -> None:
    for snapshot in dependents.snapshots(place):
        for sentence in destroy(snapshot, configured(snapshot), Wish(with_snapshots=True)):
            log.warn(sentence)
    dependents.forget_snapshots(place)
