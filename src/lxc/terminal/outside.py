"""A container's terminals in the monitor: what the host has is opened before the clone; then they are served.

Clients (lxc-console, the API) take a tty or the console with GET_TTY_FD and
hold it as long as their connection lasts; here a connection is an `owner`, any
number the caller likes.
"""

from __future__ import annotations

import errno
import os

from lxc import borrowed, detached, log
from lxc.errors import StepError
from lxc.kernel import fs, mount, tty
from lxc.terminal.console import Console
from lxc.terminal.logfile import open_log
from lxc.terminal.plan import NO_MORE, AllocateConsole, AllocateTtys, OpenLog, OpenPeer, Prepared, Pseudo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.loop import Loop
    from lxc.terminal.plan import OutsideStep, TerminalPlan

_CONSOLE, _ANY = 0, -1


def prepare(plan: TerminalPlan) -> Prepared:
    """In the monitor, before the clone: open what the host has for the console.  Raises StepError, and leaves nothing open.

    The caller closes it: with `close`, or by making it `Terminals`.
    """
    prepared = Prepared()
    for step in plan.outside:
        try:
            prepared = _open(step, prepared, plan.owner)
        except OSError as error:
            close(prepared)
            raise StepError(str(step), error, where=step.where, hint=_hint(step, error)) from error
    return prepared


def reopened(plan: TerminalPlan, prepared: Prepared) -> Prepared:
    """`prepared` with the console's log file, opened again: its path may name another by now."""
    if prepared.log < 0:
        return prepared
    os.close(prepared.log)
    path = next(step.path for step in plan.outside if isinstance(step, OpenLog))
    try:
        return prepared.replace(log=open_log(path))
    except OSError as error:
        log.warn(f"cannot open the console's log file {path} again: {error.strerror}")
        return prepared.replace(log=-1)


def close(prepared: Prepared) -> None:
    """Close what `prepare` opened."""
    made = (prepared.console, *prepared.ttys)
    fs.close(prepared.peer, prepared.log, *(fd for each in made for fd in (each.master, each.slave, each.tree)))


class Terminals:
    """The terminals of a running container."""

    def __init__(
        self,
        plan: TerminalPlan,
        prepared: Prepared,
        loop: Loop,
        console_master: int,
        tty_masters: tuple[int, ...],
        slaves: tuple[int, ...] | None = None,
    ) -> None:
        """Serve them from `loop`.  `console_master` is what init gave, -1 if the console is the prepared one or none.

        `slaves` are what another had as its `slaves`.  All that is given is closed by `close`.
        """
        master = console_master if console_master >= 0 else prepared.console.master
        self._ttys = tty_masters or tuple(made.master for made in prepared.ttys)
        if slaves is None:
            slaves = tuple(map(tty.open_slave, (*self._ttys, *((master,) if master >= 0 else ()))))
        self._slaves = slaves[: len(self._ttys)]  # held: a tty without a getty is silent, not broken
        self._console = Console(plan, prepared, loop, master, slaves[-1]) if master >= 0 else None
        self._owners: dict[int, int] = {}  # of the numbers that are taken
        self._given = (*tty_masters, *((console_master,) if console_master >= 0 else ()))
        self.prepared = _without_trees(prepared)

    @property
    def slaves(self) -> tuple[int, ...]:
        """The ends of theirs that are held open: of the ttys, and of the console if there is one."""
        return (*self._slaves, *((self._console.slave,) if self._console else ()))

    @property
    def may_rest(self) -> bool:
        """Whether nobody has one of them, and nothing is kept in memory of what the console says."""
        console = self._console
        return not self._owners and not (console and (console.is_taken or console.ring))

    @property
    def console(self) -> int:
        """The descriptor that the console is heard from, -1 if there is none."""
        return self._console.master if self._console else -1

    @property
    def own(self) -> tuple[int, ...]:
        """Descriptors that nobody else is to have, who gets all others."""
        return self._console.own if self._console else ()

    @property
    def console_is_heard(self) -> bool:
        """Whether somebody wants what the console says."""
        return bool(self._console and self._console.is_heard)

    def allocate(self, number: int, owner: int) -> tuple[int, int]:
        """Take tty `number` (0: the console, -1: any free tty) for `owner`.  Return its number and a descriptor to lend.

        Raises OSError(EBADF) if there is none, or it is taken.
        """
        if number == _ANY:
            number = next((n for n in range(1, len(self._ttys) + 1) if n not in self._owners), _ANY)
        if number == _CONSOLE and self._console and not self._console.is_taken:
            fd = self._console.connect()
        elif 1 <= number <= len(self._ttys) and number not in self._owners:
            fd = self._ttys[number - 1]
            os.set_blocking(fd, True)  # whoever had it before may have left it otherwise
        else:
            raise OSError(errno.EBADF, "there is no such tty, or it is in use")
        self._owners[number] = owner
        return number, fd

    def release(self, owner: int) -> None:
        """Free what `owner` took."""
        for number in [number for number, taken_by in self._owners.items() if taken_by == owner]:
            del self._owners[number]
            if number == _CONSOLE and self._console:
                self._console.disconnect()

    def console_log(self, clear: bool, read: bool, read_max: int, write_logfile: bool) -> bytes:
        """CONSOLE_LOG: write the ring buffer to the log file, take its oldest `read_max` bytes (0: all) out, clear it.

        Raises OSError: EFAULT if there is no ring buffer, ENODATA if it is empty and to be read.
        """
        ring = self._console.ring if self._console else None
        if self._console is None or ring is None:
            raise OSError(errno.EFAULT, "the console has no ring buffer")
        if write_logfile:
            self._console.write_log()
        data = ring.read(read_max) if read else b""
        if clear:
            ring.clear()
        if read and not data:
            raise OSError(errno.ENODATA, "the ring buffer is empty")
        return data

    def set_window_size(self) -> None:
        """After SIGWINCH: give the console the size of its peer's window."""
        if self._console:
            self._console.set_window_size()

    def continued(self) -> None:
        """After SIGCONT: the shell may have given us its terminal."""
        if self._console:
            self._console.continued()

    def drain(self) -> None:
        """Once init is gone: pass on what it said last."""
        if self._console:
            self._console.drain()

    def close(self) -> None:
        """Write the ring buffer to the log file, give the peer back as it was, close every descriptor."""
        if self._console:
            self._console.close()
        fs.close(*self._slaves, *self._given)
        close(self.prepared)


