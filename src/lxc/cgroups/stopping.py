"""Freezing, thawing and killing what is in a container's cgroups."""

from __future__ import annotations

import errno
import os
import time

from lxc.cgroups.files import read, write
from lxc.cgroups.tree import walk
from lxc.errors import StepError
from lxc.kernel import fs, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.cgroups.plan import Layout

_PATIENCE = 5.0  # seconds until killed processes must be gone
_AT_ONCE = 100  # processes that are held: each is a descriptor
_GONE = (errno.ENOENT, errno.ENODEV)  # it was removed before a file of it was opened, or after that


def set_frozen(layout: Layout, path: Callable[[str], str | None], *, is_on: bool, timeout: float) -> bool:
    """Freeze (or thaw) the cgroup that `path(controller)` names, through v1's freezer or else cgroup.freeze.

    Wait up to `timeout` seconds (-1: forever); return whether it came to that.  Raises OSError, StepError.
    """
    freezer = layout.with_controller("freezer")
    hierarchy = freezer or layout.unified
    cgroup = path("freezer" if freezer else "")
    if not hierarchy or cgroup is None:
        raise StepError("freeze the container", "it has neither a freezer cgroup nor a unified one")
    directory = hierarchy.directory(cgroup.strip("/"))
    deadline = time.monotonic() + timeout if timeout >= 0 else None
    while not (_freeze_v1 if freezer else _freeze_v2)(directory, is_on):
        if deadline is not None and time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _freeze_v1(directory: str, is_on: bool) -> bool:
    wanted = "FROZEN" if is_on else "THAWED"
    write(f"{directory}/freezer.state", wanted)  # again each time: tasks that forked meanwhile are caught by it
    return read(f"{directory}/freezer.state").strip() == wanted


def _freeze_v2(directory: str, is_on: bool) -> bool:
    if read(f"{directory}/cgroup.freeze").strip() != str(int(is_on)):
        write(f"{directory}/cgroup.freeze", str(int(is_on)))
    return f"frozen {int(is_on)}" in read(f"{directory}/cgroup.events").split("\n")


def kill(directories: list[str]) -> None:
    """Kill whatever is in the cgroups `directories` and below, frozen or not, and wait until they are empty."""
    deadline = time.monotonic() + _PATIENCE
    while _kill_once(directories) and time.monotonic() < deadline:
        time.sleep(0.002)


def _kill_once(directories: list[str]) -> bool:
    """Kill what is in there; return whether there was anything."""
    populated = [directory for directory in directories if _populated(directory)]
    for directory in populated:
        try:
            write(f"{directory}/cgroup.kill", "1")  # Linux 5.14, unified only
        except OSError as error:
            if error.errno not in _GONE:
                raise
            _kill_each(directory)
            thaw(directory)
    return bool(populated)


def _kill_each(directory: str) -> None:
    """Kill the processes of the cgroup, and nobody who gets the number of one that ends meanwhile.

    Who has been held is in there still when its number is: another with it cannot be, as long as this one lives.
    """
    pids = processes(directory)
    for start in range(0, len(pids), _AT_ONCE):
        held = {}
        try:
            for pid in pids[start : start + _AT_ONCE]:
                try:
                    held[pid] = process.pidfd_open(pid)
                except ProcessLookupError:
                    continue
            for pid in held.keys() & set(processes(directory)):
                try:
                    process.pidfd_send_signal(held[pid], 9)
                except ProcessLookupError:
                    continue
        finally:
            fs.close(*held.values())


def thaw(directory: str) -> None:
    """In the v1 freezer, let the frozen die, also those in cgroups that the container has frozen itself."""
    if not os.path.exists(f"{directory}/freezer.state"):
        return
    for above, name in walk(directory):
        try:
            write(f"{name}/freezer.state", "THAWED", above)
        except OSError:  # it has gone, or is not for us to write to
            pass


def _populated(directory: str) -> bool:
    try:
        return "populated 1" in read(f"{directory}/cgroup.events").split("\n")
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return bool(processes(directory))


def processes(directory: str) -> list[int]:
    """The processes of the cgroup and of those below it."""
    found: list[int] = []
    for above, name in walk(directory):
        try:
            found += map(int, read(f"{name}/cgroup.procs", above).split())
        except OSError as error:
            if error.errno not in _GONE:
                raise
    return [pid for pid in found if pid]  # 0 is a process of a pid namespace that we do not see
