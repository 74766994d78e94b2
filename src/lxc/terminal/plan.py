"""Deciding which terminals a container gets, from where, and bound to what.  Pure; prints as a script.

Two places can have a pseudo terminal made: the devpts instance that is mounted
for the container, or the host's.  The console is the first terminal of the
former if `lxc.pty.max` leaves room for it (more than 1), else it is one of the
host's.  Without `lxc.pty.max` the container keeps no devpts of its own, and
the ttys are the host's as well.
"""

from __future__ import annotations

from lxc.record import Record

MOST_TERMINALS = 1 << 20  # NR_UNIX98_PTY_MAX: of a devpts instance
NO_MORE = "there are no more terminals: lower lxc.tty.max, or raise /proc/sys/kernel/pty/max"


class OpenPeer(Record):
    """In the monitor: the terminal that what the console says is copied to, and that types to it."""

    path: str
    where: str = ""
    required: bool = True  # the starter's own terminal is not: there may be none

    @property
    def optional(self) -> bool:
        return not self.required

    def __str__(self) -> str:
        return f"open the console's peer {self.path}"


class OpenLog(Record):
    """In the monitor: the file that all the console says is appended to."""

    path: str
    where: str = ""

    def __str__(self) -> str:
        return f"open the console's log file {self.path}"


class AllocateConsole(Record):
    host: bool  # in the monitor, of the host's devpts; else in init, of the container's
    where: str = ""

    def __str__(self) -> str:
        return f"allocate the console in the {'host' if self.host else 'container'}'s devpts"


class MountDevpts(Record):
    max: int  # terminals it can have
    where: str = ""

    def __str__(self) -> str:
        return f"mount -t devpts -o nosuid,noexec,gid=5,ptmxmode=0666,mode=0620,max={self.max} devpts /dev/pts"


class MakeHidden(Record):
    """Terminals of a devpts instance that is mounted nowhere, for who may not give the container any of the host's."""

    count: int
    where: str = ""

    def __str__(self) -> str:
        return f"allocate {self.count} ttys in a devpts of their own"


class BindPtmx(Record):
    where: str = ""

    def __str__(self) -> str:
        return "bind /dev/pts/ptmx to /dev/ptmx"


class MakeTtyDir(Record):
    path: str  # below /dev
    where: str = ""

    def __str__(self) -> str:
        return f"mkdir -p /dev/{self.path}"


class BindConsole(Record):
    tty_dir: str  # "", or the directory below /dev where the console is, too
    where: str = ""

    def __str__(self) -> str:
        return f"bind the console to {f'/dev/{self.tty_dir}/console and ' * bool(self.tty_dir)}/dev/console"


class AllocateTtys(Record):
    count: int
    host: bool  # in the monitor, of the host's devpts; else in init, of the container's
    where: str = ""

    def __str__(self) -> str:
        return f"allocate {self.count} ttys in the {'host' if self.host else 'container'}'s devpts"


class BindTty(Record):
    number: int
    tty_dir: str  # "", or the directory below /dev where the tty is; /dev/ttyN is then a link to it
    where: str = ""

    def __str__(self) -> str:
        link = f", link /dev/tty{self.number} to it" if self.tty_dir else ""
        return f"bind tty{self.number} to {tty_path(self.tty_dir, f'tty{self.number}')}{link}"


OutsideStep = OpenPeer | OpenLog | AllocateConsole | AllocateTtys
InsideStep = MakeHidden | MountDevpts | BindPtmx | AllocateConsole | MakeTtyDir | BindConsole | AllocateTtys | BindTty


