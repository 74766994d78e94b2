"""Pseudo terminals and terminal settings: pts(4), ioctl_tty(2), termios(3)."""

from __future__ import annotations

import fcntl
import os

from lxc.kernel import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TIOCGPTN, TIOCSPTLCK, TIOCGPTPEER = 0x80045430, 0x40045431, 0x5441
TIOCGWINSZ, TIOCSWINSZ, TIOCSIG, TIOCGDEV = 0x5413, 0x5414, 0x40045436, 0x80045432


def open_master(devpts: int = -1) -> int:
    """A new pseudo terminal of the instance `devpts` (-1: the host's), unlocked: its master, close-on-exec; the caller closes it.

    Raises OSError: EXDEV if something is mounted there, which is not opened.
    """
    if devpts < 0:
        master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    else:
        master = fs.openat2(devpts, "ptmx", os.O_RDWR | os.O_NOCTTY, 0, fs.RESOLVE_NO_XDEV)
    fcntl.ioctl(master, TIOCSPTLCK, b"\0\0\0\0")
    return master


def open_pair(devpts: int = -1) -> tuple[int, int]:
    """openpty(3): master and slave of a new pseudo terminal, as `open_master`; the caller closes both."""
    master = open_master(devpts)
    try:
        return master, open_slave(master)
    except OSError:
        os.close(master)
        raise


def device(fd: int) -> int:
    """TIOCGDEV: the number of the terminal's device, as /proc/PID/stat has it, of /dev/tty, too.  Raises OSError."""
    return int.from_bytes(fcntl.ioctl(fd, TIOCGDEV, b"\0\0\0\0"), "little")


def number(master: int) -> int:
    """TIOCGPTN: N of the slave's name, /dev/pts/N."""
    return int.from_bytes(fcntl.ioctl(master, TIOCGPTN, b"\0\0\0\0"), "little")


def open_slave(master: int) -> int:
    """TIOCGPTPEER: the slave of `master`, opened without any path (Linux 4.13).  The caller closes it."""
    return fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)


def signal(master: int, number: int) -> None:
    """TIOCSIG: send SIGINT, SIGQUIT or SIGTSTP to the foreground process group of the terminal that `master` is of."""
    fcntl.ioctl(master, TIOCSIG, number)


def window_size(fd: int) -> bytes:
    """TIOCGWINSZ: struct winsize, opaque."""
    return fcntl.ioctl(fd, TIOCGWINSZ, bytes(8))


def set_window_size(fd: int, size: bytes) -> None:
    """TIOCSWINSZ."""
    fcntl.ioctl(fd, TIOCSWINSZ, size)


def make_raw(fd: int) -> list[Any]:
    """Set `fd` as LXC sets the peer of a console: no echo, no line editing, no signals.  Return what to restore.

    At once, what is still to be written or read stays: waiting for a line that stands still would take forever.
    """
    import termios

    before = settings(fd)
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = settings(fd)
    iflag |= termios.IGNPAR
    iflag &= ~(termios.ISTRIP | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON | termios.IXANY)
    iflag &= ~(termios.IXOFF | termios.IUCLC)
    lflag &= ~(termios.TOSTOP | termios.ISIG | termios.ICANON | termios.ECHO | termios.ECHOE | termios.ECHOK)
    lflag &= ~(termios.ECHONL | termios.IEXTEN)
    oflag |= termios.ONLCR | termios.OPOST
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    restore(fd, [iflag, oflag, cflag, lflag, ispeed, ospeed, characters])
    return before


def make_keys(fd: int) -> list[Any]:
    """Give every key at once, and do not show it; signals and output stay as they are.  Return what to restore."""
    import termios

    before = settings(fd)
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = settings(fd)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    restore(fd, [iflag, oflag, cflag, lflag & ~(termios.ICANON | termios.ECHO), ispeed, ospeed, characters])
    return before


def make_transparent(fd: int) -> None:
    """Let every byte pass `fd` unchanged, both ways: cfmakeraw(3)."""
    import termios

    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = settings(fd)
    iflag &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR)
    iflag &= ~(termios.ICRNL | termios.IXON)
    oflag &= ~termios.OPOST
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    cflag = cflag & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    restore(fd, [iflag, oflag, cflag, lflag, ispeed, ospeed, characters])


def settings(fd: int) -> list[Any]:
    """tcgetattr(3)."""
    import termios

    try:
        return termios.tcgetattr(fd)
    except termios.error as error:
        raise OSError(*error.args) from None


def restore(fd: int, settings: list[Any]) -> None:
    """tcsetattr(3), TCSANOW."""
    import termios

    try:
        termios.tcsetattr(fd, termios.TCSANOW, settings)
    except termios.error as error:
        raise OSError(*error.args) from None
