"""Network devices of a running container: given to it by the host, and taken back."""

from __future__ import annotations

import errno

from lxc.errors import StepError
from lxc.kernel.fs import closing
from lxc.kernel.netlink import Channel
from lxc.network import namespace
from lxc.network.links import Links
from lxc.network.moving import Side, links_in, move
from lxc.runtime import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.runtime.place import Place


def attach(place: Place, name: str, called: str = "") -> None:
    """Give the running container this network namespace's device `name`; in there it is `called` so ("": as it is).

    Raises NotRunning, NotFound, StepError.
    """
    with (
        closing(namespace.own()) as own, Links(Channel()) as here,
        closing(_namespace(place)) as netns, links_in(netns) as there,
    ):  # fmt: skip
        move(name, Side(here, own), Side(there, netns), called)


def detach(place: Place, name: str, called: str = "") -> None:
    """Take the running container's device `name` into this network namespace, `called` so ("": the same).

    No other name of it comes along: the container may have added them.  Raises NotRunning, NotFound, StepError.
    """
    with (
        closing(namespace.own()) as own, Links(Channel()) as here,
        closing(_namespace(place)) as netns, links_in(netns) as there,
    ):  # fmt: skip
        move(name, Side(there, netns), Side(here, own), called or name, with_altnames=False)


def is_here(name: str) -> bool:
    """Whether this network namespace has a device `name`."""
    with Links(Channel()) as here:
        return here.find(name) is not None


def is_there(place: Place, name: str) -> bool:
    """Whether the running container has a network device `name`.  Raises NotRunning, StepError."""
    with closing(_namespace(place)) as netns, links_in(netns) as there:
        return there.find(name) is not None


def _namespace(place: Place) -> int:
    """The container's network namespace, open; the caller closes it.  Raises NotRunning, StepError."""
    with closing(client.init_pidfd(place)) as pidfd:
        try:
            return namespace.of(pidfd)
        except OSError as error:
            hint = "root may do that" if error.errno == errno.EPERM else ""
            raise StepError(f"enter the network of {place.name}", error, hint=hint) from error
