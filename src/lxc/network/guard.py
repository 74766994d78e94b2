"""A process that undoes what outlives a container's network namespace, should the monitor be killed.

    monitor                                   guard (forked from it)
    what it has done, as it does it ──────▶   remembers
    "I have undone it" ───────────────────▶   exits
    end of file: it was killed ───────────▶   undoes it, exits

Most needs no guard: whatever was made in the namespace goes with it.  A device
of the host's own would be lost or go astray; what answers for a container's
addresses would stay.
"""

from __future__ import annotations

import os

from lxc import log
from lxc.kernel import fs, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_DONE = b"\0"


class Guard:
    def __init__(self, whose: str, undo: Callable[[bytes], None], kept: tuple[int, ...]) -> None:
        """Fork it.  Should this process end before `dismiss`, it calls `undo` with all that it was told.

        It says in ps(1) which container it is for, `whose`, but not as a monitor does: who kills those is not to kill it, too.
        Of the descriptors it keeps `kept` and the standard ones.  Raises OSError.
        """
        reader, self._writer = os.pipe2(os.O_CLOEXEC)
        self._pid = os.fork()
        if self._pid == 0:
            _be_guard(whose, reader, undo, kept)
        os.close(reader)

    def tell(self, what: bytes) -> None:
        """Have it remember `what`."""
        try:
            os.write(self._writer, what)
        except BrokenPipeError:
            log.warn("the guard of the network has gone: should the monitor be killed, nobody gives its devices back")

    def dismiss(self) -> None:
        """It has nothing to undo any more."""
        try:
            os.write(self._writer, _DONE)
        except BrokenPipeError:
            pass
        os.close(self._writer)
        os.waitpid(self._pid, 0)


def _be_guard(whose: str, reader: int, undo: Callable[[bytes], None], kept: tuple[int, ...]) -> NoReturn:
    try:
        fs.keep_only((reader, *kept, *log.descriptors()))
        process.set_title(f"[lxc network] {whose}")
        _watch(reader, undo)
    except BaseException as error:
        log.error(f"the guard of the network failed: {error}")
    finally:
        os._exit(0)


def _watch(reader: int, undo: Callable[[bytes], None]) -> None:
    told = b""
    while part := os.read(reader, 4096):
        told += part
        if told.endswith(_DONE):
            return
    undo(told)
