"""What a process has that runs a command in another's stead (a worker of the fork server); -1 is none.

Whoever closes inherited descriptors spares these.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Worker(Protocol):
        def outlive_client(self) -> None:
            """The client's end does not kill this process any more, which looks for itself, and leaves nothing behind."""

        def be_reborn(self, cgroup: int, *, has_session: bool) -> None:
            """beside.be_reborn, of which the client is told.

            As before it leads a process group or, with `has_session`, a session.
            """

        @property
        def kept(self) -> tuple[int, ...]:
            """The descriptors that are its own, and none of the client's: those it goes on with after this."""

        @property
        def may_lodge(self) -> bool:
            """Whether who shares its memory for a while may outlive what it does for this client."""

        def lend(self) -> None:
            """This process, which shares the worker's memory, has the client's signals now, and a session."""

        def take_back(self) -> None:
            """The worker has the client's signals again."""

        def inherit(self) -> None:
            """The client, which waits, ends, and has ended when this returns; what it had open stays open here."""

        def leave(self, status: int) -> None:
            """The command has ended with `status`, for its client; this process goes on, with nothing of the client's."""


worker: Worker | None = None  # what this process is to its client; a process that it has made is none
connection = -1  # to the client, which is told over it how the command ended
terminal = -1  # the client's controlling terminal, in whose foreground it is; this process has no other
mailbox = -1  # where the client finds our pid


def descriptors() -> frozenset[int]:
    """Those there are."""
    return frozenset({connection, terminal, mailbox}) - {-1}


def forget() -> None:
    """There is no client any more."""
    global worker, connection, terminal, mailbox
    worker, connection, terminal, mailbox = None, -1, -1, -1
