"""LXC's log: its levels and line format, and the trace that a start keeps in memory.

Every message is remembered, whatever its level; a log file, and the system's log,
get those of the level asked for as they come.  When a start fails, `dump` writes
all that was remembered to the container's log file, so no second run with more
logging is needed to find out what happened.

One log for each process: `open` is called once, by the command.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    _Said = tuple[float, int, CodeType | None, int, object]  # when, level, which function, its line, what

LEVELS = ("TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRIT", "ALERT", "FATAL")
TRACE, DEBUG, INFO, NOTICE, WARN, ERROR, CRIT, ALERT, FATAL = range(9)
KEPT = 4096  # messages remembered; the oldest are forgotten
SYSLOG = "/dev/log"
_SEVERITIES = (7, 7, 6, 5, 4, 3, 2, 1, 0)  # of syslog(3), for our levels
_PATIENCE_US = 200_000  # microseconds
_FACILITIES = {"daemon": 3, **{f"local{number}": 16 + number for number in range(8)}}  # the same

_remembered: list[_Said] = []
_prefix, _name = "lxc", ""
_threshold, _fd = ERROR, -1
_facility, _syslog = "", -1
_offset = 0  # seconds that the local time is ahead; a process in a container must not look it up there


def open(prefix: str, name: str = "", path: str = "", level: int = ERROR, *, is_plain: bool = False) -> None:  # noqa: A001  # log.open reads well
    """Name this process in log lines; with `path`, append messages of `level` and above to that file.

    Missing directories of `path` are made (0755), the file is 0640.  With `is_plain` it must be a file, and no link: nobody
    has named it, and where it is may be another user's.  Raises OSError.
    """
    global _prefix, _name, _threshold, _fd
    _prefix, _name, _threshold = prefix, name, level
    _close_syslog()
    if _fd >= 0:
        os.close(_fd)
        _fd = -1
    if path:
        _fd = _open_file(path, is_plain=is_plain)


def to_syslog(facility: str) -> None:
    """From here on the system's log gets what the log file gets, from that facility of syslog(3); "": it does not.

    Raises OSError: nobody listens.  Who listens and does not read is waited for once, a moment, and misses messages then.
    """
    global _facility, _syslog, _offset
    _close_syslog()
    if facility:
        time.tzset()
        _facility, _offset = facility.lower(), time.localtime().tm_gmtoff
        _syslog = _connected(SYSLOG)


def settings() -> tuple[str, str, int, int, str, int]:
    """What `resume` takes, in another process that has our descriptors."""
    return _prefix, _name, _fd, _threshold, _facility, _syslog


def resume(prefix: str, name: str, fd: int, level: int, facility: str, syslog: int) -> None:
    """Go on with the log whose `settings` these are."""
    global _fd, _syslog
    open(prefix, name, "", level)
    _fd, _syslog = fd, syslog
    try:
        to_syslog(facility)  # whoever listened may have been replaced
    except OSError as said:
        warn(f"{SYSLOG}: {said.strerror}")


def about(name: str) -> None:
    """Messages from here on are about the container `name`; those before are forgotten."""
    global _name
    _name = name
    forget()


def descriptors() -> tuple[int, ...]:
    """Those that messages are written to: whoever closes inherited descriptors spares them."""
    return tuple(fd for fd in (_fd, _syslog) if fd >= 0)


def has_file() -> bool:
    return _fd >= 0


def threshold() -> int:
    """The least level that the log file and the system's log get."""
    return _threshold


def trace(message: object) -> None:
    """`message` is an immutable thing, of which a text is made when somebody reads it: the steps of a start are many."""
    _add(TRACE, message)


def debug(message: object) -> None:
    """As `trace`."""
    _add(DEBUG, message)


def info(message: str) -> None:
    _add(INFO, message)


def notice(message: str) -> None:
    _add(NOTICE, message)


def warn(message: str) -> None:
    _add(WARN, message)


def error(message: str) -> None:
    _add(ERROR, message)


