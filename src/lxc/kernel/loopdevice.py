"""Loop devices: a regular file as a block device, loop(4)."""

from __future__ import annotations

import fcntl
import os
import sys

from lxc.kernel.fs import closing

LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR = 1, 4
_LOOP_CONFIGURE, _LOOP_CTL_GET_FREE = 0x4C0A, 0x4C82
_NAME_LENGTH = 63


def get_free() -> int:
    """LOOP_CTL_GET_FREE: the number of a loop device that is free, and may be taken by somebody else by now."""
    with closing(os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)) as control:
        return fcntl.ioctl(control, _LOOP_CTL_GET_FREE)


def configure(device: int, file: int, name: str, flags: int) -> None:
    """LOOP_CONFIGURE (Linux 5.8): make the loop device `device` show `file`; `name` is for those who list devices.

    EBUSY: the device is taken.
    """
    info = (
        bytes(5 * 8)  # lo_device, lo_inode, lo_rdevice, lo_offset, lo_sizelimit
        + bytes(3 * 4)  # lo_number, lo_encrypt_type, lo_encrypt_key_size
        + flags.to_bytes(4, sys.byteorder)
        + os.fsencode(name)[:_NAME_LENGTH].ljust(64, b"\0")
        + bytes(64 + 32 + 2 * 8)  # lo_crypt_name, lo_encrypt_key, lo_init
    )
    config = file.to_bytes(4, sys.byteorder) + bytes(4) + info + bytes(8 * 8)
    fcntl.ioctl(device, _LOOP_CONFIGURE, config)
