"""A block device as the root: a partition, a logical volume, a mapped rbd image.  Which file system is on it is tried."""

from __future__ import annotations

import errno
import os
import stat

from lxc import detached, log
from lxc.kernel.fs import closing
from lxc.storage.backend import Attached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxc.storage.plan import RootPlan

# What a file system says of a device that another one is on.
_NOT_MINE = frozenset({errno.EINVAL, errno.ENODEV, errno.EUCLEAN, errno.ENODATA, errno.ENOENT})

_FIRST_BLOCKS = 1 << 16  # bytes


def detects(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


def attach(plan: RootPlan) -> Attached:
    return Attached(device=plan.path)


def mount(plan: RootPlan) -> int:
    """Try every file system of the kernel that needs a device, as the kernel lists them."""
    said = []
    os.stat(plan.device)  # ENOENT must not be taken for a file system's answer
    with closing(os.open("/proc/filesystems", os.O_RDONLY | os.O_CLOEXEC)) as file:
        fstypes = filesystems(os.read(file, 65536).decode().splitlines())
    for fstype in fstypes:
        try:
            return detached.filesystem(fstype, plan.device, plan.attr_set, plan.data)
        except OSError as error:
            if error.errno not in _NOT_MINE and not (error.errno == errno.ENOMEM and _is_tiny(plan.device)):
                raise OSError(error.errno, f"{fstype}: {error.strerror}", plan.device) from error
            said.append(f"{fstype}: {error.strerror}")
            log.trace(f"{plan.device} is not {said[-1]}")
    raise OSError(errno.EINVAL, f"no file system of this kernel can be mounted from it ({'; '.join(said)})", plan.path)


def _is_tiny(device: str) -> bool:
    """Whether it is too small for a file system's first blocks; some say then that they have no memory."""
    with closing(os.open(device, os.O_RDONLY | os.O_CLOEXEC)) as fd:
        return os.lseek(fd, 0, os.SEEK_END) < _FIRST_BLOCKS


def filesystems(lines: Iterable[str]) -> tuple[str, ...]:
    """Those of /proc/filesystems that are on devices."""
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("nodev"))
