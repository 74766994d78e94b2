"""Configuration files: reading them into a `Config`, and editing and saving them as text.

    config, document = load(path)

`config` holds what the file and all it includes come to; `document` holds the
file's own lines byte for byte, comments and all.  An edit is made to both:

    config = config.assign(key, value)
    document = document.append_item(key, value)

All mistakes of a file and its includes are found in one go, and raised as one
ConfigError, each as `FILE:LINE:COLUMN: KEY: what is wrong`.
"""

from __future__ import annotations

import errno
import os
import stat

from lxc import followed, regular
from lxc.config.container import FOREIGN, Config
from lxc.config.family import Numbered
from lxc.config.key import Directive
from lxc.config.lines import assignment, is_hwaddr, pieces, quoted
from lxc.config.reader import Reader, read, unreadable
from lxc.errors import StepError
from lxc.record import Record
from lxc.values.address import completed
from lxc.values.words import Misspelt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the quota of its owner is used up: free some space",
    errno.EROFS: "the file system is read-only",
}


class Document(Record):
    """The text of one configuration file, its includes not expanded."""

    path: str = ""
    text: str = ""
    warnings: tuple[str, ...] = ()  # lines without effect, found while it was read

    @property
    def texts(self) -> tuple[str, ...]:
        """Its lines, each with its end."""
        return tuple(pieces(self.text))

    def extended(self, text: str) -> Document:
        """This document with `text` on lines of its own behind it."""
        end = "\n" if text and self.text and not self.text.endswith("\n") else ""
        return self.replace(text=f"{self.text}{end}{text}")

    def append_item(self, key: str, value: str) -> Document:
        """This document with `key = value` at its end; if `value` is "", with nothing more of it than that says."""
        if not value:
            return self._emptied(key)
        if any(end in key + value for end in "\n\r\0"):
            raise ValueError(f"expected one line, got {value!r}")
        line = f"{key} = {quoted(completed(value) if is_hwaddr(key) else value)}\n"
        if assignment(line)[0] != key:
            raise Misspelt(f"expected a key without blanks at its ends and without '=', got {key!r}", key)
        return self.extended(line)

    def set_item(self, key: str, *values: str) -> Document:
        """This document with `values` as the only ones it gives `key`; its lines go to the end."""
        document = self.clear_item(key)
        for value in values:
            document = document.append_item(key, value)
        return document

    def clear_item(self, key: str) -> Document:
        """This document without the lines that assign `key`, or, if it is a family, a member of it."""
        belongs = _belongs_to(key)
        return self.replace(text="".join(text for text in self.texts if not belongs(assignment(text)[0])))

    def _emptied(self, key: str) -> Document:
        document = self.clear_item(key)
        for other in getattr(Config.KEYS.get(key), "clears", ()):
            document = document.clear_item(other)
        try:
            is_default = Config().assign(key, "") == Config()
        except ValueError:  # of a network device, say, which there is none of in there
            is_default = True
        return document if is_default else document.extended(f"{key} =\n")

    def save(self, path: str = "", *, was: str | None = None) -> None:
        """Replace the file at `path` ("": where it came from) in one step.  Raises StepError, the old file untouched.

        A new file has mode 0660 less the umask, and is ours; an old one keeps its mode and, if root saves it, its owner.
        With `was` it must hold that still.  Links are followed if they are root's or ours.
        """
        replace_file(path or self.path, self._bytes, was=was)

    def save_in(self, directory: int, path: str, owner: tuple[int, int] = (-1, -1)) -> None:
        """As `save`, of the file at `path`, which is in the opened `directory`, wherever its path leads by now.

        What is there is replaced, and not what it is a link to.
        """
        name = os.path.basename(path)
        try:
            _replace(name, self._bytes, owner, directory, _status(name, directory))
        except OSError as error:
            raise _unwritten(path, error) from error

    @property
    def _bytes(self) -> bytes:
        return self.text.encode("utf-8", "surrogateescape")


def load(path: str, *, base: Config | None = None, is_stream: bool = False) -> tuple[Config, Document]:
    """The configuration in the file at `path`, added to `base`, and the file itself.  Raises ConfigError.

    With `is_stream`, where a user has named it, it may be a pipe.
    """
    try:
        text = read(path, is_stream=is_stream)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return parse(text, path, base=base)


