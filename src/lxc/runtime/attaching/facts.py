"""What attaching needs to know of a running container: asked of its monitor, read in /proc.

The container's own /proc is never looked at, nor any path of its: there is the
pidfd of its init, and the directory of that process in our proc, which was
seen to be one.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import NotRunning, Refused, StateError
from lxc.kernel import capability, fs, process, procfs
from lxc.kernel.fs import closing
from lxc.record import Record
from lxc.runtime import client, errand, questions
from lxc.runtime.plans.attach import CAP, CGROUP, LSM, Facts
from lxc.security import plan as security
from lxc.security import selinux
from lxc.security.landlock.plan import Landlock
from lxc.security.plan import Filter, Label
from lxc.values import capability as capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.interruption import deferred
    from lxc.runtime.place import Place
    from lxc.runtime.plans.attach import Wish

_UNSET = (None, "", "(null)")  # so a monitor tells that nothing is shared
_ANYTHING_LONGER_IS_CUT = 1 << 20  # bytes of the container's /etc/passwd

Ranges = tuple[tuple[int, int, int], ...]  # of ids: first inside, first outside, how many


class Target(Record):
    """A container's init, held: none of these can come to mean another process.  `close` it."""

    pid: int
    pidfd: int
    proc: int  # its directory in our proc
    root: int  # our proc itself
    cgroups: tuple[int, ...]  # directories, one in each hierarchy; () if they are not to be entered

    def close(self) -> None:
        fs.close(self.pidfd, self.proc, self.root, *self.cgroups)

    def read(self, file: str) -> str:
        """The text of `file` in its directory of proc.  Raises OSError."""
        return procfs.read(self.proc, file)


def ask(place: Place) -> client.Asked:
    """Ask its monitor, at once, what attaching wants to know of it; `with` it.  Raises NotRunning, StateError."""
    return client.begin_to_ask(place, *questions.ATTACHING).replies()


def open_target(place: Place, wish: Wish) -> Target:
    """The init of `place`.  Raises NotRunning, StateError, Refused."""
    enters = CGROUP not in wish.elevated
    if enters and client.state(place) == "FROZEN":
        raise StateError(f"{place.name} is frozen", hint="thaw it first (lxc-unfreeze), or attach with -eCGROUP")
    opened: list[int] = []
    try:
        opened.append(pidfd := client.init_pidfd(place))
        opened.append(root := _open_proc())
        pid = _pid(root, pidfd, place)
        opened.append(proc := procfs.openat(root, str(pid), os.O_PATH | os.O_DIRECTORY))
        process.pidfd_send_signal(pidfd, 0)  # it still lives, so that directory is its
        cgroups = client.cgroup_fds(place) if enters else ()
    except BaseException as error:
        fs.close(*opened)
        if isinstance(error, (ProcessLookupError, FileNotFoundError)):
            raise NotRunning(f"{place.name} is not running: its init has ended") from None
        raise
    return Target(pid, pidfd, proc, root, cgroups)


def facts(place: Place, target: Target, wish: Wish, held: deferred | None = None) -> Facts:
    """All that `plans.attach.decide` needs.  Raises LxcError, OSError; Interrupted if a signal that is `held` comes."""
    status = dict(line.split(":", 1) for line in target.read("status").split("\n") if ":" in line)
    different = different_namespaces(target)
    joins_root = "mnt" in different and (not wish.namespaces or "mnt" in wish.namespaces)
    uids, gids = id_ranges(target, "uid_map"), id_ranges(target, "gid_map")
    own, bounding = _names(client.clone_flags(place)), int(status["CapBnd"], 16)
    if "user" in different and wish.namespaces and "user" not in wish.namespaces and CAP not in wish.elevated:
        bounding &= _configured_bounding(place, own)
    return Facts(
        pid=target.pid,
        own=own,
        different=different,
        bounding=bounding,
        last_capability=capability.last(),
        label=_label(target),
        arch=client.config_item(place, "lxc.arch") or "",
        no_new_privs=client.config_item(place, "lxc.no_new_privs") == "1",
        keeps_keyring=client.config_item(place, "lxc.keyring.session") == "1",
        has_core=client.config_item(place, "lxc.sched.core") == "1",
        landlock=Landlock() if LSM in wish.elevated else _landlock(place),
        filter=Filter() if LSM in wish.elevated else _filter(place),
        has_supervisor=bool(client.config_item(place, "lxc.seccomp.notify.proxy")),
        maps_root=outside(uids, 0) >= 0 and outside(gids, 0) >= 0,
        ids=(inside(uids, int(status["Uid"].split()[1])), inside(gids, int(status["Gid"].split()[1]))),
        passwd="" if wish.argv else _passwd(target, joins_root, held),
        environment=tuple(os.environ.items()),
        cwd=_cwd(),
    )


