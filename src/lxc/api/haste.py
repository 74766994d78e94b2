"""Not waiting for a process's other threads longer than need be.

Each system call gives the interpreter to whoever wants it, and a thread that computes keeps it for five
milliseconds: a dozen calls are a tenth of a second.  As long as one of ours is at work, it is a tenth of one.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock

_SHORT = 0.0001  # seconds; see sys.setswitchinterval


class _Haste:
    """`with haste:`, in any number of threads at a time; afterwards the interval is what it was before the first."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._users = 0
        self._before = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(_SHORT, self._before))
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                sys.setswitchinterval(self._before)


haste = _Haste()
