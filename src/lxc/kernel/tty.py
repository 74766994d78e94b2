"""Pseudo terminals and terminal settings: pts(4), ioctl_tty(2), termios(3)."""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TIOCSCTTY, TIOCNOTTY, TIOCGPTN, TIOCSPTLCK, TIOCGPTPEER = 0x540E, 0x5422, 0x80045430, 0x40045431, 0x5441
TIOCGWINSZ, TIOCSWINSZ = 0x5413, 0x5414


def open_master(dirfd: int, path: str = "ptmx") -> int:
    """A new pseudo terminal of the devpts instance `dirfd`, unlocked: its master, close-on-exec; the caller closes it."""
    master = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=dirfd)
    fcntl.ioctl(master, TIOCSPTLCK, b"\0\0\0\0")
    return master


def number(master: int) -> int:
    """TIOCGPTN: N of the slave's name, /dev/pts/N."""
    return int.from_bytes(fcntl.ioctl(master, TIOCGPTN, b"\0\0\0\0"), "little")


def open_slave(master: int) -> int:
    """TIOCGPTPEER: the slave of `master`, opened without any path (Linux 4.13).  The caller closes it."""
    return fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)


def make_controlling(fd: int) -> None:
    """TIOCSCTTY: the calling session leader gets the terminal `fd` as its controlling terminal."""
    fcntl.ioctl(fd, TIOCSCTTY, 0)


def window_size(fd: int) -> bytes:
    """TIOCGWINSZ: struct winsize, opaque."""
    return fcntl.ioctl(fd, TIOCGWINSZ, bytes(8))


def set_window_size(fd: int, size: bytes) -> None:
    """TIOCSWINSZ."""
    fcntl.ioctl(fd, TIOCSWINSZ, size)


def make_raw(fd: int) -> list[Any]:
    """Set `fd` as LXC sets the peer of a console: no echo, no line editing, no signals.  Return what to restore."""
    import termios

    before = termios.tcgetattr(fd)
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = termios.tcgetattr(fd)
    iflag |= termios.IGNPAR
    iflag &= ~(termios.ISTRIP | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON | termios.IXANY)
    iflag &= ~(termios.IXOFF | termios.IUCLC)
    lflag &= ~(termios.TOSTOP | termios.ISIG | termios.ICANON | termios.ECHO | termios.ECHOE | termios.ECHOK)
    lflag &= ~(termios.ECHONL | termios.IEXTEN)
    oflag |= termios.ONLCR | termios.OPOST
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSAFLUSH, [iflag, oflag, cflag, lflag, ispeed, ospeed, characters])
    return before


def restore(fd: int, settings: list[Any]) -> None:
    """Undo `make_raw`."""
    import termios

    termios.tcsetattr(fd, termios.TCSAFLUSH, settings)