def _configured_bounding(place: Place, own: tuple[str, ...]) -> int:
    """The capabilities that the configuration leaves; init's own set is full once it has made a user namespace.

    Raises Refused if it has, and was given none.
    """
    if "user" not in own and client.config_item(place, "lxc.namespace.share.user") in _UNSET:
        raise Refused(
            f"the init of {place.name} has made a user namespace: which capabilities it was left cannot be told",
            hint="join that, too (USER among the namespaces), or keep all capabilities (-e CAP)",
        )
    texts = [(client.config_item(place, f"lxc.cap.{key}") or "").split() for key in ("drop", "keep")]
    drop, keep = (tuple(capabilities.number(name) for name in names if name != "none") for names in texts)
    dropped = security.bounding(drop, keep if texts[1] else None, capability.last())
    return ~sum(1 << number for number in dropped)


def _filter(place: Place) -> Filter:
    """The container's system call filter, made anew from the host's file.  Raises ConfigError, LxcError."""
    path = client.config_item(place, "lxc.seccomp.profile") or ""
    if not path:
        return Filter()
    from lxc.security.seccomp import compiler

    if not compiler.is_wanted(allow_nesting=client.config_item(place, "lxc.seccomp.allow_nesting") == "1"):
        return Filter()
    return compiler.load(path, "")


def _landlock(place: Place) -> Landlock:
    """The container's own lxc.x-landlock.  Raises ValueError if its monitor tells nonsense."""
    text = client.config_item(place, "lxc.x-landlock") or ""
    if not text:
        return Landlock()
    from lxc.kernel import landlock as kernel
    from lxc.security.landlock.plan import plan
    from lxc.values import landlock

    rules = map(landlock.parse, filter(None, text.split("\n")))
    return plan(tuple((rule.rights, rule.target, rule.optional, "") for rule in rules), max(kernel.abi(), 1))[0]


def id_ranges(target: Target, file: str) -> Ranges:
    """The map of ids of its user namespace, user_namespaces(7); `file` is uid_map or gid_map."""
    numbers = [tuple(map(int, line.split())) for line in filter(None, target.read(file).split("\n"))]
    return tuple((first, host, count) for first, host, count in numbers)


def outside(ranges: Ranges, number: int) -> int:
    """Which id of ours the container's `number` is; -1 if none."""
    return next((host + number - first for first, host, count in ranges if 0 <= number - first < count), -1)


def inside(ranges: Ranges, number: int) -> int:
    """Which of the container's ids our `number` is; -1 if none."""
    return next((first + number - host for first, host, count in ranges if 0 <= number - host < count), -1)


def _open_proc() -> int:
    try:
        return procfs.root()
    except OSError as error:
        if error.errno:
            raise
        raise Refused("/proc is not the proc file system", hint="mount it: mount -t proc proc /proc") from error


def _pid(root: int, pidfd: int, place: Place) -> int:
    """The pid, in the pid namespace of our proc, of the process that `pidfd` refers to."""
    for line in procfs.read(root, f"{os.getpid()}/fdinfo/{pidfd}").split("\n"):
        key, _, value = line.partition(":")
        if key == "Pid" and int(value) > 0:
            return int(value)
        if key == "Pid" and int(value) == 0:
            raise StateError(f"the init of {place.name} is in a pid namespace that is not below ours")
    raise NotRunning(f"{place.name} is not running: its init has ended")


def different_namespaces(target: Target) -> tuple[str, ...]:
    """The namespaces in which it is not where we are."""
    with closing(procfs.openat(target.root, str(os.getpid()), os.O_PATH | os.O_DIRECTORY)) as own:
        return tuple(name for name in process.NAMESPACES if namespace(own, name) != namespace(target.proc, name))


def namespace(directory: int, name: str) -> tuple[int, int]:
    """(device, inode) of the namespace `name` of the process whose `directory` of proc that is."""
    status = os.stat(f"ns/{name}", dir_fd=directory)
    return status.st_dev, status.st_ino


def _names(flags: int) -> tuple[str, ...]:
    return tuple(name for name, flag in process.NAMESPACES.items() if flags & flag)


def _label(target: Target) -> Label:
    """The label of the host's security module; without a name if that does not confine it."""
    try:
        name = target.read("attr/apparmor/current").strip("\0\n").split(" (")[0]
        return Label("apparmor", name if name != "unconfined" else "")
    except OSError:  # the kernel has none, or it is off
        pass
    if not selinux.is_enabled():
        return Label()
    name = target.read("attr/current").strip("\0\n")
    return Label("selinux", name if "unconfined_t" not in name else "")


def _passwd(target: Target, joins_root: bool, held: deferred | None) -> str:
    """The text of /etc/passwd below the container's root, or ours; "" if there is none that is a regular file."""

    def read() -> bytes:
        with closing(os.open("root" if joins_root else "/", os.O_PATH | os.O_CLOEXEC, dir_fd=target.proc)) as root:
            return errand.contents(root, "etc/passwd", _ANYTHING_LONGER_IS_CUT)

    try:
        return errand.run(read, (target.proc,), held).decode(errors="surrogateescape")
    except OSError as error:
        log.debug(f"no /etc/passwd to find a shell in: {error.strerror}")
        return ""


def _cwd() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"
