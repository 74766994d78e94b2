"""What another user has configured, root does not run: destroy and clone hooks are run by who destroys or copies a container.

His is what he can write, or put another in the place of: its file, and the directories above the container's own, which
may be the container's root's.
"""

from __future__ import annotations

import os

from lxc import followed
from lxc.errors import Refused
from lxc.runtime import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config


def refuse_hooks(config: Config, *keys: str) -> None:
    """Raise Refused if root would run hooks of these keys that are not root's."""
    wheres = [where for key in keys for where in config.places(key)]
    if not wheres or os.geteuid() or not host.is_initial_user_namespace():
        return
    for where in wheres:
        path, _, line = where.rpartition(":")
        if line.isdecimal() and not followed.is_roots(os.path.abspath(path)):
            raise Refused(
                "root runs no hook that another user has configured, or could have",
                where=where,
                hint="do it as that user, or have the file, and the directories it lies in, be root's",
            )
