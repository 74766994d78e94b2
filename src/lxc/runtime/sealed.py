"""After a container's root or mount namespace has been entered, nothing may be loaded from it.

`seal` makes every later import an error: a module that is not loaded by then
would be looked for below the container's root, and what lies there is the
container's administrator's.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class _Refuse:
    """An import finder (importlib.abc.MetaPathFinder) that finds nothing, loudly."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> NoReturn:
        raise ImportError(f"{name} is needed after the container was entered; it must be imported before")


def seal() -> None:
    """Refuse every import from here on, in this process.

    Finders are all that imports: what they have remembered of directories is left alone, since freeing it would copy
    the memory that it is in, which a forked process shares.
    """
    sys.meta_path[:] = [_Refuse]
