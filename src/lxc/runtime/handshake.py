"""What the monitor and the container's init say to each other, and when.

    monitor                                             init
    clone3() ───────────────────────────────────────▶   enters its version 1 cgroups, waits
    maps its ids, limits it
    GO ─────────────────────────────────────────────▶   performs the inside column
    makes its network devices
    DEVICES ────────────────────────────────────────▶   (it waits for them only where it needs them)
                          IDMAP + mount      ◀────   (for each that is to have the container's ids, before it is attached)
    maps its ids
    DONE + errno ───────────────────────────────────▶
                        READY + descriptors     ◀────   (listener, console, devpts, ttys)
    builds the terminals
    RUN ────────────────────────────────────────────▶   drops privileges, executes lxc-init
            end of file: it runs  ·  FAILED     ◀────   a failure names its step
            end of file: it runs  ·  errno      ◀────   (on the pipe) lxc-init executes the container's init

Two channels: a socket pair for the words, and a pipe that only lxc-init writes
to, when it cannot execute what it was given.  Messages are a letter, a length,
how many descriptors come along, and that many bytes.
"""

from __future__ import annotations

import os

from lxc import detached, log
from lxc.errors import LxcError, StepError
from lxc.kernel import beside, fs, polling, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lxc.loop import Loop

GO, DEVICES, READY, RUN, FAILED = b"G", b"N", b"R", b"X", b"F"
IDMAP, DONE = b"I", b"D"
_MOST_DESCRIPTORS = 250  # in one message
_LONGEST = 1 << 22
_HEADER = 1 + 4 + 4
_PATIENCE_MS = 100  # most starts take less
ENDED = "the container's init ended before it was ready"


class Handshake:
    """Both ends of it; clone3() gives each process a copy, and each closes the other's at its first move."""

    shares_memory = False  # whether what init remembers, the monitor does
    _has_devices = False

    def __init__(self, loop: Loop | None = None) -> None:
        """`loop` is served by the monitor when init takes long."""
        self._loop = loop
        self._monitor, self._init = sockets.pair()
        self._exec_read, self.exec_write = os.pipe2(os.O_CLOEXEC)

    # In init.

    def beside(self) -> Handshake:
        """The same for an init that shares the monitor's memory, but not its descriptors: what it closes is its own."""
        it = Handshake.__new__(Handshake)
        it._monitor, it._init = sockets.of(self._monitor.fileno()), sockets.of(self._init.fileno())
        it._exec_read, it.exec_write, it.shares_memory = self._exec_read, self.exec_write, True
        it._loop = None
        return it

    def wait_for_go(self) -> None:
        """Block until the monitor has done its part.  Raises LxcError if it has gone away instead."""
        if not self.shares_memory:
            log.forget()  # what led here is remembered by the monitor, too
        self._monitor.close()
        os.close(self._exec_read)
        if self.shares_memory:
            beside.settle()
        self._expect(GO)

    def wait_for_devices(self) -> None:
        """Block until the monitor has made the network devices.  Raises LxcError if it has gone away instead."""
        if not self._has_devices:
            self._expect(DEVICES)

    def idmap(self, tree: int, users: str, recursive: bool) -> None:
        """Have the detached mount `tree` given the ids of `users`: "container", or a user namespace's file.  Raises OSError."""
        _say(self._init, IDMAP, bytes((recursive,)) + os.fsencode(users), (tree,))
        number = int.from_bytes(self._expect(DONE), "little")
        if number:
            raise OSError(number, f"idmap={users}: {os.strerror(number)}")

    def ready(self, descriptors: tuple[int, ...], payload: bytes) -> None:
        """Give the monitor `descriptors` and `payload`, and wait until it says RUN."""
        _say(self._init, READY, payload, descriptors)
        self._expect(RUN)

    def report(self, error: BaseException) -> None:
        """Tell the monitor that this start has failed, and what led there."""
        _say(self._init, FAILED, pack_failure(error, with_log=not self.shares_memory))

    def _expect(self, letter: bytes) -> bytes:
        got, payload, _ = _hear(self._init)
        if got == DEVICES:
            self._has_devices = True
            return payload if letter == DEVICES else self._expect(letter)
        if got != letter:
            raise LxcError("the monitor went away")
        return payload

    # In the monitor.

    def go(self) -> None:
        """Let init begin."""
        self._init.close()
        os.close(self.exec_write)
        self._tell(GO)

    def have_devices(self) -> None:
        """Tell init that its network devices are there."""
        self._tell(DEVICES)

    def _tell(self, letter: bytes) -> None:
        try:
            _say(self._monitor, letter)
        except BrokenPipeError:
            return  # it has ended; what it said last is still to be heard

    def await_ready(
        self, idmap: Callable[[int, str, bool], None] = detached.nobody_maps
    ) -> tuple[tuple[int, ...], bytes]:
        """Wait until init is ready: its descriptors, which the caller closes, and payload.  Raises LxcError if it failed.

        `idmap` does what init's `idmap` asks for; it raises OSError.
        """
        try:
            letter, payload, descriptors = self._hear_init()
            while letter == IDMAP:
                self._serve(idmap, payload, descriptors)
                letter, payload, descriptors = self._hear_init()
        except ConnectionError:
            raise LxcError(ENDED) from None
        if letter != READY:
            raise LxcError(ENDED)
        return descriptors, payload

    def run(self, describe: Callable[[int], BaseException]) -> None:
        """Let init become the container's; return once it has.

        Raises LxcError if it failed, or what `describe` makes of the errno with which its execution failed.
        """
        try:
            _say(self._monitor, RUN)
            letter, _, _ = self._hear_init()
        except ConnectionError:  # it ended without having read that
            raise LxcError(ENDED) from None
        if letter:
            raise LxcError(f"unexpected message {letter!r} from the container's init")
        self._serve_until(self._exec_read)
        raw = os.read(self._exec_read, 4)
        if raw:
            raise describe(int.from_bytes(raw, "little"))

    def hang_up(self) -> None:
        """Say and hear nothing more."""
        try:
            self._monitor.shutdown(2)  # SHUT_RDWR
        except OSError as error:
            log.debug(f"init has gone: {error.strerror}")

    def close(self) -> None:
        """Close the monitor's ends."""
        self._monitor.close()
        self._init.close()
        os.close(self._exec_read)

    def _serve(self, idmap: Callable[[int, str, bool], None], payload: bytes, trees: tuple[int, ...]) -> None:
        number = 0
        for tree in trees:
            try:
                idmap(tree, os.fsdecode(payload[1:]), bool(payload[0]))
            except OSError as error:
                number = error.errno or 0xFFFF
            finally:
                os.close(tree)
        _say(self._monitor, DONE, number.to_bytes(4, "little"))

    def _serve_until(self, fd: int) -> None:
        """Wait until `fd` can be read; serve the loop if that takes long.  Raises LxcError if the start is given up."""
        if self._loop and not polling.events(fd, _PATIENCE_MS) and not self._loop.until(fd):
            raise LxcError("the start was given up")

    def _hear_init(self) -> tuple[bytes, bytes, tuple[int, ...]]:
        self._serve_until(self._monitor.fileno())
        letter, payload, descriptors = _hear(self._monitor)
        if letter == FAILED:
            raise unpack_failure(payload)
        return letter, payload, descriptors


