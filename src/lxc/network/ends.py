"""The host's ends of a container's pairs: how they are made, and what becomes of them.  Runs in the monitor.

When the life is over they go with the container's network namespace, which is
when nobody holds that any more: who came with nsenter(1), shares it, or has a
socket of it.  That may be long after, so they are taken out of use at once.
Deleting them costs many times as much.
"""

from __future__ import annotations

import errno
import os
import time

from lxc import log
from lxc.kernel import rtnetlink
from lxc.kernel.rtnetlink import Message
from lxc.network.steps import PAIR
from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.network.links import Link, Links

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ATTEMPTS = 100
_PATIENCE = 10  # seconds that a namespace may take to die
_GRACE = 1  # seconds until it begins to
_PAUSE = 0.005
_OUT_OF_USE = {"master": 0, "flags": 0, "change": rtnetlink.IFF_UP}  # down, and no port of a bridge
# What ip(8) takes for no name is written otherwise, so that different addresses stay different.
_SHOWN = {ord("/"): ":"} | {ord(char): f"%{ord(char):02x}" for char in ":% \t\n\v\f\r"}


class Owner(Record):
    """Whose ends these are.  Who has one holds the container's address, so there is no other monitor of it."""

    address: str  # no other container has it
    numbers: tuple[int, ...] = ()  # of the ends of this life

    def mark(self, which: object) -> str:
        """A second name for an end, which the kernel gives no other device."""
        return f"{self.address.translate(_SHOWN)}:{which}"

    def has_marked(self, link: Link) -> bool:
        """Whether one of the device's names says so."""
        begin = self.mark("")
        return any(name.startswith(begin) and ":" not in name[len(begin) :] for name in link.altnames)


def create(name: str, fields: dict[str, object], host: Links, owner: Owner) -> str:
    """Make a pair whose end on the host is called `name`, or as no other yet.  Raises OSError."""
    began = time.monotonic()
    attempts = _ATTEMPTS
    while True:
        chosen = invented() if name == PAIR else name
        try:
            host.channel.request(rtnetlink.RTM_NEWLINK, rtnetlink.NEW, ifname=chosen, **fields)
            return chosen
        except OSError as error:
            attempts -= 1
            if error.errno != errno.EEXIST or (name == PAIR and not attempts):
                raise
        if name != PAIR:
            _wait_for(name, host, time.monotonic() - began, owner)


def free(name: str, host: Links, owner: Owner) -> str:
    """The name that `create` would give, once nothing has it.  Raises OSError."""
    began = time.monotonic()
    while name != PAIR and host.find(name):
        _wait_for(name, host, time.monotonic() - began, owner)
    return invented() if name == PAIR else name


def _wait_for(name: str, host: Links, waited: float, owner: Owner) -> None:
    """Return when the kernel may have removed the device `name`, for which we have `waited` so many seconds.

    It may be the end of a pair of the life before, whose namespace is dying, or will as soon as the kernel has let go of
    the last netlink socket in it, which takes a grace period of RCU.  Raises OSError(EEXIST) if it is something else.
    """
    found = host.find(name)
    if found:
        is_pair = _is_end(found)
        if is_pair and owner.has_marked(found):
            take_back(host, owner)
            return
        if not is_pair or waited > (_PATIENCE if found.peer_netns == -1 else _GRACE):
            raise OSError(errno.EEXIST, f"there is a network device {name} already")
    time.sleep(_PAUSE)


def invented() -> str:
    """A name that hardly another device has."""
    return "veth" + "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(6))


def mark(index: int, number: int, host: Links, owner: Owner) -> None:
    """Have the end that is device `index`, of lxc.net.`number`, known as its owner's.  What fails is logged."""
    try:
        try:
            host.add_altnames(index, (owner.mark(number),))
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
            take_back(host, owner)  # it keeps that name: taking it away took some kernels 10 ms
            host.add_altnames(index, (owner.mark(f"{number}.{index}"),))
    except OSError as error:  # a kernel before 5.5, or another device is called so
        log.debug(f"should the monitor be killed, nobody knows whose device {index} is: {error.strerror}")


def take_back(host: Links, owner: Owner) -> None:
    """Have out of use what is there of lives of the `owner` before, as its killed monitor could not.  Raises OSError.

    Only ends of pairs are believed to be what they are called: no namespace that goes lets them out, as it does a card that
    was lent, with all its names.
    """
    for link in host.all():
        if owner.has_marked(link) and _is_end(link) and link.index not in owner.numbers:
            log.info(f"{link.name} is of a life before, and goes when nobody holds its network namespace any more")
            take_out(link.index, host, invented())


def _is_end(link: Link) -> bool:
    """Whether it is one of a pair whose other end is elsewhere."""
    return link.kind == "veth" and link.peer_netns is not None


def take_out(index: int, home: Links, called: str = "") -> None:
    """Have the end that is device `index` out of use, and `called` so, if that is given.  What fails is logged."""
    try:
        home.change(index, **_OUT_OF_USE)
        if called:
            home.change(index, ifname=called)
    except OSError as error:
        if error.errno != errno.ENODEV:
            log.warn(
                f"device {index}, a pair's end, stays as it is until the container's network namespace goes: {error.strerror}"
            )


def requests(numbers: tuple[int, ...]) -> bytes:
    """Messages to the kernel (rtnetlink(7)) that have those of these numbers out of use; what they fail for has gone."""
    asked = ({"index": number, **_OUT_OF_USE} for number in numbers)
    return b"".join(rtnetlink.pack(Message(rtnetlink.RTM_NEWLINK, rtnetlink.NLM_F_REQUEST, each, 1)) for each in asked)