def _without_trees(prepared: Prepared) -> Prepared:
    """`prepared` after its mounts were attached: held any longer, they would keep the container from unmounting them."""
    made = (prepared.console, *prepared.ttys)
    fs.close(*(each.tree for each in made))
    console, *ttys = (each.replace(tree=-1) for each in made)
    return prepared.replace(console=console, ttys=tuple(ttys))


def _open(step: OutsideStep, prepared: Prepared, owner: int) -> Prepared:
    match step:
        case OpenPeer():
            return prepared.replace(peer=_open_peer(step))
        case OpenLog():
            return prepared.replace(log=open_log(step.path))
        case AllocateConsole():
            return prepared.replace(console=_pseudo(owner))
        case AllocateTtys():
            return prepared.replace(ttys=_allocate_ttys(step.count, owner))


def _open_peer(step: OpenPeer) -> int:
    """The peer's terminal; -1 if the starter has none."""
    if not step.required and borrowed.terminal >= 0:
        fd = fs.duplicate(borrowed.terminal, 0)
        os.set_blocking(fd, False)
        return fd
    try:
        fd = os.open(step.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if step.required:
            raise
        return -1
    if step.required and not os.isatty(fd):
        os.close(fd)
        raise OSError(errno.ENOTTY, "it is not a terminal", step.path)
    return fd


def _allocate_ttys(count: int, owner: int) -> tuple[Pseudo, ...]:
    made: list[Pseudo] = []
    try:
        for _ in range(count):
            made.append(_pseudo(owner))
    except OSError:
        close(Prepared(ttys=tuple(made)))
        raise
    return tuple(made)


def _pseudo(owner: int) -> Pseudo:
    """A new terminal of the host's devpts, of the user `owner` (-1: ours)."""
    master, slave = tty.open_pair()
    try:
        os.fchown(slave, owner, -1)
        return Pseudo(master, slave, detached.copy(slave, "", recursive=False, propagation=mount.MS_PRIVATE))
    except OSError:
        os.close(master)
        os.close(slave)
        raise


def _hint(step: OutsideStep, error: OSError) -> str:
    return NO_MORE if isinstance(step, AllocateTtys) and error.errno == errno.ENOSPC else ""
