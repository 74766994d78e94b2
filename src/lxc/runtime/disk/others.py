"""What another user has configured, root does not run: destroy and clone hooks are run by who destroys or copies a container.

His is what he can write, or put another in the place of: its file, and the directories above the container's own, which
may be the container's root's.  Nor is what root copies as the root of his container what he could not go to himself.
"""

from __future__ import annotations

import os

from lxc import followed
from lxc.errors import Refused, StateError
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.loading import PACKAGES
from lxc.runtime import host
from lxc.storage.plan import MODULES, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.config.container import Config
    from lxc.config.document import Document
    from lxc.runtime.place import Place
    from lxc.storage.plan import RootPlan

_NOBODY = 65534
_OF_FILES = ("dir", "btrfs", "overlay", "loop")
_DO_IT_AS_HE = "do it as that user, or have the file, and the directories it lies in, be root's"


def refuse_hooks(config: Config, *keys: str) -> None:
    """Raise Refused if root would run hooks of these keys that are not root's."""
    wheres = [where for key in keys for where in config.places(key)]
    if not wheres or os.geteuid() or not host.is_initial_user_namespace():
        return
    for where in wheres:
        path, _, line = where.rpartition(":")
        if os.path.dirname(path) == f"{PACKAGES}/lxc/share/config":  # who can write there decides what we do anyhow
            continue
        if line.isdecimal() and not followed.is_roots(os.path.abspath(path)):
            raise Refused(
                "root runs no hook that another user has configured, or could have",
                where=where,
                hint=_DO_IT_AS_HE,
            )


def finder(place: Place, document: Document, root: RootPlan) -> Callable[[str, int], int]:
    """What opens the files of `root` to copy them: os.open; for what another user has configured, with that user's rights.

    `document` is what was read as the container's configuration.  Raises Refused, StateError.
    """
    user = _author(place, document, root)
    if user is None:
        return os.open
    if MODULES[root.driver] not in _OF_FILES:
        what = f"root does not copy the {root.driver} {root.path}, which another user has configured"
        raise Refused(what, where=root.where, hint=_DO_IT_AS_HE)
    uid, gid = user

    def find(path: str, flags: int) -> int:
        import pwd

        groups = os.getgroups()
        try:
            os.setgroups(os.getgrouplist(pwd.getpwuid(uid).pw_name, gid))
        except KeyError:  # nobody is called that
            os.setgroups((gid,))
        try:
            fs.setfsids(uid, gid)
            return os.open(path, flags)
        except PermissionError as error:
            what = f"user {uid}, who has configured {path} as a container's root, may not go there: it is not copied"
            raise Refused(what, where=root.where, hint=_DO_IT_AS_HE) from error
        finally:
            fs.setfsids(os.geteuid(), os.getegid())
            os.setgroups(groups)

    return find


def refuse_elsewhere(place: Place, document: Document, root: RootPlan) -> None:
    """Raise Refused if root would write into a root of another user's container that is not in its directory.  Raises StateError."""
    if _author(place, document, root) is None:
        return
    path = layers(root.path)[1] if root.is_overlay else root.path
    if MODULES[root.driver] not in _OF_FILES or not path.startswith(f"{place.directory}/"):
        what = f"the root of {place.name}, {path}, is not in its directory: nothing is written there"
        raise Refused(what, where=root.where, hint=_DO_IT_AS_HE)


def _author(place: Place, document: Document, root: RootPlan) -> tuple[int, int] | None:
    """The user and group of who has configured `root`; None if that is root, or we are not."""
    if root.is_shared or os.geteuid() or not host.is_initial_user_namespace():
        return None
    path = os.path.abspath(root.where.rpartition(":")[0] or place.config_file)
    if followed.is_roots(path):
        return None
    try:
        with closing(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)) as file:
            status, text = os.fstat(file), os.read(file, len(document.text) * 4 + 1).decode(errors="surrogateescape")
    except OSError as error:
        raise StateError(f"{path} is gone: {error.strerror}") from error
    if path != os.path.abspath(place.config_file):
        return (status.st_uid, status.st_gid) if status.st_uid else (_NOBODY, _NOBODY)
    if text != document.text:
        raise StateError(f"{path} was changed while it was read", hint="try again")
    return (status.st_uid, status.st_gid) if status.st_uid else None
