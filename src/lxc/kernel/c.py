"""C's types, memory and libraries: as much of `ctypes` as is used here, by the same names.

`import ctypes` costs a command 2 ms, half of what Python needs to start, for what it makes of `_ctypes` that we do not
need.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import (
        CDLL,
        POINTER,
        Array,
        PyDLL,
        Structure,
        addressof,
        byref,
        c_char,
        c_char_p,
        c_int,
        c_int64,
        c_long,
        c_size_t,
        c_uint,
        c_uint16,
        c_uint32,
        c_uint64,
        c_ulong,
        c_ushort,
        c_void_p,
        create_string_buffer,
        get_errno,
        sizeof,
    )
else:
    from _ctypes import (
        FUNCFLAG_CDECL,
        FUNCFLAG_PYTHONAPI,
        FUNCFLAG_USE_ERRNO,
        POINTER,
        Array,
        CFuncPtr,
        Structure,
        _SimpleCData,
        addressof,
        byref,
        dlopen,
        get_errno,
        sizeof,
    )

    def _simple(name, code):
        """A type as `struct` calls it."""
        return type(_SimpleCData)(name, (_SimpleCData,), {"_type_": code})

    c_char, c_char_p, c_void_p = _simple("c_char", "c"), _simple("c_char_p", "z"), _simple("c_void_p", "P")
    c_int, c_long, c_int64 = _simple("c_int", "i"), _simple("c_long", "l"), _simple("c_int64", "q")
    c_ushort, c_uint = _simple("c_ushort", "H"), _simple("c_uint", "I")
    c_ulong, c_uint64 = _simple("c_ulong", "L"), _simple("c_uint64", "Q")
    c_uint16, c_uint32, c_size_t = c_ushort, c_uint, c_ulong

    class _Function(CFuncPtr):
        _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
        _restype_ = c_int

    class _PythonFunction(CFuncPtr):
        _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO | FUNCFLAG_PYTHONAPI
        _restype_ = c_int

    def _numbered(error):
        """With a number, if the kernel has one for why it failed: dlopen(3) tells only words."""
        import errno
        from os import strerror

        name, _, why = str(error).partition(": ")
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            if why.endswith(strerror(number)):
                return OSError(number, strerror(number), name)
        return error

    class CDLL:
        _function = _Function

        def __init__(self, name, use_errno=True):
            try:
                self._handle = dlopen(name, 0)
            except OSError as error:
                raise _numbered(error) from None

        def __getitem__(self, name):
            return self._function((name, self))

    class PyDLL(CDLL):
        _function = _PythonFunction

    def create_string_buffer(init, size=None):
        if isinstance(init, int):
            return (c_char * init)()
        buffer = (c_char * (len(init) + 1 if size is None else size))()
        buffer.value = init
        return buffer


__all__ = [
    "CDLL", "POINTER", "Array", "PyDLL", "Structure", "addressof", "byref", "c_char", "c_char_p", "c_int", "c_int64", "c_long",
    "c_size_t", "c_uint", "c_uint16", "c_uint32", "c_uint64", "c_ulong", "c_ushort", "c_void_p", "create_string_buffer",
    "get_errno", "sizeof",
]  # fmt: skip
