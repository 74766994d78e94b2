"""Walking through a cgroup and all that the container has made in it: to any depth, with few descriptors.

Their names are the container's, and may be as long, and as deep in each other, as no path can be.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def walk(directory: str) -> Iterator[tuple[int, str]]:
    """The cgroup `directory` and those below it, each as the opened one above it and its name there; the innermost first.

    The descriptor is closed when the next is asked for.  One that has gone is left out.  Raises OSError.
    """
    above, name = os.path.split(directory)
    try:
        at = os.open(above, _DIRECTORY)
    except FileNotFoundError:
        return
    way, left = [], [[name]]  # from there to here; at each of these cgroups, where it is still to be gone to
    try:
        while True:
            if left[-1]:
                name = left[-1].pop()
                try:
                    inner = os.open(name, _DIRECTORY, dir_fd=at)
                except FileNotFoundError:
                    continue
                except OSError:  # not for us to look into
                    yield at, name
                    continue
                os.close(at)
                at = inner
                way.append(name)
                left.append(below(at))
            elif way:
                left.pop()
                outer = os.open("..", _DIRECTORY, dir_fd=at)  # nobody can move a cgroup into another
                os.close(at)
                at = outer
                yield at, way.pop()
            else:
                return
    finally:
        os.close(at)


def below(directory: int | str) -> list[str]:
    """The names of the cgroups in the cgroup `directory`."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # it has gone, or is not for us to look into
        return []
