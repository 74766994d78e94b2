"""Reading and writing the files of control groups: at once, without what Python's files add, nor what the
modules of `kernel` load."""

from __future__ import annotations

import os


def read(path: str, below: int | None = None) -> str:
    """The whole text; a relative path is one `below` that directory.  Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=below)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode(errors="surrogateescape")


def write(path: str, text: str, below: int | None = None) -> None:
    """One write(2): the kernel takes the text as a whole or refuses it.  Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=below)
    try:
        os.write(fd, text.encode(errors="surrogateescape"))
    finally:
        os.close(fd)
