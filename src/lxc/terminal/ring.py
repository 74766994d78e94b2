"""The console's ring buffer: the last so many bytes that the container said."""

from __future__ import annotations


class Ring:
    def __init__(self, size: int) -> None:
        self._size = size
        self._bytes = bytearray()

    def write(self, data: bytes) -> None:
        """Add `data`; the oldest bytes make room."""
        self._bytes += data[-self._size :]
        del self._bytes[: max(0, len(self._bytes) - self._size)]

    def read(self, most: int = 0) -> bytes:
        """Take the oldest `most` bytes out (0: all)."""
        taken = bytes(self._bytes[: most or None])
        del self._bytes[: len(taken)]
        return taken

    def last(self, most: int) -> bytes:
        """The newest `most` bytes; they stay."""
        return bytes(self._bytes[max(0, len(self._bytes) - most) :])

    def clear(self) -> None:
        self._bytes.clear()
