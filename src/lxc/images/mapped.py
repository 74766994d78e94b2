"""Which user namespace a template runs in: that decides which images it takes, and whose cache it keeps them in."""

from __future__ import annotations

_ALL = ["0", "0", "4294967295"]  # every id, and none of them another's


def user_namespace() -> str:
    """ "no": none but the host's.  "yes": one that a user's container is made in.

    "userns-root": one in which the host's root is a single id (its container with ids of its own is made there), or
    that everything here is in (a container that makes containers).
    """
    return told(_text("/proc/self/uid_map"), _text("/proc/1/uid_map"))


def told(own: str, first: str) -> str:
    """The same, from the maps of this process and of process 1, as user_namespaces(7) has them."""
    lines = [line.split() for line in own.split("\n") if line]
    if not lines or _ALL in lines:
        return "no"
    return "userns-root" if own == first or any(line[1:] == ["0", "1"] for line in lines) else "yes"


def _text(path: str) -> str:
    """What the file at `path` holds; "" where there is none."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""
