"""Capability sets of this thread: capset(2).  Which capabilities there are."""

from __future__ import annotations

from lxc.kernel._libc import bind
from lxc.kernel.c import Structure, byref, c_int, c_uint32, c_ulong, c_void_p

_VERSION_3 = 0x20080522  # two data structures of 32 bits each


class user_cap_header(Structure):
    _fields_ = [("version", c_uint32), ("pid", c_int)]


class user_cap_data(Structure):
    _fields_ = [("effective", c_uint32), ("permitted", c_uint32), ("inheritable", c_uint32)]


_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_prctl = bind("prctl", c_int, c_ulong, c_ulong, c_ulong, c_ulong)
_capget = bind("capget", c_void_p, c_void_p)
_capset = bind("capset", c_void_p, c_void_p)

_last = -1  # not asked yet


def last() -> int:
    """The highest that this kernel has, /proc/sys/kernel/cap_last_cap: asked once.  Raises OSError."""
    global _last
    if _last < 0:
        with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
            _last = int(file.read())
    return _last


def keep(numbers: tuple[int, ...]) -> None:
    """capset(2): have no other effective and permitted capabilities than these, and none that is inherited."""
    header, data = user_cap_header(_VERSION_3, 0), (user_cap_data * 2)()
    for number in numbers:
        data[number // 32].effective |= 1 << number % 32
        data[number // 32].permitted |= 1 << number % 32
    _capset(byref(header), byref(data))


def raise_ambient() -> None:
    """capset(2), PR_CAP_AMBIENT_RAISE: let what we execute have all the permitted capabilities, though it is not root's."""
    permitted = _make_inheritable(all_permitted=True)
    for number in range(64):
        if permitted >> number & 1:
            _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0)


def clear_inheritable() -> None:
    """capset(2): empty the inheritable set, and with it the ambient one (capabilities(7)); the others stay."""
    _make_inheritable(all_permitted=False)


def _make_inheritable(*, all_permitted: bool) -> int:
    """Those that are permitted, or none.  Return what is permitted, a bit for each."""
    header, data = user_cap_header(_VERSION_3, 0), (user_cap_data * 2)()
    _capget(byref(header), byref(data))
    for half in data:
        half.inheritable = half.permitted if all_permitted else 0
    _capset(byref(header), byref(data))
    return int(data[0].permitted | data[1].permitted << 32)
