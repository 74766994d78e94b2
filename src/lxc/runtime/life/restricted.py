"""The monitor while it serves: a thread of it that may write to few places.

What the monitor hears from a container and from clients it hears in its loop.
With `lxc.x-monitor-landlock` that runs in a thread which has denied itself, by
landlock(7), to make, change, remove and execute files but where its own work
is: the control groups, the logs, the fifo of lxc-monitord.  Reading is not
denied.  The rest of the monitor's life, hooks and taking down, is the first
thread's, which waits meanwhile and is not restricted; so this keeps mistakes
and misled calls in bounds, not code of somebody else.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.kernel import landlock
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DENIED = (
    landlock.EXECUTE | landlock.WRITE_FILE | landlock.REMOVE_DIR | landlock.REMOVE_FILE | landlock.MAKE_CHAR
    | landlock.MAKE_DIR | landlock.MAKE_REG | landlock.MAKE_SOCK | landlock.MAKE_FIFO | landlock.MAKE_BLOCK
    | landlock.MAKE_SYM
)  # fmt: skip
_ALLOWED = _DENIED & ~(landlock.EXECUTE | landlock.MAKE_CHAR | landlock.MAKE_BLOCK)


def serve(run: Callable[[], None], places: tuple[str, ...]) -> None:
    """Call `run` in a thread that can write beneath `places` only, those of them that exist; return when it has.

    Raises what it raises, and OSError if the thread cannot be restricted.
    """
    from _thread import allocate_lock, start_new_thread

    done, failures = allocate_lock(), list[BaseException]()
    done.acquire()

    def serve_restricted() -> None:
        try:
            _restrict(places)
            run()
        except BaseException as error:
            failures.append(error)
            raise SystemExit from error  # ends this thread, silently
        finally:
            done.release()

    start_new_thread(serve_restricted, ())
    done.acquire()
    if failures:
        raise failures[0]


def _restrict(places: tuple[str, ...]) -> None:
    with closing(landlock.create_ruleset(_DENIED)) as ruleset:
        for path in places:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except FileNotFoundError:
                log.debug(f"{path} is not there, and stays denied")
                continue
            with closing(place):
                landlock.allow_beneath(ruleset, _ALLOWED, place)
        landlock.restrict_self(ruleset)
