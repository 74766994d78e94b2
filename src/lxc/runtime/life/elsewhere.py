"""Having init born among somebody else's namespaces: by a process that has joined them.

    monitor                     middle                         init
    fork() ───────────────────▶ joins, the user namespace first
                                clone3(CLONE_PARENT) ────────▶ the monitor's child
           ◀── its pid, or the step that failed

A new namespace belongs to the user namespace of who makes it; a pid namespace
takes its joiner's children only.  The monitor stays where it is.
"""

from __future__ import annotations

import os

from lxc.errors import LxcError
from lxc.kernel import process
from lxc.kernel.fs import closing
from lxc.runtime import remedies, sealed
from lxc.runtime.handshake import pack_failure, unpack_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_BORN = b"\1"  # no failure begins so


def joined_later(new: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds that init joins itself, where it makes namespaces of the kinds `new`.

    Mounts, once it has opened what it needs of the host's files.  A cgroup namespace, once it is in its cgroup: from
    within one, the kernel lets nobody be born in another's (nsdelegate); but with users of its own it could not join it
    any more.
    """
    return ("mnt",) if "user" in new else ("mnt", "cgroup")


def born(
    named: tuple[tuple[str, str], ...],
    files: tuple[tuple[str, int], ...],
    clone: Callable[[int], tuple[int, int]],
) -> tuple[int, int]:
    """(pid, pidfd) of a child of this process, made by `clone` (given more flags) in the namespaces `files`.

    `named` are their names, for messages.  Raises LxcError.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    middle = os.fork()
    if middle == 0:
        _join_and_clone(dict(named), files, clone, writer)
    os.close(writer)
    with closing(reader):
        said = part = os.read(reader, 65536)
        while part and said[:1] != _BORN:  # init holds the other end, once it is born
            part = os.read(reader, 65536)
            said += part
    os.waitpid(middle, 0)
    if said[:1] != _BORN:
        ended = LxcError("the process that was to join the namespaces to share has ended")
        raise unpack_failure(said) if said else ended
    pid = int.from_bytes(said[1:], "little")
    return pid, process.pidfd_open(pid)


def _join_and_clone(
    names: dict[str, str], files: tuple[tuple[str, int], ...], clone: Callable[[int], tuple[int, int]], writer: int
) -> NoReturn:
    step = ""
    try:
        sealed.seal()
        if "user" in names and os.geteuid() == 0:
            # Who is root there may see what is born, with our files, before it has become his: he may not look into it.
            process.prctl(process.PR_SET_DUMPABLE, 0)
        for kind, file in files:
            step = f"join the {kind} namespace {names[kind]}"
            process.setns(file, process.NAMESPACES[kind])
        step = "make the container's init"
        pid, _ = clone(process.CLONE_PARENT)
        os.write(writer, _BORN + pid.to_bytes(4, "little"))
    except BaseException as error:
        os.write(writer, pack_failure(remedies.failure(step, error)))
    finally:
        os._exit(0)
