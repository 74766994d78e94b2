"""Deciding what to mount and make in the container's root, in what order.  Pure: data that prints as a shell script.

Targets are paths below the container's root, without leading slash.  `where` is
the configuration line ("file:line") a step comes from, "" for the defaults.
"""

from __future__ import annotations

from lxc.errors import Unsupported
from lxc.record import Record
from lxc.values.mount import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxc.values.mount import MountEntry

RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8  # MOUNT_ATTR_* of mount_setattr(2)
_ATIME = 0x70  # one field of three values: noatime, strictatime, or neither
_CGROUP = "sys/fs/cgroup"
# What the source's own mount forbids stays forbidden: "rw" in an entry says what is usual, not that a read-only file
# system of the host's is to be written to.  Only "dev" is meant.
_CLEARED_BY_BINDS = NODEV | 0x80 | _ATIME


class MakeDir(Record):
    path: str
    where: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"mkdir -p {self.path}"


class MakeFile(Record):
    path: str
    where: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"touch {self.path}"


class Bind(Record):
    source: str
    target: str
    attr_set: int = 0
    attr_clear: int = 0
    propagation: int = 0
    propagation_recursive: bool = False
    recursive: bool = False
    in_root: bool = False  # `source` is below the container's root too
    where: str = ""
    optional: bool = False
    idmap: str = ""  # whose ids its files get: a user namespace's file, or "container"

    def __str__(self) -> str:
        data = (f"idmap={self.idmap}",) if self.idmap else ()
        options = written(self.attr_set, self.attr_clear, self.propagation, data)
        return f"mount --{'r' * self.recursive}bind{options} {'./' * self.in_root}{self.source} {self.target}"


class Move(Record):
    """A mount of the host's taken into the container, out of this mount namespace's copy of the host."""

    source: str
    target: str
    attr_set: int = 0
    attr_clear: int = 0
    propagation: int = 0
    propagation_recursive: bool = False
    in_root: bool = False
    where: str = ""
    optional: bool = False

    def __str__(self) -> str:
        options = written(self.attr_set, self.attr_clear, self.propagation)
        return f"mount --move{options} {'./' * self.in_root}{self.source} {self.target}"


class MakeLayer(Record):
    """A directory of the host's, below the container's directory `container`, that an overlay entry writes to."""

    container: str
    path: str  # relative to it
    where: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"mkdir -p {self.container}/{self.path}"


class OwnCgroup(Record):
    """A bind of the payload's cgroup of one hierarchy; the payload's name is known once the cgroup is made."""

    base: str  # the cgroup on the host that the payload's is in
    target: str
    payload: str
    attr_set: int = 0
    where: str = ""
    optional: bool = False

    def __str__(self) -> str:
        name = f"{self.target}/{self.payload}"
        return f"mkdir -p {name}\nmount --bind{written(self.attr_set, 0, 0)} {self.base}/{self.payload} {name}"


class New(Record):
    fstype: str
    source: str
    target: str
    attr_set: int = 0
    data: tuple[str, ...] = ()  # options of the file system's own
    propagation: int = 0
    propagation_recursive: bool = False
    where: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"mount -t {self.fstype}{written(self.attr_set, 0, self.propagation, self.data)} {self.source} {self.target}"


class Device(Record):
    path: str
    major: int
    minor: int
    mode: int = 0o666
    where: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"mknod -m {self.mode:o} {self.path} c {self.major} {self.minor}"


class Link(Record):
    path: str
    target: str
    where: str = ""
    optional: bool = True  # a read-only root without them is the administrator's choice

    def __str__(self) -> str:
        return f"ln -s {self.target} {self.path}"


class BootId(Record):
    """A boot id of the container's own, over the host's (random(4))."""

    target: str = "proc/sys/kernel/random/boot_id"
    where: str = ""
    optional: bool = True

    def __str__(self) -> str:
        return f"mount --bind dev/.lxc-boot-id {self.target}"


_DEVICES = (
    Device("dev/full", 1, 7), Device("dev/null", 1, 3), Device("dev/random", 1, 8), Device("dev/tty", 5, 0),
    Device("dev/urandom", 1, 9), Device("dev/zero", 1, 5),
)  # fmt: skip
LINKS = (  # the names by which programs refer to their own descriptors
    Link("dev/fd", "/proc/self/fd"), Link("dev/stdin", "/proc/self/fd/0"), Link("dev/stdout", "/proc/self/fd/1"),
    Link("dev/stderr", "/proc/self/fd/2"),
)  # fmt: skip
Step = MakeDir | MakeFile | MakeLayer | Bind | Move | New | OwnCgroup | Device | Link | BootId


