"""`lxc.mount.auto`: which of /proc, /sys and /sys/fs/cgroup are mounted without being listed, and how."""

from __future__ import annotations

from lxc.record import Record
from lxc.values import plain
from lxc.values.words import Misspelt, listed, unknown

SHMOUNTS = "/dev/.lxc-mounts"
_CGROUPS = [
    f"cgroup{full}{mode}{force}"
    for full in ("", "-full")
    for mode in ("", ":mixed", ":ro", ":rw")
    for force in ("", ":force")
]
TOKENS = frozenset((
    "proc", "proc:mixed", "proc:rw", "sys", "sys:mixed", "sys:ro", "sys:rw", *_CGROUPS,
    "cgroup2", "cgroup2:force", "cgroup2:ro", "cgroup2:ro:force",
))  # fmt: skip


class MountAuto(Record):
    """Each of proc, sys and cgroup is "" (do not mount it) or a mode: "mixed", "rw" or "ro" (proc has no "ro").

    `cgroup` may also be "auto": rw if the container keeps CAP_SYS_ADMIN, else mixed.  Its form is in the flags: none
    for `cgroup:…`, `cgroup_full` for `cgroup-full:…`, `cgroup2` for `cgroup2…` (always forced, "rw" or "ro").
    `cgroup_force` is the suffix `:force`: mount even where there is a cgroup namespace.
    """

    proc: str = ""
    sys: str = ""
    cgroup: str = ""
    cgroup_full: bool = False
    cgroup2: bool = False
    cgroup_force: bool = False
    shmounts: str = ""  # directory of the host that is shared with the container, "" for none
    shmounts_target: str = ""  # where the container sees it

    def __str__(self) -> str:
        """As LXC reads it back: only what has no :force, and neither cgroup2 nor shmounts."""
        shown = [f"{name}:{mode}" for name, mode in (("proc", self.proc), ("sys", self.sys)) if mode]
        if self.cgroup and not self.cgroup_force:
            form = "cgroup-full" if self.cgroup_full else "cgroup"
            shown.append(form if self.cgroup == "auto" else f"{form}:{self.cgroup}")
        return " ".join(shown)


def merge(value: str, old: MountAuto) -> MountAuto:
    """Tokens separated by blanks: proc[:mixed|rw], sys[:mixed|ro|rw], cgroup[-full][:mixed|ro|rw][:force],
    cgroup2[:ro][:force], shmounts:<host directory>[:<directory in the container>]."""
    for token in listed(value):
        old = _with_token(old, token)
    return old


def _with_token(old: MountAuto, token: str) -> MountAuto:
    form, _, rest = token.partition(":")
    if form == "shmounts":
        return old.replace(**_shmounts(rest, token))
    if token not in TOKENS:
        raise unknown("proc, sys, cgroup, cgroup-full, cgroup2 or shmounts with a mode", token, TOKENS)
    mode = rest.removesuffix("force").removesuffix(":")
    if form in ("proc", "sys"):
        return old.replace(**{form: mode or "mixed"})
    return old.replace(
        cgroup=mode or ("rw" if form == "cgroup2" else "auto"),
        cgroup_full=form == "cgroup-full",
        cgroup2=form == "cgroup2",
        cgroup_force=form == "cgroup2" or rest.endswith("force"),
    )


def _shmounts(rest: str, token: str) -> dict[str, str]:
    host, _, container = rest.partition(":")
    if not host.startswith("/") or (container and not container.startswith("/")):
        raise Misspelt("expected shmounts:<host directory>[:<directory in the container>], both absolute", token)
    return {"shmounts": plain.path(host), "shmounts_target": plain.path(container or SHMOUNTS)}
