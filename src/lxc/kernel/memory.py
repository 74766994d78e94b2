"""This process's memory, page by page: /proc/self/maps, /proc/self/pagemap (proc(5)), madvise(2)."""

from __future__ import annotations

import os

from lxc.kernel._libc import bind
from lxc.kernel.c import c_int, c_size_t, c_void_p

PAGE = os.sysconf("SC_PAGE_SIZE")
_MADV_POPULATE_WRITE = 23
_ENTRY = 8  # bytes of pagemap for each page
_OWN = 1 << 63 | 1 << 56  # present, mapped by nobody else
_madvise = bind("madvise", c_void_p, c_size_t, c_int)


def writable() -> tuple[tuple[int, int], ...]:
    """The private mappings that may be written to: the addresses of first byte and end, in order."""
    found = []
    with open("/proc/self/maps", "rb") as file:
        for line in file:
            place, mode = line.split(None, 2)[:2]
            if mode == b"rw-p":
                start, end = place.split(b"-")
                found.append((int(start, 16), int(end, 16)))
    return tuple(found)


def own_pages(start: int, end: int) -> list[int]:
    """The numbers, from `start` on, of those pages that are shared with no other process.  Raises OSError."""
    count = (end - start) // PAGE
    with open("/proc/self/pagemap", "rb", buffering=0) as file:
        raw = os.pread(file.fileno(), count * _ENTRY, start // PAGE * _ENTRY)
    return [number for number, entry in enumerate(memoryview(raw).cast("Q")) if entry & _OWN == _OWN]


def populate(address: int, size: int) -> None:
    """MADV_POPULATE_WRITE (Linux 5.14): have pages of one's own there, as if each had been written to.  Raises OSError."""
    _madvise(address, size, _MADV_POPULATE_WRITE)