def autodev(size: int) -> tuple[Step, ...]:
    """A small tmpfs of `size` bytes for /dev."""
    return (
        MakeDir("dev"),
        New("tmpfs", "none", "dev", data=(f"size={size}", "mode=0755")),
        MakeDir("dev/pts"),
    )


def devices(*, bound: bool = False) -> tuple[Step, ...]:
    """The device nodes that every Unix program may count on; `bound`: the host's, as nobody in a user namespace makes any."""
    if bound:
        return tuple(step for node in _DEVICES for step in (MakeFile(node.path), Bind(f"/{node.path}", node.path)))
    return _DEVICES


def proc(mode: str, *, keeps_net_admin: bool, where: str = "") -> tuple[Step, ...]:
    """`lxc.mount.auto = proc:MODE`; "mixed" makes /proc/sys read-only, but for the container's own network."""
    mount: list[Step] = [MakeDir("proc", where), New("proc", "proc", "proc", NOSUID | NODEV | NOEXEC, where=where)]
    if mode == "mixed":
        mount.append(_over_itself("proc/sys", RDONLY, where))
        if keeps_net_admin:
            mount.append(
                Bind("proc/sys/net", "proc/sys/net", attr_clear=RDONLY, in_root=True, where=where, optional=True)
            )
        mount.append(_over_itself("proc/sysrq-trigger", RDONLY, where))
    return tuple(mount)


def sys(mode: str, where: str = "") -> tuple[Step, ...]:
    """`lxc.mount.auto = sys:MODE`; "mixed" is read-only, but for the container's own network devices."""
    attributes = {"mixed": RDONLY | NOSUID | NODEV | NOEXEC, "ro": RDONLY, "rw": 0}[mode]
    mount: list[Step] = [MakeDir("sys", where), New("sysfs", "sysfs", "sys", attributes, where=where)]
    if mode == "mixed":
        net = "sys/devices/virtual/net"
        mount.append(Bind(net, net, attr_clear=RDONLY, in_root=True, where=where, optional=True))
    return tuple(mount)


def cgroup2(*, read_only: bool, where: str = "") -> tuple[Step, ...]:
    """The unified hierarchy, from the container's own cgroup down, at its usual place."""
    return (_hierarchy("cgroup2", (), _CGROUP, read_only=read_only, where=where),)


def cgroups(
    hierarchies: Iterable[tuple[str, tuple[str, ...]]], *, read_only: bool, where: str = ""
) -> tuple[Step, ...]:
    """Each of `hierarchies`, (mount point on the host, controllers), below a small tmpfs at the usual place.

    With a cgroup namespace, of the container's own cgroup; else whole.
    """
    steps = list(_cgroup_tmpfs(where))
    for mount, controllers in hierarchies:
        target = f"{_CGROUP}/{mount.rpartition('/')[2]}"
        fstype = "cgroup" if controllers else "cgroup2"
        steps += (
            MakeDir(target, where),
            _hierarchy(fstype, controllers, target, read_only=read_only, where=where),
        )
    return tuple(steps)


def own_cgroups(hierarchies: Iterable[tuple[str, str]], payload: str, mode: str, where: str = "") -> tuple[Step, ...]:
    """Of each of `hierarchies`, (mount point on the host, base), only the way to the container's cgroup and that itself.

    For a container that sees the host's cgroups.  `mode` "mixed" and "ro" keep it from making anything on the way,
    "ro" from writing to its own cgroup as well.
    """
    steps = list(_cgroup_tmpfs(where))
    for mount, base in hierarchies:
        target = f"{_CGROUP}/{mount.rpartition('/')[2]}"
        way = f"{target}/{base}".rstrip("/")
        steps.append(MakeDir(f"{way}/{payload}", where))
        if mode != "rw":
            steps.append(Bind(target, target, RDONLY, in_root=True, where=where))
        steps.append(OwnCgroup(f"{mount}/{base}".rstrip("/"), way, payload, RDONLY * (mode == "ro"), where))
    return tuple(steps)


def with_payload(steps: Iterable[Step], old: str, new: str) -> tuple[Step, ...]:
    """`steps`, with the payload's cgroup called `new` and not `old`."""
    return tuple(_with_payload(step, old, new) for step in steps)


def _with_payload(step: Step, old: str, new: str) -> Step:
    if isinstance(step, OwnCgroup):
        return step.replace(payload=new)
    if isinstance(step, MakeDir) and step.path.startswith(f"{_CGROUP}/") and step.path.endswith(f"/{old}"):
        return step.replace(path=f"{step.path.removesuffix(old)}{new}")
    return step


