"""A user at a terminal: a command in a session of its own, on a pseudo terminal that the test reads and types on."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time

PATIENCE = 30  # seconds


class Terminal:
    """`with Terminal(argv) as user:` the command runs; at the end it is killed, if it still does."""

    def __init__(self, argv: list[str]) -> None:
        self.master, slave = pty.openpty()
        self.resize(24, 80)
        self.settings_at_start = self.settings()
        self.seen = b""
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in (0, 1, 2):
                os.dup2(slave, fd)
            os.closerange(3, 1000)
            os.execvp(argv[0], argv)
        self._slave = slave  # held: its settings outlive the command
        self._pidfd = os.pidfd_open(self.pid)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (self.master, self._slave):
            os.close(fd)
        if not self._has_ended():
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self._pidfd)

    def settings(self) -> list[object]:
        return termios.tcgetattr(self.master)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def write(self, data: bytes) -> None:
        os.write(self.master, data)

    def read_until(self, text: bytes) -> bytes:
        """What is seen up to and with `text`, which must come."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} never came: {self.seen!r}"
            self._read(0.1)
        return self.seen

    def read_all(self, *, slowly: bool = False) -> bytes:
        """What is seen until the command has ended."""
        deadline = time.monotonic() + PATIENCE
        while not self._has_ended() or select.select([self.master], [], [], 0)[0]:
            assert time.monotonic() < deadline, f"it never ended: {self.seen[-1000:]!r}"
            self._read(0.05, 500 if slowly else 65536)
        return self.seen

    def _read(self, patience: float, size: int = 65536) -> None:
        if select.select([self.master], [], [], patience)[0]:
            self.seen += os.read(self.master, size)

    def _has_ended(self) -> bool:
        return bool(select.select([self._pidfd], [], [], 0)[0])
