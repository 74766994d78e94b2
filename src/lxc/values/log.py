"""Log levels and syslog facilities."""

from __future__ import annotations

from lxc.values.plain import integer
from lxc.values.words import unknown

LEVELS = ("TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRIT", "ALERT", "FATAL")
UNSET = -1
FACILITIES = ("daemon", *(f"local{number}" for number in range(8)))


def level(value: str) -> int:
    """trace, debug, info, notice, warn, error, crit, alert or fatal, or its number, 0 to 8."""
    if value.upper() in LEVELS:
        return LEVELS.index(value.upper())
    try:
        if value[:1].isdigit():
            return integer(value, 0, len(LEVELS) - 1)
    except ValueError:
        pass
    raise unknown(
        f"a log level, one of {', '.join(LEVELS).lower()} or 0 to 8", value, [name.lower() for name in LEVELS]
    )


def show_level(value: int) -> str:
    return "NOTSET" if value == UNSET else LEVELS[value]


def facility(value: str) -> str:
    """A facility of syslog(3): daemon or local0 to local7."""
    if value.lower() not in FACILITIES:
        raise unknown("a syslog facility, daemon or local0 to local7", value, FACILITIES)
    return value
