"""Waiting for a container to reach a state: its monitor is asked to tell of it (ADD_STATE_CLIENT)."""

from __future__ import annotations

import time

from lxc.errors import NotRunning, StateError
from lxc.kernel import sockets
from lxc.runtime import client, commands
from lxc.runtime.commands import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket
    from lxc.runtime.place import Place

FOREVER = -1


def states(text: str) -> frozenset[str]:
    """The states of `A|B|…`, nothing between two bars left out.  Raises ValueError naming the one that is none."""
    names = frozenset(filter(None, text.split("|")))
    for name in sorted(names or {""}):
        if name not in commands.STATES:
            raise ValueError(f"invalid state '{name}': expected one of {', '.join(commands.STATES)}")
    return names


def wait(place: Place, wanted: frozenset[str], timeout: float = FOREVER) -> bool:
    """Wait until the container is in one of the states `wanted`, at most `timeout` seconds (-1: forever, 0: look once).

    Return whether it came to that.  A container without monitor is STOPPED; waiting for another state then
    waits for a monitor, once a second.  Raises StateError if the monitor does not obey us.
    """
    deadline = None if timeout < 0 else time.monotonic() + timeout
    while True:
        try:
            return _register(place, wanted, deadline)
        except NotRunning:
            if "STOPPED" in wanted:
                return True
        left = _left(deadline)
        if left is not None and left <= 0:
            return False
        time.sleep(1 if left is None else min(1, left))


def register(place: Place, wanted: frozenset[int], value: int = 1) -> tuple[socket, int]:
    """Ask to be told of the states `wanted`: the connection to wait on, and the state's number if it is already reached
    (else commands.REGISTERED).  `value` 2 wants only changes to come.  The caller closes the connection.
    """
    payload = commands.as_wanted_states(wanted, value)
    connection, reply = client.lease(place, Request(commands.ADD_STATE_CLIENT, payload=payload))
    sockets.close_all(reply.descriptors)
    if reply.ret < 0:
        connection.close()
        raise StateError(f"the monitor of {place.name} refused to tell its states")
    return connection, reply.ret


def next_state(connection: socket, timeout: float | None) -> int | None:
    """The state that the monitor tells on `connection`; STOPPED at its end; None if `timeout` seconds pass first."""
    if timeout is not None and timeout <= 0:
        return None
    sockets.set_receive_timeout(connection, timeout or 0)
    try:
        raw, descriptors = sockets.receive_exactly(connection, commands.MESSAGE, timeout)
        sockets.close_all(descriptors)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return commands.STOPPED
    if len(raw) < commands.MESSAGE:
        return commands.STOPPED
    state = commands.read_state_message(raw)[2]
    if not 0 <= state < len(commands.STATES):
        raise StateError(f"a monitor told of the state {state}, which is none")
    return state


def _register(place: Place, wanted: frozenset[str], deadline: float | None) -> bool:
    connection, reached = register(place, frozenset(commands.STATES.index(name) for name in wanted))
    try:
        if reached != commands.REGISTERED:
            return True
        state = next_state(connection, _left(deadline))
        return state is not None and commands.STATES[state] in wanted
    finally:
        connection.close()


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - time.monotonic()