def _cgroup_tmpfs(where: str) -> tuple[Step, ...]:
    data = ("size=10240k", "mode=755")
    return (New("tmpfs", "none", _CGROUP, NOSUID | NODEV | NOEXEC, data, where=where),)


def _hierarchy(fstype: str, controllers: tuple[str, ...], target: str, *, read_only: bool, where: str) -> New:
    return New(fstype, "none", target, NOSUID | NODEV | NOEXEC | RDONLY * read_only, controllers, where=where)


def shared_mounts(host: str, target: str, where: str = "") -> tuple[Step, ...]:
    """`lxc.mount.auto = shmounts:…`: what is mounted in `host` later on appears in the container."""
    path = target.strip("/")
    return MakeDir(path, where), Bind(host, path, where=where)


def entries(
    mounts: Iterable[tuple[MountEntry, str]], roots: tuple[str, ...], container: str = ""
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The steps that make `mounts`, (entry, where), in order; and a warning for each that is left out.

    Those with ids of their own come last.  An absolute target must be below one of `roots`, the names that the
    container's root has on the host; LXC leaves others out, and so do we.  `container` is the container's directory.
    Raises Unsupported.
    """
    steps: list[Step] = []
    warnings: list[str] = []
    for entry, where in sorted(mounts, key=lambda pair: bool(pair[0].idmap)):
        _refuse_idmap(entry, where)
        target = entry.target.lstrip("/") if entry.idmap else _below_root(entry.target, roots)
        if target is None:
            why = "its target is absolute and not below the root file system; write it without the leading slash"
            warnings.append(f"{where}: mount entry left out: {entry.target}: {why}")
            continue
        if _is_root(target):
            if not entry.optional:
                hint = "lxc.rootfs.path says what the root is; what else is to be seen needs a directory in it"
                raise Unsupported(f"nothing can be mounted on {entry.target}: it is the root", where=where, hint=hint)
            warnings.append(f"{where}: mount entry left out: {entry.target}: it is the root")
            continue
        if entry.create:
            steps.append((MakeDir if entry.create == "dir" else MakeFile)(target, where, entry.optional))
        steps += _layers(entry, container, where)
        steps.append(_mount(entry, target, where))
    return tuple(steps), tuple(warnings)


def _mount(entry: MountEntry, target: str, where: str) -> Step:
    if entry.move:
        return Move(
            entry.source, target, entry.attr_set, entry.attr_clear, entry.propagation, entry.propagation_recursive,
            entry.relative, where, entry.optional,
        )  # fmt: skip
    if not entry.bind:
        return New(
            entry.fstype, entry.source, target, entry.attr_set, entry.data, entry.propagation,
            entry.propagation_recursive, where, entry.optional,
        )  # fmt: skip
    source = f"/{entry.source.lstrip('/')}" if entry.idmap and not entry.relative else entry.source
    return Bind(
        source, target, entry.attr_set, entry.attr_clear & _CLEARED_BY_BINDS, entry.propagation,
        entry.propagation_recursive, entry.recursive, entry.relative, where, entry.optional, entry.idmap,
    )  # fmt: skip


def _refuse_idmap(entry: MountEntry, where: str) -> None:
    """Raise Unsupported if `entry` wants ids mapped of what is no bind mount."""
    if entry.idmap and (not entry.bind or entry.fstype not in ("none", "") or entry.data):
        hint = "idmap= is for bind and rbind of type none, without options of a file system"
        raise Unsupported(f"{entry.target} cannot have its ids mapped: it is no bind mount", where=where, hint=hint)


def _layers(entry: MountEntry, container: str, where: str) -> Iterable[MakeLayer]:
    """The directories that an overlay entry writes to, as far as they are the container's own."""
    if not entry.fstype.startswith("overlay") or not container:
        return
    from lxc.values.mount import layer_path

    for option in entry.data:
        key, _, text = option.partition("=")
        path = layer_path(text)
        if key in ("upperdir", "workdir") and path.startswith(f"{container}/"):
            yield MakeLayer(container, path.removeprefix(f"{container}/").strip("/"), where, entry.optional)


def _over_itself(path: str, attributes: int, where: str) -> Bind:
    return Bind(path, path, attributes, in_root=True, where=where, optional=True)


def _below_root(target: str, roots: tuple[str, ...]) -> str | None:
    if not target.startswith("/"):
        return target
    for root in roots:
        if (target + "/").startswith(root.rstrip("/") + "/"):
            return target[len(root.rstrip("/")) :].strip("/")
    return None


def _is_root(target: str) -> bool:
    """Whether the path leads nowhere else; a mount on the root would be under it, once that is entered."""
    parts: list[str] = []
    for part in target.split("/"):
        if part == "..":
            if not parts:  # it leads out: whoever follows it says so
                return False
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return not parts
