"""The user's end of a container's terminal: what is typed here goes there, what is said there comes here.

    our terminal, raw ──▶ Escape ──▶ master of a pseudo terminal in the container
                      ◀──────────────

Until the other side hangs up, our input ends, SIGTERM, or the escape is typed.
Our terminal is put back as it was, whatever happens.
"""

from __future__ import annotations

import os
from select import POLLERR, POLLHUP, POLLIN, POLLOUT, poll

from lxc.kernel import signals, tty

_CHUNK = 4096
_MOST_PENDING = 1 << 16  # bytes typed ahead; beyond that nothing more is read
_SIGNALS = frozenset({signals.SIGTERM, signals.SIGWINCH})


class Escape:
    """What the user types, without the keys that are for us: after `prefix`, q leaves and the prefix is itself."""

    def __init__(self, prefix: int) -> None:
        """`prefix` is the character's code; -1 is none, nothing is taken out."""
        self._prefix = prefix
        self._is_pending = False
        self.is_left = False

    def feed(self, typed: bytes) -> bytes:
        """What of `typed` is to be sent; nothing after the escape."""
        if self._prefix < 0:
            return typed
        sent = bytearray()
        for code in typed:
            if self._is_pending:
                self._is_pending = False
                if code == ord("q"):
                    self.is_left = True
                    break
                sent.append(code)
            elif code == self._prefix:
                self._is_pending = True
            else:
                sent.append(code)
        return bytes(sent)


def run(master: int, escape: int = -1, source: int = 0, sink: int = 1) -> None:
    """Connect the descriptors `source` and `sink` with `master` until one of the sides leaves.

    `master` becomes non-blocking; the caller closes it.  `escape` is the character's code, -1 for none.
    """
    mask = signals.block(_SIGNALS)
    signal_fd = signals.signalfd(_SIGNALS)
    before = tty.make_raw(source) if os.isatty(source) else None
    try:
        os.set_blocking(master, False)
        _Session(master, Escape(escape), source, sink, signal_fd).run()
    finally:
        if before is not None:
            tty.restore(source, before)
        os.close(signal_fd)
        signals.restore(mask)


class _Session:
    def __init__(self, master: int, escape: Escape, source: int, sink: int, signal_fd: int) -> None:
        self._master, self._escape, self._source, self._sink, self._signal_fd = master, escape, source, sink, signal_fd
        self._pending = b""
        self._is_over = False

    def run(self) -> None:
        self._copy_window_size()
        poller = poll()
        poller.register(self._signal_fd, POLLIN)
        serve = {self._signal_fd: self._signalled, self._source: self._typed, self._master: self._said}
        while not self._is_over:
            poller.register(self._master, POLLIN | POLLOUT * bool(self._pending))
            poller.register(self._source, POLLIN if len(self._pending) < _MOST_PENDING else 0)
            for fd, events in poller.poll():
                if not self._is_over:
                    serve[fd](events)

    def _signalled(self, events: int) -> None:
        number, _ = signals.read_signal(self._signal_fd)
        if number == signals.SIGTERM:
            self._is_over = True
        else:
            self._copy_window_size()

    def _typed(self, events: int) -> None:
        data = os.read(self._source, _CHUNK)
        self._pending += self._escape.feed(data)
        self._is_over = not data or self._escape.is_left
        self._send()

    def _said(self, events: int) -> None:
        if events & POLLOUT:
            self._send()
        if not events & (POLLIN | POLLHUP | POLLERR):
            return
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: the other side has hung up
            data = b""
        self._is_over = not data
        while data:
            data = data[os.write(self._sink, data) :]

    def _send(self) -> None:
        try:
            self._pending = self._pending[os.write(self._master, self._pending) :] if self._pending else b""
        except BlockingIOError:
            pass
        except OSError:
            self._is_over = True

    def _copy_window_size(self) -> None:
        for fd in (self._sink, self._source):
            if os.isatty(fd):
                tty.set_window_size(self._master, tty.window_size(fd))
                return
