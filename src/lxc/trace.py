"""A trace of one run (--trace FILE): its phases, in each of its processes, for chrome://tracing or ui.perfetto.dev.

A phase lasts until the next of its process begins.  Every event is a line, written at once and appended, so the
processes of a run share the file; the one that has opened it writes the last bracket when all have done their part.
Without a trace all functions return at once.
"""

from __future__ import annotations

import os
import time
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class _Row:
    """A process, and the phase of it that goes on."""

    def __init__(self) -> None:
        try:
            self.pid = int(os.readlink("/proc/self"))  # as the host sees it
        except OSError:  # no /proc: our own idea of it
            self.pid = os.getpid()
        self.phase = ""  # "" if none goes on
        self.since = 0  # when it began, in microseconds since 1970: the clock that no time namespace shifts


_fd = -1
_rows: dict[int, _Row] = {}  # by thread: two processes may share their memory (`beside.clone`)
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
    if _fd < 0:
        return
    row = _rows[get_ident()] = _Row()
    _write(row, {"ph": "M", "name": "process_name", "args": {"name": name}})


def phase(what: object) -> None:
    """The phase before ends, and `what` begins; "": nothing in particular."""
    row = _rows.get(get_ident()) if _rows else None
    if not row:
        return
    now = _now()
    _write_phase(row, now)
    row.phase, row.since = str(what), now


def leave() -> None:
    """The last phase of this process ends; nothing that it does from here on is traced."""
    global _fd
    row = _rows.pop(get_ident(), None)
    if row:
        _write_phase(row, _now())
    if not _rows and _fd >= 0:
        os.close(_fd)
        _fd = -1


def complete() -> None:
    """The run ends, and with it the trace: for the process that has opened it, and those that share its memory."""
    row = _rows.get(get_ident())
    if not row:
        return
    now = _now()
    for each in _rows.values():
        _write_phase(each, now)
    name, since = _whole
    _write(next(iter(_rows.values())), {"ph": "X", "name": name, "ts": since, "dur": now - since}, end="\n]\n")
    _rows.clear()
    leave()


def descriptor() -> int:
    """The trace's descriptor, -1 if there is none: whoever closes inherited descriptors spares it."""
    return _fd


def _write_phase(row: _Row, end: int) -> None:
    if row.phase:
        _write(row, {"ph": "X", "name": row.phase, "ts": row.since, "dur": end - row.since})
    row.phase = ""


def _write(row: _Row, event: dict[str, object], end: str = ",\n") -> None:
    line = _json({**event, "pid": row.pid, "tid": row.pid}) + end
    try:
        os.write(_fd, line.encode())  # json escapes what is not ASCII
    except OSError:
        return  # a full disk must not end a container


def _now() -> int:
    return time.time_ns() // 1000
