"""Keeping the process that decides on a container's system calls.  Runs in the monitor."""

from __future__ import annotations

import os

from lxc import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.kernel.sockets import socket
    from lxc.loop import Loop
    from lxc.runtime.life.launch import Running
    from lxc.security.plan import Supervision
    from lxc.security.seccomp.supervisor import Supervisor

_MOST_REPLACED = 5


class Supervised:
    def __init__(self, plan: Supervision, title: str, loop: Loop, ended: Callable[[], None]) -> None:
        """`title` is what ps(1) shows of it; `ended()` hears that it has ended by itself, and may call `replace`."""
        self.supervisor: Supervisor | None = None
        self._plan, self._title, self._loop, self._ended = plan, title, loop, ended
        self._replaced = 0  # times that it has ended by itself

    @property
    def channel(self) -> socket | None:
        """Where it takes listeners from."""
        return self.supervisor.channel if self.supervisor else None

    def start(self, *, blocks: bool = True) -> None:
        """Make the process; with `blocks`, return when it can answer.  Raises StepError."""
        from lxc.security.seccomp import supervisor

        self.supervisor = supervisor.start(self._plan, self._title, blocks=blocks)
        self._loop.watch(self.supervisor.channel.fileno(), lambda _events: self._ended())

    def replace(self, running: Running) -> Running:
        """Replace it a few times, then let the calls fail: they would wait for it forever.  Return what runs after that."""
        self.stop(running)
        if running.listener < 0:
            return running
        self._replaced += 1
        if self._replaced <= _MOST_REPLACED:
            log.error("the process that decides on system calls has ended; a new one is made")
            self.start(blocks=False)
            assert self.supervisor
            self.supervisor.take(running.listener)
            return running
        log.error("the process that decides on system calls ends again and again; they fail from now on")
        os.close(running.listener)
        return running.replace(listener=-1)

    def stop(self, running: Running | None) -> None:
        if self.supervisor:
            self._loop.forget(self.supervisor.channel.fileno())
            self.supervisor.stop(running.listener if running else -1)
            self.supervisor = None
