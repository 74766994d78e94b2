"""Where a container lives: its directory, the files that have a fixed place in it, and the address of its monitor.

Everything here follows from the name and the container path; nothing is opened
but for `is_defined`.
"""

from __future__ import annotations

import os

from lxc.errors import NotFound, UsageError
from lxc.record import Record

_NAME_MAX, _PATH_MAX = 254, 4096  # limits.h; a file name has 255, but the name of a container's lock is .NAME
_HOST_NAME_MAX = 64
_SUN_PATH_MAX = 105  # of unix(7)'s 108 bytes; LXC hashes what is longer, and its clients must find the same address
_LONGEST_FILE = "/lxc_snapshots"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")  # cannot make a name wrong
_DEFAULT_PATH, _DEFAULT_LOGS = "/var/lib/lxc", "/var/log/lxc"


class Place(Record):
    """A container's name and the absolute directory that containers live in.  Made by `place`, which checks both."""

    name: str
    lxcpath: str

    @property
    def directory(self) -> str:
        return f"{self.lxcpath.rstrip('/')}/{self.name}"

    @property
    def host_name(self) -> str:
        """The host name in the container unless the configuration says otherwise: as much of the name as Linux takes."""
        name = os.fsencode(self.name)
        if len(name) <= _HOST_NAME_MAX:
            return self.name
        ends = range(_HOST_NAME_MAX, _HOST_NAME_MAX - 4, -1)
        whole = (end for end in ends if name[end] & 0xC0 != 0x80)  # not amid a letter
        return os.fsdecode(name[: next(whole, _HOST_NAME_MAX)])

    @property
    def config_file(self) -> str:
        return f"{self.directory}/config"

    @property
    def rootfs(self) -> str:
        """The root file system's place unless the configuration says otherwise."""
        return f"{self.directory}/rootfs"

    @property
    def log_file(self) -> str:
        """The log file's place unless the configuration or the command line says otherwise."""
        if self.lxcpath == _DEFAULT_PATH and os.geteuid() == 0:
            return f"{_DEFAULT_LOGS}/{self.name}.log"
        return f"{self.directory}/{self.name}.log"

    @property
    def partial_file(self) -> str:
        """Exists, and is locked, while the container is being made."""
        return f"{self.directory}/partial"

    @property
    def socket_name(self) -> bytes:
        """The abstract address of the monitor's command socket, without its leading NUL."""
        path = os.fsencode(f"{self.directory}/command")
        if len(path) <= _SUN_PATH_MAX:
            return path
        return b"lxc/%016x/command" % fnv_1a(os.fsencode(self.directory))

    def beside(self, name: str) -> Place:
        """The place of the container `name` in the same directory.  Raises UsageError for a name that none can have."""
        beside = Place(name, self.lxcpath)
        return beside if _is_plain(name) and len(self.lxcpath) < 512 else _checked(beside)

    @property
    def is_defined(self) -> bool:
        """Whether there is a configuration file: that is what makes a container."""
        return os.path.exists(self.config_file)

    @property
    def hidden(self) -> str:
        """For who does not find it defined: that we may not look there, and what to do; "" if we may."""
        try:
            os.stat(self.config_file)
        except PermissionError:
            return f"we may not look for {self.config_file}: run this as root, or as who it belongs to"
        except OSError:
            pass
        return ""


def place(name: str, lxcpath: str = "") -> Place:
    """The place of the container `name` in `lxcpath` (default: the system configuration's lxc.lxcpath).

    A relative `lxcpath` is taken from the working directory.  Raises UsageError for a name or path that no
    container can have.
    """
    if not lxcpath:
        from lxc.config import system

        lxcpath = system.get("lxc.lxcpath")
    return _checked(Place(name, _absolute(lxcpath)))


def is_name(text: str) -> bool:
    """Whether a container can be called that."""
    return _is_plain(text) or not _objection(Place(text, "/"))


def _is_plain(name: str) -> bool:
    """Whether nothing is wrong with it, as is mostly so and soon seen."""
    return _PLAIN.issuperset(name) and 2 < len(name) < 200


def undefined(place: Place) -> NotFound:
    """What to raise where there is no configuration."""
    return NotFound(f"Container {place.name} is not defined", hint=place.hidden or f"there is no {place.config_file}")


def _checked(wanted: Place) -> Place:
    wrong = _objection(wanted)
    if wrong:
        raise UsageError(wrong)
    return wanted


def _absolute(path: str) -> str:
    """`path` made absolute, without `.`, `..`, doubled and trailing slashes; links are followed only to resolve `..`."""
    if ".." in path.split("/") and "\0" not in path:
        return os.path.realpath(path)
    try:
        return "/" + os.path.abspath(path).lstrip("/")
    except FileNotFoundError:
        raise UsageError(f"the container path {path!r} is relative, and the working directory is gone") from None


def _objection(wanted: Place) -> str:
    """Why no container can have this place, in one sentence; "" if one can."""
    name, size = wanted.name, len(os.fsencode(wanted.name))
    if not name:
        return "a container needs a name: it is empty"
    if name in (".", ".."):
        return f"{name!r} cannot be a container's name: it means a directory"
    for character, called in (
        ("/", "a slash"),
        ("\0", "a NUL byte"),
        ("\n", "a line break"),
        ("\r", "a carriage return"),
    ):
        if character in name:
            return f"{name!r} cannot be a container's name: it contains {called}"
        if character != "/" and character in wanted.lxcpath:
            return f"{wanted.lxcpath!r} cannot be a container path: it contains {called}"
    if size > _NAME_MAX:
        return f"{name[:20]!r}… cannot be a container's name: it has {size} bytes, more than {_NAME_MAX}"
    longest = len(os.fsencode(wanted.directory + _LONGEST_FILE))
    if longest >= _PATH_MAX:
        tail = f"files in it would have paths of {longest} bytes, the kernel takes {_PATH_MAX - 1}"
        return f"{name[:20]!r}… cannot live in that container path: {tail}"
    return ""


def fnv_1a(data: bytes) -> int:
    """The 64-bit FNV-1a hash."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def monitor_fifo(lxcpath: str) -> str:
    """The pipe that lxc-monitord reads, and the monitors of the containers below `lxcpath` write to."""
    return f"{run_directory()}/lxc/{lxcpath.strip('/')}/monitor-fifo"


def run_directory() -> str:
    """Where what lasts until the next boot is kept: for root /run."""
    return "/run" if os.geteuid() == 0 else users_run_directory()


def users_run_directory() -> str:
    """The same for a user who may not write to /run."""
    return os.environ.get("XDG_RUNTIME_DIR") or f"{os.environ.get('HOME', '/')}/.cache/lxc/run"
