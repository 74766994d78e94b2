"""Filtering this process's system calls: seccomp(2)."""

from __future__ import annotations

from ctypes import POINTER, Structure, byref, c_char, c_int, c_ulong, c_ushort, c_void_p, cast, create_string_buffer

from lxc.kernel._libc import bind

INSTRUCTION = 8  # bytes, of struct sock_filter
MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


class sock_fprog(Structure):
    _fields_ = [("len", c_ushort), ("filter", POINTER(c_char))]


_prctl = bind("prctl", c_int, c_ulong, c_void_p, c_ulong, c_ulong)


def set_mode_filter(program: bytes) -> None:
    """SECCOMP_SET_MODE_FILTER without flags, by its other name: prctl(2) has one number on all architectures.

    `program` is whole instructions.  Wants CAP_SYS_ADMIN in the user namespace, or no_new_privs.
    """
    buffer = create_string_buffer(program, len(program))
    prog = sock_fprog(len(program) // INSTRUCTION, cast(buffer, POINTER(c_char)))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, byref(prog), 0, 0)
