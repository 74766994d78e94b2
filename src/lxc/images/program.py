"""How our templates that bring images run: what they say when something fails, and that nothing is left when they are interrupted."""

from __future__ import annotations

import os
import sys
from errno import ENOSPC, EROFS

from lxc.errors import LxcError, remedy
from lxc.kernel import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable
    from types import FrameType

_ENDING = (signals.SIGHUP, signals.SIGINT, signals.SIGTERM)


class _Interrupted(BaseException):
    """A signal came; what is on the way is undone, and then it has its effect."""

    def __init__(self, number: int) -> None:
        self.number = number


def run(name: str, work: Callable[[], int]) -> int:
    """Do the work of the template `name`: its exit status.  A signal ends it, when all that is undone is."""
    import signal

    def interrupt(number: int, _: FrameType | None) -> None:
        for one in _ENDING:
            signal.signal(one, signal.SIG_IGN)  # the rest takes no time
        raise _Interrupted(number)

    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a name that this locale cannot write is still one
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # lxc-create has SIGINT so: it sends us SIGTERM itself
            signal.signal(number, interrupt)
    try:
        return work()
    except _Interrupted as interrupted:
        signals.die_by(interrupted.number)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # who read has gone, and nobody hears of it any more
        return 1
    except LxcError as error:
        _fail(name, error.lines())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        told = LxcError(f"{where}{error.strerror or error}", hint=_remedy(error))
        _fail(name, told.lines())
    return 1


def _fail(name: str, lines: list[str]) -> None:
    sys.stdout.flush()
    print("\n".join([f"{name}: {lines[0]}", *lines[1:]]), file=sys.stderr, flush=True)


def _remedy(error: OSError) -> str:
    """What helps, whatever was written."""
    if error.errno == ENOSPC:
        return "make room there"
    return "nothing can be written there" if error.errno == EROFS else remedy(error)


def parser(name: str, description: str, *, help_status: int = 0) -> ArgumentParser:
    """What reads the options: a mistake among them is status 1, and asking for help `help_status`."""
    from argparse import SUPPRESS, Action, ArgumentParser

    class Parser(ArgumentParser):
        def error(self, message: str) -> None:  # type: ignore[override]  # it ends, too
            self.print_usage(sys.stderr)
            self.exit(1, f"{self.prog}: {message}\n")

    class Help(Action):
        def __call__(self, parser: ArgumentParser, *_: object) -> None:
            parser.print_help()
            parser.exit(help_status)

    made = Parser(prog=name, description=description, add_help=False)
    made.add_argument("-h", "--help", nargs=0, action=Help, default=SUPPRESS, help="show this and exit")
    return made
