"""Reading and writing the files of control groups: at once, without what Python's files add, nor what the
modules of `kernel` load."""

from __future__ import annotations

import os


def read(path: str) -> str:
    """The whole text.  Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode(errors="surrogateescape")


def write(path: str, text: str) -> None:
    """One write(2): the kernel takes the text as a whole or refuses it.  Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode(errors="surrogateescape"))
    finally:
        os.close(fd)
