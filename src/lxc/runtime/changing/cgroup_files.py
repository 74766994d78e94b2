"""The files of a running container's cgroups, by the names that lxc-cgroup(1) has for them: memory.max, pids.current …

The word before the first dot is the controller.  Its file is the one below the
controller's hierarchy of version 1, if it has one, otherwise the unified one's.
"""

from __future__ import annotations

import os

from lxc.cgroups import devices, limiting, nodes
from lxc.cgroups import outside as cgroups
from lxc.config import document as documents
from lxc.config import reader
from lxc.config.settings import Settings
from lxc.errors import LxcError, NotFound
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.runtime import client, lock, statistics
from lxc.runtime.commands import DeviceRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place


def read(place: Place, key: str) -> str:
    """The file's text without the line breaks at its end.  Raises NotRunning, NotFound, LxcError."""
    with closing(_open(place, key, os.O_RDONLY)) as fd:
        try:
            return fs.contents(fd).decode(errors="surrogateescape").rstrip("\n")
        except OSError as error:
            raise LxcError(f"cannot read {key} of {place.name}: {error.strerror}") from error


def write(place: Place, key: str, value: str) -> None:
    """Have the kernel take `value`.  Raises NotRunning, NotFound, LxcError with the kernel's word.

    A rule for devices may name the device by its file, /dev/fuse rwm.
    """
    layout = cgroups.find()
    if key.startswith("devices."):
        value = _numbered(key, value)
        if not layout.with_controller("devices"):
            client.init_pid(place)  # raises NotRunning
            client.add_device_rule(place, _rule(key, value))
            return
    with closing(_open(place, key, os.O_WRONLY)) as fd:
        try:
            os.write(fd, value.encode(errors="surrogateescape") or b"\n")  # of no bytes the kernel is not told
        except OSError as error:
            what = f"cannot set {key} of {place.name} to {value!r} ({layout.name} layout): {error.strerror}"
            raise LxcError(what, hint=limiting.expected(key, error.errno or 0)) from error


def check(key: str, value: str) -> None:
    """Raise LxcError if the next start would fail for that limit, as far as can be known without a cgroup that it is of."""
    from lxc.config import unified
    from lxc.runtime.check import survey

    _check(key)
    layout, controller = cgroups.find(), key.partition(".")[0]
    if why := unified.hindrance(unified.Limit(key, value)):
        raise LxcError(f"no start succeeds with it: {why}")
    if controller == "devices":
        _rule(key, _numbered(key, value))
        return
    known = sorted({*survey.controllers(layout), *(("cgroup",) if layout.unified else ())})
    if controller not in known:
        raise NotFound(
            f"this host has no controller {controller} ({layout.name} layout)", hint=f"it has {' '.join(known)}"
        )
    files = sorted(name for name in survey.cgroup_files(layout) if name.startswith(f"{controller}."))
    if files and key not in files:
        raise NotFound(f"there is no {key} ({layout.name} layout)", hint=f"there are {' '.join(files)}")


def names() -> list[str]:
    """The names of the files that containers' cgroups have on this host, of all controllers; those that none has had so far are unknown."""
    from lxc.runtime.check import survey

    return sorted(set(survey.cgroup_files(cgroups.find())))


def persist(place: Place, key: str, value: str) -> None:
    """Write into the container's configuration what has it limited so from its next start on.

    A value takes the place of others for the same file; a rule for devices is added to those there are.
    To be asked about by `check` before.  Raises NotFound, ConfigError, LxcError.
    """
    if not place.is_defined:
        raise NotFound(f"{place.name} has no configuration that could keep it")
    controller = key.partition(".")[0]
    family = "lxc.cgroup" if cgroups.find().with_controller(controller) else "lxc.cgroup2"
    with lock.held(place):
        before, settings = _settings(place)
        if controller != "devices":
            settings = settings.clear_item(f"{family}.{key}")
        try:
            settings = settings.append_item(f"{family}.{key}", value, "--persist")
        except ValueError as error:
            raise LxcError(f"the configuration cannot keep it: {error}") from error
        settings.document.save(place.config_file, was=before)


def _settings(place: Place) -> tuple[str, Settings]:
    """The text of the container's configuration, and what it says."""
    try:
        text = reader.read(place.config_file)
    except (OSError, ValueError) as error:
        raise reader.unreadable(place.config_file, error) from error
    return text, Settings(*documents.parse(text, place.config_file))


def _numbered(key: str, value: str) -> str:
    """The rule `value`, with the device's numbers if it names a file.  Raises NotFound."""
    path, access = devices.path(value)
    if not path or key != "devices.allow":
        return value
    found = nodes.at(path)
    if not found:
        raise NotFound(f"there is no device {path} on the host")
    return f"{found} {access}"


def _rule(key: str, value: str) -> DeviceRule:
    try:
        it = devices.rule(key, value)
    except ValueError as error:
        raise LxcError(f"cannot set {key}: {error}") from error
    return DeviceRule(it.type, it.major, it.minor, it.access, it.allow)


def _open(place: Place, key: str, flags: int) -> int:
    path = f"{_directory(place, key)}/{key}"
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"there is no {key}", hint=f"ls {os.path.dirname(path)} shows what there is") from None
    except OSError as error:
        raise LxcError(f"cannot open {path}: {error.strerror}") from error


def _directory(place: Place, key: str) -> str:
    """The directory that the file is in."""
    client.init_pid(place)  # raises NotRunning
    _check(key)
    controller, layout = key.partition(".")[0], cgroups.find()
    directory = statistics.directory(place, layout)(controller)
    if not directory:
        raise NotFound(f"{place.name} has no cgroup of the controller {controller} ({layout.name} layout)")
    return directory


def _check(key: str) -> None:
    controller, dot, name = key.partition(".")
    if not (controller and dot and name) or "/" in key or "\0" in key:
        raise NotFound(f"{key!r} is no file of a control group", hint="expected CONTROLLER.FILE, such as pids.max")
