"""Deciding what CRIU is called with, to dump a container's processes or to restore them.  Pure; prints as a shell command.

The words and their order are LXC's, so that what one has dumped the other restores.
"""

from __future__ import annotations

from lxc.record import Record

_COMMON = (
    "--tcp-established", "--file-locks", "--link-remap", "--manage-cgroups=full", "--ext-mount-map", "auto",
    "--enable-external-sharing", "--enable-external-masters", "--enable-fs", "hugetlbfs", "--enable-fs", "tracefs",
)  # fmt: skip
OLDEST = (2, 8)  # CRIU that knows these words
_HAS_NEW_MOUNTS = (3, 17)  # moves mounts of the host's by move_mount(2), which fails across mount namespaces
_HARMLESS = "No parent image found"  # of a process that was not there yet at the earlier dump
INVENTORY = "inventory.img"  # of whatever was dumped


class Images(Record):
    """A directory of CRIU's images, and how CRIU is to go about with it."""

    directory: str
    verbose: bool = False
    action_script: str = ""  # which CRIU runs at its turning points


class External(Record):
    """A mount of the host's in the container: it is not dumped, but mounted again."""

    source: str  # on the host
    target: str  # in the container, without leading slash


class Device(Record):
    """A network device of the container's that is tied to one of the host's."""

    kind: str  # veth
    name: str  # in the container
    outside: str  # how CRIU is to call the host's end

    @property
    def words(self) -> tuple[str, str]:
        return "--external", f"{self.kind}[{self.name}]:{self.outside}"


class Root(Record):
    """The cgroup of the container's processes in the hierarchy of these controllers, below the hierarchy's mount."""

    path: str
    controllers: str = ""  # "" of the unified one

    @property
    def words(self) -> tuple[str, str]:
        return "--cgroup-root", f"{self.controllers}:{self.path}" if self.controllers else self.path


class Wish(Record):
    """How to dump, as far as it is anybody's choice."""

    is_pre_dump: bool = False  # the memory only, while the processes go on
    stops: bool = False  # the processes end with it
    earlier: str = ""  # directory of an earlier dump, relative to this one's: only what changed since is written
    page_server: tuple[str, str] = ("", "")  # address and port, of who takes the memory instead
    preserves_inodes: bool = False  # the root's files have the same inode numbers where they are restored
    keeps_in_flight: bool = False  # connections that are being made are an error
    ghost_limit: int = 0  # bytes; files that are deleted but open may be as long


class Dump(Record):
    """The processes below `pid` are written to `images.directory`."""

    images: Images
    wish: Wish
    pid: int
    cgroups: tuple[Root, ...]
    freezer: str  # directory of the cgroup that is frozen meanwhile
    mounts: tuple[External, ...] = ()

    @property
    def action(self) -> str:
        return "pre-dump" if self.wish.is_pre_dump else "dump"

    @property
    def argv(self) -> tuple[str, ...]:
        wish, (address, port) = self.wish, self.wish.page_server
        externals = (("--ext-mount-map", f"/{mount.target}:{mount.target}") for mount in self.mounts)
        return (
            *_begin(self.action, self.images, self.cgroups),
            *(word for words in externals for word in words),
            *("-t", str(self.pid)),
            *(() if wish.keeps_in_flight else ("--skip-in-flight",)),
            *("--freeze-cgroup", self.freezer),
            *(("--prev-images-dir", wish.earlier, "--track-mem") if wish.earlier else ()),
            *(("--page-server", "--address", address, "--port", port) if address and port else ()),
            *(() if wish.preserves_inodes else ("--force-irmap",)),
            *(("--ghost-limit", str(wish.ghost_limit)) if wish.ghost_limit else ()),
            *(() if wish.stops or wish.is_pre_dump else ("--leave-running",)),
        )

    def __str__(self) -> str:
        return " ".join(("criu", *self.argv))


class Restore(Record):
    """The processes that were dumped to `images.directory` begin again, below our parent."""

    images: Images
    root: str  # where the container's root is mounted
    cgroups: tuple[Root, ...]
    version: tuple[int, ...]
    mounts: tuple[External, ...] = ()
    devices: tuple[Device, ...] = ()
    label: str = ""  # of a security module, as MODULE:LABEL
    action = "restore"

    @property
    def argv(self) -> tuple[str, ...]:
        externals = (("--ext-mount-map", f"{mount.target}:{mount.source}") for mount in self.mounts)
        return (
            *_begin(self.action, self.images, self.cgroups),
            *(word for words in externals for word in words),
            *(("--mntns-compat-mode",) if self.version >= _HAS_NEW_MOUNTS else ()),
            *("--root", self.root, "--restore-detached", "--restore-sibling"),
            *(("--lsm-profile", self.label) if self.label else ()),
            *(word for device in self.devices for word in device.words),
        )

    def __str__(self) -> str:
        return " ".join(("criu", *self.argv))


def _begin(action: str, images: Images, cgroups: tuple[Root, ...]) -> tuple[str, ...]:
    return (
        action,
        *_COMMON,
        *("-D", images.directory, "-o", log_file(images, action)),
        *(word for root in cgroups for word in root.words),
        *(("-v4",) if images.verbose else ()),
        *(("--action-script", images.action_script) if images.action_script else ()),
    )


def log_file(images: Images, action: str) -> str:
    return f"{images.directory}/{action}.log"


def version(text: str) -> tuple[int, ...]:
    """What `criu --version` says: (3, 17, 1).  Raises ValueError."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == "Version":
            return tuple(int(part) for part in value.strip().split(".") if part.isdecimal())
    raise ValueError(f"no version in {text!r}")


def reason(log: str) -> str:
    """Why CRIU failed: the first error of its log that matters, without time and place in its source."""
    for line in log.splitlines():
        _, found, rest = line.partition("Error (")
        if found and _HARMLESS not in rest:
            return rest.partition("): ")[2].strip() or rest
    return ""
