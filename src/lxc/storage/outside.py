"""A root file system on the host: attached while the container lives.  Whose it is when that is gone, `ours` knows."""

from __future__ import annotations

import os

from lxc import beneath
from lxc.errors import LxcError
from lxc.kernel.fs import closing
from lxc.storage import backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.backend import Attached
    from lxc.storage.plan import RootPlan


def driver(path: str) -> str:
    """Which driver fits what is at `path`; "dir" if nothing does."""
    for name in ("dir", "zfs", "block", "loop"):
        if backend.of(name).detects(path):
            return name
    return "dir"


def attach(plan: RootPlan) -> Attached:
    """Make the root something that init can mount.  Undone by `detach`.  Raises OSError, LxcError, and nothing is left then."""
    if plan.is_shared:
        return backend.Attached()
    made = make_directories(plan.mount) if plan.makes_mount else ()
    try:
        attached = backend.of(plan.driver).attach(plan)
    except (OSError, LxcError):
        remove_empty(made)
        raise
    return attached.replace(made=(*attached.made, *made))


def mount(plan: RootPlan) -> int:
    """A detached mount of what was attached, if init may not make it itself, else -1; the caller closes it.  Raises OSError."""
    return backend.of(plan.driver).mount(plan) if plan.by_monitor else -1


def detach(attached: Attached) -> None:
    """Undo `attach`, when nothing in the container uses it any more."""
    if attached.nbd:
        from lxc.storage import nbd

        nbd.disconnect(attached.nbd)
    for fd in attached.descriptors:
        os.close(fd)
    remove_empty(attached.made)


def leaves_nothing(attached: Attached) -> bool:
    """Whether there is nothing for `detach` to do but closing descriptors."""
    return not (attached.made or attached.nbd)


def make_directories(path: str, mode: int = 0o755, owner: tuple[int, int] = (-1, -1)) -> tuple[str, ...]:
    """mkdir -p of the absolute `path`, all of `mode` and of `owner` (-1: ours).  Return what was not there before, outermost first.

    Raises OSError, and then leaves nothing made.
    """
    made: list[str] = []
    above = ""
    try:
        for part in filter(None, path.split("/")):
            at = f"{above}/{part}"
            try:
                with closing(os.open(above or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as parent:
                    beneath.new_directory(parent, part, mode, owner)
                made.append(at)
            except FileExistsError:
                pass
            except OSError as error:
                error.filename = at
                raise
            above = at
        os.close(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))  # what was there is a directory
    except OSError:
        remove_empty(tuple(made))
        raise
    return tuple(made)


def remove_empty(directories: tuple[str, ...]) -> None:
    """Remove what `make_directories` made, as far as nobody put anything there."""
    for path in reversed(directories):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError:
            return
