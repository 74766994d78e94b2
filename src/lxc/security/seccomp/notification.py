"""What the kernel tells of a system call that somebody else decides on, and what LXC tells its proxies.  Pure.

    monitor ─────────────────────────────────────────────────────────────────────────────────────────────────▶ proxy
     0  u64 reserved, 0            8  u32 pid of the monitor     12  u32 pid of the container's init
    16  u16 sizes of struct seccomp_notif, 18 seccomp_notif_resp, 20 seccomp_data (S1, S2, …), 22 two bytes of nothing
    24  u64 length of the cookie  32  struct seccomp_notif      32+S1  struct seccomp_notif_resp     32+S1+S2  cookie
    and three descriptors: the directory of the caller's process in proc, its memory, the listener

The proxy answers with the same without cookie, its decision in the response.
All in the machine's own byte order.
"""

from __future__ import annotations

import errno
import sys

from lxc.record import Record

HEADER = 32
CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE: let the kernel do what was asked for
RESPONSE = 24  # bytes of struct seccomp_notif_resp, as this module knows it
NOTIFICATION = 80  # of struct seccomp_notif
_ORDER = sys.byteorder


class Sizes(Record):
    """What the kernel's structures have, in bytes; later kernels may add to their ends."""

    notification: int = NOTIFICATION
    response: int = RESPONSE
    data: int = 64


class Notification(Record):
    """struct seccomp_notif."""

    raw: bytes

    @property
    def id(self) -> int:
        return _unsigned(self.raw, 0, 8)

    @property
    def pid(self) -> int:
        """Of the thread that called, in the receiver's pid namespace; 0 if it is not below that."""
        return _unsigned(self.raw, 8, 4)

    @property
    def number(self) -> int:
        return int.from_bytes(self.raw[16:20], _ORDER, signed=True)

    @property
    def architecture(self) -> int:
        """AUDIT_ARCH_*."""
        return _unsigned(self.raw, 20, 4)

    @property
    def arguments(self) -> tuple[int, ...]:
        return tuple(_unsigned(self.raw, at, 8) for at in range(32, 80, 8))


class Response(Record):
    """struct seccomp_notif_resp; the default is that there is no such system call."""

    id: int
    value: int = 0
    error: int = -errno.ENOSYS
    flags: int = 0

    @property
    def raw(self) -> bytes:
        return (
            self.id.to_bytes(8, _ORDER)
            + self.value.to_bytes(8, _ORDER, signed=True)
            + self.error.to_bytes(4, _ORDER, signed=True)
            + self.flags.to_bytes(4, _ORDER)
        )

    def padded(self, sizes: Sizes) -> bytes:
        """As long as the kernel's structure."""
        return self.raw.ljust(sizes.response, b"\0")


def question(monitor: int, init: int, sizes: Sizes, notification: Notification, cookie: bytes) -> bytes:
    """What a proxy is sent."""
    header = (
        bytes(8)
        + monitor.to_bytes(4, _ORDER)
        + init.to_bytes(4, _ORDER)
        + b"".join(size.to_bytes(2, _ORDER) for size in (sizes.notification, sizes.response, sizes.data, 0))
        + len(cookie).to_bytes(8, _ORDER)
    )
    return header + notification.raw + Response(notification.id, error=0).padded(sizes) + cookie


def length_of_answer(sizes: Sizes) -> int:
    return HEADER + sizes.notification + sizes.response


def answer(raw: bytes, sizes: Sizes, id: int) -> bytes:  # noqa: A002  # the field's name
    """The response in what a proxy sent, for the kernel as it is.  Raises ValueError if it is none to notification `id`."""
    if len(raw) != length_of_answer(sizes):
        raise ValueError(f"expected {length_of_answer(sizes)} bytes, got {len(raw)}")
    if raw[:8] != bytes(8):
        raise ValueError("its first 8 bytes are not 0")
    response = raw[HEADER + sizes.notification :]
    if _unsigned(response, 0, 8) != id:
        raise ValueError("it is for another notification")
    return response


def _unsigned(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], _ORDER)
