"""The namespaces of one life of a container, held open by the monitor until its stop hooks are done.

A network namespace, say, outlives the processes in it as long as somebody has
it open: so a stop hook can still look into it, through /proc/MONITOR/fd/N.
"""

from __future__ import annotations

import os

from lxc import propagation
from lxc.kernel import fs, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Namespaces:
    def __init__(self) -> None:
        self.pid = 0  # of the init whose they are; 0 is none
        self._files: dict[str, int] = {}

    def hold(self, pid: int, names: Iterable[str]) -> None:
        """Open the namespaces `names` ("mnt", "net") of process `pid`.  Raises OSError."""
        self.pid = pid
        for name in names:
            self._files[name] = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)

    def file(self, name: str) -> int:
        """The open file of the namespace `name`, which stays this object's; -1 if it is not held."""
        return self._files.get(name, -1)

    def adopt(self, name: str, fd: int) -> None:
        """Hold the namespace `name`, which `fd` is open on; it is closed with the others."""
        self._files[name] = fd

    def variables(self) -> dict[str, str]:
        """What hooks are told in their environment: LXC_PID, LXC_MNT_NS …"""
        told = {f"LXC_{name.upper()}_NS": path for name, path in self._paths()}
        return {"LXC_PID": str(self.pid), **told} if self.pid else told

    def arguments(self) -> tuple[str, ...]:
        """What a stop hook is told in arguments: mnt:/proc/12/fd/3 …"""
        return tuple(f"{name}:{path}" for name, path in self._paths())

    def close(self) -> None:
        fs.close(*self._files.values())
        self._files.clear()

    def _paths(self) -> list[tuple[str, str]]:
        return [(name, f"/proc/{os.getpid()}/fd/{fd}") for name, fd in self._files.items()]


def have_own_mounts() -> None:
    """Leave the host's mount namespace for a copy that gets what happens there, and gives nothing back."""
    process.unshare(process.CLONE_NEWNS)
    propagation.keep_from_host()
