"""The user's end of a container's terminal: what is typed here goes there, what is said there comes here.

    our terminal, raw ──▶ Escape ──▶ master of a pseudo terminal in the container
                      ◀──────────────

`run` lasts until the other side hangs up, our input ends, SIGTERM, or the escape
is typed; `accompany` as long as a process, whose last words are not lost.  Our
terminal is put back as it was, whatever happens.  In the background of whoever
has it, what is said is shown, and nothing is read: that would stop us, with the
signals blocked that end us.
"""

from __future__ import annotations

import os
from select import POLLERR, POLLHUP, POLLIN, POLLOUT, poll

from lxc import log
from lxc.kernel import fs, polling, signals, tty
from lxc.terminal import ours

_CHUNK = 4096
_LOOK_MS = 200  # how often to see whether we have left the background: a shell does not tell who was not stopped
_MOST_PENDING = 1 << 16  # bytes typed ahead; beyond that nothing more is read
_ENDING = frozenset({signals.SIGTERM, signals.SIGHUP})
_TYPED = frozenset({signals.SIGINT, signals.SIGQUIT})  # by keys, on a terminal that is not raw


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


def welcome(number: int, escape: int) -> tuple[str, ...]:
    """What to tell the user of tty `number` first: how to leave it."""
    key = f"Ctrl+{chr(escape | 0x60)}"
    return (
        "",
        f"Connected to tty {number}",
        f"Type <{key} q> to exit the console, <{key} {key}> to enter {key} itself",
    )


def run(master: int, escape: int = -1, source: int = 0, sink: int = 1) -> None:
    """Connect the descriptors `source` and `sink` with `master` until one of the sides leaves.

    `master` becomes non-blocking; the caller closes it.  `escape` is the character's code, -1 for none.
    """
    with _prepared(master, source, frozenset({signals.SIGTERM, signals.SIGWINCH})) as prepared:
        _Session(master, Escape(escape), source, sink, prepared).run()


def accompany(process: int, master: int, source: int, sink: int, record: int = -1) -> int:
    """Connect `source` (-1: nothing is typed) and `sink` with `master` until the process with pidfd `process` has ended.

    What is said is also written to the file `record`, unless that is -1.  Return 0, or the signal that ended this
    before the process.
    """
    with _prepared(master, source, _ENDING | _TYPED | {signals.SIGWINCH}) as prepared:
        company = _Company(process, record, master, source, sink, prepared)
        company.run()
        return company.ended_by


class _prepared:
    """`with _prepared(master, source, signals) as prepared:` the terminal `source` is raw, `signals` are read from `signal_fd`."""

    def __init__(self, master: int, source: int, wanted: frozenset[int]) -> None:
        self._terminal = ours.changed(source, tty.make_raw) if source >= 0 and os.isatty(source) else None
        self._wanted = frozenset(number for number in wanted if not signals.is_ignored(number))
        os.set_blocking(master, False)

    def __enter__(self) -> _prepared:
        self._mask = signals.block(self._wanted)
        self.signal_fd = signals.signalfd(self._wanted)
        if self._terminal:
            self._terminal.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._terminal:
                self._terminal.__exit__()
        finally:
            os.close(self.signal_fd)
            signals.restore(self._mask)

    @property
    def ends_with_terminal(self) -> bool:
        """Whether `source` is a terminal whose hang-up is to end us, as it does unless who called us has SIGHUP ignored."""
        return bool(self._terminal) and not signals.is_ignored(signals.SIGHUP)

    def may_read(self) -> bool:
        """Whether nobody else has the terminal; it is raw then."""
        return not self._terminal or self._terminal.is_ours()


