"""What the monitor of another user answers, received by a process for which nobody waits.

Descriptors come with it, and who closes one asks its file system first (FUSE): that may never answer, and who waits for
it does not even die of SIGKILL.  So they are received by a process that is nobody's child, which hands on the answer, and
of the descriptors those that the kernel says are a process, a terminal's master, a cgroup or a devpts.

    the user's monitor ── answer, descriptors ──▶ taster ── the same, or less ──▶ we
"""

from __future__ import annotations

import os

from lxc.kernel import fs, process, sockets
from lxc.kernel.fs import closing
from lxc.runtime import commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from lxc.kernel.sockets import socket

_KINDS = (b"\nPid:", b"\ntty-index:")  # in fdinfo, proc(5)
_PLACES = (fs.CGROUP_SUPER_MAGIC, fs.CGROUP2_SUPER_MAGIC, fs.DEVPTS_SUPER_MAGIC)


def tasted(connection: socket, longest: int, patience: float) -> socket:
    """Where the next answer on `connection`, of at most `longest` bytes, can be received instead; the caller closes it.

    It ends there without an answer if there is none within `patience` seconds, or it is longer.  Raises OSError.
    """
    ours, theirs = sockets.pair()
    try:
        with closing(theirs.detach()) as end:
            pid, pidfd = process.clone3(0)
            if pid == 0:
                _have_tasted(connection.fileno(), end, longest, patience)
            os.close(pidfd)
            os.waitpid(pid, 0)
        sockets.set_receive_timeout(ours, patience)
    except BaseException:
        ours.close()
        raise
    return ours


def _have_tasted(source: int, sink: int, longest: int, patience: float) -> NoReturn:
    """By a process that is nobody's child."""
    try:
        if process.clone3(0)[0] == 0:
            fs.keep_only((source, sink), 0)
            _pass_on(sockets.of(source), sockets.of(sink), longest, patience)
    finally:
        os._exit(0)


def _pass_on(source: socket, sink: socket, longest: int, patience: float) -> None:
    data, descriptors = sockets.receive_exactly(source, commands.HEADER, patience)
    length = commands.read_header(data)[1]
    if length > longest:
        return
    if length > 0:
        more, others = sockets.receive_exactly(source, length, patience)
        data, descriptors = data + more, descriptors + others
    sockets.send(sink, data, tuple(filter(_is_wanted, descriptors)))


def _is_wanted(fd: int) -> bool:
    with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
        told = file.read()
    if any(kind in told for kind in _KINDS):
        return True
    flags = int(told.partition(b"\nflags:")[2].split()[0], 8)
    return bool(flags & (os.O_DIRECTORY | os.O_PATH)) and fs.filesystem_type(fd) in _PLACES