class TerminalPlan(Record):
    ttys: int = 0
    has_hosts: bool = True  # terminals of the host's devpts may be given to the container
    owner: int = -1  # the user who gets the terminals of the host's devpts; -1: they stay whose they are
    pty_max: int = 0
    tty_dir: str = ""
    console_path: str = ""  # "" the starter's terminal, if it stays in the foreground; "none"; or a terminal's path
    console_logfile: str = ""
    console_size: int = 0  # most bytes of the log file; 0 is no limit
    console_rotate: bool = False
    console_buffer_size: int = 0  # bytes of the ring buffer; 0 is none
    has_rootfs: bool = True
    foreground: bool = False
    execute: bool = False
    where_console_path: str = ""  # file:line
    where_console_logfile: str = ""
    where_ttys: str = ""
    where_tty_dir: str = ""
    where_pty_max: str = ""

    @property
    def has_console(self) -> bool:
        """Whether there is a terminal for init: in the foreground also without console, for it never gets the starter's."""
        return self.binds_console or self.foreground

    @property
    def binds_console(self) -> bool:
        """Whether that is the container's /dev/console."""
        return self.console_path != "none"

    @property
    def keeps_stdio(self) -> bool:
        """Whether init keeps what it was given, unless that is a terminal."""
        return self.foreground and (self.execute or not self.binds_console)

    @property
    def peer(self) -> str:
        """The terminal of the host's that is configured; "" if none is."""
        return self.console_path if self.binds_console else ""

    @property
    def console_is_from_host(self) -> bool:
        return self.has_console and self.pty_max <= 1 and self.has_hosts

    @property
    def hidden(self) -> int:
        """How many terminals would be the host's, and may not."""
        return 0 if self.has_hosts else (self.has_console and self.pty_max <= 1) + (0 if self.pty_max else self.ttys)

    @property
    def binds_ttys(self) -> bool:
        return self.ttys > 0 and self.has_rootfs and not self.execute

    @property
    def outside(self) -> tuple[OutsideStep, ...]:
        """What the monitor does before there is an init."""
        ttys: tuple[AllocateTtys, ...] = ()
        if self.ttys and not self.pty_max and self.has_hosts:
            ttys = (AllocateTtys(self.ttys, host=True, where=self.where_ttys),)
        if not self.has_console:
            return ttys
        steps: list[OutsideStep] = []
        if self.peer:
            steps.append(OpenPeer(self.peer, self.where_console_path))
        elif self.foreground:
            steps.append(OpenPeer("/dev/tty", required=False))
        if self.console_logfile and self.binds_console:
            steps.append(OpenLog(self.console_logfile, self.where_console_logfile))
        if self.console_is_from_host:
            steps.append(AllocateConsole(host=True))
        return (*steps, *ttys)

    @property
    def inside(self) -> tuple[InsideStep, ...]:
        """What init does, in its mount namespace, before it enters its root."""
        steps: list[InsideStep] = []
        if self.hidden:
            steps.append(MakeHidden(self.hidden, self.where_ttys))
        if self.pty_max:
            steps += (MountDevpts(self.pty_max + self.ttys, self.where_pty_max), BindPtmx())
        if self.has_console and self.pty_max > 1:
            steps.append(AllocateConsole(host=False))  # the first: it is pts/0
        if self.tty_dir and (self.binds_console or self.binds_ttys):
            steps.append(MakeTtyDir(self.tty_dir, self.where_tty_dir))
        if self.binds_console:
            steps.append(BindConsole(self.tty_dir, self.where_tty_dir))
        if self.ttys and self.pty_max:
            steps.append(AllocateTtys(self.ttys, host=False, where=self.where_ttys))
        if self.binds_ttys:
            steps += (BindTty(number, self.tty_dir, self.where_tty_dir) for number in range(1, self.ttys + 1))
        return tuple(steps)

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.outside, *self.inside)))


class Pseudo(Record):
    """A pseudo terminal; -1 is none."""

    master: int = -1
    slave: int = -1
    tree: int = -1  # a detached mount of the slave: made in the host's mount namespace, attached in init's


class Prepared(Record):
    """What the monitor opened before the clone, for both sides; -1 is none.  `outside.close` closes all of it."""

    peer: int = -1
    log: int = -1
    console: Pseudo = Pseudo()  # of the host's devpts, if the plan wants that
    ttys: tuple[Pseudo, ...] = ()  # of the host's devpts, if the container is to have none of its own


class Given(Record):
    """What init has made, for the monitor; -1 is none."""

    console_master: int = -1
    console_slave: int = -1  # stays in init, for its stdio
    tty_masters: tuple[int, ...] = ()  # of the container's devpts
    devpts_fd: int = -1
    container_ttys: str = ""  # "pts/1 pts/2", names below the container's /dev


def tty_path(tty_dir: str, name: str) -> str:
    """Where the terminal called `name` ("console", "tty1") is bound, for messages."""
    return f"/dev/{tty_dir}/{name}" if tty_dir else f"/dev/{name}"
