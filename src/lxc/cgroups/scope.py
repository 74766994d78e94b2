"""A scope of systemd's for the container of an ordinary user: a cgroup in which the user may make others.

    lxc-start ── StartTransientUnit(lxc-NAME-0.scope, this process, Delegate) ──▶ systemd of the user, over D-Bus
              ◀── JobRemoved(done): this process is in the scope now ────────────
              makes SCOPE/init and moves there: a cgroup with processes in it hands no controllers down

The scope is the base for the container's cgroups.  systemd removes it when the
last process is gone.  D-Bus is spoken with jeepney, which only those who come
here import.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.cgroups import plan as _plan
from lxc.cgroups.files import read, write
from lxc.errors import LxcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_SYSTEMD = "/run/systemd/system"  # sd_booted(3)
_ATTEMPTS = 99  # names, as LXC tries them
_PATIENCE = 10.0  # seconds for systemd's answer
_EXISTS = "org.freedesktop.systemd1.UnitExists"


def is_offered() -> bool:
    """Whether there is a systemd that can be asked, and this process needs a scope: it is an ordinary user's."""
    return os.geteuid() != 0 and os.path.isdir(_SYSTEMD)


def enter(name: str) -> str:
    """Have systemd make a scope for the container `name`, and move this process into it.  Return the unit's name.

    Raises LxcError, and this process is where it was then.
    """
    with _Bus() as bus:
        unit = bus.start_scope(name, os.getpid())
    _settle(unit)
    log.info(f"systemd has made {unit}")
    return unit


def join(unit: str) -> None:
    """Have systemd move this process into the scope `unit`, beside its cgroups.  Raises LxcError."""
    with _Bus() as bus:
        bus.call("AttachProcessesToUnit", "ssau", (unit, f"/{_plan.SCOPE_INIT}", [os.getpid()]))


def _settle(unit: str) -> None:
    """Move to a cgroup of its own in the scope."""
    own = read("/proc/self/cgroup")
    unified = _plan.layout(read("/proc/self/mountinfo"), own, own).unified
    if not unified or unified.origin.rpartition("/")[2] != unit:
        raise LxcError(f"systemd has made {unit}, but not moved this process there")
    init = f"{unified.directory(unified.origin)}/{_plan.SCOPE_INIT}"
    try:
        os.mkdir(init, 0o755)
        write(f"{init}/cgroup.procs", str(os.getpid()))
    except OSError as error:
        raise LxcError(f"cannot use {unit}, which systemd has made: {error.strerror}: {init}") from error


class _Bus:
    """`with _Bus() as bus:` a connection to the user's message bus."""

    def __enter__(self) -> _Bus:
        try:
            from jeepney import DBusAddress
        except ImportError as error:
            raise LxcError("cannot ask systemd for a scope: the Python package jeepney is not there") from error
        self._manager = DBusAddress(
            "/org/freedesktop/systemd1", "org.freedesktop.systemd1", "org.freedesktop.systemd1.Manager"
        )
        failures = []
        for address in _addresses():
            try:
                self._connection: Any = _connected(address)
                return self
            except (OSError, ValueError, LookupError, StopIteration, RuntimeError) as error:
                failures.append(f"{address}: {error}")
        raise LxcError(f"cannot ask systemd for a scope: no message bus: {'; '.join(failures)}")

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, method: str, signature: str = "", body: tuple[object, ...] = ()) -> Any:
        """What systemd's manager answers.  Raises LxcError; its `step` is the D-Bus error's name."""
        from jeepney import HeaderFields, MessageType, new_method_call

        try:
            message = new_method_call(self._manager, method, signature or None, body)
            reply = self._connection.send_and_get_reply(message, timeout=_PATIENCE)
        except (OSError, TimeoutError) as error:
            raise LxcError(f"systemd does not answer {method}: {error}") from error
        if reply.header.message_type == MessageType.error:
            name = reply.header.fields.get(HeaderFields.error_name, "")
            raise _Refusal(name, f"systemd refuses {method}: {reply.body[0] if reply.body else name}")
        return reply.body

    def start_scope(self, name: str, pid: int) -> str:
        from jeepney import MatchRule, message_bus

        removed = MatchRule(type="signal", interface="org.freedesktop.systemd1.Manager", member="JobRemoved")
        self.call("Subscribe")
        self._connection.send_and_get_reply(message_bus.AddMatch(removed), timeout=_PATIENCE)
        with self._connection.filter(removed, bufsize=64) as signals:
            unit, job = self._start(name, pid)
            try:
                while True:
                    _, path, _, result = self._connection.recv_until_filtered(signals, timeout=_PATIENCE).body
                    if path == job:
                        break
            except (OSError, TimeoutError) as error:
                raise LxcError(f"systemd does not tell what became of {unit}: {error}") from error
        if result != "done":
            raise LxcError(f"systemd has not made {unit}: {result}")
        return unit

    def _start(self, name: str, pid: int) -> tuple[str, str]:
        """(unit, job) of the first name that is free."""
        properties = [
            ("PIDs", ("au", [pid])),
            ("Delegate", ("b", True)),
            ("CollectMode", ("s", "inactive-or-failed")),
            ("Description", ("s", f"container {name}")),
        ]
        for number in range(_ATTEMPTS):
            unit = f"lxc-{_escaped(name)}-{number}.scope"
            try:
                (job,) = self.call("StartTransientUnit", "ssa(sv)a(sa(sv))", (unit, "fail", properties, []))
                return unit, job
            except _Refusal as error:
                if error.name != _EXISTS:
                    raise
        raise LxcError(f"cannot make a scope for {name}: lxc-{name}-0.scope to -{_ATTEMPTS - 1} exist")


class _Refusal(LxcError):
    """An error that systemd answers; `name` is D-Bus's for it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def _connected(address: str) -> Any:
    """A connection to the bus at `address`, whose greeting is not waited for longer than any answer (jeepney waits for ever)."""
    from jeepney.bus import get_bus
    from jeepney.io import blocking

    class Connection(blocking.DBusConnection):  # type: ignore[misc]
        def receive(self, *, timeout: float | None = None) -> Any:
            return super().receive(timeout=_PATIENCE if timeout is None else timeout)

    channel = blocking.prep_socket(get_bus(address), timeout=_PATIENCE)
    try:
        return Connection(channel)
    except TimeoutError:
        channel.close()
        raise TimeoutError(f"it does not answer within {_PATIENCE:g} s") from None
    except BaseException:
        channel.close()
        raise


def _addresses() -> Iterator[str]:
    """Where the user's bus may be: as the session says, and where systemd has it."""
    if told := os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        yield told
    directory = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    if os.path.exists(f"{directory}/bus"):
        yield f"unix:path={directory}/bus"


def _escaped(name: str) -> str:
    """`name` in the letters of unit names; what is none is \\xNN (systemd.unit(5))."""
    letters = ":_.-" if not name.startswith(".") else ":_-"
    raw = name.encode(errors="surrogateescape")
    return "".join(
        chr(byte) if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in letters) else f"\\x{byte:02x}"
        for byte in raw
    )
