"""Templates: the programs that fill a container's root file system.

    TEMPLATE --path=LXCPATH/NAME --name=NAME --rootfs=DIR ARGUMENTS…

It finds DIR made, appends what the container needs to LXCPATH/NAME/config, and
ends with status 0, or nothing of the container will be left.
"""

from __future__ import annotations

import os
import sys

from lxc.errors import LxcError, NotFound, UsageError
from lxc.images import supervisor
from lxc.kernel import signals
from lxc.loading import PACKAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OWN = f"{PACKAGES}/lxc/share/templates"
_DIRECTORIES = (OWN, "/usr/share/lxc/templates")


def is_none(name: str) -> bool:
    """Whether `name` is "none" or a beginning of it: the container is to be made without a root file system."""
    return name != "" and "none".startswith(name)


def find(name: str) -> str:
    """The path of the template `name` (lxc-NAME in one of our directories), or `name` itself if it is absolute.

    Raises NotFound, UsageError.
    """
    if "/" in name and not name.startswith("/"):
        raise UsageError(f'Template "{name}" not found: give a name, or the absolute path of a program')
    paths = [name] if name.startswith("/") else [f"{directory}/lxc-{name}" for directory in _DIRECTORIES]
    for path in paths:
        if os.path.isfile(path):
            if not os.access(path, os.X_OK):
                raise LxcError(f"the template {path} cannot be run", hint=f"chmod +x {path} makes it executable")
            return path
    raise NotFound(f'Template "{name}" not found', hint=f"there are: {', '.join(names()) or 'none'}")


def names() -> list[str]:
    """The templates that can be given by name, sorted."""
    found = set()
    for directory in _DIRECTORIES:
        if os.path.isdir(directory):
            found |= {name.removeprefix("lxc-") for name in os.listdir(directory) if name.startswith("lxc-")}
    return sorted(found)


def checksum(path: str) -> str:
    """The SHA-1 of the template, in hexadecimal.  Raises OSError."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()


def help_text(path: str) -> str:
    """What the template prints if asked for help.  Raises OSError."""
    import subprocess

    asked = subprocess.run(
        (*_program(path), "-h"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return asked.stdout.decode(errors="replace")


def run(
    path: str,
    arguments: tuple[str, ...],
    *,
    is_quiet: bool,
    interruption: int,
    fork: Callable[[], int] = os.fork,
    needed: tuple[str, ...] = (),
) -> int:
    """Run the template to its end; with `is_quiet` without standard input and output.

    `fork` makes its process, which must be able to reach the paths `needed`.

    While it runs, `interruption` is watched, a signalfd: when it gets readable, the template and all it started is
    ended, and the number of the signal is returned, else 0.  Raises LxcError if the template does not succeed.
    """
    program = _program(path)
    argv = (*program, *arguments)
    paths = (*program[:1], program[-1], *needed)
    # Python would say where a keystroke has interrupted it; and is ended by SIGTERM all the same.
    ignored = (signals.SIGINT,) if len(program) > 1 else ()
    ended = supervisor.run(argv, is_quiet=is_quiet, interruption=interruption, fork=fork, needed=paths, ignored=ignored)
    why = "" if ended.signal else _failure(ended)
    if not why:
        return ended.signal
    what, _, directory = ended.step.partition(" ")
    hint = "what it printed above may tell why"
    if what == "search":
        hint = (
            f"the container's root must be able to search it: chmod o+x {directory}, or choose another container path"
        )
    elif ended.words.strip():
        hint = f"its last words: {ended.words.splitlines()[-1].strip()}"
    raise LxcError(f"the template {path} {why}", hint=hint)


def _program(path: str) -> tuple[str, ...]:
    """Our own templates are Python, and run by the interpreter that runs us."""
    if path.startswith(f"{OWN}/") and os.path.isfile(sys.executable):
        return (sys.executable, "-IS", path)
    return (path,)


def _failure(ended: supervisor.Ended) -> str:
    """What went wrong, after "the template PATH "; "" if nothing did."""
    if ended.step == "execute" and ended.number == 2:
        return "cannot be run: the interpreter that its first line names does not exist"
    if ended.step != "end":
        return f"cannot be run: {ended.step}: {os.strerror(ended.number)}" if ended.step else "ended without a trace"
    status = os.waitstatus_to_exitcode(ended.number)
    if status < 0:
        return f"was killed by signal {-status}"
    return f"ended with status {status}" if status else ""
