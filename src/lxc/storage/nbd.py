"""An image that qemu can read as the root, through a network block device of this host's: qemu-nbd(8)."""

from __future__ import annotations

import os
import time

from lxc import log
from lxc.errors import NotFound, StepError
from lxc.storage.backend import Attached
from lxc.storage.block import mount
from lxc.storage.plan import nbd_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.storage.plan import RootPlan

__all__ = ["attach", "disconnect", "mount"]

_PATIENCE = 5.0  # seconds that the device may take to show its partitions


def attach(plan: RootPlan) -> Attached:
    file, partition = nbd_file(plan.path)
    device = _free_device()
    _qemu_nbd(f"--connect={device}", *(("--read-only",) if plan.is_read_only else ()), file)
    attached = Attached(f"{device}{partition}", nbd=device)
    deadline = time.monotonic() + _PATIENCE
    while not os.path.exists(attached.device):
        if time.monotonic() > deadline:
            disconnect(device)
            raise StepError(f"use {plan.path}", f"{device} shows no partition {partition.removeprefix('p')}")
        time.sleep(0.01)
    return attached


def disconnect(device: str) -> None:
    try:
        _qemu_nbd(f"--disconnect={device}")
    except StepError as error:
        log.error(str(error))


def _free_device() -> str:
    """A network block device that nobody is connected to."""
    try:
        names = sorted(name for name in os.listdir("/sys/block") if name.startswith("nbd"))
    except FileNotFoundError:
        names = []
    for name in names:
        if not os.path.exists(f"/sys/block/{name}/pid"):
            return f"/dev/{name}"
    raise NotFound(
        "every network block device is taken" if names else "this kernel has no network block devices",
        hint="modprobe nbd max_part=8",
    )


def _qemu_nbd(*words: str) -> None:
    import subprocess

    try:
        done = subprocess.run(["qemu-nbd", *words], capture_output=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise NotFound("qemu-nbd is missing", hint="install qemu-utils") from None
    if done.returncode:
        raise StepError(f"qemu-nbd {' '.join(words)}", done.stderr.decode(errors="replace").strip())
