"""Mount lines, as `lxc.mount.entry` and an fstab(5) file hold them, and the options of `lxc.rootfs.options`."""

from __future__ import annotations

from lxc.record import Record
from lxc.values.words import Misspelt, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# option -> (attributes set, attributes cleared), as mount_setattr(2) numbers them.
# The access time is one field of three values: whoever sets it clears it first.
_ATIME = 0x70
ATTRIBUTES = {
    "ro": (0x01, 0), "rw": (0, 0x01), "nosuid": (0x02, 0), "suid": (0, 0x02), "nodev": (0x04, 0), "dev": (0, 0x04),
    "noexec": (0x08, 0), "exec": (0, 0x08), "noatime": (0x10, _ATIME), "atime": (0, _ATIME), "relatime": (0, _ATIME),
    "norelatime": (0, 0), "strictatime": (0x20, _ATIME), "nostrictatime": (0, _ATIME), "nodiratime": (0x80, 0),
    "diratime": (0, 0x80), "nosymfollow": (0x200000, 0),
}  # fmt: skip
PROPAGATION = {"private": 1 << 18, "slave": 1 << 19, "shared": 1 << 20, "unbindable": 1 << 17}
IGNORED = frozenset(("", "defaults", "sync", "async", "dirsync", "lazytime", "mand", "nomand", "remount"))
_OF_OTHERS = frozenset(  # words of fstab(5) for who mounts by it and when; the kernel is told none of them
    ("auto", "noauto", "user", "nouser", "users", "nousers", "owner", "noowner", "group", "nogroup", "nofail", "_netdev")
)  # fmt: skip
FIELDS = 4  # of the six of fstab(5): LXC has no use for dump and pass, nor for what follows them
_ESCAPES = ((r"\134", "\\"), (r"\040", " "), (r"\011", "\t"), (r"\012", "\n"))  # in this order, and undone in the other
_memory: dict[str, dict[str, Any]] = {}  # option text -> its fields; configurations repeat the same few
_MEMORY = 256


class MountEntry(Record):
    """`source target fstype options`, with the options sorted by what they are for."""

    text: str  # as written, and as shown again
    source: str
    target: str
    fstype: str
    attr_set: int = 0
    attr_clear: int = 0
    propagation: int = 0  # MS_PRIVATE, MS_SLAVE …; 0 leaves it as it is
    propagation_recursive: bool = False
    bind: bool = False
    recursive: bool = False  # rbind
    move: bool = False
    create: str = ""  # "dir", "file" or ""
    optional: bool = False
    relative: bool = False  # source is below the container's root
    idmap: str = ""  # path of a user namespace, "container" or ""
    data: tuple[str, ...] = ()  # what is left, for the file system

    def __str__(self) -> str:
        return self.text


class RootfsOptions(Record):
    """How the root file system is mounted: as in MountEntry."""

    text: str = ""
    attr_set: int = 0
    attr_clear: int = 0
    propagation: int = 0
    propagation_recursive: bool = False
    bind: bool = False
    recursive: bool = False
    move: bool = False
    idmap: str = ""
    data: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> MountEntry:
    """A line of fstab(5): source, target, type and options, separated by blanks; `\\040` is a space in a name."""
    fields = listed(text)[:FIELDS]
    if len(fields) < 3:
        raise Misspelt(f"expected 'source target type [options]', got {len(fields)} fields in {text!r}")
    if "\\" in text:
        fields = tuple(_unescape(field) for field in fields)
    options = fields[3] if len(fields) > 3 else ""
    known = _memory.get(options)
    if known is None:
        known = _remember(options)
    entry = MountEntry.__new__(MountEntry)  # the long way, through __init__, is most of the time a file of these takes
    entry.__dict__.update(known, text=text, source=fields[0], target=fields[1], fstype=fields[2])
    return entry


