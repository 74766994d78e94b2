"""From a step of a start that failed, and the kernel's word for it, to what the user is told: why, and what to do."""

from __future__ import annotations

import errno
import os

from lxc.clocks.plan import Shift
from lxc.errors import LxcError, StepError
from lxc.idmap.plan import IdMapPlan, inside_id
from lxc.mounts.plan import Bind, MakeDir, MakeFile, Move, New
from lxc.network import steps as network
from lxc.record import Record
from lxc.runtime import failures
from lxc.runtime.plans.start import ChangeDirectory
from lxc.security.plan import KeyringLabel, Label
from lxc.storage.plan import RootPlan

_RESTRICTIONS = (  # file below /proc/sys, the value that forbids, what allows
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
)

_LOCKED = (
    "a container with ids of its own changes neither how access times are kept (noatime, strictatime, relatime), "
    "nor takes away what the host's mount forbids: leave that out"
)


def failure(step: object, error: BaseException) -> BaseException:
    """What to raise for `error`, which happened in `step` (its str() completes "cannot …")."""
    if isinstance(step, RootPlan) and _is_locked(step, error):
        return failures.failure(step.replace(where=step.where_options), error, _LOCKED)
    if isinstance(step, RootPlan) and step.where_mount and getattr(error, "filename", "") == step.mount != step.path:
        step = step.replace(where=step.where_mount)
    return failures.failure(step, error, _hint(step, error) if isinstance(error, OSError) else None)


def init_not_executed(label: Label, error: OSError) -> StepError:
    """What to raise when lxc-init, which is to have the label, could not be executed."""
    hint = ""
    if label.module == "selinux" and label.name and error.errno == errno.EACCES:
        hint = f"lxc-init lies on a mount with nosuid: the policy must allow nosuid_transition to {label.name}"
    return StepError("run lxc-init", error, where=label.where, hint=hint)


def no_user_namespace(error: OSError) -> StepError:
    """What to raise if the kernel makes no user namespace for who starts the container."""
    for file, value, remedy in _RESTRICTIONS:
        try:
            with open(f"/proc/sys/{file}", encoding="ascii") as setting:
                if setting.read().strip() == value:
                    hint = f"/proc/sys/{file} is {value}; as root: sysctl -w {remedy}"
                    return StepError("make a user namespace", error, hint=hint)
        except OSError:
            continue  # not of this kernel
    return StepError("make a user namespace", error)


def explain_root(root: RootPlan, ids: IdMapPlan, error: LxcError) -> None:
    """Add to `error` of a start what may be behind it: the root belongs to nobody that the container knows."""
    denied = isinstance(error, StepError) and os.strerror(errno.EACCES) in error.why and not error.hint
    if not denied or not ids.users or not root.is_directory or root.idmap:
        return
    status = os.stat(root.path)
    if inside_id(ids.users, status.st_uid) < 0:
        uid, gid = ids.owner
        belongs = (
            f"{root.path} belongs to user {status.st_uid}, who has no id in the container (its root is {uid}:{gid})"
        )
        error.hint = f"{belongs}: set lxc.rootfs.options = idmap=container, or chown -R it"
    elif isinstance(error, StepError) and error.step == str(root) and (closed := _closed(root.path, *ids.owner)):
        users = "neither the starter without privileges nor the container's root"
        error.hint = f"{users} may search {closed}: start it as who that belongs to, or chmod o+x it"


def _closed(path: str, uid: int, gid: int) -> str:
    """The first directory on the way to `path` that they may not search, "" if they may search them all."""
    steps = os.path.dirname(path).split("/")
    for end in range(1, len(steps) + 1):
        directory = "/".join(steps[:end]) or "/"
        status = os.stat(directory)
        bit = 0o100 if status.st_uid == uid else 0o010 if status.st_gid == gid else 0o001
        if not status.st_mode & bit:
            return directory
    return ""


