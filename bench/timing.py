"""Taking samples: a command's duration, and rounds in which all sides take turns."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

_LONGEST = 300  # seconds that a command may take
_NULL = os.open(os.devnull, os.O_RDWR)
_COMPLAINTS = os.memfd_create("stderr")


class Failed(Exception):
    """A command did not do what it was to be measured at."""


class Row(NamedTuple):
    """One line of the tables: who is sampled, and how each takes a sample."""

    name: str
    takes: Mapping[str, Callable[[], float]]  # by side; what it returns is in `unit`
    is_needed: bool = False  # the rows after it need what it leaves, so it is done even when it is not asked for
    unit: str = "ms"


def milliseconds(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Run a command, its output thrown away; how long it took from fork to its end.  Raises Failed."""
    begin = time.perf_counter()
    pid = spawn(argv, environment)
    status = wait(pid)
    end = time.perf_counter()
    if status:
        raise Failed(f"{' '.join(argv)}: exit {status}: {complaints()}")
    return (end - begin) * 1000


def spawn(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Begin a command; its pid."""
    os.ftruncate(_COMPLAINTS, 0)
    files = [(os.POSIX_SPAWN_DUP2, _NULL, 0), (os.POSIX_SPAWN_DUP2, _NULL, 1), (os.POSIX_SPAWN_DUP2, _COMPLAINTS, 2)]
    return os.posix_spawnp(argv[0], argv, environment or os.environ, file_actions=files)


def wait(pid: int) -> int:
    """The exit status of a command, as a shell has it.  Raises Failed after minutes in vain."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(_LONGEST)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        signal.alarm(0)


def complaints() -> str:
    """The last line of what the last command wrote to its standard error."""
    lines = os.pread(_COMPLAINTS, 1 << 16, 0).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


Found = dict[tuple[str, str], list[float]]  # samples by row and side


def rounds(rows: Sequence[Row], wanted: Callable[[str], bool], number: int, pause_ms: float, warmups: int = 1) -> Found:
    """Take `number` samples of each wanted row by each side; the side that begins rotates.

    Rows are taken in their order: what one leaves, the next may need.  The first `warmups` rounds are thrown away.
    """
    found: Found = {}
    for turn in range(-warmups, number):
        for row in rows:
            if not (is_wanted := wanted(row.name)) and not row.is_needed:
                continue
            sides = list(row.takes)
            for i in range(len(sides)):
                side = sides[(i + turn) % len(sides)]
                if is_wanted:
                    time.sleep(pause_ms / 1000)
                value = row.takes[side]()
                if is_wanted and turn >= 0:
                    found.setdefault((row.name, side), []).append(value)
        print(".", end="", file=sys.stderr, flush=True)
    return found
