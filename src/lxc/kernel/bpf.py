"""eBPF programs: bpf(2), as far as the device controller of cgroups version 2 needs it."""

from __future__ import annotations

import os

from lxc.kernel._libc import bind
from lxc.kernel.c import (
    Structure,
    addressof,
    c_char,
    c_int,
    c_long,
    c_uint32,
    c_uint64,
    c_void_p,
    create_string_buffer,
    sizeof,
)

PROG_TYPE_CGROUP_DEVICE, CGROUP_DEVICE = 15, 6
_PROG_LOAD, _PROG_ATTACH = 5, 8
_F_ALLOW_MULTI, _F_REPLACE = 2, 4
_NUMBERS = {  # of the system call; all newer architectures share one
    "x86_64": 321, "i386": 357, "i686": 357, "armv7l": 386, "ppc64le": 361, "s390x": 351,
}  # fmt: skip
_NUMBER_ELSEWHERE = 280
_INSTRUCTION = 8  # bytes, of struct bpf_insn


class load_attr(Structure):
    _fields_ = [
        ("prog_type", c_uint32), ("insn_cnt", c_uint32), ("insns", c_uint64), ("license", c_uint64),
        ("log_level", c_uint32), ("log_size", c_uint32), ("log_buf", c_uint64), ("kern_version", c_uint32),
        ("prog_flags", c_uint32), ("prog_name", c_char * 16),
    ]  # fmt: skip


class attach_attr(Structure):
    _fields_ = [
        ("target_fd", c_uint32), ("attach_bpf_fd", c_uint32), ("attach_type", c_uint32), ("attach_flags", c_uint32),
        ("replace_bpf_fd", c_uint32),
    ]  # fmt: skip


_syscall = bind("syscall", c_long, c_int, c_void_p, c_uint32, returns=c_long)


def _bpf(command: int, attr: Structure) -> int:
    return _syscall(_NUMBERS.get(os.uname().machine, _NUMBER_ELSEWHERE), command, addressof(attr), sizeof(attr))


def prog_load(kind: int, instructions: bytes, name: str = "") -> int:
    """BPF_PROG_LOAD: check `instructions`, of a program of type `kind`; a descriptor of it, which the caller closes."""
    code, licence = create_string_buffer(instructions, len(instructions)), create_string_buffer(b"Apache-2.0")
    attr = load_attr(
        kind, len(instructions) // _INSTRUCTION, addressof(code), addressof(licence), prog_name=name.encode()[:15]
    )
    return _bpf(_PROG_LOAD, attr)


def prog_attach(cgroup: int, program: int, kind: int, replaces: int = -1) -> None:
    """BPF_PROG_ATTACH to the directory `cgroup`, beside others of the type `kind` (BPF_F_ALLOW_MULTI).

    With `replaces`, a program that is attached there, that one goes in the same moment (Linux 5.6).
    """
    flags = _F_ALLOW_MULTI | (_F_REPLACE if replaces >= 0 else 0)
    _bpf(_PROG_ATTACH, attach_attr(cgroup, program, kind, flags, max(replaces, 0)))
