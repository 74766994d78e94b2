"""Ending a container: kill it, ask it to shut down, ask it to reboot."""

from __future__ import annotations

import os
import time

from lxc.errors import NoInit, NotRunning, StateError
from lxc.kernel import polling, process, signals, sockets
from lxc.record import Record
from lxc.runtime import client, commands, wait
from lxc.runtime.commands import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.kernel.sockets import socket
    from lxc.runtime.place import Place

_STOP = Request(commands.STOP)
_LONGEST_POLL_MS = (1 << 31) - 1  # an int of C: 24 days
_SIGRTMIN_3 = 37  # what systemd takes for "halt" (systemd(1)); glibc's SIGRTMIN is 34


def kill(place: Place) -> None:
    """Have the monitor send `lxc.signal.stop` (SIGKILL by default) to init, and wait until the container is gone.

    A stopped container is fine.  Raises StateError.
    """
    try:
        begin_to_kill(place).wait()
    except NotRunning:
        return


def begin_to_kill(place: Place) -> Dying:
    """The first half of `kill`: return at once; the caller waits for the rest.  Raises NotRunning, StateError."""
    return Dying(place, client.begin(place, _STOP))


class Dying(Record):
    """A container whose monitor was told to kill it."""

    place: Place
    connection: socket

    def wait(self) -> None:
        """Return when the container is gone.  Raises StateError."""
        try:
            sockets.set_receive_timeout(self.connection, 0)
            client.receive(self.connection, self.place, _STOP)
        except NotRunning:
            return  # the connection ends when the container does
        finally:
            self.connection.close()


def signal_of(place: Place, key: str) -> int:
    """The signal that the running container has as `key`; 0 if none.  Raises StateError if what its monitor says is no signal."""
    text = client.config_item(place, key) or "0"
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else -1
    if number and number not in signals.ALL:
        raise StateError(f"the monitor of {place.name} gave {key} as {text!r}")
    return number


def shutdown(place: Place, timeout: float, signal: int = 0) -> bool:
    """Send init the halt signal and wait up to `timeout` seconds (-1: forever, 0: not at all) until the container is gone.

    `signal` is `lxc.signal.halt`; 0 chooses SIGPWR, or SIGRTMIN+3 for an init that waits for it (systemd).
    Return whether it is gone (or 0 was asked for).  A stopped container is fine.
    """
    deadline = None if timeout < 0 else time.monotonic() + timeout
    try:
        pidfd = client.init_pidfd(place)
    except NoInit:
        if client.state(place) == "STARTING":
            raise
        return timeout == 0 or await_end(place, timeout)
    except NotRunning:
        return True
    try:
        process.pidfd_send_signal(pidfd, signal or _halt_signal(place))
        if timeout == 0:
            return True
        if not _wait_for_exit(pidfd, deadline):
            return False
    except (NotRunning, ProcessLookupError):
        pass  # init ended by itself meanwhile
    finally:
        os.close(pidfd)
    left = -1 if deadline is None else max(1, deadline - time.monotonic())  # the monitor needs a moment to clean up
    return await_end(place, left)


def await_end(place: Place, timeout: float) -> bool:
    """Wait up to `timeout` seconds (-1: forever) until the container is gone; return whether it is.  Raises StateError."""
    return wait.wait(place, frozenset({"STOPPED"}), timeout)


def reboot(place: Place, timeout: float, signal: int = 0) -> bool:
    """Send init the reboot signal and wait up to `timeout` seconds (-1: forever, 0: not at all) until it runs again.

    `signal` is `lxc.signal.reboot`; 0 chooses SIGINT.  Return whether it runs again (or 0 was asked for).
    Raises NotRunning; StateError if it stops instead.
    """
    try:
        return _reboot(place, timeout, signal or signals.SIGINT)
    except ProcessLookupError as error:
        raise NotRunning(f"{place.name} is not running: its init has just ended") from error


def _reboot(place: Place, timeout: float, signal: int) -> bool:
    pidfd = client.init_pidfd(place)
    try:
        if timeout == 0:
            process.pidfd_send_signal(pidfd, signal)
            return True
        connection, _ = wait.register(place, frozenset({commands.RUNNING}), value=2)
        try:
            process.pidfd_send_signal(pidfd, signal)
            state = wait.next_state(connection, None if timeout < 0 else timeout)
        finally:
            connection.close()
    finally:
        os.close(pidfd)
    if state == commands.STOPPED:
        raise StateError(f"{place.name} has stopped instead of rebooting", hint="lxc-start starts it")
    return state == commands.RUNNING


def _wait_for_exit(pidfd: int, deadline: float | None) -> bool:
    left_ms = None if deadline is None else max(0, min(_LONGEST_POLL_MS, int((deadline - time.monotonic()) * 1000)))
    return bool(polling.events(pidfd, left_ms))


def _halt_signal(place: Place) -> int:
    """SIGRTMIN+3 if init has it blocked, as systemd does to read it from a signalfd; else SIGPWR."""
    try:
        with open(f"/proc/{client.init_pid(place)}/status", "rb") as file:
            masks = [line.split()[1] for line in file if line.startswith(b"SigBlk:")]
    except (FileNotFoundError, ProcessLookupError):  # it has just ended, as who sends it a signal finds
        return signals.SIGPWR
    return _SIGRTMIN_3 if masks and int(masks[0], 16) >> (_SIGRTMIN_3 - 1) & 1 else signals.SIGPWR