def parse(text: str, path: str = "config", *, base: Config | None = None) -> tuple[Config, Document]:
    """As `load`, of `text` that was read from `path`.  Raises ConfigError."""
    base = base or Config()
    reader = Reader(base)
    reader.read(text, path)
    config: Config = reader.config()
    if any(net.hwaddr for net in config.net.values()):
        completed_text = "".join(map(_completed, pieces(text)))
        if completed_text != text:
            return parse(completed_text, path, base=base)
    return config, Document(path, text, tuple(reader.warnings))


def assign(config: Config, key: str, value: str, where: str = "") -> Config:
    """Config.assign that can also include files: `lxc.include`.  Raises ValueError, ConfigError."""
    if key != "lxc.include":
        return config.assign(key, value, where)
    if "\n" in value or "\r" in value:
        raise ValueError(f"expected one line, got {value!r}")
    reader = Reader(config)
    reader.read(f"lxc.include = {value}", where or "lxc.include")
    assigned: Config = reader.config()
    return assigned


def replace_file(path: str, data: bytes, *, was: str | None = None, like: str = "") -> None:
    """Make the file at `path`, or the one it is a link to, hold `data`, or fail and leave it.  Raises StepError.

    With `was` it must hold that still.  With `like` it is that file which must, and whose owner and mode it gets, and a link at
    `path` is replaced itself.  Links are followed if they are root's or ours.
    """
    try:
        with (
            followed.parent(path, of_link=bool(like)) as (directory, name),
            followed.parent(like or path) as (others, other),
        ):
            if was is not None:
                _check_holds(others, other, was, like or path)
            _replace(name, data, (-1, -1), directory, _status(other, others))
    except OSError as error:
        raise _unwritten(path, error) from error


def _status(name: str, directory: int) -> os.stat_result | None:
    """What is there by that name in the opened `directory`, if it is no link."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return None if stat.S_ISLNK(found.st_mode) else found


def _check_holds(directory: int, name: str, text: str, path: str) -> None:
    """Raise OSError if the file `name` in the opened `directory` holds anything else by now."""
    wanted = text.encode("utf-8", "surrogateescape")
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        found = regular.rest(file, len(wanted), path)
    finally:
        os.close(file)
    if found != wanted:
        raise OSError(errno.EAGAIN, "it has changed since it was read, do it again", path)


def _unwritten(path: str, error: OSError) -> StepError:
    return StepError(f"write {path}", error.strerror or str(error), hint=_REMEDIES.get(error.errno or 0, ""))


def _replace(name: str, data: bytes, owner: tuple[int, int], directory: int, old: os.stat_result | None) -> None:
    """In the opened `directory`, following no link; with the mode and, if we may, the owner of `old`, else `owner`'s."""
    from lxc import beneath

    if not old:
        beneath.replace_file(directory, name, data, owner)
    else:
        owner = (old.st_uid, old.st_gid) if os.geteuid() == 0 else (-1, -1)
        beneath.replace_file(directory, name, data, owner, old.st_mode & 0o777)


def _completed(text: str) -> str:
    """`text` with the random digits an hwaddr template in it asks for, so that saving keeps the address."""
    if "hwaddr" not in text:
        return text
    key, value = assignment(text)
    if not is_hwaddr(key) or completed(value) == value:
        return text
    head, equals, tail = text.partition("=")
    return f"{head}{equals}{tail.replace(value, completed(value), 1)}"


def _belongs_to(cleared: str) -> Callable[[str], bool]:
    """Whether clearing the key `cleared` also clears a key, by name."""
    if cleared.startswith(FOREIGN) or not cleared.startswith("lxc."):
        return lambda name: name == cleared
    key, subkey = Config.find(cleared)
    if isinstance(key, Directive) and key.clears:
        return lambda name: name == cleared or name in key.clears
    if subkey and not isinstance(key, Numbered):
        return lambda name: name == cleared
    family = cleared if subkey else key.name  # "lxc.sysctl." is all of it, too
    if isinstance(key, Numbered):
        family = family.removesuffix(f".{key.title}")  # which wipes the device
    members = f"{family}."

    def belongs(name: str) -> bool:
        if name in (cleared, family):
            return True
        # lxc.cgroup.dir is no member of the family lxc.cgroup
        return key.is_family and name.startswith(members) and (bool(subkey) or name not in Config.KEYS)

    return belongs
