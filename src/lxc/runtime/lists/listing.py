"""Which containers there are: those with a configuration, and those with a monitor."""

from __future__ import annotations

import os

from lxc.errors import LxcError
from lxc.regular import signature
from lxc.runtime.place import Place, is_name, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_COMMAND = b"/command"
_SHORTLY = 0.1  # seconds: many may listen there
_LISTENING = b"00010000"  # __SO_ACCEPTCON, as it is printed


def defined(lxcpath: str, *, hidden: bool = False) -> list[str]:
    """The names of the containers in `lxcpath` that have a configuration, sorted."""
    return sorted(configurations(lxcpath, hidden=hidden))


def configurations(lxcpath: str, *, hidden: bool = False) -> dict[str, tuple[int, ...]]:
    """The signature of each (`regular`), by the names of the containers in `lxcpath`; {} if there is no such directory.

    What begins with a dot is hidden, as from ls(1): there is a `config` in .git, too.
    """
    try:
        names = os.listdir(lxcpath)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = {}
    for name in names:
        if hidden or not name.startswith("."):
            try:
                found[name] = signature(os.stat(f"{lxcpath}/{name}/config"))
            except OSError:  # there is none, or it is not for us
                pass
    return found


def active(lxcpath: str) -> list[str]:
    """The names of the containers in `lxcpath` that have a monitor, sorted; none that no container can have."""
    prefix = os.fsencode(lxcpath.rstrip("/")) + b"/"
    names = set()
    for address in _listening():
        if not address.endswith(_COMMAND):
            continue
        place = address.removesuffix(_COMMAND)
        if place.startswith(prefix) and b"/" not in place[len(prefix) :]:
            names.add(os.fsdecode(place[len(prefix) :]))
        elif place.startswith(b"lxc/") and (name := _named(address, os.fsencode(lxcpath))):
            names.add(name)
    return sorted(filter(is_name, names))


def mistaken(lxcpath: str, names: Collection[str]) -> set[str]:
    """Those of `names`, told by `active`, that have no monitor: nobody listens at its address, or one who could be none.

    Anybody may listen at any address, and with line breaks in one tell of more.  sock_diag(7) knows better.
    """
    if not names:
        return set()
    from lxc.kernel import unixdiag
    from lxc.runtime import claim

    places = {there.socket_name: there for there in (place(name, lxcpath) for name in names)}
    try:
        found = [it for it in unixdiag.bound(unixdiag.LISTENING) if it.address in places]
    except OSError:
        return set()  # the kernel does not tell: who asks such a monitor is told
    believed = {it.address for it in found if claim.may_have(it.uid, places[it.address])}
    return {there.name for address, there in places.items() if address not in believed}


def _listening() -> Iterator[bytes]:
    """The abstract addresses that somebody listens at, without the leading NUL: proc(5), /proc/net/unix.

    Any user may have one with line breaks in it, and so add lines that say anything.
    """
    with open("/proc/net/unix", "rb") as file:
        next(file, b"")  # the heading
        for line in file:
            fields = line.split(None, 7)
            if len(fields) == 8 and fields[3] == _LISTENING and fields[7].startswith(b"@"):
                yield fields[7][1:].rstrip(b"\n")


def _named(address: bytes, lxcpath: bytes) -> str:
    """The name of the container whose address is a hash, "" if it is not one of `lxcpath`; its monitor is asked."""
    from lxc.runtime import commands

    try:
        if _ask(address, lxcpath, commands.GET_LXCPATH) != lxcpath:
            return ""
        return os.fsdecode(_ask(address, lxcpath, commands.GET_NAME))
    except (LxcError, OSError):
        return ""


def _ask(address: bytes, lxcpath: bytes, command: int) -> bytes:
    from lxc.kernel import sockets
    from lxc.runtime import claim, client
    from lxc.runtime.commands import Request

    there, request = Place(os.fsdecode(address), "/"), Request(command)
    connection = sockets.connect(address, _SHORTLY)
    claim.believe(connection, "a monitor", os.fsdecode(lxcpath))
    try:
        sockets.set_receive_timeout(connection, client.PATIENCE)
        client.send(connection, there, request)
        reply = client.receive(connection, there, request)
        sockets.close_all(reply.descriptors)
        return reply.payload.rstrip(b"\0")
    finally:
        connection.close()
