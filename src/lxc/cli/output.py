"""Printing: to descriptors 1 and 2, whole texts at a time, whatever bytes a name is made of.

Not through sys.stdout: its encoding, buffering and error handler are those of
the moment the interpreter started, which need not be those of this command.
"""

from __future__ import annotations

import os

from lxc.errors import printable as printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Plain = str | int | float | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]

STDOUT, STDERR = 1, 2
_NAMES = {STDOUT: "standard output", STDERR: "standard error"}


def write(text: str, fd: int = STDOUT) -> None:
    """Write all of `text`.  Raises OSError that names the descriptor, BrokenPipeError above all."""
    data = text.encode(errors="surrogateescape")
    try:
        while data:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:  # whoever else has it open made it so
                _await_reader(fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, _NAMES.get(fd, str(fd))) from error


def _await_reader(fd: int) -> None:
    from select import POLLOUT

    from lxc.kernel import polling

    polling.events(fd, None, POLLOUT)


def lines(texts: Iterable[str], fd: int = STDOUT) -> None:
    """Write each text as a line; what is told on standard error is `printable`."""
    text = "".join(f"{text}\n" for text in texts)
    write(printable(text, "\n\t") if fd == STDERR else text, fd)


def others(text: str) -> None:
    """Write `text`, of which others than who calls have chosen a part: as it is, but to a terminal `printable`."""
    write(printable(text, "\n\t") if os.isatty(STDOUT) else text)


def json(value: Plain, indent: int | None = 2) -> None:
    """Write `value` as JSON, for programs, with field names as documented for the command; without `indent` as one line."""
    from json import dumps

    write(dumps(value, indent=indent) + "\n")
