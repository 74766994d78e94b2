"""Where workers of the fork server wait for clients, and what they do for them."""

from __future__ import annotations

from lxc.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.kernel.sockets import socket
    from lxc.runtime.forkserver.memory import Memory


class Program(Record):
    """What workers are for."""

    run: Callable[[list[str]], int]  # a command, by its words; its exit status
    # Rehearsals of what commands do, to no effect, for who waits for a client: of those that leave nothing behind in
    # who runs them, and of all others.
    looking: tuple[Callable[[], None], ...]
    acting: tuple[Callable[[], None], ...]


class Counter(Record):
    """A socket at which one worker waits for clients."""

    listener: socket
    memory: Memory  # what those who were there have written to
    scenes: tuple[Callable[[], None], ...] = ()  # are rehearsed there
    again: bool = False  # they come back when they have served somebody
    learns_at_end: bool = False  # from whoever has served somebody, not only from monitors
    most: int = 0  # workers at a time, 0 for as many as are asked for; who waits for none of them long does it itself
    lodges: bool = False  # monitors may be in their memory for a while (`lodger`), and are their children then
    only: str = ""  # the first word of those that are served; from any cgroup, for they are no work of who asks