def sound(texts: list[str]) -> bool:
    """Whether `parse` takes all of these, found out in a third of its time; False may be too careful."""
    if not "".join(texts).isascii():
        return False
    try:
        options = {text.split(None, FIELDS)[FIELDS - 1] for text in texts}
        for option in options - _memory.keys():
            _remember(option)
    except (IndexError, ValueError):
        return False
    return True


def rootfs_options(text: str) -> RootfsOptions:
    """Mount options separated by commas."""
    fields = _options(text)
    for word, field in (("create", "create"), ("optional", "optional"), ("relative", "relative")):
        if fields.get(field):
            raise Misspelt(f"'{word}' is for lxc.mount.entry only", word)
    return RootfsOptions(text, **fields)


def _remember(options: str) -> dict[str, Any]:
    if len(_memory) >= _MEMORY:
        _memory.clear()
    example = MountEntry("", "", "", "", **_options(options))
    _memory[options] = example.__dict__
    return example.__dict__


def _options(text: str) -> dict[str, Any]:
    """The fields of MountEntry that are not at their defaults after the comma-separated options in `text`."""
    fields: dict[str, Any] = {}
    data = []
    for option in text.split(","):
        if option in ATTRIBUTES:
            on, off = ATTRIBUTES[option]
            fields["attr_set"] = fields.get("attr_set", 0) & ~off | on
            fields["attr_clear"] = fields.get("attr_clear", 0) & ~on | off
        elif option in ("bind", "rbind"):
            fields |= {"bind": True, "recursive": option == "rbind"}
        elif option.removeprefix("r") in PROPAGATION:
            recursive = option not in PROPAGATION
            fields |= {"propagation": PROPAGATION[option.removeprefix("r")], "propagation_recursive": recursive}
        elif option in ("optional", "relative", "move"):
            fields[option] = True
        elif option.startswith(("create=", "idmap=")):
            fields[option.partition("=")[0]] = _ours(option)
        elif option not in IGNORED and not _is_of_others(option):
            data.append(option)
    return fields | {"data": tuple(data)} if data else fields


def _is_of_others(option: str) -> bool:
    return option in _OF_OTHERS or (option.startswith(("x-", "X-")) and not option[2:].startswith("mount."))


def _ours(option: str) -> str:
    name, _, value = option.partition("=")
    if name == "create" and value not in ("dir", "file"):
        raise Misspelt(f"expected create=dir or create=file, got {option!r}", option)
    if not value:
        raise Misspelt("expected idmap=container or idmap=<file of a user namespace>", option)
    return value


def written(attr_set: int, attr_clear: int, propagation: int, data: tuple[str, ...] = ()) -> str:
    """These options as mount(8) is given them, " -o …"; "" if there are none."""
    words = [word for word, (on, _) in ATTRIBUTES.items() if on & attr_set]
    words += [word for word, (on, off) in ATTRIBUTES.items() if not on and off != _ATIME and off & attr_clear]
    words += ["relatime"] if attr_clear & _ATIME and not attr_set & _ATIME else []
    words += [word for word, flag in PROPAGATION.items() if flag & propagation]
    return f" -o {','.join((*words, *data))}" if words or data else ""


def escaped(path: str) -> str:
    """`path` as a field of an entry: what `_unescape` undoes."""
    for escape, char in _ESCAPES:
        path = path.replace(char, escape)
    return path


def layer(path: str) -> str:
    """`path` as an overlay's lowerdir, upperdir and workdir have it: a backslash takes the meaning from what follows."""
    return path.replace("\\", "\\\\").replace(":", "\\:")


def layer_path(text: str) -> str:
    """The path that an overlay's upperdir or workdir means by `text`: `layer` undone."""
    return "\\".join(part.replace("\\", "") for part in text.split("\\\\")) if "\\" in text else text


def _unescape(field: str) -> str:
    """Undo fstab's octal escapes for space, tab, newline and backslash (getmntent(3))."""
    for escape, char in reversed(_ESCAPES):
        field = field.replace(escape, char)
    return field
