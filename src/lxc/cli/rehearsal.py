"""What workers of the fork server do while they wait for a client, to no effect.

Memory that a worker shares with the server is copied at its first use.  So what commands do is done beforehand.
"""

from __future__ import annotations

import os

from lxc import cli, detached, log
from lxc.cgroups.plan import Hierarchy, Layout
from lxc.cli import info, launching, ls, output, start
from lxc.cli.parser import parse
from lxc.errors import LxcError
from lxc.idmap import plan as idmap
from lxc.idmap.starter import starter
from lxc.kernel import process, sockets
from lxc.kernel.fs import closing
from lxc.runtime import client, commands
from lxc.runtime.client import Asking
from lxc.runtime.commands import Reply, Request
from lxc.runtime.lists.inventory import Row
from lxc.runtime.place import Place
from lxc.runtime.starting import start as starting
from lxc.runtime.starting.watch import prepared
from lxc.security.seccomp import compiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NOBODY = Place("nobody", "/dev/null")
_INCLUDED = "/usr/share/lxc/config/common.conf"  # by most configurations


def _command(tool: str, *words: str) -> None:
    cli.main(tool, ("-P", _NOBODY.lxcpath, "-n", _NOBODY.name, *words))
    log.forget()


def _looking() -> None:
    """What lxc-info does of a container that runs: this process, for which the monitor's answers are there already."""
    words = {} if os.geteuid() == 0 else {"pid": True, "stats": True}  # others fork to see addresses
    arguments = info.InfoArguments(words)
    questions = tuple(info.asked(arguments))
    ours, theirs = sockets.pair()
    pidfd = process.pidfd_open(os.getpid())
    payload, descriptors = commands.together([_answer(question, pidfd) for question in questions])
    sockets.send(theirs, commands.encode(Reply(number=commands.RUNNING, payload=payload)), descriptors)
    os.close(pidfd)
    theirs.close()
    with Asking(_NOBODY, ours, questions).replies() as running:
        output.lines(
            info.text(arguments, info.gather(arguments, running, client.state(running), info.layout(arguments)))
        )


def _answer(question: Request, pidfd: int) -> Reply:
    match question.command:
        case commands.GET_INIT_PID:
            return Reply(number=1)
        case commands.GET_INIT_PIDFD:
            return Reply(descriptors=(pidfd,))
        case commands.GET_LIMIT_CGROUP:
            return Reply(payload=b"/\0")
    return Reply(-1)


def _listing() -> None:
    """What lxc-ls does of containers that it has found."""
    cli.main("lxc-ls", ("-P", _NOBODY.lxcpath, "-f"))
    output.lines(
        ls.table([Row(_NOBODY.name, pid=1, autostart=True, groups=("a", "b"), ipv4=("::1",))], ls.DEFAULT_COLUMNS)
    )


def _starting() -> None:
    """What lxc-start does before there is something that would have to be undone; cgroups are made where nobody sees them."""
    name = f"{_NOBODY.name}-{os.getpid()}"  # for whose command socket nobody looks
    who = starter()
    lines = [f"lxc.include = {_INCLUDED}"] if os.path.exists(_INCLUDED) else []
    lines += (
        *(idmap.proposal(who) if who.users and who.groups else ()),
        "lxc.rootfs.path = dir:/",
        "lxc.net.0.type = empty",
    )
    try:
        with closing(os.memfd_create(name)) as file:
            os.write(file, "\n".join(lines).encode())
            arguments = parse(start.COMMAND, ("-P", _NOBODY.lxcpath, "-n", name, "-f", f"/proc/self/fd/{file}"))
            assert isinstance(arguments, start.StartArguments)
            config = launching.configured(arguments, {})
        if config.seccomp_profile:
            compiler.load(config.seccomp_profile, "", directory="")  # known from now on, and kept nowhere
        order = starting.Order(arguments.place, config)
        plan = starting.decide(order)
        with closing(_nowhere()) as directory:
            hierarchy = Hierarchy(f"/proc/self/fd/{directory}", (name,))
            watch = prepared(order, plan.replace(cgroups=plan.cgroups.replace(layout=Layout((hierarchy,)))))
            watch.listener.close()
    except (LxcError, OSError) as error:
        log.debug(str(error))
    log.forget()


def _nowhere() -> int:
    """A directory that is mounted nowhere, if this user can have that; the caller closes it."""
    return detached.filesystem("tmpfs", "none") if os.geteuid() == 0 else os.open("/dev/null", os.O_RDONLY)


# What matters to who waits least comes first, for a client that comes early interrupts the series.  What a worker
# rehearses that it does not do later is memory that it has copied for nothing, and that a monitor of it keeps.
LOOKING: tuple[Callable[[], None], ...] = (lambda: _command("lxc-info", "-s"), _looking, _listing)
ACTING: tuple[Callable[[], None], ...] = (_starting,)