def pack_failure(error: BaseException, *, with_log: bool = True) -> bytes:
    """`error`, and the log so far, as bytes."""
    known = error if isinstance(error, LxcError) else None
    step = known.step if isinstance(known, StepError) else ""
    why = known.why if isinstance(known, StepError) else str(error) or type(error).__name__
    fields = (
        step,
        why,
        known.where if known else "",
        known.hint if known else "",
        *(log.remembered() if with_log else ()),
    )
    return "\0".join(field.replace("\0", "") for field in fields).encode(errors="surrogateescape")


def unpack_failure(raw: bytes) -> LxcError:
    """The error that `pack_failure` packed; its log is added to ours."""
    step, why, where, hint, *trace = raw.decode(errors="surrogateescape").split("\0")
    log.adopt(trace)
    return StepError(step, why, where=where, hint=hint) if step else LxcError(why, where=where, hint=hint)


def _say(channel: sockets.socket, letter: bytes, payload: bytes = b"", descriptors: tuple[int, ...] = ()) -> None:
    header = letter + len(payload).to_bytes(4, "little") + len(descriptors).to_bytes(4, "little")
    sockets.send(channel, header + payload, descriptors[:_MOST_DESCRIPTORS])
    for at in range(_MOST_DESCRIPTORS, len(descriptors), _MOST_DESCRIPTORS):
        sockets.send(channel, b"d", descriptors[at : at + _MOST_DESCRIPTORS])


def _hear(channel: sockets.socket) -> tuple[bytes, bytes, tuple[int, ...]]:
    """(letter, payload, descriptors); (b"", b"", ()) at the end of the stream, also if that comes amid a message."""
    raw, descriptors = sockets.receive_exactly(channel, _HEADER)
    length, count = min(int.from_bytes(raw[1:5], "little"), _LONGEST), int.from_bytes(raw[5:], "little")
    payload = sockets.receive_exactly(channel, length)[0] if length else b""
    is_whole = len(raw) == _HEADER and len(payload) == length
    while is_whole and len(descriptors) < count:
        _, more, _ = sockets.receive(channel, 1)
        is_whole, descriptors = bool(more), descriptors + more
    if is_whole:
        return raw[:1], payload, descriptors
    fs.close(*descriptors)
    return b"", b"", ()