def remembered() -> list[str]:
    """All that was said, as log lines, oldest first."""
    return [_line(*record) for record in _remembered]


def adopt(lines: list[str]) -> None:
    """Remember the lines another process of this start (init) remembered."""
    for line in lines:
        _remembered.append((0.0, TRACE, None, 0, line))


def dump(path: str, *, is_plain: bool = False) -> None:
    """Append all that was said to the file at `path`, as for `open`.  Raises OSError."""
    fd = _open_file(path, is_plain=is_plain)
    try:
        os.write(fd, "".join(f"{line}\n" for line in remembered()).encode(errors="surrogateescape"))
    finally:
        os.close(fd)


def forget() -> None:
    """Start remembering anew: a container runs, what led there is of no more use."""
    _remembered.clear()


def level(name: str) -> int:
    """The level called `name` (any case) or numbered so.  Raises ValueError."""
    if name.upper() in LEVELS:
        return LEVELS.index(name.upper())
    if name.isdecimal() and int(name) < len(LEVELS):
        return int(name)
    raise ValueError(f"expected a log level, one of {', '.join(LEVELS).lower()} or 0 to 8; got {name!r}")


def _add(level: int, message: object) -> None:
    frame = sys._getframe(2)
    said = time.time(), level, frame.f_code, frame.f_lineno, message
    _remembered.append(said)
    if len(_remembered) > KEPT:
        del _remembered[: KEPT // 2]
    if level >= _threshold:
        _write(_fd, lambda: f"{_line(*said)}\n")
        _write(_syslog, lambda: _datagram(*said))


def _write(fd: int, text: Callable[[], str]) -> None:
    if fd >= 0:
        try:
            os.write(fd, text().encode(errors="surrogateescape"))
        except BlockingIOError:
            os.set_blocking(fd, False)  # nobody reads the system's log
        except OSError:
            return  # a full disk must not end a container


def _line(when: float, level: int, code: CodeType | None, number: int, message: object) -> str:
    if not code:
        return str(message)
    seconds = time.strftime("%Y%m%d%H%M%S", time.gmtime(when))
    who = f"{_prefix} {_name}" if _name else _prefix
    return f"{who} {seconds}.{int(when * 1000) % 1000:03d} {LEVELS[level]:<8} {_what(code, number, message)}"


def _datagram(when: float, level: int, code: CodeType, number: int, message: object) -> str:
    """As syslog(3) sends it, and LXC words it."""
    priority = _FACILITIES[_facility] << 3 | _SEVERITIES[level]
    seconds = time.strftime("%b %e %H:%M:%S", time.gmtime(when + _offset))
    who = f"{_prefix}[{os.getpid()}]: {_name}" if _name else f"{_prefix}[{os.getpid()}]"
    return f"<{priority}>{seconds} {who}: {_what(code, number, message)}"


def _what(code: CodeType, number: int, message: object) -> str:
    file = code.co_filename[code.co_filename.rfind("/") + 1 :]
    return f"{file.partition('.')[0]} - {file}:{code.co_name}:{number} - {message}"


def _open_file(path: str, *, is_plain: bool) -> int:
    try:
        os.makedirs(os.path.dirname(path) or ".", 0o755, exist_ok=True)
    except FileExistsError:
        pass  # and is no directory, as open(2) says
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    if not is_plain:
        return os.open(path, flags, 0o640)
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY  # nobody waits for a pipe's reader
    fd = os.open(path, flags, 0o640)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "it is no regular file", path)


def _connected(path: str) -> int:
    from _socket import AF_UNIX, SO_SNDTIMEO, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET, socket  # few ask for it
    from struct import pack

    connection = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
    try:
        connection.setsockopt(SOL_SOCKET, SO_SNDTIMEO, pack("@ll", 0, _PATIENCE_US))
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection.detach()


def _close_syslog() -> None:
    global _facility, _syslog
    if _syslog >= 0:
        os.close(_syslog)
    _facility, _syslog = "", -1
