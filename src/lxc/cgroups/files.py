"""Reading and writing the files of control groups: at once, and without what Python's files add."""

from __future__ import annotations

import os

from lxc.kernel.fs import closing


def read(path: str) -> str:
    """The whole text.  Raises OSError."""
    with closing(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as fd:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    return b"".join(parts).decode(errors="surrogateescape")


def write(path: str, text: str) -> None:
    """One write(2): the kernel takes the text as a whole or refuses it.  Raises OSError."""
    with closing(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) as fd:
        os.write(fd, text.encode(errors="surrogateescape"))
