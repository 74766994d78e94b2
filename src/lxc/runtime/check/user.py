"""What is in an ordinary user's way to containers of their own: each obstacle, and the command that removes it.

`findings` decides, from `Facts` alone; `facts` looks at this host.
"""

from __future__ import annotations

import os

from lxc.cgroups import outside as cgroups
from lxc.config import system
from lxc.idmap import plan
from lxc.idmap.plan import Starter
from lxc.idmap.starter import starter
from lxc.kernel import process
from lxc.record import Record
from lxc.runtime import remedies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OK, MISSING, REQUIRED = "ok", "missing", "required"
_USUAL = 65536  # ids that a distribution's root file system needs
_OTHERS_SEARCH = 0o001


class Facts(Record):
    user: Starter = Starter()
    restriction: str = ""  # why the kernel makes no user namespace for us; "" if it does
    restriction_remedy: str = ""
    closed: tuple[str, ...] = ()  # directories on the way to the containers that we may not search
    private: tuple[str, ...] = ()  # those that only we may search
    layout: str = "none"  # of the cgroups that are delegated to us
    default_config: str = ""
    has_ids_by_default: bool = True  # that file, if it is there, has lxc.idmap


class Finding(Record):
    """Whether one thing is as it should be; if not, why it matters, and what mends it."""

    label: str
    status: str = OK
    why: str = ""
    remedy: str = ""


def findings(facts: Facts) -> Iterator[Finding]:
    """What is so, in the order in which it is needed.  REQUIRED is what no container can do without."""
    user = facts.user
    yield _finding("User namespaces", facts.restriction, facts.restriction_remedy)
    yield _finding(
        "newuidmap and newgidmap",
        "" if user.has_helpers else "they are not installed, or have lost their set-user-ID bit",
        "as root: apt install --reinstall uidmap (Debian, Ubuntu), dnf install shadow-utils (Fedora)",
    )
    for name, given in (("user", user.users), ("group", user.groups)):
        count = max((count for _, count in given), default=0)
        why = f"/etc/sub{name[0]}id gives {count or 'no'} ids to {user.name}; a distribution needs {_USUAL}"
        found = _finding(f"Subordinate {name} ids", why if count < _USUAL else "", f"as root: {plan.allotment(user)}")
        yield found if not count or found.status == OK else found.replace(status=MISSING)
    directory = facts.closed[0] if facts.closed else ""
    why = f"{user.name} may not search {directory}, which is on the way to the containers"
    yield _finding("Container path", why if directory else "", f"as root: setfacl -m u:{user.name}:x {directory}")
    if facts.private:
        command = f"chmod o+x {' '.join(facts.private)}"
        why = "roots in directories need no more; the layers of overlays must be open to the container's root, too"
        yield Finding("Container path for overlays", MISSING, why, command)
    yield _cgroups(facts)
    if not facts.has_ids_by_default:
        why = f"{facts.default_config} has no lxc.idmap: lxc-create makes nothing that {user.name} could start"
        lines = plan.proposal(user)
        command = f"printf '%s\\n' {' '.join(map(repr, lines))} >> {facts.default_config}"
        yield Finding("Default configuration", MISSING, why, command if user.users and user.groups else lines[0])


def facts() -> Facts:
    """What is so for who runs this."""
    lxcpath = system.get("lxc.lxcpath")
    default = system.get("lxc.default_config")
    restriction, remedy = _restriction()
    closed, private = _way(lxcpath)
    return Facts(starter(), restriction, remedy, closed, private, cgroups.find().name, default, _has_ids(default))


def _finding(label: str, why: str, remedy: str) -> Finding:
    return Finding(label, REQUIRED, why, remedy) if why else Finding(label)


def _cgroups(facts: Facts) -> Finding:
    if facts.layout != "none":
        return Finding(f"Delegated cgroups ({facts.layout})")
    why = "none is delegated: containers run, but have no limits, and cannot be frozen"
    command = "systemd-run --user --scope -p Delegate=yes -- lxc-start …"
    return Finding("Delegated cgroups", MISSING, why, command)


def _restriction() -> tuple[str, str]:
    """Try it: which of the kernel's settings and modules has a say in it, nobody can tell beforehand."""
    try:
        pid, pidfd = process.clone3(process.CLONE_NEWUSER | process.CLONE_NEWNS)
    except OSError as error:
        refused = remedies.no_user_namespace(error)
        return refused.why, refused.hint
    if pid == 0:
        os._exit(0)
    os.close(pidfd)
    os.waitpid(pid, 0)
    return "", ""


def _way(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(directories that we may not search, directories that only we may search) on the way to `path` and itself."""
    closed, private = [], []
    parts = path.strip("/").split("/")
    for count in range(1, len(parts) + 1):
        directory = "/" + "/".join(parts[:count])
        try:
            mode = os.stat(directory).st_mode
        except OSError:
            break  # not made yet, or beyond what is closed
        if not os.access(directory, os.X_OK):
            closed.append(directory)
        elif not mode & _OTHERS_SEARCH:
            private.append(directory)
    return tuple(closed), tuple(private)


def _has_ids(path: str) -> bool:
    """Whether the default configuration, or what it includes, has lxc.idmap."""
    from lxc.config import document
    from lxc.errors import LxcError

    try:
        return bool(document.load(path)[0].idmap)
    except (OSError, LxcError):
        return False
