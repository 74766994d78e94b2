"""The files of a running container's cgroups, by the names that lxc-cgroup(1) has for them: memory.max, pids.current …

The word before the first dot is the controller.  Its file is the one below the
controller's hierarchy of version 1, if it has one, otherwise the unified one's.
"""

from __future__ import annotations

import os

from lxc.cgroups import outside as cgroups
from lxc.errors import LxcError, NotFound, Unsupported
from lxc.kernel.fs import closing
from lxc.runtime import client, statistics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place


def read(place: Place, key: str) -> str:
    """The file's text without the line breaks at its end.  Raises NotRunning, NotFound, LxcError."""
    with closing(_open(place, key, os.O_RDONLY)) as fd:
        parts = []
        try:
            while part := os.read(fd, 65536):
                parts.append(part)
        except OSError as error:
            raise LxcError(f"cannot read {key} of {place.name}: {error.strerror}") from error
    return b"".join(parts).decode(errors="surrogateescape").rstrip("\n")


def write(place: Place, key: str, value: str) -> None:
    """Have the kernel take `value`.  Raises NotRunning, NotFound, LxcError with the kernel's word."""
    with closing(_open(place, key, os.O_WRONLY)) as fd:
        try:
            os.write(fd, value.encode(errors="surrogateescape"))
        except OSError as error:
            raise LxcError(f"cannot set {key} of {place.name} to {value!r}: {error.strerror}") from error


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
    controller, dot, name = key.partition(".")
    layout = cgroups.find()
    if not (controller and dot and name) or "/" in key or "\0" in key:
        raise NotFound(f"{key!r} is no file of a control group", hint="expected CONTROLLER.FILE, such as pids.max")
    if controller == "devices" and not layout.with_controller(controller):
        raise Unsupported("this version does not change device rules of a running container on version 2 cgroups")
    directory = statistics.directory(place, layout)(controller)
    if not directory:
        raise NotFound(f"{place.name} has no cgroup of the controller {controller}")
    return directory