def _hint(step: object, error: OSError) -> str | None:
    """What there is to say about this step in particular; None leaves it to what is known of any."""
    number, path = error.errno, str(error.filename or "")
    if isinstance(step, ChangeDirectory) and number in (errno.ELOOP, errno.ENOENT, errno.ENOTDIR):
        return "lxc.init.cwd must be a directory of the container"
    if number == errno.ELOOP:
        return None
    if isinstance(step, (Bind, RootPlan)) and step.idmap and "idmap=" in str(error.strerror):
        return _idmap_hint(number)
    if isinstance(step, Shift) and number == errno.ERANGE:
        return "the clock would be negative, or beyond 146 years"
    if isinstance(step, RootPlan):
        return _root_hint(step, number, path)
    if isinstance(step, KeyringLabel) and number == errno.EINVAL:
        return failures.UNKNOWN_CONTEXT
    if isinstance(step, (Bind, Move)) and number == errno.ENOENT and path == step.source and not step.in_root:
        return f"make {step.source} on the host, or add optional to the entry"
    if isinstance(step, New) and number == errno.ENOENT and step.target == "sys/fs/cgroup":
        return "cgroups are mounted below sysfs: add sys to lxc.mount.auto, or make that directory in the container"
    if isinstance(step, (Bind, Move, New)) and number == errno.ENOENT:
        return _missing_hint(step, path)
    if isinstance(step, (MakeDir, MakeFile, Bind, Move, New)) and number == errno.EXDEV:
        return "the target leads out of the container's root: write it without .."
    if isinstance(step, Bind) and number == errno.EPERM and step.attr_set | step.attr_clear and not path:
        return _LOCKED
    if isinstance(step, Move) and number == errno.EINVAL:
        return f"{step.source} is no mount of its own: write bind instead of move"
    if isinstance(step, New) and number == errno.EPERM:
        return _foreign_hint(step)
    if isinstance(step, New) and number == errno.ENODEV:
        return f"this kernel has no file system called {step.fstype}: load its module, or correct the entry"
    if isinstance(step, New) and number == errno.EINVAL:
        return "the file system does not take one of these options"
    if isinstance(step, Record) and (said := network.hint(step, number)):
        return said
    if isinstance(step, (MakeDir, MakeFile)) and number == errno.ENOTDIR:
        return "a component of the path is a file"
    return None


def _is_locked(step: RootPlan, error: BaseException) -> bool:
    """Whether the kernel refused attributes of a mount of the host's to a user namespace."""
    changed = (step.attr_set | step.attr_clear) and step.is_directory and step.has_owner
    if not changed or not isinstance(error, PermissionError) or error.errno != errno.EPERM:
        return False
    return not error.filename and "idmap=" not in str(error.strerror)


def _idmap_hint(number: int | None) -> str:
    if number == errno.EINVAL:
        return "its file system cannot have its ids mapped, or has them mapped already; or that is no user namespace of its own"
    if number == errno.EPERM:
        return "only the host's root may map the ids of a file system of the host's"
    return ""


def _missing_hint(step: Bind | Move | New, path: str) -> str:
    if isinstance(step, New) and path != step.target:  # the file system looked for it
        return "make what the entry mounts, or its options name, or add optional to the entry"
    if isinstance(step, (Bind, Move)) and path == step.source != step.target:
        return f"the container has no {step.source}: make it, or add optional to the entry"
    return f"the container has no {step.target}: make it, or add create=dir or create=file to the entry"


def _foreign_hint(step: New) -> str:
    shown = {"sysfs": ("network", "sys"), "proc": ("processes", "proc")}.get(step.fstype)
    if shown:
        what, path = shown
        return f"it shows the {what}, not the container's own: lxc.mount.entry = /{path} {path} none rbind shows the host's"
    return f"only the host's root, with all its privileges, mounts {step.fstype}: mount it on the host, and bind that"


def _root_hint(step: RootPlan, number: int | None, path: str) -> str:
    if number == errno.ENOENT and path == step.mount != step.path:
        return f"lxc.rootfs.mount must exist: make {step.mount}"
    if number == errno.ENOENT:
        return f"lxc.rootfs.path must exist: was {step.path} moved or removed?"
    if number == errno.ENOTDIR:
        return "lxc.rootfs.path and lxc.rootfs.mount must be directories" if step.is_directory else ""
    return ""
