"""Writing the kernel parameters that the container's namespaces own, from init, once it has entered its root."""

from __future__ import annotations

import os

from lxc import beneath
from lxc.kernel import fs
from lxc.kernel.fs import closing
from lxc.limits.plan import KernelParameter


def perform(step: KernelParameter) -> None:
    """Write one parameter.  Raises OSError; also if what lies at /proc in the container is not the kernel's proc."""
    with (
        closing(os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root,
        closing(beneath.open(root, step.path, os.O_WRONLY)) as file,
    ):
        if fs.filesystem_type(file) != fs.PROC_SUPER_MAGIC:
            raise OSError(None, f"/{step.path} is not of the kernel's proc")
        os.write(file, step.value.encode(errors="surrogateescape"))
