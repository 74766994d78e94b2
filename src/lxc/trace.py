"""A trace of one run (--trace FILE): its phases, in each of its processes, for chrome://tracing or ui.perfetto.dev.

A phase lasts until the next of its process begins.  Every event is a line, written at once and appended, so the
processes of a run share the file; the one that has opened it writes the last bracket when all have done their part.
Without a trace all functions return at once.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_fd = -1
_process = 0  # the pid that events carry: as the host sees it
_phase = ""  # that goes on; "" if none does
_since = 0  # when it began, in microseconds since 1970: the clock that no time namespace shifts
_whole: tuple[str, int] = ("", 0)  # what the one who opened the trace is, and since when
_json: Callable[[object], str] = str


def open(path: str, name: str) -> None:  # noqa: A001  # called as trace.open
    """Trace this process, called `name`, and those it makes, to a new file at `path`.  Raises OSError."""
    global _fd, _json, _whole
    from json import dumps

    _json = dumps  # nothing can be imported once a container is entered
    _fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o640)
    os.write(_fd, b"[\n")
    _whole = name, _now()
    become(name)


def become(name: str) -> None:
    """This process, just made, is another row of the trace, called `name`."""
    global _process, _phase
    if _fd < 0:
        return
    try:
        _process = int(os.readlink("/proc/self"))
    except OSError:  # no /proc: our own idea of it
        _process = os.getpid()
    _phase = ""
    _write({"ph": "M", "name": "process_name", "args": {"name": name}})


def phase(what: object) -> None:
    """The phase before ends, and `what` begins; "": nothing in particular."""
    global _phase, _since
    if _fd < 0:
        return
    now = _now()
    _write_phase(now)
    _phase, _since = str(what), now


def leave() -> None:
    """The last phase of this process ends; nothing that it does from here on is traced."""
    global _fd
    if _fd < 0:
        return
    _write_phase(_now())
    os.close(_fd)
    _fd = -1


def complete() -> None:
    """The run ends, and with it the trace: for the process that has opened it."""
    if _fd < 0:
        return
    now = _now()
    _write_phase(now)
    name, since = _whole
    _write({"ph": "X", "name": name, "ts": since, "dur": now - since}, end="\n]\n")
    leave()


def descriptor() -> int:
    """The trace's descriptor, -1 if there is none: whoever closes inherited descriptors spares it."""
    return _fd


def _write_phase(end: int) -> None:
    global _phase
    if _phase:
        _write({"ph": "X", "name": _phase, "ts": _since, "dur": end - _since})
    _phase = ""


def _write(event: dict[str, object], end: str = ",\n") -> None:
    line = _json({**event, "pid": _process, "tid": _process}) + end
    try:
        os.write(_fd, line.encode())  # json escapes what is not ASCII
    except OSError:
        return  # a full disk must not end a container


def _now() -> int:
    return time.time_ns() // 1000
