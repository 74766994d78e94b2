"""Filtering this process's system calls, and answering those that a filter notifies of: seccomp(2), seccomp_unotify(2)."""

from __future__ import annotations

import errno
import fcntl
import sys

from lxc.kernel._libc import bind
from lxc.kernel.c import Structure, byref, c_char_p, c_int, c_long, c_uint, c_uint16, c_ulong, c_ushort, c_void_p
from lxc.kernel.process import machine

INSTRUCTION = 8  # bytes, of struct sock_filter
MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
_PR_GET_SECCOMP, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 21, 22, 2
_SET_MODE_FILTER, _GET_NOTIF_SIZES, _FLAG_NEW_LISTENER = 1, 3, 8
# _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp), _IOW('!', 2, __u64)
_NOTIF_RECV, _NOTIF_SEND, _NOTIF_ID_VALID = 0xC0502100, 0xC0182101, 0x40082102


class sock_fprog(Structure):
    _fields_ = [("len", c_ushort), ("filter", c_char_p)]


class seccomp_notif_sizes(Structure):
    _fields_ = [("notif", c_uint16), ("resp", c_uint16), ("data", c_uint16)]


_prctl = bind("prctl", c_int, c_ulong, c_void_p, c_ulong, c_ulong)
_syscall = bind("syscall", c_long, c_uint, c_uint, c_void_p, returns=c_long)


def is_filtered() -> bool:
    """prctl(2) PR_GET_SECCOMP: whether a filter of this process is at work.  Raises OSError(EINVAL) if the kernel has none."""
    return _prctl(_PR_GET_SECCOMP, 0, None, 0, 0) != 0


def set_mode_filter(program: bytes) -> None:
    """SECCOMP_SET_MODE_FILTER without flags, by its other name: prctl(2) has one number on all architectures.

    `program` is whole instructions.  Wants CAP_SYS_ADMIN in the user namespace, or no_new_privs.
    """
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, byref(_program(program)), 0, 0)


def set_mode_filter_with_listener(program: bytes) -> int:
    """SECCOMP_SET_MODE_FILTER with SECCOMP_FILTER_FLAG_NEW_LISTENER (Linux 5.0): the listener, close-on-exec.

    The caller closes it.  EBUSY: a filter of this process has a listener already.
    """
    return _seccomp(_SET_MODE_FILTER, _FLAG_NEW_LISTENER, byref(_program(program)))


def notif_sizes() -> tuple[int, int, int]:
    """SECCOMP_GET_NOTIF_SIZES: bytes of the kernel's struct seccomp_notif, seccomp_notif_resp and seccomp_data."""
    sizes = seccomp_notif_sizes()
    _seccomp(_GET_NOTIF_SIZES, 0, byref(sizes))
    return sizes.notif, sizes.resp, sizes.data


def receive(listener: int, size: int) -> bytes:
    """SECCOMP_IOCTL_NOTIF_RECV: the next notification, of `size` bytes.  Raises OSError; ENOENT: its caller has gone."""
    buffer = bytearray(size)
    fcntl.ioctl(listener, _NOTIF_RECV, buffer)
    return bytes(buffer)


def respond(listener: int, response: bytes) -> None:
    """SECCOMP_IOCTL_NOTIF_SEND of a struct seccomp_notif_resp.  Raises OSError; ENOENT: the caller has gone."""
    fcntl.ioctl(listener, _NOTIF_SEND, bytearray(response))


def is_valid(listener: int, notification: int) -> bool:
    """SECCOMP_IOCTL_NOTIF_ID_VALID: whether the caller still waits, so that its pid means it."""
    try:
        fcntl.ioctl(listener, _NOTIF_ID_VALID, notification.to_bytes(8, sys.byteorder))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False
    return True


def _program(program: bytes) -> sock_fprog:
    return sock_fprog(len(program) // INSTRUCTION, program)


def _seccomp(operation: int, flags: int, argument: object) -> int:
    number = {"x86_64": 317, "aarch64": 277, "riscv64": 277, "armv7l": 383, "i686": 354, "ppc64le": 358, "s390x": 348}
    return _syscall(number[machine()], operation, flags, argument)
