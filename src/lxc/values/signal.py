"""Signals by name, as lxc.signal.* and the commands take them."""

from __future__ import annotations

from lxc.values.plain import integer
from lxc.values.words import Misspelt, unknown

# signal(7), all architectures but alpha, mips, parisc and sparc.
NAMES = {
    "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "KILL": 9,
    "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CLD": 17,
    "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26,
    "PROF": 27, "WINCH": 28, "IO": 29, "POLL": 29, "PWR": 30, "SYS": 31,
}  # fmt: skip
RTMIN, RTMAX = 34, 64  # glibc keeps 32 and 33 for itself
_WANTED = "a signal such as SIGTERM, SIGRTMIN+3 or 15"


def parse(value: str) -> int:
    """A signal: its number, its name such as SIGTERM, SIGRTMIN+<n> or SIGRTMAX-<n>."""
    if value[:1].isdigit():
        return integer(value, 0, RTMAX)
    name = value.upper()
    if name.startswith(("SIGRTMIN+", "SIGRTMAX-")):
        offset = integer(name[9:] if name[9:10].isdigit() else "?", 0, RTMAX - RTMIN)
        return RTMIN + offset if name[6:8] == "IN" else RTMAX - offset
    if name.startswith("SIG") and name[3:] in NAMES:
        return NAMES[name[3:]]
    if name in NAMES:
        raise Misspelt(f"expected {_WANTED}, got {value!r}; did you mean SIG{name}?", value)
    raise unknown(_WANTED, value, [f"SIG{known}" for known in NAMES])
