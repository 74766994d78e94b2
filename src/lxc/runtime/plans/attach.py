"""The attach plan: what a process that joins a container will do before it becomes the command.  Pure; prints as a script."""

from __future__ import annotations

from lxc.record import Record
from lxc.security.landlock.plan import Landlock
from lxc.security.plan import Filter, Label
from lxc.values import arch
from lxc.values.namespace import NAMES

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = "/bin/sh"
CGROUP, CAP, LSM = "CGROUP", "CAP", "LSM"
PRIVILEGES = (CGROUP, CAP, LSM)


class Wish(Record):
    """What the user asks for; where it is empty, the usual."""

    argv: tuple[str, ...] = ()  # (): the user's shell
    namespaces: tuple[str, ...] = ()  # (): the container's
    elevated: tuple[str, ...] = ()  # PRIVILEGES to keep: CGROUP enters no cgroup, CAP drops nothing, LSM takes no label
    arch: str = ""  # "i686" or "x86_64"; "": the container's
    no_new_privs: bool = False  # also where the container has it not
    remount_proc_sys: bool = False  # if the mount namespace is not joined
    clear_env: bool = False
    keep: tuple[str, ...] = ()  # names, of our environment, to keep all the same
    variables: tuple[str, ...] = ()  # NAME=VALUE
    config_variables: tuple[str, ...] = ()  # NAME=VALUE, the container's own
    uid: int = -1
    gid: int = -1
    groups: tuple[int, ...] = ()
    cwd: str = ""  # "": ours, or "/" if the container has no such directory
    context: str = ""  # label of the security module
    stdio: tuple[int, int, int] = (0, 1, 2)


class Facts(Record):
    """What was found out about the container and about us."""

    pid: int = 0  # of its init, for messages
    own: tuple[str, ...] = ()  # namespaces that the container was given
    different: tuple[str, ...] = ()  # namespaces in which its init is not where we are
    bounding: int = -1  # its init's bounding set: bit N is capability N
    last_capability: int = 0
    landlock: Landlock = Landlock()
    label: Label = Label()  # its init's; without a name if it is not confined
    arch: str = ""
    no_new_privs: bool = False
    keeps_keyring: bool = False  # the container's init was let keep its starter's session keyring
    has_core: bool = False  # the container shares its processor cores with nobody
    filter: Filter = Filter()
    has_supervisor: bool = False  # its monitor has somebody to ask about the calls that the filter notifies of
    maps_root: bool = True  # its user namespace has a user 0 and a group 0
    ids: tuple[int, int] = (0, 0)  # its init's uid and gid, in its user namespace
    passwd: str = ""  # text of /etc/passwd, where the command will be
    environment: tuple[tuple[str, str], ...] = ()
    cwd: str = "/"


class AttachPlan(Record):
    name: str
    pid: int
    enters_cgroups: bool
    namespaces: tuple[str, ...]
    remounts_proc_sys: bool
    cwd: str
    personality: int  # -1: as ours
    dropped: tuple[int, ...]  # capabilities
    first_uid: int  # who is root, or stands for it, in the user namespace joined
    first_gid: int
    uid: int
    gid: int
    groups: tuple[int, ...]
    no_new_privs: bool
    environment: tuple[tuple[str, str], ...]
    argv: tuple[str, ...]
    filter: Filter = Filter()
    new_keyring: bool = True
    joins_core: bool = False
    has_supervisor: bool = False
    label: Label = Label()
    landlock: Landlock = Landlock()

    @property
    def hands_over(self) -> bool:
        """Whether the monitor gets what the filter notifies of."""
        return self.filter.is_supervised and self.has_supervisor

    @property
    def joins_user(self) -> bool:
        return "user" in self.namespaces

    def __str__(self) -> str:
        lines = [f"# attach to {self.name}, whose init is process {self.pid}"]
        if self.new_keyring:
            lines.append("keyctl session")
        if self.enters_cgroups:
            lines.append("enter its cgroups")
        if self.joins_core:
            lines.append(f"prctl PR_SCHED_CORE_SHARE_FROM {self.pid}")
        if self.namespaces:
            lines.append(f"nsenter {' '.join(f'--{name}' for name in self.namespaces)}")
        lines.append(f"cd {self.cwd}")
        if self.personality >= 0:
            lines.append(f"personality {self.personality:#x}")
        if self.dropped:
            lines.append(f"drop capabilities {' '.join(map(str, self.dropped))}")
        if self.landlock:
            lines.append(str(self.landlock))
        if self.filter.code:
            lines.append(str(self.filter))
        if self.hands_over:
            lines.append("give the listener to the monitor")
        lines.append(f"become user {self.uid}, group {self.gid}, groups {self.groups or 'none'}")
        if self.label.name:
            lines.append(str(self.label))
        if self.no_new_privs:
            lines.append("set no_new_privs")
        if self.remounts_proc_sys:
            lines.append("mount /proc and /sys anew")
        lines += (f"export {name}={value}" for name, value in self.environment)
        return "\n".join((*lines, f"exec {' '.join(self.argv)}"))