class _Session:
    def __init__(self, master: int, escape: Escape, source: int, sink: int, prepared: _prepared) -> None:
        self._master, self._escape, self._source, self._sink, self._prepared = master, escape, source, sink, prepared
        self._pending = b""
        self._is_over = False
        self._poller = poll()
        self._serve = {prepared.signal_fd: self._signalled, master: self._said}
        if source >= 0:
            self._serve[source] = self._typed

    def run(self) -> None:
        self._copy_window_size()
        for fd in self._serve:
            self._poller.register(fd, POLLIN)
        while not self._is_over:
            may_read = self._source not in self._serve or self._prepared.may_read()
            self._poller.register(self._master, POLLIN | POLLOUT * bool(self._pending))
            if self._source in self._serve:
                self._poller.register(self._source, POLLIN * (may_read and len(self._pending) < _MOST_PENDING))
            for fd, events in self._poller.poll(None if may_read else _LOOK_MS):
                if not self._is_over and fd in self._serve:
                    self._serve[fd](events)

    def _signalled(self, events: int) -> None:
        number, _ = signals.read_signal(self._prepared.signal_fd)
        if number == signals.SIGWINCH:
            self._copy_window_size()
        else:
            self._take_signal(number)

    def _take_signal(self, number: int) -> None:
        self._is_over = True

    def _typed(self, events: int) -> None:
        if not events & POLLHUP and not (self._prepared.may_read() and polling.events(self._source, 0)):
            return  # since we wait, we were stopped, and the shell has the terminal, or has read this
        try:
            data = os.read(self._source, _CHUNK)
        except OSError:  # EIO: our terminal has hung up
            data = b""
        self._pending += self._escape.feed(data)
        self._is_over = self._escape.is_left
        if not data:
            self._input_ended(bool(events & (POLLHUP | POLLERR)))
        self._send()

    def _input_ended(self, has_hung_up: bool) -> None:
        self._is_over = True

    def _said(self, events: int) -> None:
        if events & POLLOUT:
            self._send()
        if events & (POLLIN | POLLHUP | POLLERR) and not self._pass_on():
            self._is_over = True

    def _pass_on(self) -> bool:
        """Show what the other side says; False if it has hung up."""
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:  # EIO
            return False
        self._show(data)
        return bool(data)

    def _show(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._sink, data) :]
            except BlockingIOError:  # whoever else has our terminal open made it so
                polling.events(self._sink, None, POLLOUT)

    def _send(self) -> None:
        try:
            self._pending = self._pending[os.write(self._master, self._pending) :] if self._pending else b""
        except BlockingIOError:
            pass
        except OSError:
            self._is_over = True

    def _copy_window_size(self) -> None:
        for fd in (self._sink, self._source):
            if fd >= 0 and os.isatty(fd):
                tty.set_window_size(self._master, tty.window_size(fd))
                return


class _Company(_Session):
    """A session that ends with a process; input that is no terminal may end before it."""

    def __init__(self, process: int, record: int, master: int, source: int, sink: int, prepared: _prepared) -> None:
        super().__init__(master, Escape(-1), source, sink, prepared)
        self._record = record
        self._shown = 0  # bytes, so far
        self.ended_by = 0
        self._serve[process] = self._process_ended

    def _process_ended(self, events: int) -> None:
        """Show its last words: a read hands over all that was written before, until there is nothing."""
        self._is_over = True
        before = -1
        while before != self._shown and not self.ended_by:
            before = self._shown
            self._pass_on()

    def _show(self, data: bytes) -> None:
        self._shown += len(data)
        if self._record >= 0:
            self._write_record(data)
        try:
            super()._show(data)
        except OSError:  # our terminal has hung up
            self._take_signal(signals.SIGHUP)

    def _write_record(self, data: bytes) -> None:
        try:
            fs.write(self._record, data)
        except OSError as error:
            log.error(f"cannot write the log of the terminal, which ends here: {error.strerror}")
            self._record = -1

    def _take_signal(self, number: int) -> None:
        if number in _TYPED:
            tty.signal(self._master, number)
        else:
            self.ended_by, self._is_over = number, True

    def _input_ended(self, has_hung_up: bool) -> None:
        if has_hung_up and self._prepared.ends_with_terminal:
            self._take_signal(signals.SIGHUP)
        del self._serve[self._source]
        self._poller.unregister(self._source)
