"""A file with a file system in it as the root: seen through a loop device, which goes with its last user."""

from __future__ import annotations

import errno
import fcntl
import os
import time

from lxc.errors import StepError
from lxc.kernel import loopdevice
from lxc.kernel.fs import closing
from lxc.storage.backend import Attached
from lxc.storage.block import mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.plan import RootPlan

__all__ = ["attach", "detects", "mount"]

_PATIENCE = 1.0  # seconds
_ATTEMPTS = 64  # to get a device that somebody else takes at the same time


def detects(path: str) -> bool:
    return os.path.isfile(path)


def attach(plan: RootPlan) -> Attached:
    """Lock the file and give it a loop device.

    Two containers on one image would each write what the other does not know of.
    """
    read_only = plan.is_read_only
    flags = (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC
    with closing(os.open(plan.path, flags)) as file:
        if not _is_locked(file, fcntl.LOCK_SH if read_only else fcntl.LOCK_EX):
            raise StepError(
                f"use the image {plan.path}",
                "somebody else uses it",
                hint="which container that is, losetup(8) may tell",
            )
        device, path = _device(file, plan.path, flags, read_only=read_only)
    return Attached(path, (device,))


def _is_locked(file: int, how: int) -> bool:
    """Lock it.  A device that has just been given up has it a little longer if udev(7) looks at that."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _device(file: int, name: str, flags: int, *, read_only: bool) -> tuple[int, str]:
    settings = loopdevice.LO_FLAGS_AUTOCLEAR | (loopdevice.LO_FLAGS_READ_ONLY if read_only else 0)
    for _ in range(_ATTEMPTS):
        path = f"/dev/loop{loopdevice.get_free()}"
        device = os.open(path, flags)
        try:
            loopdevice.configure(device, file, name, settings)
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:
                raise
        else:
            return device, path
    raise OSError(errno.EBUSY, "every loop device is taken", name)
