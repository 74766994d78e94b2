"""A network device from one namespace to another, while both are in use."""

from __future__ import annotations

import errno

from lxc.errors import NotFound, StepError
from lxc.network.links import Links, check_name


def move(name: str, source: Links, target: Links, netns: int, called: str) -> None:
    """Move the device `name` of `source` to the namespace `netns`, which is that of `target`, where it is `called` so.

    It arrives down, without addresses.  Raises NotFound, StepError.
    """
    step = f"move the network device {name}"
    try:
        check_name(called)
        found = source.find(name)
        if not found:
            raise NotFound(f"there is no network device {name}")
        # The kernel would move it first, and then find that its name cannot be changed.
        if target.find(called):
            raise StepError(step, f"there is a network device {called} already, where it would go")
        source.change(found.index, netns_fd=netns, ifname=called)
    except OSError as error:
        hint = "root may do that" if error.errno == errno.EPERM else ""
        raise StepError(step, error.strerror or str(error), hint=hint) from error
