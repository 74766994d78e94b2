"""Giving up access, in a process whose root is the container's."""

from __future__ import annotations

import os
import stat

from lxc import beneath
from lxc.kernel import landlock
from lxc.kernel.fs import closing
from lxc.security.landlock.plan import EXECUTED, Landlock


def restrict(plan: Landlock, door: int, labels: int = -1) -> None:
    """From here on, for this process and all that come of it.  Raises OSError.

    `door` (-1: none) is the directory of lxc-init, which no path of the container leads to: that may be executed.
    """
    if not plan:
        return
    with (
        closing(landlock.create_ruleset(plan.files, plan.network, plan.scoped)) as ruleset,
        closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root,
    ):
        if door >= 0:
            with closing(os.open("lxc-init", os.O_PATH | os.O_CLOEXEC, dir_fd=door)) as program:
                landlock.allow_beneath(ruleset, EXECUTED, program)
        if labels >= 0:
            landlock.allow_beneath(ruleset, landlock.WRITE_FILE, labels)
        for rule in plan.beneath:
            try:
                place = beneath.open(root, rule.path, os.O_PATH)
            except FileNotFoundError:
                if rule.optional:
                    continue
                raise
            with closing(place):
                is_directory = stat.S_ISDIR(os.fstat(place).st_mode)
                access = rule.access if is_directory else rule.access & landlock.OF_FILES
                if access:
                    landlock.allow_beneath(ruleset, access, place)
        for port in plan.ports:
            landlock.allow_port(ruleset, port.access, port.number)
        landlock.restrict_self(ruleset)
