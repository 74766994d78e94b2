"""Network devices by ioctl: netdevice(7).  Only what needs no netlink."""

from __future__ import annotations

import fcntl
from _socket import AF_INET, SOCK_DGRAM, socket

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def set_up(name: str) -> None:
    """Bring the device `name` of this network namespace up."""
    channel = socket(AF_INET, SOCK_DGRAM)
    try:
        request = name.encode().ljust(16, b"\0") + bytes(24)  # struct ifreq
        flags = int.from_bytes(fcntl.ioctl(channel.fileno(), _SIOCGIFFLAGS, request)[16:18], "little") | _IFF_UP
        fcntl.ioctl(channel.fileno(), _SIOCSIFFLAGS, request[:16] + flags.to_bytes(2, "little") + bytes(22))
    finally:
        channel.close()