def decide(name: str, wish: Wish, facts: Facts) -> AttachPlan:
    """The plan to attach to container `name`."""
    enters = CGROUP not in wish.elevated
    namespaces = _namespaces(wish, facts, enters)
    first_uid, first_gid = _first_ids(namespaces, facts)
    uid = wish.uid if wish.uid >= 0 else first_uid
    return AttachPlan(
        name=name,
        pid=facts.pid,
        enters_cgroups=enters,
        namespaces=namespaces,
        remounts_proc_sys=wish.remount_proc_sys and "mnt" not in namespaces,
        cwd=wish.cwd or facts.cwd,
        personality=arch.PERSONALITY.get(wish.arch or facts.arch, -1),
        dropped=() if CAP in wish.elevated else _missing(facts.bounding, facts.last_capability),
        first_uid=first_uid,
        first_gid=first_gid,
        uid=uid,
        gid=wish.gid if wish.gid >= 0 else first_gid,
        groups=wish.groups,
        no_new_privs=wish.no_new_privs or facts.no_new_privs,
        environment=_environment(wish, facts),
        argv=wish.argv or (shell(facts.passwd, uid),),
        filter=facts.filter,
        new_keyring=not facts.keeps_keyring,
        joins_core=facts.has_core,
        has_supervisor=facts.has_supervisor,
        label=_label(wish, facts),
        landlock=facts.landlock if "mnt" in namespaces else Landlock(),
    )


def shell(passwd: str, uid: int) -> str:
    """The shell that `passwd`, the text of passwd(5), gives user `uid`; /bin/sh if it gives none that can be one."""
    for line in passwd.split("\n"):
        fields = line.split(":")
        if len(fields) == 7 and fields[2] == str(uid):
            path = fields[6]
            return path if path.startswith("/") and path.isprintable() else DEFAULT_SHELL
    return DEFAULT_SHELL


def _label(wish: Wish, facts: Facts) -> Label:
    """The one asked for, or init's; its keyring's is no matter: what is attached makes none."""
    if LSM in wish.elevated:
        return Label()
    return facts.label.replace(name=wish.context or facts.label.name)


def _namespaces(wish: Wish, facts: Facts, enters: bool) -> tuple[str, ...]:
    """Those asked for; else the container's and those its init got elsewhere, its cgroup namespace only with its cgroups."""
    if wish.namespaces:
        return tuple(name for name in NAMES if name in wish.namespaces and name in facts.different)
    return tuple(
        name for name in NAMES if name in facts.different and (name in facts.own or name != "cgroup" or enters)
    )


def _first_ids(namespaces: tuple[str, ...], facts: Facts) -> tuple[int, int]:
    """Root, or who init is in a user namespace that has no root."""
    return facts.ids if "user" in namespaces and not facts.maps_root else (0, 0)


def _missing(bounding: int, last: int) -> tuple[int, ...]:
    return tuple(number for number in range(last + 1) if not bounding >> number & 1)


def _environment(wish: Wish, facts: Facts) -> tuple[tuple[str, str], ...]:
    environment = dict(facts.environment)
    if wish.clear_env:
        environment = {name: value for name, value in environment.items() if name in wish.keep}
        environment.setdefault("PATH", DEFAULT_PATH)
    environment["container"] = "lxc"
    for pair in (*wish.config_variables, *wish.variables):
        name, equals, value = pair.partition("=")
        if name and equals:
            environment[name] = value
    return tuple(environment.items())
