"""The compiler of system call filters: libseccomp, in Python types.  Loaded by `Library`, not at import.

Its functions return a negated errno, which becomes an OSError here.
"""

from __future__ import annotations

import errno
import os

from lxc.kernel.c import CDLL, POINTER, Structure, byref, c_char_p, c_int, c_uint, c_uint32, c_uint64, c_void_p
from lxc.kernel.fs import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LIBRARY = "libseccomp.so.2"
UNKNOWN = -1  # __NR_SCMP_ERROR: no system call is called so
_X86_64, _X32, _X32_BIT = 0xC000003E, 0x4000003E, 0x40000000  # AUDIT_ARCH_*; how x32 numbers are told apart
_ATTR_CTL_NNP, _ATTR_API_TSKIP = 3, 5


class scmp_version(Structure):
    _fields_ = [("major", c_uint), ("minor", c_uint), ("micro", c_uint)]


class scmp_arg_cmp(Structure):
    _fields_ = [("arg", c_uint), ("op", c_int), ("datum_a", c_uint64), ("datum_b", c_uint64)]


_SIGNATURES: dict[str, tuple[type, tuple[type, ...]]] = {
    "seccomp_version": (POINTER(scmp_version), ()),
    "seccomp_arch_native": (c_uint32, ()),
    "seccomp_arch_resolve_name": (c_uint32, (c_char_p,)),
    "seccomp_syscall_resolve_name_arch": (c_int, (c_uint32, c_char_p)),
    "seccomp_syscall_resolve_num_arch": (c_void_p, (c_uint32, c_int)),
    "seccomp_init": (c_void_p, (c_uint32,)),
    "seccomp_release": (c_void_p, (c_void_p,)),
    "seccomp_merge": (c_int, (c_void_p, c_void_p)),
    "seccomp_arch_add": (c_int, (c_void_p, c_uint32)),
    "seccomp_arch_remove": (c_int, (c_void_p, c_uint32)),
    "seccomp_attr_set": (c_int, (c_void_p, c_int, c_uint32)),
    "seccomp_rule_add_exact_array": (c_int, (c_void_p, c_uint32, c_int, c_uint, c_void_p)),
    "seccomp_export_bpf": (c_int, (c_void_p, c_int)),
}


def files() -> tuple[str, ...]:
    """Where this process has loaded it from; () if it has not."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        mapped = {line.rstrip("\n").partition("/")[2] for line in file}
    name = LIBRARY.partition(".")[0]
    return tuple(sorted(f"/{path}" for path in mapped if path.rpartition("/")[2].startswith(f"{name}.")))


class Library:
    """libseccomp, and what it knows of architectures and system calls."""

    def __init__(self) -> None:
        """Raises OSError if there is no such library."""
        library = CDLL(LIBRARY)
        self.functions = {}
        for name, (returns, arguments) in _SIGNATURES.items():
            function = library[name]
            function.restype, function.argtypes = returns, arguments
            self.functions[name] = function

    @property
    def version(self) -> str:
        it = self.functions["seccomp_version"]().contents
        return f"{it.major}.{it.minor}.{it.micro}"

    @property
    def native(self) -> int:
        """The token of this machine's architecture."""
        return int(self.functions["seccomp_arch_native"]())

    def architecture(self, name: str) -> int:
        """The token of an architecture; 0 if this library does not know it."""
        return int(self.functions["seccomp_arch_resolve_name"](name.encode()))

    def number(self, architecture: int, name: str) -> int:
        """The system call's number there; UNKNOWN, or a lower number if only other architectures have it."""
        raw = name.encode(errors="surrogateescape")
        return int(self.functions["seccomp_syscall_resolve_name_arch"](architecture, raw))

    def name(self, architecture: int, number: int) -> str:
        """How the system call is called there; "" if this library does not know it."""
        if architecture == _X86_64 and number & _X32_BIT:
            architecture = _X32
        pointer = self.functions["seccomp_syscall_resolve_num_arch"](architecture, number)
        if not pointer:
            return ""
        try:
            return (c_char_p(pointer).value or b"").decode(errors="replace")
        finally:
            _free(pointer)


_free = CDLL(None)["free"]
_free.restype, _free.argtypes = None, (c_void_p,)


class Filter:
    """seccomp_init(3): a filter of one architecture in the making.  `release` it, unless it was merged into another."""

    def __init__(self, library: Library, default: int, architecture: int) -> None:
        self._library = library
        self._context = library.functions["seccomp_init"](default)
        if not self._context:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), "seccomp_init")
        self._call("seccomp_attr_set", _ATTR_CTL_NNP, 0)
        self._call("seccomp_attr_set", _ATTR_API_TSKIP, 1)
        if architecture != library.native:
            self._call("seccomp_arch_add", architecture)
            self._call("seccomp_arch_remove", library.native)

    def add(self, action: int, number: int, comparisons: Sequence[tuple[int, int, int, int]]) -> None:
        """seccomp_rule_add_exact_array(3).  `number` is the native one; a comparison is (argument, operator, datum, datum)."""
        array = (scmp_arg_cmp * len(comparisons))(*(scmp_arg_cmp(*each) for each in comparisons))
        self._call("seccomp_rule_add_exact_array", action, number, len(comparisons), byref(array))

    def merge(self, other: Filter) -> None:
        """seccomp_merge(3): take the other's architecture in; the other is gone then."""
        self._call("seccomp_merge", other._context)
        other._context = None

    def export(self) -> bytes:
        """seccomp_export_bpf(3): the program for the kernel."""
        with closing(os.memfd_create("seccomp", os.MFD_CLOEXEC)) as file:
            self._call("seccomp_export_bpf", file)
            return os.pread(file, os.fstat(file).st_size, 0)

    def release(self) -> None:
        if self._context:
            self._library.functions["seccomp_release"](self._context)
            self._context = None

    def _call(self, name: str, *arguments: object) -> None:
        result = self._library.functions[name](self._context, *arguments)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
