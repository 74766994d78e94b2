"""What a process has that runs a command in another's stead (a worker of the fork server); -1 is none.

Whoever closes inherited descriptors spares these two.
"""

from __future__ import annotations

connection = -1  # to the client, which is told over it how the command ended
terminal = -1  # the client's controlling terminal, in whose foreground it is; this process has no other


def descriptors() -> frozenset[int]:
    """Those there are."""
    return frozenset({connection, terminal}) - {-1}
