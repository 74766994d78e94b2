"""lxc-unshare: run a command in new namespaces, without a container."""

from __future__ import annotations

import os

from lxc.cli.attach import namespaces
from lxc.cli.options import Arguments, Command, identity, switch, text, texts, value
from lxc.errors import UsageError

_NEEDS = (
    ("hostname", "uts", "-H", "UTSNAME"),
    ("interfaces", "net", "-i", "NETWORK"),
    ("remount", "mnt", "-M", "MOUNT"),
)


def user(word: str) -> int:
    """A user's number, or the name of one of this host's."""
    if word.isascii() and word.isdecimal():
        return identity(word)
    import pwd

    try:
        return pwd.getpwnam(word).pw_uid
    except KeyError:
        raise ValueError(f"expected a user, and there is none called {word!r}") from None


class UnshareArguments(Arguments):
    namespaces = value(
        "namespaces",
        "s",
        "LIST",
        "The new namespaces: MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, TIME, joined by |.",
        namespaces,
        default=(),
        complete="namespaces",
    )
    user = value("user", "u", "USER", "With USER: who we are there (default: who we are).", user, default=-1)
    hostname = text("hostname", "H", "NAME", "With UTSNAME: the host name there.")
    interfaces = texts("ifname", "i", "DEVICE", "With NETWORK: move this network device there.")
    remount = switch("remount", "M", "With MOUNT: mount /proc, /dev/shm and /dev/mqueue anew.")
    daemon = switch("daemon", "d", "Do not wait for the command.")


def check(arguments: UnshareArguments) -> None:
    if not arguments.namespaces:
        raise UsageError("A namespace to execute command is required", hint="-s MOUNT|PID …")
    if not arguments.operands:
        raise UsageError("A command to execute in the new namespace is required")
    for option, needed, name, called in _NEEDS:
        if getattr(arguments, option) and needed not in arguments.namespaces:
            raise UsageError(f"{name} needs -s {called}")


COMMAND = Command(
    "lxc-unshare",
    UnshareArguments,
    summary="Runs a command in new namespaces, without a container.",
    description="To try something out: nothing but the namespaces is the command's own. It sees the host's files.",
    operands="[--] COMMAND...",
    name="none",
    containers="none",
    check=check,
    exits=(("0", "The command ended with 0, or is not waited for."), ("1", "It did not, or could not be run.")),
    examples=(
        ("lxc-unshare -s 'MOUNT|PID' -M -- ps ax", "Lists the one process of a new pid namespace."),
        ("lxc-unshare -s USER -u 0 -- id", "Runs a command as a root that is nobody but the caller."),
    ),
    see_also=("lxc-attach(1)", "lxc-usernsexec(1)", "unshare(1)"),
)


def run(arguments: UnshareArguments) -> int:
    from lxc.runtime import apart

    wanted = apart.Apart(
        arguments.operands,
        arguments.namespaces,
        arguments.user if arguments.user >= 0 else os.geteuid(),
        arguments.hostname,
        arguments.interfaces,
        arguments.remount,
        arguments.daemon,
    )
    return 1 if apart.unshare(wanted) else 0
