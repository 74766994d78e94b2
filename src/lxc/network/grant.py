"""Devices that a user may have on a bridge of the host's: made and deleted by lxc-user-nic(1), which is setuid root."""

from __future__ import annotations

import os

from lxc.errors import StepError
from lxc.loading import LIBEXEC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.network.steps import Granted

_NAME = "lxc-user-nic"
OURS = os.path.normpath(f"{LIBEXEC}/{_NAME}")
_PLACES = (OURS, f"/usr/libexec/lxc/{_NAME}", f"/usr/lib/lxc/{_NAME}")
_SETUID = 0o4000
_NOT_ALLOWED, _USERNET = "Quota reached", "/etc/lxc/lxc-usernet"  # LXC's words


def create(step: Granted, pid: int) -> str:
    """Have the pair made, one end in the network namespace of process `pid`; the name of the other.  Raises StepError."""
    said = _run("create", step, str(pid), step.name)
    fields = said.split(":")
    if len(fields) != 4 or not fields[1].isdecimal() or not fields[3].isdecimal() or fields[0] != step.name:
        raise StepError(str(step), f"{_NAME} answers what it should not: {said!r}", where=step.where)
    return fields[2]


def delete(step: Granted, netns: int, pair: str) -> None:
    """Have the pair deleted whose other end is in the open namespace `netns`.  Raises StepError."""
    _run("delete", step, f"/proc/{os.getpid()}/fd/{netns}", pair)


def _run(verb: str, step: Granted, namespace: str, name: str) -> str:
    """What it prints if it succeeds.  Raises StepError with its own words."""
    from lxc import programs  # an ordinary user's start needs it, no other

    program = _program(step)
    argv = (_NAME, verb, step.lxcpath, step.container, namespace, "veth", step.bridge or "none", name)
    status, words = programs.spawn(program, argv, {})
    said = words.strip()
    if status:
        why = " / ".join(line.removeprefix(f"{_NAME}: ") for line in said.splitlines())
        hint = _allowance(step) if _NOT_ALLOWED in why else ""
        raise StepError(str(step), why or f"{_NAME} ended with status {status}", where=step.where, hint=hint)
    return said


def _allowance(step: Granted) -> str:
    """What allows the device, which LXC's program does not say; nor whether it was too few, or none at all."""
    import pwd

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = "USER"
    return f"the administrator allows it, or more, with a line in {_USERNET}: {user} veth {step.bridge or 'none'} 10"


def _program(step: Granted) -> str:
    """The first one that can do its work.  Raises StepError if there is none."""
    for path in _PLACES:
        try:
            status = os.stat(path)
        except OSError:
            continue
        if status.st_uid == 0 and status.st_mode & _SETUID and os.access(path, os.X_OK):
            return path
    why = f"no {_NAME} is installed that could do it: it has to be root's and setuid"
    raise StepError(str(step), why, where=step.where, hint=f"chown root:root {OURS}; chmod 4755 {OURS}")
