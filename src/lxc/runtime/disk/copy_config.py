"""The configuration of a container's copy, made from the lines of its source's; or of a container that has moved.  Pure.

What names the source, or lies in its directory, becomes the copy's: the root
file system, the host name, hook scripts, a private fstab, overlay entries,
hardware addresses.  All other lines stay as they are, for what they name stays
where it is.  Not so if the directory moves: then each path into it does, too.
"""

from __future__ import annotations

from lxc.config.lines import assignment, is_hwaddr, quoted
from lxc.hooks import plan as hooks
from lxc.record import Record
from lxc.values.address import completed
from lxc.values.mount import escaped, layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.document import Document

_HWADDR = "00:16:3e:xx:xx:xx"  # the range that Xen and LXC take addresses from
_BEFORE = " \t=:,'\""  # what a path in a value follows, if anything
_FSTAB, _ENTRY, _ROOT, _NAME = "lxc.mount.fstab", "lxc.mount.entry", "lxc.rootfs.path", "lxc.uts.name"
_HOOK = "lxc.hook."


class Copied(Record):
    """A document, and the files below the source's directory that it needs, by their path in there."""

    document: Document
    files: tuple[str, ...] = ()


class Change(Record):
    """What becomes different: the container's directory, and what the copy is not to share with its source."""

    old: str  # directory
    new: str
    root: str  # lxc.rootfs.path, with its driver; "" is none
    name: str = ""  # lxc.uts.name; "" keeps it
    new_addresses: bool = False


def copied(document: Document, change: Change) -> Copied:
    """`document` of a container, as its copy's."""
    texts: list[str] = []
    files: dict[str, None] = {}
    for text in document.texts:
        key, value = assignment(text)
        if key == _ROOT or (key == _NAME and change.name):
            continue
        if is_hwaddr(key) and change.new_addresses and value:
            text = _with(text, completed(_HWADDR))
        elif key == _ENTRY and "overlay" in value.split():
            text = _with(text, _layers_moved(value, change.old, change.new))
        elif key == _FSTAB or key.startswith(_HOOK):
            path, rest = (value, "") if key == _FSTAB else _program(value)
            inner = _below(path, change.old)
            if inner:
                files[inner] = None
                there = f"{change.new}/{inner}"
                text = _with(text, there if key == _FSTAB else f"{hooks.program(there)}{rest}")
        texts.append(text)
    return Copied(_finished(document, texts, change), tuple(files))


def relocated(document: Document, change: Change) -> Document:
    """`document` of a container whose directory has moved."""
    texts: list[str] = []
    for text in document.texts:
        key, value = assignment(text)
        if key == _ROOT or (key == _NAME and change.name):
            continue
        there = _rebased(key, value, change.old, change.new)
        texts.append(text if there == value else _with(text, there))
    return _finished(document, texts, change)


def rebased(value: str, old: str, new: str) -> str:
    """`value` with the paths in it that begin with the directory `old` in the directory `new`."""
    found, *rest = value.split(f"{old}/")
    for part in rest:
        found += f"{old if found and found[-1] not in _BEFORE else new}/{part}"
    return found


def _finished(document: Document, texts: list[str], change: Change) -> Document:
    made = document.replace(path="", text="".join(texts), warnings=())
    if change.root:
        made = made.append_item(_ROOT, change.root)
    if change.name:
        made = made.append_item(_NAME, change.name)
    return made


def moved(value: str, old: str, new: str, before: tuple[str, ...]) -> str:
    """`value` with each path in the directory `old` that follows one of the words `before` put into `new`."""
    for word in before:
        value = value.replace(f"{word}{old}/", f"{word}{new}/")
    return value


def _rebased(key: str, value: str, old: str, new: str) -> str:
    """`rebased`, of paths that are written as values of `key` have them."""
    if key == _ENTRY:
        return rebased(_layers_moved(value, old, new), escaped(old), escaped(new))
    if key.startswith(_HOOK):
        path, rest = _program(value)
        inner = _below(path, old)
        if inner:
            return f"{hooks.program(f'{new}/{inner}')}{rebased(rest, old, new)}"
    return rebased(value, old, new)


def _layers_moved(entry: str, old: str, new: str) -> str:
    """The mount entry of an overlay with what is written to in the directory `new`, not `old`."""
    for spelled in dict.fromkeys((escaped(layer(old)), escaped(old))):
        entry = moved(entry, spelled, escaped(layer(new)), ("upperdir=", "workdir="))
    return entry


def _program(command: str) -> tuple[str, str]:
    """The path of what a hook's command runs, which may be quoted, and the rest of the command."""
    quote = command[:1]
    if quote not in ("'", '"'):
        path, blank, rest = command.partition(" ")
        return path, blank + rest
    path, _, rest = command[1:].replace(r"'\''", "\0").partition(quote)
    return path.replace("\0", "'"), rest.replace("\0", r"'\''")


def _below(path: str, directory: str) -> str:
    """`path` relative to `directory`; "" if it does not lie in there, or leads out again."""
    inner = path.removeprefix(f"{directory}/")
    return inner if inner != path and ".." not in inner.split("/") else ""


def _with(text: str, value: str) -> str:
    """The line `text` with another value."""
    return f"{text.partition('=')[0].rstrip()} = {quoted(value)}\n"
