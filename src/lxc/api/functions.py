"""The public functions and constants that are not about one container."""

from __future__ import annotations

import os

from lxc.errors import LxcError
from lxc.release import LXC_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

version = LXC_VERSION

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
LXC_ATTACH_KEEP_ENV, LXC_ATTACH_CLEAR_ENV = 0, 1
LXC_ATTACH_MOVE_TO_CGROUP, LXC_ATTACH_DROP_CAPABILITIES, LXC_ATTACH_SET_PERSONALITY, LXC_ATTACH_LSM_EXEC = 1, 2, 4, 8
LXC_ATTACH_REMOUNT_PROC_SYS, LXC_ATTACH_LSM_NOW, LXC_ATTACH_DEFAULT = 0x10000, 0x20000, 0xFFFF
LXC_ATTACH_NO_NEW_PRIVS = 0x40000  # which python3-lxc takes, but does not export
LXC_CLONE_KEEPNAME, LXC_CLONE_KEEPMACADDR, LXC_CLONE_SNAPSHOT = 1, 2, 4
LXC_CLONE_KEEPBDEVTYPE, LXC_CLONE_MAYBE_SNAPSHOT = 8, 16
LXC_CREATE_QUIET = 1
_OF_THIS_MACHINE = ("linux32", "i386", "i486", "i586", "i686", "athlon", "x86", "linux64", "x86_64", "amd64")


def arch_to_personality(arch: str | bytes) -> int:
    """The argument of personality(2) for an architecture of x86 machines.  Raises KeyError for others."""
    from lxc.values import arch as architectures

    if not isinstance(arch, str | bytes):
        raise ValueError("Expected a string")
    name = os.fsdecode(arch)
    if name not in _OF_THIS_MACHINE:
        raise KeyError("Failed to lookup architecture.")
    return architectures.PERSONALITY[architectures.parse(name)]


def get_global_config_item(key: str) -> str:
    """The value of a key of lxc.conf.  Raises KeyError if there is no such key, or it has no value."""
    from lxc.api import attempt
    from lxc.config import system

    attempt.texts(key)
    try:
        value = system.get(key)
    except KeyError:
        value = None
    if not value:
        raise KeyError("Invalid configuration key")
    return value


def start_all(names: Iterable[str], config_path: str | None = None, *, at_a_time: int = 0) -> dict[str, LxcError]:
    """Start these containers of `config_path` (default: lxc.lxcpath), `at_a_time` (0: as many as keep this machine busy).

    Return when all run, or have failed: the failed ones' names and reasons, {} if there are none.  One that runs
    already is fine.  This process is not forked.
    """
    from lxc.runtime import spawn
    from lxc.runtime.place import place
    from lxc.runtime.starting import fleet

    wanted = [place(name, config_path or "") for name in names]
    failed = spawn.call(fleet.failures, wanted, at_a_time)
    return {name: LxcError(text, where=where, hint=hint) for name, (text, where, hint) in failed}


def attach_run_command(cmd: str | Sequence[str] | tuple[str, list[str]]) -> int:
    """For Container.attach: the payload becomes the command.  Called itself, it becomes that in place of this process.

    `cmd` is a program, a list of a program and its arguments, or a tuple of a program and all its words, its own name
    included.  Returns the exit status of a shell that cannot execute it.
    """
    from lxc.api import attaching

    program, words = attaching.command(cmd)
    try:
        os.execvp(program, words)
    except FileNotFoundError:
        return 127
    except OSError:
        return 126


def attach_run_shell(payload: object = None) -> int:
    """For Container.attach: becomes the user's shell, by the container's /etc/passwd."""
    from lxc.runtime.plans import attach as attach_plan

    with open("/etc/passwd", encoding="utf-8", errors="surrogateescape") as file:
        return attach_run_command(attach_plan.shell(file.read(), os.getuid()))
