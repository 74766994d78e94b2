"""After a container's root or mount namespace has been entered, nothing may be loaded from it.

`seal` makes every later import an error: a module that is not loaded by then
would be looked for below the container's root, and what lies there is the
container's administrator's.
"""

from __future__ import annotations

import sys
from _thread import get_ident


class _Refuse:
    """An import finder (importlib.abc.MetaPathFinder) that finds nothing, loudly, for one thread or (0) for all."""

    def __init__(self, thread: int) -> None:
        self._thread = thread

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if self._thread in (0, get_ident()):
            raise ImportError(f"{name} is needed after the container was entered; it must be imported before")


def seal(*, shares_memory: bool = False) -> None:
    """Refuse every import from here on, in this process: of several that share memory (`beside.clone`), by its thread.

    Other finders are left alone: freeing what they have remembered would copy the memory that it is in, which a forked
    process shares.
    """
    sys.meta_path.insert(0, _Refuse(get_ident() if shares_memory else 0))
